#include "base/memory.h"
#include "retrieval/vector/index.h"

#include "support/index_model.h"
#include "support/test.h"

#include <math.h>
#include <string.h>

enum { DIM = 20, QUERIES = 60, K = 10 };

static struct index_model *open_model(enum metric metric)
{
    const struct index_options options = {.dim = DIM, .metric = metric};

    return index_model_open(&options);
}

// Searches for vectors like those there are; the share of the truth that is found.
static double recall_of(struct index_model *m, struct index_query q, unsigned queries)
{
    float vector[DIM];
    struct index_result result;
    double found = 0;
    double wanted = 0;

    q.vector = vector;
    for (unsigned i = 0; i < queries; i++) {
        index_model_vector(m, vector);
        found += index_model_search(m, &q, &result);
        wanted += index_model_truth(m, &q);
    }
    return wanted > 0 ? found / wanted : 1;
}

// Exact searches find everything, others nearly; for one hit, some and more than there are rows.
static void check_searches(struct index_model *m)
{
    static const struct {
        uint32_t k;
        unsigned queries;
    } wanted[] = {{1, QUERIES}, {K, QUERIES / 2}, {100, QUERIES / 4}, {INDEX_MODEL_KEYS, 1}};

    for (unsigned i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        struct index_query q = {.k = wanted[i].k, .is_exact = true};
        CHECK(recall_of(m, q, wanted[i].queries / 4 + 1) == 1);
        q.is_exact = false;
        CHECK(recall_of(m, q, wanted[i].queries) >= 0.9);
        q.recall = 0.999F;
        CHECK(recall_of(m, q, wanted[i].queries) >= 0.97);
        q.recall = 1;
        CHECK(recall_of(m, q, wanted[i].queries / 4 + 1) == 1);
    }
}

TEST(index_search_of_nothing_finds_nothing)
{
    struct index_model *m = open_model(METRIC_L2);

    check_searches(m);
    index_model_put(m, 0, 1);
    check_searches(m);
    index_model_delete(m, 0, 1);
    check_searches(m);
    CHECK_EQ(index_flush(m->index), OK);
    check_searches(m);
    index_model_close(m);
}

// Memory, segments of floats, bytes and lists, and memory again, which has lists by then.
static void check_tiers(enum metric metric)
{
    struct index_model *m = open_model(metric);

    index_model_put(m, 0, 200);
    check_searches(m);
    CHECK_EQ(index_flush(m->index), OK);
    check_searches(m);
    index_model_load(m, 1000, 400);
    check_searches(m);
    index_model_load(m, 2000, 2500);
    check_searches(m);
    index_model_put(m, 6000, 250);
    check_searches(m);
    index_model_delete(m, 100, 50); // of all tiers
    index_model_delete(m, 1100, 50);
    index_model_delete(m, 2100, 500);
    index_model_delete(m, 6100, 50);
    index_model_put(m, 150, 50);
    index_model_put(m, 1150, 50);
    index_model_put(m, 2400, 300);
    check_searches(m);
    index_model_reopen(m);
    check_searches(m);
    CHECK_EQ(index_flush(m->index), OK);
    check_searches(m);
    index_model_load(m, 2200, 3000); // lists of its own, over many rows that are there
    index_model_put(m, 2300, 100);
    check_searches(m);
    CHECK_EQ(index_compact(m->index, true), OK);
    check_searches(m);
    index_model_close(m);
}

TEST(index_search_by_euclidean_distance_finds_the_rows_of_all_tiers)
{
    check_tiers(METRIC_L2);
}

TEST(index_search_by_cosine_finds_the_rows_of_all_tiers)
{
    check_tiers(METRIC_COSINE);
}

TEST(index_search_by_inner_product_finds_the_rows_of_all_tiers)
{
    check_tiers(METRIC_IP);
}

TEST(index_search_refuses_what_cannot_be_asked)
{
    struct index_model *m = open_model(METRIC_COSINE);
    float vector[DIM] = {1};
    struct index_result result = {.hits = m->hits};
    struct index_query q = {.vector = vector, .k = 1};

    CHECK_EQ(index_search(m->searcher, &q, &result), OK);
    q.k = 0;
    CHECK_EQ(index_search(m->searcher, &q, &result), ERR_RANGE);
    q.k = INDEX_HITS_MAX + 1;
    CHECK_EQ(index_search(m->searcher, &q, &result), ERR_RANGE);
    q.k = 1;
    q.recall = 1.01F;
    CHECK_EQ(index_search(m->searcher, &q, &result), ERR_RANGE);
    q.recall = NAN;
    CHECK_EQ(index_search(m->searcher, &q, &result), ERR_RANGE);
    q.recall = 1;
    CHECK_EQ(index_search(m->searcher, &q, &result), OK);
    q.has_radius = true;
    q.radius = NAN;
    CHECK_EQ(index_search(m->searcher, &q, &result), ERR_RANGE);
    q.has_radius = false;
    vector[DIM - 1] = NAN;
    CHECK_EQ(index_search(m->searcher, &q, &result), ERR_RANGE);
    vector[DIM - 1] = INFINITY;
    CHECK_EQ(index_search(m->searcher, &q, &result), ERR_RANGE);
    CHECK_EQ(index_search_batch(m->index, &q, 1, 0, &result), ERR_RANGE);
    CHECK_EQ(index_search_batch(m->index, &q, 1, 1, &result), ERR_RANGE);
    CHECK_EQ(index_search_batch(m->index, &q, 0, 1, &result), OK);
    index_model_close(m);
}

static void check_strange_rows(enum metric metric)
{
    struct index_model *m = open_model(metric);
    float zero[DIM] = {0};
    float one[DIM];
    struct index_result result;

    index_model_vector(m, one);
    index_model_put(m, 0, 1500);
    for (uint64_t key = 2000; key < 2020; key++) {
        index_model_put_vector(m, key, one);
        index_model_put_vector(m, key + 100, zero);
    }
    for (unsigned flushed = 0; flushed < 2; flushed++) {
        struct index_query q = {.vector = one, .k = 15};
        CHECK_EQ(index_model_search(m, &q, &result), 15);
        if (metric != METRIC_IP) CHECK(result.hits[14].key - 2000 < 20);
        q.vector = zero;
        (void)index_model_search(m, &q, &result); // all are equally far, or the zeros nearest
        if (metric == METRIC_L2) CHECK(result.hits[14].key - 2100 < 20);
        CHECK_EQ(index_compact(m->index, true), OK);
    }
    index_model_close(m);
}

TEST(index_search_finds_rows_that_are_equal_and_rows_of_zeros)
{
    check_strange_rows(METRIC_L2);
    check_strange_rows(METRIC_COSINE);
    check_strange_rows(METRIC_IP);
}

// What lies as near as the `count` nearest rows, exactly; and how many of these are found
// otherwise.
static uint32_t search_radius(struct index_model *m, const float *vector, uint32_t count)
{
    struct index_query q = {.vector = vector, .k = INDEX_MODEL_KEYS};
    struct index_result result;

    CHECK_EQ(index_model_truth(m, &q), 3400);
    q.has_radius = true;
    q.radius = count ? m->truth[count - 1].distance : nextafterf(m->truth[0].distance, -INFINITY);
    q.is_exact = true;
    CHECK_EQ(index_model_search(m, &q, &result), count);
    q.k = 3; // of which the nearest
    CHECK_EQ(index_model_search(m, &q, &result), count < 3 ? count : 3);
    q.k = INDEX_MODEL_KEYS;
    q.is_exact = false;
    return index_model_search(m, &q, &result);
}

TEST(index_search_within_a_radius_finds_what_is_there_and_no_more)
{
    static const enum metric metrics[] = {METRIC_L2, METRIC_COSINE, METRIC_IP};
    static const unsigned counts[] = {0, 1, 7, 50, 500};

    for (unsigned i = 0; i < sizeof metrics / sizeof *metrics; i++) {
        struct index_model *m = open_model(metrics[i]);
        float vector[DIM];
        uint32_t found = 0;
        uint32_t wanted = 0;
        index_model_load(m, 0, 3000);
        index_model_put(m, 3000, 400);
        for (unsigned n = 0; n < 50; n++) {
            index_model_vector(m, vector);
            found += search_radius(m, vector, counts[n % 5]);
            wanted += counts[n % 5];
        }
        CHECK(found >= wanted * 0.95);
        index_model_close(m);
    }
}

TEST(index_search_within_a_radius_of_nothing_finds_equal_rows)
{
    struct index_model *m = open_model(METRIC_L2);
    float vector[DIM];
    struct index_query q = {.vector = vector, .k = 100, .has_radius = true};
    struct index_result result;

    index_model_load(m, 0, 4000);
    for (unsigned n = 0; n < 10; n++) { // two of each, in lists and soon in others
        memcpy(vector, m->raw + (size_t)n * 100 * DIM, sizeof vector);
        index_model_put_vector(m, 5000 + n, vector);
    }
    for (unsigned i = 0; i < 20; i++) {
        memcpy(vector, m->raw + (size_t)(i % 10) * 100 * DIM, sizeof vector);
        CHECK_EQ(index_model_search(m, &q, &result), 2);
        if (i == 9) CHECK_EQ(index_compact(m->index, true), OK);
    }
    index_model_close(m);
}

static usec false_time;
static usec false_step;

static usec false_clock(void)
{
    false_time += false_step;
    return false_time;
}

TEST(index_search_ends_at_its_deadline_and_says_so)
{
    const struct index_options options = {.dim = DIM, .now = false_clock};
    struct index_model *m = index_model_open(&options);
    float vector[DIM];
    struct index_result result = {.hits = m->hits};

    index_model_load(m, 0, 4000);
    index_model_put(m, 4000, 500);
    index_model_vector(m, vector);
    for (unsigned exact = 0; exact < 2; exact++) {
        struct index_query q = {.vector = vector, .k = K, .deadline = 1000, .is_exact = exact};
        false_step = 0;
        false_time = 999;
        CHECK_EQ(index_search(m->searcher, &q, &result), OK);
        CHECK(result.is_complete);
        uint64_t rows = result.rows_scanned;
        false_step = 1;
        false_time = 997;
        CHECK_EQ(index_search(m->searcher, &q, &result), OK);
        CHECK(!result.is_complete);
        CHECK(result.rows_scanned > 0 && result.rows_scanned < rows);
        CHECK_EQ(result.count, K); // the nearest lists come first
        CHECK_EQ(index_search(m->searcher, &q, &result), OK);
        CHECK(!result.is_complete);
        CHECK_EQ(result.count, 0);
        CHECK_EQ(result.rows_scanned, 0);
        q.deadline = 0;
        CHECK_EQ(index_search(m->searcher, &q, &result), OK);
        CHECK(result.is_complete);
    }
    index_model_close(m);
}

TEST(index_search_scans_as_many_lists_as_are_asked_for)
{
    enum { VECTORS = 20 };
    struct index_model *m = open_model(METRIC_L2);
    float vectors[VECTORS][DIM];
    struct index_result result = {.hits = m->hits};
    uint64_t before = 0;

    index_model_load(m, 0, 5000);
    for (unsigned i = 0; i < VECTORS; i++) {
        index_model_vector(m, vectors[i]);
    }
    for (uint32_t lists = 1; lists < 20; lists *= 4) {
        uint64_t scanned = 0; // of some vectors: to a single one, further lists may be hopeless
        for (unsigned i = 0; i < VECTORS; i++) {
            struct index_query q = {.vector = vectors[i], .k = 1, .lists = lists};
            CHECK_EQ(index_search(m->searcher, &q, &result), OK);
            scanned += result.rows_scanned;
        }
        CHECK(scanned > before);
        before = scanned;
    }
    struct index_query q = {.vector = vectors[0], .k = 1, .lists = UINT32_MAX};
    CHECK_EQ(index_model_search(m, &q, &result), 1);
    q.lists = 1;
    for (q.k = 30; q.k < INDEX_MODEL_KEYS; q.k *= 2) { // more hits than that have rows
        (void)index_model_search(m, &q, &result);
    }
    index_model_close(m);
}

TEST(index_search_in_a_batch_finds_what_single_searches_find)
{
    enum { COUNT = 64 };
    struct index_model *m = open_model(METRIC_COSINE);
    struct nearest_hit(*hits)[K] = memory_alloc(COUNT * sizeof *hits);
    struct index_query queries[COUNT];
    struct index_result results[COUNT];
    float(*vectors)[DIM] = memory_alloc(COUNT * sizeof *vectors);

    index_model_load(m, 0, 4000);
    index_model_put(m, 4000, 300);
    for (unsigned i = 0; i < COUNT; i++) {
        index_model_vector(m, vectors[i]);
        queries[i] = (struct index_query){.vector = vectors[i], .k = K, .is_exact = i % 4 == 0};
        results[i] = (struct index_result){.hits = hits[i]};
    }
    for (unsigned threads = 1; threads <= 5; threads += 2) {
        memset(hits, 0, COUNT * sizeof *hits);
        CHECK_EQ(index_search_batch(m->index, queries, COUNT, threads, results), OK);
        for (unsigned i = 0; i < COUNT; i++) {
            struct index_result single;
            (void)index_model_search(m, &queries[i], &single);
            CHECK_EQ(results[i].count, K);
            CHECK_EQ(results[i].rows_scanned, single.rows_scanned);
            for (unsigned n = 0; n < K; n++) {
                CHECK_EQ(hits[i][n].key, single.hits[n].key);
                CHECK(hits[i][n].distance == single.hits[n].distance);
            }
        }
    }
    memory_free(hits);
    memory_free(vectors);
    index_model_close(m);
}
