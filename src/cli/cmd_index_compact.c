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
    struct cmd_index_call call = {&help, NULL, 0, &how};
    struct index *ix = NULL;
    int exit_code = 0;

    if (!cmd_index_begin(&call, args, &ix, &exit_code)) return exit_code;
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
