#include "base/list.h"
#include "base/memory.h"
#include "cli/cmd_index.h"
#include "io/clock.h"
#include "retrieval/ingest/values_file.h"
#include "retrieval/ingest/vector_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { OPTIONS = 6, USEC_A_SECOND = 1'000'000, REPORT_US = 200'000 };

struct import {
    struct vector_file vectors;
    struct row_source rows; // of the file, under the keys wanted
    uint64_t first_key_number;
    struct values_file values;
    struct index_progress progress;
    struct column_schema schema;
    struct index_options how;
    struct index *ix;
    const char *folder;
    const char *file;
    str columns, metric, values_path, first_key, threads;
    usec stage_began;
    usec reported;
    const char *stage;
    bool is_terminal;
    bool wants_json;
};

static const struct command_help help = {
    "index import FOLDER VECTORS [options]",
    "Puts the vectors of a file (.fvecs, .bvecs or .npy) into the index in FOLDER, which is made "
    "where there\n"
    "is none. Row n gets the key n, counted from --first-key, and replaces what has this key. All "
    "rows appear\n"
    "at once when the command ends.\n"};

static err fetch(struct row_source *s, uint64_t first, uint32_t count, float *out, uint64_t *keys)
{
    struct import *m = container_of(s, struct import, rows);

    TRY(m->vectors.source.fetch(&m->vectors.source, first, count, out, keys));
    for (uint32_t i = 0; i < count && keys; i++)
        keys[i] += m->first_key_number;
    return OK;
}

static double cpu_seconds(void)
{
    struct timespec t = {0};

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); // this clock can't fail
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static bool report(struct index_progress *p, const char *stage, uint64_t done, uint64_t total)
{
    struct import *m = container_of(p, struct import, progress);
    usec now = clock_monotonic();

    if (!m->is_terminal) return false;
    if (m->stage != stage) {
        m->stage = stage;
        m->stage_began = now;
    } else if (now - m->reported < REPORT_US && done < total) {
        return false;
    }
    m->reported = now;
    double seconds = (double)(now - m->stage_began) / USEC_A_SECOND;
    fprintf(stderr, "\r%-10s %5.1f %%", stage, total ? 100.0 * (double)done / (double)total : 100);
    if (done && done < total) {
        fprintf(stderr, "  %.0f/s  %.0f s left", (double)done / seconds,
                (double)(total - done) * seconds / (double)done);
    }
    fprintf(stderr, "\033[K");
    return false;
}

static void print_made(const struct import *m, double cpu, double wall)
{
    struct index_stats stats;

    index_stats(m->ix, &stats);
    if (m->wants_json) {
        printf("{\"kind\": \"build\", \"rows\": %" PRIu64 ", \"cpu_s\": %.3f, \"wall_s\": %.3f, "
               "\"bytes\": %" PRIu64 "}\n",
               m->rows.count, cpu, wall, stats.disk_bytes);
    } else {
        printf("%s: %" PRIu64 " rows of %" PRIu32 " dimensions put in, in %.1f s; it has %" PRIu64
               " rows now, %" PRIu64 " bytes in %" PRIu64 " segments\n",
               m->folder, m->rows.count, m->rows.dim, wall, stats.rows, stats.disk_bytes,
               stats.segments);
    }
}

static int load(struct import *m)
{
    struct index_values *values = m->values_path.len ? &m->values.values : NULL;
    usec wall = clock_monotonic();
    double cpu = cpu_seconds();
    uint64_t row = 0;
    err e = index_load(m->ix, &m->rows, values, &m->progress);

    if (m->is_terminal) fputc('\n', stderr);
    if (e && vector_file_bad_row(&m->vectors, &row)) {
        return command_fail(COMMAND_FAILED, "%s: row %" PRIu64 ": %s; nothing was put in", m->file,
                            row, e == ERR_RANGE ? "a number is not finite" : err_text(e));
    }
    if (e)
        return command_fail(COMMAND_FAILED, "%s: %s; nothing was put in", m->folder, err_text(e));
    print_made(m, cpu_seconds() - cpu, (double)(clock_monotonic() - wall) / USEC_A_SECOND);
    return COMMAND_GOOD;
}

static int open_values(struct import *m)
{
    struct values_file_problem problem;

    if (!m->values_path.len) return COMMAND_GOOD;
    err e = values_file_open(&m->values, m->values_path, &m->schema, &problem);
    if (e && problem.line) {
        return command_fail(COMMAND_FAILED, "%" STR_FMT ":%" PRIu64 ": the line %s",
                            STR_ARG(m->values_path), problem.line, problem.what);
    }
    if (e) {
        return command_fail(COMMAND_FAILED, "%" STR_FMT ": %s", STR_ARG(m->values_path),
                            problem.what ? problem.what : err_text(e));
    }
    if (m->values.count == m->rows.count) return COMMAND_GOOD;
    uint64_t lines = m->values.count;
    values_file_close(&m->values);
    return command_fail(COMMAND_FAILED,
                        "%" STR_FMT " has %" PRIu64 " lines, %s has %" PRIu64
                        " vectors; a line belongs to each",
                        STR_ARG(m->values_path), lines, m->file, m->rows.count);
}

static int load_opened(struct import *m)
{
    m->how.dim = m->rows.dim;
    m->how.schema = &m->schema;
    m->how.has_no_background = true; // index compact merges
    int exit_code = cmd_index_make(m->folder, &m->how, m->metric, &m->ix);
    if (exit_code) return exit_code;
    m->schema = *index_schema(m->ix);
    exit_code = open_values(m);
    if (!exit_code) {
        exit_code = load(m);
        if (m->values_path.len) values_file_close(&m->values);
    }
    index_close(m->ix);
    return exit_code;
}

static int read_options(struct import *m)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t threads = cores < 1                   ? 1
                       : cores > INDEX_THREADS_MAX ? INDEX_THREADS_MAX
                                                   : (uint64_t)cores;

    if (m->threads.len && (!str_to_u64(m->threads, INDEX_THREADS_MAX, &threads) || !threads)) {
        return command_fail(COMMAND_USAGE, "--threads is a number from 1 to %d", INDEX_THREADS_MAX);
    }
    if (m->first_key.len && !str_to_u64(m->first_key, UINT64_MAX, &m->first_key_number)) {
        return command_fail(COMMAND_USAGE, "--first-key is a whole number");
    }
    m->how.threads = (unsigned)threads;
    int exit_code = cmd_index_read_metric(m->metric, &m->how.metric);
    return exit_code ? exit_code : cmd_index_read_columns(m->columns, &m->schema);
}

static int run(struct import *m)
{
    const char *why = "";
    int exit_code = read_options(m);

    if (exit_code) return exit_code;
    if (vector_file_open(&m->vectors, str_from_c(m->file), &why)) {
        return command_fail(COMMAND_FAILED, "%s: %s", m->file, why);
    }
    m->rows = m->vectors.source;
    m->rows.fetch = fetch;
    exit_code = load_opened(m);
    vector_file_close(&m->vectors);
    return exit_code;
}

int cmd_index_import(char **args)
{
    struct import *m = memory_new(struct import);
    const struct option options[OPTIONS] = {
        {"metric", '\0', "NAME", "of a new index: cosine (the default), l2 or ip", &m->metric,
         NULL},
        {"columns", '\0', "NAME:TYPE,..", "of a new index: " CMD_INDEX_COLUMNS_HELP, &m->columns,
         NULL},
        {"values", '\0', "FILE", "the columns' values: a JSON object a line, in the rows' order",
         &m->values_path, NULL},
        {"first-key", '\0', "N", "key of the first row; default 0", &m->first_key, NULL},
        {"threads", '\0', "N", "that build; default: one a core", &m->threads, NULL},
        {"json", '\0', NULL, "one line of JSON", NULL, &m->wants_json},
    };
    int positional = 0;
    int exit_code = 0;

    if (command_begin(&help, options, OPTIONS, args, &positional, &exit_code)) {
        m->folder = args[0];
        m->file = args[1];
        m->progress.report = report;
        m->is_terminal = isatty(STDERR_FILENO);
        exit_code =
            positional == 2 ? run(m) : command_fail(COMMAND_USAGE, "usage: sluice %s", help.usage);
    }
    memory_free(m);
    return exit_code;
}
