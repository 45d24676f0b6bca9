#include "cli/cmd_index.h"

#include <inttypes.h>
#include <stdio.h>

static const struct command_help help = {
    "index compact FOLDER",
    "Merges the segments of the index in FOLDER into one, without deleted rows, and gives back "
    "the\n"
    "space that they held. No other process may have the index open for writing.\n"};

int cmd_index_compact(char **args)
{
    struct index_options how = {.has_no_background = true};
    struct index_stats before;
    struct index_stats after;
    struct index *ix = NULL;
    int positional = 0;
    int exit_code = 0;

    if (!command_begin(&help, NULL, 0, args, &positional, &exit_code)) return exit_code;
    if (positional != 1)
        return command_fail(COMMAND_USAGE, "which folder? (usage: sluice %s)", help.usage);
    exit_code = cmd_index_open(args[0], &how, &ix);
    if (exit_code) return exit_code;
    index_stats(ix, &before);
    err e = index_flush(ix);
    if (!e) e = index_compact(ix, true);
    index_stats(ix, &after);
    index_close(ix);
    if (e) return command_fail(COMMAND_FAILED, "%s: %s", args[0], err_text(e));
    printf("%s: %" PRIu64 " rows; %" PRIu64 " segments are now %" PRIu64 ", %" PRIu64
           " bytes are now %" PRIu64 "\n",
           args[0], after.rows, before.segments, after.segments, before.disk_bytes,
           after.disk_bytes);
    return COMMAND_GOOD;
}
