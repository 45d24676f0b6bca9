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

// The same after making it, as `options` say, where there is none. One of another dimension is
// refused.
int cmd_index_make(const char *folder, const struct index_options *options, struct index **out);

// "l2", "ip", "cosine"; false for anything else.
bool cmd_index_read_metric(str text, enum metric *out);
const char *cmd_index_metric_name(enum metric metric);

// "year:i64,tenant:string:partition" as a schema, or says what is wrong; returns the exit code.
int cmd_index_read_columns(str text, struct column_schema *out);
