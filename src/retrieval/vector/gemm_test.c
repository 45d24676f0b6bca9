#include "retrieval/vector/gemm.h"

#include "base/random.h"

#include "support/test.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { QUERIES_MAX = 250, ROWS_MAX = 70, DIM_MAX = 400, GUARD = 8 };

static float queries[QUERIES_MAX * DIM_MAX];
static float rows[ROWS_MAX * DIM_MAX];
static float out[QUERIES_MAX * ROWS_MAX + GUARD];
static float again[QUERIES_MAX * ROWS_MAX + GUARD];

static void fill(uint64_t seed)
{
    struct random r;

    random_init(&r, seed);
    for (size_t i = 0; i < QUERIES_MAX * DIM_MAX; i++) {
        queries[i] = (float)random_normal(&r);
    }
    for (size_t i = 0; i < ROWS_MAX * DIM_MAX; i++) {
        rows[i] = (float)random_normal(&r);
    }
}

static void must_be_near(const struct gemm *g, size_t q, size_t r, const char *who)
{
    long double want = 0;
    long double magnitude = 0;
    float got = g->out[q * g->nr + r];

    for (size_t i = 0; i < g->dim; i++) {
        long double query = (long double)g->queries[q * g->dim + i];
        long double product = query * (long double)g->rows[r * g->dim + i];
        want += product;
        magnitude += fabsl(product);
    }
    long double bound = 4 * (long double)FLT_EPSILON * sqrtl((long double)g->dim) * magnitude;
    if (fabsl((long double)got - want) <= bound) return;
    test_fail(__FILE__, __LINE__, "%s %zu x %zu of %zu, at %zu, %zu: %g, not %Lg", who, g->nq,
              g->nr, g->dim, q, r, (double)got, want);
}

// Each sum near the truth, and nothing written beyond the last. `k` is NULL for gemm_dots().
static void check(const struct kernels *k, size_t nq, size_t nr, size_t dim)
{
    struct gemm g = {.queries = queries, .rows = rows, .out = out, .nq = nq, .nr = nr, .dim = dim};

    memset(out, 0xff, sizeof(out));
    if (k) {
        gemm_tiles(k, &g);
    } else {
        gemm_dots(queries, nq, rows, nr, dim, out);
    }
    for (size_t i = 0; i < nq * nr; i++) {
        must_be_near(&g, i / nr, i % nr, k ? k->name : "gemm_dots");
    }
    CHECK(isnan(out[nq * nr]));
}

static void check_shapes(const struct kernels *k)
{
    static const size_t counts[] = {1, 2, 3, 4, 5, 6, 7, 8, 12, 13};
    static const size_t dims[] = {0, 1, 3, 4, 16, 33, 100};

    for (size_t q = 0; q < sizeof(counts) / sizeof(counts[0]); q++) {
        for (size_t d = 0; d < sizeof(dims) / sizeof(dims[0]); d++) {
            for (size_t nr = 1; nr <= ROWS_MAX; nr += 1 + nr / 9) {
                check(k, counts[q], nr, dims[d]);
            }
        }
    }
    check(k, QUERIES_MAX, 33, DIM_MAX);
    check(k, 7, ROWS_MAX, 192);
    check(k, 7, ROWS_MAX, 193);
}

TEST(gemm_tiles_of_every_shape_and_row_are_near_the_truth)
{
    fill(test_seed());
    for (enum isa isa = ISA_SCALAR; isa < ISA_COUNT; isa++) {
        if (kernels_of(isa)) check_shapes(kernels_of(isa));
    }
}

TEST(gemm_dots_of_every_shape_are_near_the_truth)
{
    fill(test_seed());
    check_shapes(NULL);
}

TEST(gemm_of_nothing_writes_nothing)
{
    struct gemm none = {.queries = queries, .rows = rows, .out = out, .dim = 4};

    memset(out, 0xff, sizeof(out));
    gemm_dots(queries, 0, rows, 5, 4, out);
    gemm_dots(queries, 5, rows, 0, 4, out);
    gemm_tiles(kernels(), &none);
    CHECK(isnan(out[0]));
}

TEST(gemm_tiles_do_not_depend_on_what_is_beside_them)
{
    struct gemm whole = {.queries = queries, .rows = rows, .out = out};
    struct gemm part = {.queries = queries + 5 * DIM_MAX, .rows = rows + 3 * DIM_MAX, .out = again};

    fill(7);
    whole.nq = 19, whole.nr = ROWS_MAX, whole.dim = DIM_MAX;
    part.nq = 10, part.nr = 40, part.dim = DIM_MAX;
    for (enum isa isa = ISA_SCALAR; isa < ISA_COUNT; isa++) {
        if (!kernels_of(isa)) continue;
        gemm_tiles(kernels_of(isa), &whole);
        gemm_tiles(kernels_of(isa), &part);
        for (size_t q = 0; q < part.nq; q++) {
            CHECK(!memcmp(again + q * part.nr, out + (q + 5) * whole.nr + 3,
                          part.nr * sizeof(float)));
        }
    }
}
