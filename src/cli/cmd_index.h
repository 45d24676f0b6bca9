// cmd_index: `sluice index ...`, one function a subcommand; each is a command of its own
// (command.h).
#pragma once

#include "cli/command.h"
#include "retrieval/vector/index.h"

int cmd_index_import(char **args);
int cmd_index_info(char **args);
int cmd_index_verify(char **args);
int cmd_index_compact(char **args);
int cmd_index_bench(char **args);

// Opens the index in `folder` or says why not, and what to do; returns the exit code, COMMAND_GOOD
// with `*out` set.
int cmd_index_open(const char *folder, const struct index_options *options, struct index **out);

// "l2", "ip", "cosine"; false for anything else.
bool cmd_index_read_metric(str text, enum metric *out);
const char *cmd_index_metric_name(enum metric metric);
