#include "support/index_model.h"
#include "support/test.h"

enum { DIM = 24, ROWS = 5000, QUERIES = 60, K = 10 };

// A model whose rows are bytes, around centers that lie `offset` from zero in each coordinate.
static struct index_model *open_model(enum metric metric, float offset)
{
    const struct index_options options = {
        .dim = DIM, .metric = metric, .exact_rows_max = 10, .bytes_rows_max = 2 * ROWS};
    struct index_model *m = index_model_open(&options);

    for (unsigned i = 0; i < INDEX_MODEL_CENTERS * DIM; i++) {
        m->centers[i] += offset;
    }
    index_model_load(m, 0, ROWS);
    index_model_delete(m, 100, 500);
    return m;
}

struct tally {
    uint32_t found;
    uint64_t scanned;
    uint64_t ranked;
};

static struct tally search(struct index_model *m)
{
    struct tally t = {0};
    float vector[DIM];
    struct index_query q = {.vector = vector, .k = K};
    struct index_result result;

    for (unsigned i = 0; i < QUERIES; i++) {
        index_model_vector(m, vector);
        t.found += index_model_search(m, &q, &result);
        t.scanned += result.rows_scanned;
        t.ranked += result.rows_ranked;
    }
    return t;
}

TEST(index_bytes_find_what_an_exact_scan_finds_by_reading_few_rows)
{
    static const enum metric metrics[] = {METRIC_L2, METRIC_COSINE, METRIC_IP};

    for (unsigned i = 0; i < sizeof metrics / sizeof *metrics; i++) {
        struct index_model *m = open_model(metrics[i], 0);
        struct tally t = search(m);
        CHECK(t.found >= QUERIES * K - 1);
        CHECK_EQ(t.scanned, (uint64_t)QUERIES * ROWS);
        CHECK(t.ranked < t.scanned / 5);
        index_model_close(m);
    }
}

TEST(index_bytes_of_rows_far_from_zero_read_more_and_find_as_much)
{
    struct index_model *m = open_model(METRIC_L2, 400);
    struct tally t = search(m);

    CHECK(t.found >= QUERIES * K - 1);
    CHECK(t.ranked > t.scanned / 5);
    index_model_close(m);
}
