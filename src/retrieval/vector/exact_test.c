// Crosses threads: two of them share the rows.
#include "retrieval/vector/exact.h"

#include "base/memory.h"
#include "base/random.h"

#include "support/test.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 1111, QUERIES = 70, LIMIT = 12, FLOATS = 40'000 };

static float rows_of[FLOATS];
static float queries_of[FLOATS];
static struct exact_scratch scratch;

// Enough rows of `dim` to fill what there is, every tenth a copy of the one before.
static struct exact_rows make_rows(size_t dim, enum metric metric, double size)
{
    struct random r;
    struct exact_rows e = {.rows = rows_of, .dim = dim, .metric = metric};

    random_init(&r, test_seed());
    e.count = FLOATS / dim < ROWS ? FLOATS / dim : ROWS;
    for (size_t i = 0; i < FLOATS; i++) {
        bool is_copy = i >= dim && i / dim % 10 == 9;
        rows_of[i] = is_copy ? rows_of[i - dim] : (float)(random_normal(&r) * size);
        queries_of[i] = (float)(random_normal(&r) * size);
    }
    memcpy(queries_of, rows_of, dim * sizeof(float));
    return e;
}

static int compare(const void *left, const void *right)
{
    const struct nearest_hit *a = left;
    const struct nearest_hit *b = right;

    if (a->distance != b->distance) return a->distance < b->distance ? -1 : 1;
    return a->key < b->key ? -1 : a->key > b->key;
}

// All rows, sorted. Returns how many.
static uint32_t oracle(const struct exact_rows *r, const float *query, struct nearest_hit *all)
{
    uint32_t count = 0;

    for (uint64_t i = 0; i < r->count; i++) {
        float distance = exact_distance(r->metric, query, r->rows + i * r->dim, r->dim);
        if (isnan(distance)) continue;
        all[count++] = (struct nearest_hit){distance, i};
    }
    qsort(all, count, sizeof(*all), compare);
    return count;
}

static void must_be(struct nearest *n, const struct nearest_hit *want, uint32_t count)
{
    nearest_sort(n);
    CHECK_EQ(n->count, count < LIMIT ? count : LIMIT);
    for (uint32_t i = 0; i < n->count; i++) {
        CHECK(!memcmp(&n->hits[i].distance, &want[i].distance, sizeof(float)));
        CHECK_EQ(n->hits[i].key, want[i].key);
    }
}

// Scans `batch` queries, in two parts, and one query alone, and compares with the oracle.
static void check(const struct exact_rows *r, size_t batch)
{
    struct nearest_hit all[ROWS];
    struct nearest_hit hits[QUERIES][LIMIT];
    struct nearest_hit hits_alone[LIMIT];
    struct nearest nearest[QUERIES];
    struct nearest alone;
    struct exact_batch b = {.queries = queries_of, .nearest = nearest, .count = batch};
    uint64_t middle = r->count * 2 / 3;

    if (batch * r->dim > FLOATS) return;
    for (size_t q = 0; q < batch; q++) {
        nearest_init(&nearest[q], hits[q], LIMIT);
    }
    exact_scan_batch(r, (struct exact_range){middle, r->count}, &b, &scratch);
    exact_scan_batch(r, (struct exact_range){0, middle}, &b, &scratch);
    for (size_t q = 0; q < batch; q++) {
        uint32_t count = oracle(r, queries_of + q * r->dim, all);
        must_be(&nearest[q], all, count);
        nearest_init(&alone, hits_alone, LIMIT);
        struct exact_batch one = {queries_of + q * r->dim, &alone, 1};
        exact_scan_batch(r, (struct exact_range){0, r->count}, &one, &scratch);
        must_be(&alone, all, count);
    }
}

static void check_dims(double size)
{
    static const size_t dims[] = {1, 3, 16, 33, 128, 500, 5000};

    for (size_t d = 0; d < sizeof(dims) / sizeof(dims[0]); d++) {
        for (enum metric metric = 0; metric < METRIC_COUNT; metric++) {
            struct exact_rows r = make_rows(dims[d], metric, size);
            check(&r, 1);
            check(&r, 3);
            check(&r, 4);
            check(&r, 64);
            check(&r, QUERIES);
        }
    }
}

TEST(exact_batch_and_single_find_the_very_same)
{
    check_dims(1);
}

TEST(exact_batch_finds_the_same_at_both_ends_of_floats)
{
    check_dims(1e17);
    check_dims(1e19);
    check_dims(1e-19);
    check_dims(1e-22);
    check_dims(1e-40);
}

// Rows far from the origin and close to each other: the product loses all that tells them apart.
TEST(exact_batch_finds_the_same_where_the_product_cancels)
{
    for (int power = 0; power <= 24; power += 4) {
        struct exact_rows r = make_rows(33, METRIC_L2, 1);
        for (size_t i = 0; i < FLOATS; i++) {
            rows_of[i] = rows_of[i] * 1e-3F + (float)(1 << power);
            queries_of[i] = queries_of[i] * 1e-3F + (float)(1 << power);
        }
        check(&r, QUERIES);
    }
}

TEST(exact_never_finds_rows_of_nan_and_finds_the_others)
{
    struct exact_rows r = make_rows(20, METRIC_L2, 1);

    for (size_t i = 0; i < FLOATS; i += 7 * 20 + 3) {
        rows_of[i] = i % 2 ? NAN : INFINITY;
    }
    for (enum metric metric = 0; metric < METRIC_COUNT; metric++) {
        r.metric = metric;
        check(&r, 1);
        check(&r, 64);
    }
    queries_of[5] = NAN;
    check(&r, 64);
    for (size_t i = 0; i < FLOATS; i++) {
        rows_of[i] = NAN;
    }
    check(&r, 64);
}

TEST(exact_of_no_rows_finds_none)
{
    struct exact_rows r = make_rows(20, METRIC_L2, 1);

    r.count = 0;
    check(&r, 1);
    check(&r, 64);
}

struct share {
    const struct exact_rows *rows;
    struct exact_range range;
    struct nearest nearest[QUERIES];
    struct nearest_hit hits[QUERIES][LIMIT];
};

static void *scan_share(void *argument)
{
    struct share *s = argument;
    struct exact_batch b = {.queries = queries_of, .nearest = s->nearest, .count = QUERIES};
    struct exact_scratch *own = memory_alloc_raw(sizeof(*own));

    for (size_t q = 0; q < QUERIES; q++) {
        nearest_init(&s->nearest[q], s->hits[q], LIMIT);
    }
    exact_scan_batch(s->rows, s->range, &b, own);
    memory_free(own);
    return NULL;
}

TEST(exact_two_threads_find_the_very_same)
{
    static struct share shares[2];
    struct nearest_hit all[ROWS];
    struct exact_rows r = make_rows(33, METRIC_L2, 1);

    for (uint64_t cut = 0; cut <= r.count; cut += 101) {
        pthread_t threads[2];
        shares[0].rows = shares[1].rows = &r;
        shares[0].range = (struct exact_range){0, cut};
        shares[1].range = (struct exact_range){cut, r.count};
        for (size_t i = 0; i < 2; i++) {
            CHECK_EQ(pthread_create(&threads[i], NULL, scan_share, &shares[i]), 0);
        }
        for (size_t i = 0; i < 2; i++) {
            CHECK_EQ(pthread_join(threads[i], NULL), 0);
        }
        for (size_t q = 0; q < QUERIES; q++) {
            uint32_t count = oracle(&r, queries_of + q * r.dim, all);
            nearest_merge(&shares[0].nearest[q], &shares[1].nearest[q]);
            must_be(&shares[0].nearest[q], all, count);
        }
    }
}
