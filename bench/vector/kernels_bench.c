// How fast vectors are compared, beside CBLAS where that is found, and an exact scan beside nothing
// but reading. Ours and the peer take turns; each figure is the best of many rounds, so that a busy
// machine disturbs it little. With SCAN in the environment only the scans are measured.
#include "base/memory.h"
#include "retrieval/vector/exact.h"
#include "retrieval/vector/gemm_blas.h"
#include "retrieval/vector/normalize.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef BENCH_CBLAS
#include <cblas.h>
#endif

enum {
    BENCH_ROUNDS = 60,
    BENCH_ROUND_NS = 1'000'000,
    BENCH_LEN_MAX = 10'000,
    BENCH_PRODUCT_FLOATS = 1 << 20,
    BENCH_SCAN_ROUNDS = 20,
    BENCH_SCAN_FLOATS = 64 << 20, // 256 MB, far more than caches hold
    BENCH_BATCH_ROUNDS = 4,
    BENCH_PIECES = 64,
    BENCH_BATCH = 64,
    BENCH_LIMIT = 10,
    BENCH_LINE = 64, // rows begin at a cache line, as those of segments do
};

static double now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static float a32[BENCH_LEN_MAX];
static float b32[BENCH_LEN_MAX];
static double a64[BENCH_LEN_MAX];
static double b64[BENCH_LEN_MAX];
static volatile double sink;

static void own_sdot(size_t n)
{
    sink = (double)kernels()->dot_f32(a32, b32, n);
}

static void own_ddot(size_t n)
{
    sink = kernels()->dot_f64(a64, b64, n);
}

static void own_cosine(size_t n)
{
    double cosine;

    if (normalize_cosine_f64(a64, b64, n, &cosine)) abort();
    sink = cosine;
}

static void own_snormalize(size_t n)
{
    float norm;

    if (normalize_f32(a32, n, &norm)) abort();
}

static void own_dnormalize(size_t n)
{
    double norm;

    if (normalize_f64(a64, n, &norm)) abort();
}

#ifdef BENCH_CBLAS
static void peer_sdot(size_t n)
{
    sink = (double)cblas_sdot((int)n, a32, 1, b32, 1);
}

static void peer_ddot(size_t n)
{
    sink = cblas_ddot((int)n, a64, 1, b64, 1);
}

static void peer_cosine(size_t n)
{
    int len = (int)n;

    sink = cblas_ddot(len, a64, 1, b64, 1) / (cblas_dnrm2(len, a64, 1) * cblas_dnrm2(len, b64, 1));
}

static void peer_snormalize(size_t n)
{
    cblas_sscal((int)n, 1 / cblas_snrm2((int)n, a32, 1), a32, 1);
}

static void peer_dnormalize(size_t n)
{
    cblas_dscal((int)n, 1 / cblas_dnrm2((int)n, a64, 1), a64, 1);
}
#else
#define peer_sdot NULL
#define peer_ddot NULL
#define peer_cosine NULL
#define peer_snormalize NULL
#define peer_dnormalize NULL
#endif

struct contest {
    const char *name;
    void (*own)(size_t n);
    void (*peer)(size_t n); // NULL where there is none
};

static double round_ns(void (*run)(size_t), size_t n, unsigned times)
{
    double start = now_ns();

    for (unsigned i = 0; i < times; i++) {
        run(n);
    }
    return (now_ns() - start) / times;
}

static void print_contest(const struct contest *c, size_t n)
{
    double own = 1e18;
    double peer = 1e18;
    unsigned times = 1 + (unsigned)(BENCH_ROUND_NS / (20 + n / 4));

    for (int round = 0; round < BENCH_ROUNDS; round++) {
        own = fmin(own, round_ns(c->own, n, times));
        if (c->peer) peer = fmin(peer, round_ns(c->peer, n, times));
    }
    printf("%-14s %6zu %10.0f", c->name, n, own);
    if (c->peer) printf(" %10.0f %6.2fx", peer, peer / own);
    putchar('\n');
}

static void print_contests(void)
{
    static const struct contest contests[] = {
        {"dot f32", own_sdot, peer_sdot},
        {"dot f64", own_ddot, peer_ddot},
        {"cosine f64", own_cosine, peer_cosine},
        {"normalize f32", own_snormalize, peer_snormalize},
        {"normalize f64", own_dnormalize, peer_dnormalize},
    };
    static const size_t lens[] = {100, 128, 768, 1536, BENCH_LEN_MAX};

    printf("%-14s %6s %10s %10s %7s\n", "what", "n", "own ns", "cblas ns", "ratio");
    for (size_t c = 0; c < sizeof(contests) / sizeof(contests[0]); c++) {
        for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
            print_contest(&contests[c], lens[i]);
        }
    }
}

static void product_tiles(const struct gemm *g)
{
    gemm_tiles(kernels(), g);
}

static void product_best(const struct gemm *g)
{
    gemm_dots(g->queries, g->nq, g->rows, g->nr, g->dim, g->out);
}

static double product_ns(void (*run)(const struct gemm *), const struct gemm *g)
{
    double start = now_ns();

    run(g);
    return now_ns() - start;
}

static void print_product(struct gemm g)
{
    double tiles = 1e18;
    double best = 1e18;
    double operations = 2 * (double)g.nq * (double)g.nr * (double)g.dim;

    for (int round = 0; round < BENCH_ROUNDS; round++) {
        tiles = fmin(tiles, product_ns(product_tiles, &g));
        best = fmin(best, product_ns(product_best, &g));
    }
    printf("%5zu x %4zu of %4zu %10.1f %10.1f %6.2fx\n", g.nq, g.nr, g.dim, operations / tiles,
           operations / best, best / tiles);
}

static void print_products(void)
{
    static const size_t shapes[][3] = {
        {8, 256, 128}, {64, 256, 128}, {64, 256, 768}, {1000, 1000, 128}, {1000, 1000, 768}};
    size_t bytes = BENCH_PRODUCT_FLOATS * sizeof(float);
    float *queries = memory_alloc(bytes);
    float *rows = memory_alloc(bytes);
    float *out = memory_alloc(bytes);

    for (size_t i = 0; i < BENCH_PRODUCT_FLOATS; i++) {
        queries[i] = (float)(i % 7);
        rows[i] = (float)(i % 5);
    }
    printf("\n%-20s %10s %10s\n", "products, GFLOP/s", "own tiles",
           gemm_blas_is_there() ? "OpenBLAS" : "(again)");
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        print_product((struct gemm){.queries = queries,
                                    .rows = rows,
                                    .out = out,
                                    .nq = shapes[i][0],
                                    .nr = shapes[i][1],
                                    .dim = shapes[i][2]});
    }
    memory_free(queries);
    memory_free(rows);
    memory_free(out);
}

// A thread's share of the rows, and what it does with them.
struct share {
    const struct exact_rows *rows;
    struct exact_range range;
    struct exact_batch batch;
    struct nearest nearest[BENCH_BATCH];
    struct nearest_hit hits[BENCH_BATCH][BENCH_LIMIT];
    struct exact_scratch scratch;
    uint64_t sum;
};

// One load of each cache line and hardly anything else.
static void *read_only(void *argument)
{
    struct share *s = argument;
    const float *at = s->rows->rows + s->range.first * s->rows->dim;
    const float *end = s->rows->rows + s->range.end * s->rows->dim;
    uint64_t sum[4] = {0};

    for (; at < end; at += 4 * BENCH_LINE / sizeof(*at)) {
        for (size_t i = 0; i < 4; i++) {
            uint64_t bits;
            memcpy(&bits, at + i * BENCH_LINE / sizeof(*at), sizeof(bits));
            sum[i] += bits;
        }
    }
    s->sum = sum[0] + sum[1] + sum[2] + sum[3];
    return NULL;
}

static void *scan(void *argument)
{
    struct share *s = argument;

    for (size_t q = 0; q < s->batch.count; q++) {
        nearest_init(&s->nearest[q], s->hits[q], BENCH_LIMIT);
    }
    exact_scan_batch(s->rows, s->range, &s->batch, &s->scratch);
    return NULL;
}

// One of BENCH_PIECES parts of the rows, shared by `threads`.
static double piece_ns(void *(*run)(void *), struct share *shares, unsigned threads, unsigned piece)
{
    pthread_t ids[2];
    uint64_t count = shares[0].rows->count / BENCH_PIECES / 64 * 64;
    double start = now_ns();

    for (unsigned i = 0; i < threads; i++) {
        shares[i].range.first = piece * count + count * i / threads;
        shares[i].range.end = piece * count + count * (i + 1) / threads;
        if (i > 0 && pthread_create(&ids[i], NULL, run, &shares[i])) abort();
    }
    run(&shares[0]);
    for (unsigned i = 1; i < threads; i++) {
        if (pthread_join(ids[i], NULL)) abort();
    }
    return now_ns() - start;
}

// The sum over all pieces of the best time of each, so that one quiet moment for each is enough.
struct best {
    double piece[BENCH_PIECES];
};

static double best_sum(const struct best *b)
{
    double sum = 0;

    for (unsigned i = 0; i < BENCH_PIECES; i++) {
        sum += b->piece[i];
    }
    return sum;
}

static void best_take(struct best *b, unsigned piece, double ns)
{
    if (b->piece[piece] == 0 || ns < b->piece[piece]) b->piece[piece] = ns;
}

static void set_batch(struct share *shares, const struct exact_rows *rows, size_t count)
{
    for (unsigned i = 0; i < 2; i++) {
        shares[i].rows = rows;
        shares[i].batch.queries = rows->rows;
        shares[i].batch.nearest = shares[i].nearest;
        shares[i].batch.count = count;
    }
}

// Reading and scanning take turns at pieces far from each other, so that neither finds its piece in
// a cache.
static void print_scan(struct share *shares, const struct exact_rows *rows, unsigned threads)
{
    struct best read = {0};
    struct best one = {0};
    struct best batch = {0};
    double count = (double)(rows->count / BENCH_PIECES / 64 * 64 * BENCH_PIECES);
    double bytes = count * (double)rows->dim * sizeof(float);

    set_batch(shares, rows, 1);
    for (unsigned step = 0; step < BENCH_SCAN_ROUNDS * BENCH_PIECES; step++) {
        unsigned piece = step % BENCH_PIECES;
        unsigned other = (piece + BENCH_PIECES / 2) % BENCH_PIECES;
        best_take(&read, piece, piece_ns(read_only, shares, threads, piece));
        best_take(&one, other, piece_ns(scan, shares, threads, other));
    }
    set_batch(shares, rows, BENCH_BATCH);
    for (unsigned step = 0; step < BENCH_BATCH_ROUNDS * BENCH_PIECES; step++) {
        unsigned piece = step % BENCH_PIECES;
        best_take(&batch, piece, piece_ns(scan, shares, threads, piece));
    }
    printf("%5zu %7u %9.1f %9.1f %6.0f%% %13.0f\n", rows->dim, threads, bytes / best_sum(&read),
           bytes / best_sum(&one), 100 * best_sum(&read) / best_sum(&one),
           count * BENCH_BATCH / best_sum(&batch) * 1e3);
}

static void print_scans(void)
{
    static const size_t dims[] = {100, 128, 768, 1536};
    size_t bytes = (size_t)BENCH_SCAN_FLOATS * sizeof(float);
    char *room = memory_alloc(bytes + BENCH_LINE);
    float *floats = (float *)(void *)(room + BENCH_LINE - (uintptr_t)room % BENCH_LINE);
    struct share *shares = memory_alloc(2 * sizeof(*shares));
    uint64_t bits = 1;

    for (size_t i = 0; i < BENCH_SCAN_FLOATS; i++) {
        bits = bits * UINT64_C(6364136223846793005) + 1;
        floats[i] = (float)(int64_t)bits * 0x1p-63F;
    }
    printf("\n%5s %7s %9s %9s %7s %13s\n", "dim", "threads", "read GB/s", "scan GB/s", "",
           "batch Mdist/s");
    for (size_t i = 0; i < sizeof(dims) / sizeof(dims[0]); i++) {
        struct exact_rows rows = {.rows = floats,
                                  .count = BENCH_SCAN_FLOATS / dims[i],
                                  .dim = dims[i],
                                  .metric = METRIC_L2};
        print_scan(shares, &rows, 1);
        print_scan(shares, &rows, 2);
    }
    memory_free(shares);
    memory_free(room);
}

int main(void)
{
    for (size_t i = 0; i < BENCH_LEN_MAX; i++) {
        a64[i] = 1.0 / (double)(i + 1);
        b64[i] = (double)(i % 13) - 6;
        a32[i] = (float)a64[i];
        b32[i] = (float)b64[i];
    }
#ifdef BENCH_CBLAS
    openblas_set_num_threads(1);
#endif
    printf("kernels: %s\n", kernels()->name);
    if (!getenv("SCAN")) {
        print_contests();
        print_products();
    }
    print_scans();
    return 0;
}
