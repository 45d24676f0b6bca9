// What an index costs its readers while it is written, and what is left of it after every row was
// replaced ten times.
//
//     churn_bench FOLDER [FVECS]      vectors of a file, or made-up ones in clusters
//
// FOLDER is made, and left for a look. A key has a vector of its own in each version. One reader
// searches, one query after the other: before anybody writes, beside a writer that replaces 20,000
// rows a second in batches, and afterwards; the writer looks for the last row of each batch at
// once.
#include "base/memory.h"
#include "base/random.h"
#include "io/clock.h"
#include "retrieval/vector/index.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROWS = 200'000, // that live
    TURNOVERS = 10,
    BATCH = 200,
    ROWS_A_SECOND = 20'000,
    PHASE_S = 10,
    LATENCIES_MAX = 1 << 20,
    QUERIES = 500,
    K = 10,
    MADE_DIM = 128,
    MADE_CLUSTERS = 2000,
    LOAD_PIECE = 1000,
};

static struct {
    float *vectors; // [count][dim]
    uint64_t count;
    uint32_t dim;
} set;

static uint32_t versions[ROWS];
static struct index *live_index;

static void must(err e)
{
    if (!e) return;
    fprintf(stderr, "churn_bench: %s\n", err_text(e));
    exit(1);
}

static void *must_have(void *p)
{
    if (!p) must(ERR_LIMIT);
    return p;
}

static double seconds_since(usec start)
{
    return (double)(clock_monotonic() - start) / 1e6;
}

// ---- vectors

static void make_set(void)
{
    struct random r;

    random_init(&r, 1);
    set.dim = MADE_DIM;
    set.count = ROWS * 4;
    float *centers = memory_alloc_raw(sizeof(float) * MADE_CLUSTERS * MADE_DIM);
    for (size_t i = 0; i < MADE_CLUSTERS * MADE_DIM; i++) {
        centers[i] = (float)random_normal(&r);
    }
    set.vectors = memory_alloc_raw(sizeof(float) * set.count * set.dim);
    for (uint64_t row = 0; row < set.count; row++) {
        const float *center = centers + random_below(&r, MADE_CLUSTERS) * MADE_DIM;
        for (uint32_t d = 0; d < set.dim; d++) {
            set.vectors[row * set.dim + d] = center[d] + 0.6F * (float)random_normal(&r);
        }
    }
    memory_free(centers);
}

// Each vector is an int32, its dim, and as many floats.
static void read_set(const char *path)
{
    FILE *f = must_have(fopen(path, "rb"));
    int32_t dim = 0;

    if (fread(&dim, sizeof dim, 1, f) != 1 || dim < 1 || dim > INDEX_DIM_MAX) must(ERR_DAMAGED);
    fseek(f, 0, SEEK_END);
    set.dim = (uint32_t)dim;
    set.count = (uint64_t)ftell(f) / (sizeof dim + set.dim * sizeof(float));
    rewind(f);
    set.vectors = memory_alloc_raw(sizeof(float) * set.count * set.dim);
    for (uint64_t row = 0; row < set.count; row++) {
        float *out = set.vectors + row * set.dim;
        if (fread(&dim, sizeof dim, 1, f) != 1) must(ERR_DAMAGED);
        if (fread(out, sizeof(float), set.dim, f) != set.dim) must(ERR_DAMAGED);
    }
    fclose(f);
}

static const float *vector_of(uint64_t key, uint32_t version)
{
    return set.vectors + (key + (uint64_t)version * ROWS) % set.count * set.dim;
}

static err fetch(struct row_source *s, uint64_t first, uint32_t count, float *out, uint64_t *keys)
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t key = first + i;
        if (out) {
            memcpy(out + (size_t)i * s->dim, vector_of(key, versions[key]), s->dim * sizeof *out);
        }
        if (keys) keys[i] = key;
    }
    return OK;
}

static struct index *open_index(const char *folder)
{
    const struct index_options options = {.dim = set.dim, .metric = METRIC_L2};
    struct row_source rows = {ROWS, set.dim, fetch};
    struct index *ix = NULL;

    must(index_create(str_from_c(folder), &options));
    must(index_open(str_from_c(folder), &options, &ix));
    must(index_load(ix, &rows, NULL, NULL));
    return ix;
}

// ---- the reader

struct reader {
    pthread_t thread;
    _Atomic bool is_over;
    uint32_t count;
    double cpu_us;                     // of all searches
    uint32_t latencies[LATENCIES_MAX]; // in microseconds
};

static double cpu_us(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void *read_on(void *reader)
{
    struct reader *r = reader;
    struct index_searcher *s = index_searcher_new(live_index);
    struct nearest_hit hits[K];
    struct random random;

    random_init(&random, 9);
    while (!r->is_over && r->count < LATENCIES_MAX) {
        struct index_query query = {.vector = vector_of(random_below(&random, ROWS), TURNOVERS),
                                    .k = K};
        struct index_result result = {.hits = hits};
        usec start = clock_monotonic();
        must(index_search(s, &query, &result));
        r->latencies[r->count++] = (uint32_t)(clock_monotonic() - start);
    }
    r->cpu_us = cpu_us(CLOCK_THREAD_CPUTIME_ID);
    index_searcher_free(s);
    return NULL;
}

static struct reader *reader_start(void)
{
    struct reader *r = memory_new(struct reader);

    if (pthread_create(&r->thread, NULL, read_on, r)) must(ERR_LIMIT);
    return r;
}

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static void reader_stop(struct reader *r, const char *what)
{
    r->is_over = true;
    pthread_join(r->thread, NULL);
    if (r->count == 0) must(ERR_TIMEOUT);
    qsort(r->latencies, r->count, sizeof r->latencies[0], compare_u32);
    printf("%-22s searches %8u   cpu %6.0f us   p50 %6u us   p99 %6u us   p99.9 %6u us\n", what,
           r->count, r->cpu_us / r->count, r->latencies[r->count / 2],
           r->latencies[r->count - 1 - r->count / 100],
           r->latencies[r->count - 1 - r->count / 1000]);
    memory_free(r);
}

static void read_idle(const char *what)
{
    struct reader *r = reader_start();
    usec start = clock_monotonic();

    while (seconds_since(start) < PHASE_S) {
        nanosleep(&(struct timespec){.tv_nsec = 50'000'000}, NULL);
    }
    reader_stop(r, what);
}

// ---- the writer

struct writer {
    struct random random;
    struct index_searcher *searcher;
    uint64_t rows;
    uint64_t lost; // that did not find themselves
};

static void look_for(struct writer *w, uint64_t key)
{
    struct nearest_hit hits[K];
    struct index_query query = {.vector = vector_of(key, versions[key]), .k = K};
    struct index_result result = {.hits = hits};

    must(index_search(w->searcher, &query, &result));
    for (uint32_t i = 0; i < result.count; i++) {
        if (hits[i].key == key) return;
    }
    w->lost++;
}

static void write_batch(struct writer *w)
{
    struct index_op ops[BATCH];

    for (unsigned i = 0; i < BATCH; i++) {
        uint64_t key = random_below(&w->random, ROWS);
        versions[key]++;
        ops[i] = (struct index_op){INDEX_PUT, key, vector_of(key, versions[key]), {0}};
    }
    for (unsigned i = 0; i < BATCH; i++) { // of a key that comes twice, both are its newest
        ops[i].vector = vector_of(ops[i].key, versions[ops[i].key]);
    }
    must(index_write(live_index, ops, BATCH));
    w->rows += BATCH;
    look_for(w, ops[BATCH - 1].key);
}

// The writer's own work, without flushes and merges.
static void tell_writer(const char *what, uint64_t rows, usec start, double cpu_before)
{
    double cpu = cpu_us(CLOCK_THREAD_CPUTIME_ID) - cpu_before;

    printf("%-22s %.0f rows/s   cpu %.1f us a row\n", what, (double)rows / seconds_since(start),
           cpu / (double)rows);
}

static void write_beside_reader(struct writer *w)
{
    double cpu = cpu_us(CLOCK_THREAD_CPUTIME_ID);
    struct reader *r = reader_start();
    usec start = clock_monotonic();

    for (double s = 0; s < PHASE_S; s = seconds_since(start)) {
        if ((double)w->rows < s * ROWS_A_SECOND) {
            write_batch(w);
        } else {
            nanosleep(&(struct timespec){.tv_nsec = 1'000'000}, NULL);
        }
    }
    tell_writer("writer", w->rows, start, cpu);
    reader_stop(r, "beside the writer");
}

static void turn_over(struct writer *w)
{
    uint64_t before = w->rows;
    usec start = clock_monotonic();
    double cpu = cpu_us(CLOCK_THREAD_CPUTIME_ID);
    double all = cpu_us(CLOCK_PROCESS_CPUTIME_ID);

    while (w->rows < (uint64_t)TURNOVERS * ROWS) {
        write_batch(w);
    }
    tell_writer("as fast as it goes", w->rows - before, start, cpu);
    printf("%-22s cpu %.1f us a row\n", "all threads",
           (cpu_us(CLOCK_PROCESS_CPUTIME_ID) - all) / (double)(w->rows - before));
}

// ---- what is left

static double recall_of(struct index *ix)
{
    struct index_searcher *s = index_searcher_new(ix);
    struct nearest_hit hits[K];
    struct nearest_hit truth[K];
    uint64_t found = 0;

    for (unsigned i = 0; i < QUERIES; i++) {
        struct index_query query = {.vector = vector_of(i * 37 % ROWS, TURNOVERS * 3), .k = K};
        struct index_result result = {.hits = hits};
        struct index_result exact = {.hits = truth};
        must(index_search(s, &query, &result));
        query.is_exact = true;
        must(index_search(s, &query, &exact));
        for (uint32_t j = 0; j < exact.count; j++) {
            for (uint32_t h = 0; h < result.count; h++) {
                found += hits[h].key == truth[j].key;
            }
        }
    }
    index_searcher_free(s);
    return (double)found / (QUERIES * K);
}

static void report(const char *what, struct index *ix)
{
    struct index_stats stats;

    index_stats(ix, &stats);
    must(stats.background);
    printf("%-22s rows %llu  dead %llu  segments %llu  disk %.1f MB  recall@10 %.4f\n", what,
           (unsigned long long)stats.rows, (unsigned long long)stats.dead,
           (unsigned long long)stats.segments, (double)stats.disk_bytes / 1e6, recall_of(ix));
}

static void compare_with_fresh(const char *folder)
{
    char fresh[4096];

    snprintf(fresh, sizeof fresh, "%s.fresh", folder);
    struct index *ix = open_index(fresh);
    report("built anew", ix);
    index_close(ix);
}

int main(int argc, char **argv)
{
    static struct writer w;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc < 2) {
        fprintf(stderr, "churn_bench FOLDER [FVECS]\n");
        return 2;
    }
    if (argc > 2) {
        read_set(argv[2]);
    } else {
        make_set();
    }
    live_index = open_index(argv[1]);
    random_init(&w.random, 3);
    w.searcher = index_searcher_new(live_index);
    report("loaded", live_index);
    read_idle("nobody writes");
    write_beside_reader(&w);
    report("after that", live_index);
    turn_over(&w);
    report("replaced ten times", live_index);
    usec start = clock_monotonic();
    must(index_compact(live_index, true));
    printf("%-22s %.1f s\n", "compaction", seconds_since(start));
    report("compacted", live_index);
    read_idle("nobody writes");
    printf("%-22s %llu of %llu\n", "did not find itself", (unsigned long long)w.lost,
           (unsigned long long)w.rows / BATCH);
    compare_with_fresh(argv[1]);
    index_searcher_free(w.searcher);
    index_close(live_index);
    memory_free(set.vectors);
    return 0;
}
