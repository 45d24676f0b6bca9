// cmd_index: `sluice index ...`, one function a subcommand; each is a command of its own
// (command.h).
#pragma once

#include "cli/command.h"
#include "retrieval/vector/column_schema.h"
#include "retrieval/vector/index.h"

#define CMD_INDEX_COLUMNS_HELP "metadata (i64, f64, bool, string; :partition keeps tenants apart)"

int cmd_index_import(char **args);
int cmd_index_embed(char **args);
int cmd_index_search(char **args);
int cmd_index_info(char **args);
int cmd_index_verify(char **args);
int cmd_index_compact(char **args);
int cmd_index_backup(char **args);
int cmd_index_bench(char **args);

// Opens the index in `folder` or says why not, and what to do; returns the exit code, COMMAND_GOOD
// with `*out` set.
int cmd_index_open(const char *folder, const struct index_options *options, struct index **out);

// What a subcommand begins with that is about one folder: its options, then the index opened. True:
// go on. False: return `*exit_code`.
struct cmd_index_call {
    const struct command_help *help;
    const struct option *options;
    size_t option_count;
    const struct index_options *how;
};
bool cmd_index_begin(const struct cmd_index_call *call, char **args, struct index **out,
                     int *exit_code);

// cmd_index_open() after making it, as `options` say, where there is none. One of another dimension
// is refused, and of another metric where `metric` names one.
int cmd_index_make(const char *folder, const struct index_options *options, str metric,
                   struct index **out);

// "l2", "ip", "cosine", or empty for cosine; or says what there is. Returns the exit code.
int cmd_index_read_metric(str text, enum metric *out);
const char *cmd_index_metric_name(enum metric metric);

// "year:i64,tenant:string:partition" as a schema, or says what is wrong; returns the exit code.
int cmd_index_read_columns(str text, struct column_schema *out);
