#include "cli/cmd_index.h"

#include <inttypes.h>
#include <stdio.h>

static const struct command_help help = {
    "index backup FOLDER TO",
    "Makes the folder TO, on the same file system, with what the index in FOLDER holds. Segments "
    "are shared by\n"
    "hard links, so it takes a moment and hardly any space. No other process may have FOLDER open "
    "for writing.\n"};

int cmd_index_backup(char **args)
{
    struct index_options how = {.has_no_background = true};
    struct index_stats stats;
    struct index *ix = NULL;
    int positional = 0;
    int exit_code = 0;

    if (!command_begin(&help, NULL, 0, args, &positional, &exit_code)) return exit_code;
    if (positional != 2) return command_fail(COMMAND_USAGE, "usage: sluice %s", help.usage);
    exit_code = cmd_index_open(args[0], &how, &ix);
    if (exit_code) return exit_code;
    err e = index_backup(ix, str_from_c(args[1]));
    index_stats(ix, &stats);
    index_close(ix);
    if (e == ERR_IN_USE) {
        return command_fail(COMMAND_FAILED, "%s is there already; name a folder that is not",
                            args[1]);
    }
    if (e) return command_fail(COMMAND_FAILED, "%s: %s", args[1], err_text(e));
    printf("%s: %" PRIu64 " rows in %" PRIu64 " segments\n", args[1], stats.rows, stats.segments);
    return COMMAND_GOOD;
}
