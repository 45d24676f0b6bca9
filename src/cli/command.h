// command: what every command of the program is.
//
// A command gets the arguments behind its name (NULL-terminated, its own to reorder) and returns
// the exit code. With `--help` it prints its usage. It prints results to stdout and problems to
// stderr, and says what to do about them.
#pragma once

#include "cli/options.h"

enum command_exit {
    COMMAND_GOOD = 0,
    COMMAND_FAILED = 1,  // the thing checked failed
    COMMAND_USAGE = 2,   // the command line is wrong
    COMMAND_INVALID = 3, // the run itself is invalid
};

#define COMMAND(name, summary) int cmd_##name(char **args);
#include "cli/commands.def"
#undef COMMAND

// A command's usage line, what it does, and its options.
struct command_help {
    const char *usage;
    const char *text;
};

// Parses the options; `--help` is added to them. True: go on. False: return `*exit_code`.
bool command_begin(const struct command_help *help, const struct option *table, size_t count,
                   char **args, int *positional, int *exit_code);

// "sluice: " and the message to stderr; returns `exit_code` for the caller to return.
[[gnu::format(printf, 2, 3)]] int command_fail(int exit_code, const char *format, ...);

// Writes all of `text` to stdout.
void command_print(str text);
