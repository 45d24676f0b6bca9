// Design: each level of recall that can be asked for is measured by itself: all queries once to
// warm up, then as many rounds as wanted, one query at a time on this thread. What is compared
// with the exact answer, or with a file of true neighbours, is the keys.
#include "base/memory.h"
#include "cli/cmd_index.h"
#include "io/clock.h"
#include "retrieval/ingest/vector_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { QUERIES_MAX = 100'000, ROUNDS_MAX = 1000, K_DEFAULT = 10, ROUNDS_DEFAULT = 3, OPTIONS = 5 };

static const float levels[] = {0.80F, 0.85F,  0.90F, 0.93F,  0.95F,  0.96F, 0.97F,
                               0.98F, 0.985F, 0.99F, 0.993F, 0.995F, 0.999F};
enum { LEVELS = sizeof(levels) / sizeof(levels[0]) };

struct bench {
    struct index *ix;
    struct index_searcher *searcher;
    struct index_stats stats;
    float *queries;  // [count][dim]
    uint64_t *truth; // [count][k]
    struct nearest_hit *hits;
    usec *waits; // of each search, for percentiles
    uint64_t count;
    uint64_t k;
    uint64_t rounds;
    double open_ms;
    uint64_t open_bytes; // by which opening it grew the process
    const char *folder;
    const char *file;
    str truth_path, k_text, rounds_text;
    bool wants_exact;
    bool is_json;
};

struct measured {
    double recall;
    double us; // CPU time a query
    usec p50, p99;
    uint64_t rows_scanned, rows_ranked; // a query
};

static const struct command_help help = {
    "index bench FOLDER QUERIES [options]",
    "Searches the index in FOLDER for each vector of the file QUERIES (.fvecs, .npy), one at a "
    "time "
    "on one\n"
    "thread, at several levels of recall, and prints how much of the true nearest each found and "
    "what it cost.\n"
    "The truth is a file of the true nearest rows' keys (.ivecs), or comes of exact searches.\n"};

static uint64_t resident_bytes(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    if (!file) return 0;
    if (fscanf(file, "%*u %lu", &pages) != 1) pages = 0;
    fclose(file);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static double cpu_seconds(void)
{
    struct timespec t = {0};

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); // this clock can't fail
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static err search(struct bench *b, uint64_t i, float recall, struct index_result *result)
{
    struct index_query query = {.vector = b->queries + i * b->stats.dim,
                                .k = (uint32_t)b->k,
                                .recall = recall,
                                .is_exact = recall == 0};

    result->hits = b->hits;
    return index_search(b->searcher, &query, result);
}

static err find_truth(struct bench *b)
{
    struct index_result result = {0};

    for (uint64_t i = 0; i < b->count; i++) {
        TRY(search(b, i, 0, &result));
        for (uint32_t j = 0; j < b->k; j++) {
            b->truth[i * b->k + j] = j < result.count ? result.hits[j].key : UINT64_MAX;
        }
    }
    return OK;
}

static uint64_t count_hits(const struct bench *b, uint64_t i, const struct index_result *result)
{
    const uint64_t *wanted = b->truth + i * b->k;
    uint64_t hits = 0;

    for (uint32_t j = 0; j < result->count; j++) {
        for (uint64_t w = 0; w < b->k; w++)
            hits += wanted[w] == result->hits[j].key;
    }
    return hits;
}

static int by_wait(const void *a, const void *b)
{
    const usec *x = a;
    const usec *y = b;

    return (*x > *y) - (*x < *y);
}

static err measure(struct bench *b, float level, struct measured *out)
{
    struct index_result result = {0};
    uint64_t hits = 0;
    double best = 0;

    *out = (struct measured){0};
    for (uint64_t round = 0; round <= b->rounds; round++) { // the first one warms up
        double start = cpu_seconds();
        for (uint64_t i = 0; i < b->count; i++) {
            usec began = clock_monotonic();
            TRY(search(b, i, level, &result));
            b->waits[i] = clock_monotonic() - began;
            if (round) continue;
            hits += count_hits(b, i, &result);
            out->rows_scanned += result.rows_scanned;
            out->rows_ranked += result.rows_ranked;
        }
        double spent = cpu_seconds() - start;
        if (round == 1 || (round && spent < best)) best = spent;
    }
    qsort(b->waits, b->count, sizeof(usec), by_wait);
    out->recall = (double)hits / (double)(b->count * b->k);
    out->us = best / (double)b->count * 1e6;
    out->p50 = b->waits[b->count / 2];
    out->p99 = b->waits[b->count * 99 / 100];
    out->rows_scanned /= b->count;
    out->rows_ranked /= b->count;
    return OK;
}

static void print_measured(const struct bench *b, const char *setting, const struct measured *m)
{
    if (b->is_json) {
        printf("{\"kind\": \"point\", \"setting\": \"%s\", \"recall\": %.4f, \"us\": %.2f, "
               "\"p50_us\": "
               "%" PRId64 ", \"p99_us\": %" PRId64 ", \"scanned\": %" PRIu64
               ", \"ranked\": %" PRIu64 "}\n",
               setting, m->recall, m->us, m->p50, m->p99, m->rows_scanned, m->rows_ranked);
    } else {
        printf("%-8s %9.4f %12.0f %9" PRId64 " %9" PRId64 " %10" PRIu64 " %8" PRIu64 "\n", setting,
               m->recall, 1e6 / m->us, m->p50, m->p99, m->rows_scanned, m->rows_ranked);
    }
    (void)fflush(stdout); // a closed stdout is its owner's choice
}

static err measure_all(struct bench *b)
{
    struct measured m;
    char setting[16];

    if (b->is_json) {
        printf("{\"kind\": \"open\", \"ms\": %.3f, \"bytes\": %" PRIu64 "}\n", b->open_ms,
               b->open_bytes);
    } else {
        printf(
            "%" PRIu64 " rows of %" PRIu32 " dimensions, opened in %.2f ms and %.1f MB of memory; "
            "%" PRIu64 " queries for the nearest %" PRIu64 "\n\n",
            b->stats.rows, b->stats.dim, b->open_ms, (double)b->open_bytes / 1e6, b->count, b->k);
        puts("wanted      recall  queries/s    p50 us    p99 us    scanned   ranked");
    }
    for (size_t i = 0; i < LEVELS; i++) {
        TRY(measure(b, levels[i], &m));
        snprintf(setting, sizeof(setting), "%.3f", (double)levels[i]);
        print_measured(b, setting, &m);
    }
    return OK;
}

static err measure_exact(struct bench *b)
{
    struct measured m;

    TRY(measure(b, 0, &m));
    print_measured(b, "exact", &m);
    return OK;
}

static int fail(const struct bench *b, err e)
{
    return command_fail(COMMAND_FAILED, "%s: %s", b->folder, err_text(e));
}

// The truth of a file, or by exact searches.
static int get_truth(struct bench *b)
{
    struct vector_file file;
    const char *why = "";

    if (!b->truth_path.len) {
        err e = find_truth(b);
        return e ? fail(b, e) : COMMAND_GOOD;
    }
    if (vector_file_open_numbers(&file, b->truth_path, &why)) {
        return command_fail(COMMAND_FAILED, "%" STR_FMT ": %s", STR_ARG(b->truth_path), why);
    }
    err e = vector_file_numbers(&file, 0, (uint32_t)b->count, (uint32_t)b->k, b->truth);
    vector_file_close(&file);
    if (!e) return COMMAND_GOOD;
    return command_fail(COMMAND_FAILED,
                        "%" STR_FMT ": it has to have the %" PRIu64 " nearest of each of %" PRIu64
                        " queries (%s)",
                        STR_ARG(b->truth_path), b->k, b->count, err_text(e));
}

static int measure_queries(struct bench *b, struct vector_file *queries)
{
    err e = queries->source.fetch(&queries->source, 0, (uint32_t)b->count, b->queries, NULL);

    if (e) return command_fail(COMMAND_FAILED, "%s: %s", b->file, err_text(e));
    int exit_code = get_truth(b);
    if (exit_code) return exit_code;
    e = measure_all(b);
    if (!e && b->wants_exact) e = measure_exact(b);
    return e ? fail(b, e) : COMMAND_GOOD;
}

static int bench_opened(struct bench *b, struct vector_file *queries)
{
    if (queries->source.dim != b->stats.dim) {
        return command_fail(COMMAND_FAILED, "%s has vectors of %" PRIu32 " numbers, %s of %" PRIu32,
                            b->folder, b->stats.dim, b->file, queries->source.dim);
    }
    b->count = queries->source.count < QUERIES_MAX ? queries->source.count : QUERIES_MAX;
    b->queries = memory_alloc_raw(b->count * b->stats.dim * sizeof(float));
    b->truth = memory_alloc_raw(b->count * b->k * sizeof(uint64_t));
    b->waits = memory_alloc_raw(b->count * sizeof(usec));
    b->hits = memory_alloc_raw(b->k * sizeof(struct nearest_hit));
    b->searcher = index_searcher_new(b->ix);
    int exit_code = measure_queries(b, queries);
    index_searcher_free(b->searcher);
    memory_free(b->hits);
    memory_free(b->waits);
    memory_free(b->truth);
    memory_free(b->queries);
    return exit_code;
}

static int open_and_bench(struct bench *b)
{
    struct index_options how = {.is_read_only = true};
    struct vector_file queries;
    const char *why = "";

    if (vector_file_open(&queries, str_from_c(b->file), &why)) {
        return command_fail(COMMAND_FAILED, "%s: %s", b->file, why);
    }
    uint64_t before = resident_bytes();
    usec start = clock_monotonic();
    int exit_code = cmd_index_open(b->folder, &how, &b->ix);
    b->open_ms = (double)(clock_monotonic() - start) * 1e-3;
    b->open_bytes = resident_bytes() - before;
    if (!exit_code) {
        index_stats(b->ix, &b->stats);
        exit_code = bench_opened(b, &queries);
        index_close(b->ix);
    }
    vector_file_close(&queries);
    return exit_code;
}

static int run(struct bench *b)
{
    b->k = K_DEFAULT;
    b->rounds = ROUNDS_DEFAULT;
    if (b->k_text.len && (!str_to_u64(b->k_text, INDEX_HITS_MAX, &b->k) || !b->k)) {
        return command_fail(COMMAND_USAGE, "-k is a number from 1 to %d", INDEX_HITS_MAX);
    }
    if (b->rounds_text.len && (!str_to_u64(b->rounds_text, ROUNDS_MAX, &b->rounds) || !b->rounds)) {
        return command_fail(COMMAND_USAGE, "--rounds is a number from 1 to %d", ROUNDS_MAX);
    }
    return open_and_bench(b);
}

int cmd_index_bench(char **args)
{
    struct bench *b = memory_new(struct bench);
    const struct option options[OPTIONS] = {
        {"truth", '\0', "FILE", "keys of each query's true nearest (.ivecs)", &b->truth_path, NULL},
        {"count", 'k', "N", "rows wanted of each query; default 10", &b->k_text, NULL},
        {"rounds", '\0', "N", "of which the fastest counts; default 3", &b->rounds_text, NULL},
        {"exact", '\0', NULL, "measure exact searches too", NULL, &b->wants_exact},
        {"json", '\0', NULL, "lines of JSON", NULL, &b->is_json},
    };
    int positional = 0;
    int exit_code = 0;

    if (command_begin(&help, options, OPTIONS, args, &positional, &exit_code)) {
        b->folder = args[0];
        b->file = args[1];
        exit_code =
            positional == 2 ? run(b) : command_fail(COMMAND_USAGE, "usage: sluice %s", help.usage);
    }
    memory_free(b);
    return exit_code;
}
