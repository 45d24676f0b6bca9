// options: the command line of one command, from a table.
//
// "--name value", "--name=value", "-n value" and flags; "--" ends them. The table also writes the
// command's help.
#pragma once

#include "base/buf.h"

struct option {
    const char *name;
    char letter;          // '\0': none
    const char *argument; // what its value is called; NULL for a flag
    const char *help;
    str *value; // where its value goes
    bool *flag; // or where a flag is noted
};

// Reads `args` behind the command's name. What is no option goes to the front of `args`, and their
// number to `*positional`. On ERR_SYNTAX `*problem` says what is wrong, in the static buffer of
// this function.
err options_parse(const struct option *table, size_t count, char **args, int *positional,
                  str *problem);

// Appends a line an option.
err options_help(const struct option *table, size_t count, struct buf *out);
