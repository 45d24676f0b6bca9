// What every row was replaced in ten times is as good as what is built anew.
#include "base/random.h"
#include "retrieval/vector/index.h"

#include "support/index_stage.h"
#include "support/test.h"

enum { ROWS = 3000, ROUNDS = 10, BATCH = 1000, QUERIES = 200, K = 10 };

static struct index_stage churned;
static struct index_stage anew;

static void open_stage(struct index_stage *s, uint64_t seed)
{
    index_stage_open(s, seed);
    s->options.memtable_rows = 400;
    CHECK_EQ(index_stage_reopen(s), OK);
}

static unsigned search(struct index_stage *s, const float *vector, bool is_exact,
                       struct nearest_hit *hits)
{
    const struct index_query query = {.vector = vector, .k = K, .is_exact = is_exact};
    struct index_result result = {.hits = hits};

    CHECK_EQ(index_search(s->searcher, &query, &result), OK);
    return result.count;
}

// How many of the true nearest are found, of QUERIES * K.
static unsigned score(struct index_stage *s)
{
    struct nearest_hit truth[K];
    struct nearest_hit hits[K];
    float vector[INDEX_STAGE_DIM];
    unsigned found = 0;

    for (unsigned i = 0; i < QUERIES; i++) {
        index_stage_vector(i, UINT32_MAX, vector);
        CHECK_EQ(search(s, vector, true, truth), K);
        CHECK_EQ(search(s, vector, false, hits), K);
        for (unsigned h = 0; h < K; h++) {
            for (unsigned t = 0; t < K; t++) {
                found += hits[h].key == truth[t].key;
            }
        }
    }
    return found;
}

static struct index_stats stats_of(struct index_stage *s)
{
    struct index_stats stats;

    index_stats(s->index, &stats);
    return stats;
}

TEST(index_churn_leaves_recall_and_space_as_they_are_when_built_anew)
{
    open_stage(&churned, 1);
    for (uint32_t version = 1; version <= ROUNDS + 1; version++) {
        for (uint64_t first = 0; first < ROWS; first += BATCH) {
            CHECK_EQ(index_stage_put(&churned, first, BATCH, version), OK);
        }
        CHECK_EQ(index_compact(churned.index, false), OK);
        CHECK_EQ(stats_of(&churned).rows, ROWS);
        CHECK(stats_of(&churned).segments <= 12);
    }
    unsigned before = score(&churned);
    CHECK_EQ(index_compact(churned.index, true), OK);
    CHECK_EQ(stats_of(&churned).dead, 0);

    open_stage(&anew, 2);
    CHECK_EQ(index_stage_load_rows(&anew, 0, ROWS, ROUNDS + 1), OK);
    unsigned fresh = score(&anew);
    CHECK(before + QUERIES * K / 100 >= fresh);
    CHECK(score(&churned) + QUERIES * K / 100 >= fresh);
    CHECK(stats_of(&churned).disk_bytes * 2 <= stats_of(&anew).disk_bytes * 3);
    index_stage_close(&anew);
    index_stage_close(&churned);
}
