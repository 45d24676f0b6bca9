#include "cli/cmd_index.h"

#include <inttypes.h>
#include <stdio.h>

struct subcommand {
    str name;
    const char *summary;
    int (*run)(char **args);
};

static const struct subcommand subcommands[] = {
    {STR_INIT("import"), "make an index of a file of vectors, or add them to one",
     cmd_index_import},
    {STR_INIT("embed"), "embed the lines of a file and put them into one", cmd_index_embed},
    {STR_INIT("search"), "find what is nearest to a text or to a row", cmd_index_search},
    {STR_INIT("info"), "what an index holds", cmd_index_info},
    {STR_INIT("verify"), "read and check everything in it", cmd_index_verify},
    {STR_INIT("compact"), "merge its segments and give back what deleted rows held",
     cmd_index_compact},
    {STR_INIT("backup"), "make a second one of the same files", cmd_index_backup},
    {STR_INIT("bench"), "measure recall and speed of its searches", cmd_index_bench},
};

static const str metric_names[METRIC_COUNT] = {[METRIC_L2] = STR_INIT("l2"),
                                               [METRIC_IP] = STR_INIT("ip"),
                                               [METRIC_COSINE] = STR_INIT("cosine")};

int cmd_index_read_metric(str text, enum metric *out)
{
    *out = METRIC_COSINE;
    if (!text.len) return COMMAND_GOOD;
    for (unsigned i = 0; i < METRIC_COUNT; i++) {
        *out = (enum metric)i;
        if (str_eq(text, metric_names[i])) return COMMAND_GOOD;
    }
    return command_fail(COMMAND_USAGE, "--metric is cosine, l2 or ip");
}

const char *cmd_index_metric_name(enum metric metric)
{
    return metric_names[metric].ptr;
}

static err read_column(str text, struct column_schema *out)
{
    str name = str_cut(&text, ':');
    str type_name = str_cut(&text, ':');
    unsigned flags = str_eq(text, STR("partition")) ? COLUMN_FLAG_PARTITION : 0;

    if (text.len && !flags) return ERR_SYNTAX;
    for (unsigned type = COLUMN_ABSENT + 1; type < COLUMN_TYPE_COUNT; type++) {
        if (str_eq(type_name, str_from_c(column_schema_type_name((enum column_type)type)))) {
            return column_schema_add(out, name, (enum column_type)type, flags);
        }
    }
    return ERR_TYPE;
}

int cmd_index_read_columns(str text, struct column_schema *out)
{
    column_schema_init(out);
    while (text.len) {
        str column = str_cut(&text, ',');
        err e = read_column(column, out);
        if (e) {
            return command_fail(COMMAND_USAGE,
                                "--columns: \"%" STR_FMT
                                "\": %s (NAME:TYPE or NAME:TYPE:partition, "
                                "the type one of i64, f64, bool, string)",
                                STR_ARG(column), err_text(e));
        }
    }
    return COMMAND_GOOD;
}

int cmd_index_open(const char *folder, const struct index_options *options, struct index **out)
{
    err e = index_open(str_from_c(folder), options, out);

    switch (e) {
    case OK: return COMMAND_GOOD;
    case ERR_ABSENT:
        return command_fail(COMMAND_FAILED, "%s: no index is there (sluice index import makes one)",
                            folder);
    case ERR_IN_USE:
        return command_fail(COMMAND_FAILED, "%s: another process writes to it; end it first",
                            folder);
    case ERR_DAMAGED:
        return command_fail(COMMAND_FAILED, "%s: damaged; sluice index verify says where", folder);
    default: return command_fail(COMMAND_FAILED, "%s: %s", folder, err_text(e));
    }
}

bool cmd_index_begin(const struct cmd_index_call *call, char **args, struct index **out,
                     int *exit_code)
{
    int positional = 0;

    if (!command_begin(call->help, call->options, call->option_count, args, &positional,
                       exit_code)) {
        return false;
    }
    if (positional == 1) {
        *exit_code = cmd_index_open(args[0], call->how, out);
    } else {
        *exit_code =
            command_fail(COMMAND_USAGE, "which folder? (usage: sluice %s)", call->help->usage);
    }
    return *exit_code == COMMAND_GOOD;
}

static int check_made(const char *folder, const struct index_options *options, str metric,
                      const struct index_stats *stats)
{
    if (stats->dim != options->dim) {
        return command_fail(COMMAND_FAILED,
                            "%s has vectors of %" PRIu32 " numbers, these have %" PRIu32
                            " (were they made by another model?)",
                            folder, stats->dim, options->dim);
    }
    if (metric.len && stats->metric != options->metric) {
        return command_fail(COMMAND_FAILED, "%s is of the metric %s (--metric is for a new index)",
                            folder, cmd_index_metric_name(stats->metric));
    }
    return COMMAND_GOOD;
}

int cmd_index_make(const char *folder, const struct index_options *options, str metric,
                   struct index **out)
{
    struct index_stats stats;
    err e = index_create(str_from_c(folder), options);

    if (e == ERR_ABSENT) {
        return command_fail(COMMAND_FAILED, "%s: the folder that it would be in is not there",
                            folder);
    }
    if (e && e != ERR_IN_USE) return command_fail(COMMAND_FAILED, "%s: %s", folder, err_text(e));
    int exit_code = cmd_index_open(folder, options, out);
    if (exit_code) return exit_code;
    index_stats(*out, &stats);
    exit_code = check_made(folder, options, metric, &stats);
    if (exit_code) index_close(*out);
    return exit_code;
}

static int print_help(void)
{
    puts("usage: sluice index SUBCOMMAND ...\n\nLooks at, checks and measures an index of "
         "vectors.\n");
    for (size_t i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++) {
        printf("  %-8s %s\n", subcommands[i].name.ptr, subcommands[i].summary);
    }
    puts("\nsluice index SUBCOMMAND --help tells more.");
    return COMMAND_GOOD;
}

int cmd_index(char **args)
{
    str name = str_from_c(args[0]);

    if (!args[0]) {
        return command_fail(COMMAND_USAGE, "which subcommand? (sluice index --help lists them)");
    }
    if (str_eq(name, STR("--help")) || str_eq(name, STR("-h"))) return print_help();
    for (size_t i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++) {
        if (str_eq(name, subcommands[i].name)) return subcommands[i].run(args + 1);
    }
    return command_fail(COMMAND_USAGE,
                        "unknown subcommand \"%" STR_FMT "\" (sluice index --help lists them)",
                        STR_ARG(name));
}
