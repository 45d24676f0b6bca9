#include "cli/cmd_index.h"

#include <inttypes.h>
#include <stdio.h>

static const struct command_help help = {
    "index verify FOLDER",
    "Reads everything the index in FOLDER has on disk and compares it with its checksums. Prints "
    "a\n"
    "line for each damaged block. Exit code 0: nothing is damaged; 1: something is.\n"};

static err print_finding(struct index_finder *f, const struct index_finding *finding)
{
    (void)f;
    printf("%" STR_FMT ": %" STR_FMT ", block %" PRIu64 ": %" STR_FMT "\n", STR_ARG(finding->file),
           STR_ARG(finding->section), finding->block, STR_ARG(finding->what));
    return OK;
}

int cmd_index_verify(char **args)
{
    struct index_options how = {.is_read_only = true};
    struct index_finder finder = {.found = print_finding};
    struct index_stats stats;
    struct cmd_index_call call = {&help, NULL, 0, &how};
    struct index *ix = NULL;
    int exit_code = 0;

    if (!cmd_index_begin(&call, args, &ix, &exit_code)) return exit_code;
    index_stats(ix, &stats);
    err e = index_verify(ix, &finder);
    index_close(ix);
    if (e == ERR_DAMAGED) {
        return command_fail(COMMAND_FAILED, "%s: damaged; restore it from a backup or import again",
                            args[0]);
    }
    if (e) return command_fail(COMMAND_FAILED, "%s: %s", args[0], err_text(e));
    printf("%s: nothing is damaged in %" PRIu64 " rows of %" PRIu64 " segments\n", args[0],
           stats.rows, stats.segments);
    return COMMAND_GOOD;
}
