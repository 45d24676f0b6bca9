#include "cli/command.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { OPTIONS_MAX = 16, HELP_MAX = 64 * 1024 };

void command_print(str text)
{
    (void)fwrite(text.ptr, 1, text.len, stdout); // a closed stdout is its owner's choice
}

int command_fail(int exit_code, const char *format, ...)
{
    va_list args;

    fputs("sluice: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return exit_code;
}

static void print_help(const struct command_help *help, const struct option *table, size_t count)
{
    struct buf out;

    buf_init(&out, HELP_MAX);
    printf("usage: sluice %s\n\n%s", help->usage, help->text);
    if (count) printf("\noptions:\n");
    // The table's own words are far below the maximum.
    (void)options_help(table, count, &out);
    command_print(buf_view(&out));
    buf_done(&out);
}

bool command_begin(const struct command_help *help, const struct option *table, size_t count,
                   char **args, int *positional, int *exit_code)
{
    struct option all[OPTIONS_MAX];
    bool wants_help = false;
    str problem = STR("");

    if (count) memcpy(all, table, sizeof(*table) * count);
    all[count] = (struct option){"help", 'h', NULL, "print this", NULL, &wants_help};
    if (options_parse(all, count + 1, args, positional, &problem)) {
        *exit_code = command_fail(COMMAND_USAGE, "%.*s (usage: sluice %s)", (int)problem.len,
                                  problem.ptr, help->usage);
        return false;
    }
    if (wants_help) {
        print_help(help, all, count + 1);
        *exit_code = COMMAND_GOOD;
        return false;
    }
    return true;
}
