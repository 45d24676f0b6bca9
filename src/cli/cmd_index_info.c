#include "cli/cmd_index.h"
#include "config/value.h"

#include <inttypes.h>
#include <stdio.h>

static const struct command_help help = {
    "index info FOLDER [--json]",
    "Prints what the index in FOLDER holds. Nothing in the folder changes; no other process may be "
    "writing\n"
    "to it.\n"};

static void print_json(const struct index_stats *s)
{
    printf("{\"dim\": %" PRIu32 ", \"metric\": \"%s\", \"rows\": %" PRIu64 ", \"dead\": %" PRIu64
           ", \"memtable_rows\": %" PRIu64 ", \"segments\": %" PRIu64 ", \"disk_bytes\": %" PRIu64
           ", \"generation\": %" PRIu64 ", \"lsn\": %" PRIu64 "}\n",
           s->dim, cmd_index_metric_name(s->metric), s->rows, s->dead, s->memtable_rows,
           s->segments, s->disk_bytes, s->generation, s->lsn);
}

static void print_table(const struct index_stats *s)
{
    struct buf size;

    buf_init(&size, 64);
    (void)value_print_size(&size, s->disk_bytes); // 64 bytes are enough for any number
    printf("rows        %" PRIu64 "\n", s->rows);
    printf("dimensions  %" PRIu32 "\n", s->dim);
    printf("metric      %s\n", cmd_index_metric_name(s->metric));
    printf("segments    %" PRIu64 "\n", s->segments);
    printf("dead rows   %" PRIu64 " (sluice index compact drops them)\n", s->dead);
    printf("in the log  %" PRIu64 " rows\n", s->memtable_rows);
    printf("on disk     %" STR_FMT "\n", STR_ARG(buf_view(&size)));
    printf("generation  %" PRIu64 "\n", s->generation);
    buf_done(&size);
}

int cmd_index_info(char **args)
{
    bool wants_json = false;
    const struct option options[] = {
        {"json", '\0', NULL, "one line of JSON", NULL, &wants_json},
    };
    struct index_options how = {.is_read_only = true};
    struct index_stats stats;
    struct cmd_index_call call = {&help, options, 1, &how};
    struct index *ix = NULL;
    int exit_code = 0;

    if (!cmd_index_begin(&call, args, &ix, &exit_code)) return exit_code;
    index_stats(ix, &stats);
    if (wants_json) {
        print_json(&stats);
    } else {
        print_table(&stats);
    }
    index_close(ix);
    return COMMAND_GOOD;
}
