#include "retrieval/vector/index_relist.h"

#include "base/memory.h"
#include "base/random.h"
#include "retrieval/vector/ivf_plan.h"

#include "support/test.h"

#include <math.h>

enum { DIM = 4, ROWS = 16'384, LISTS = 512 };

// Rows around points on a line, one list each; `list_of` says around which.
struct stage {
    struct row_source_array rows;
    float vectors[ROWS][DIM];
    float centroids[LISTS][DIM];
};

static struct stage *stage_new(uint32_t (*list_of)(uint32_t row))
{
    struct stage *s = memory_new(struct stage);
    struct random r;

    random_init(&r, 7);
    for (uint32_t i = 0; i < LISTS; i++) {
        s->centroids[i][0] = (float)i * 100;
    }
    for (uint32_t i = 0; i < ROWS; i++) {
        for (uint32_t d = 0; d < DIM; d++) {
            s->vectors[i][d] = s->centroids[list_of(i)][d] + (float)random_normal(&r);
        }
    }
    row_source_array_init(&s->rows, s->vectors[0], ROWS, DIM);
    return s;
}

static struct index_relist_options options_of(struct stage *s)
{
    return (struct index_relist_options){.rows = &s->rows.source,
                                         .centroids = s->centroids[0],
                                         .count = LISTS,
                                         .memory_bytes_max = 1 << 24,
                                         .threads = 1};
}

static struct index_relist relist_of(struct stage *s)
{
    const struct index_relist_options o = options_of(s);
    struct index_relist r;

    CHECK_EQ(ivf_plan_list_count(ROWS), LISTS);
    CHECK_EQ(index_relist_make(&r, &o), OK);
    memory_free(s);
    return r;
}

static uint32_t evenly(uint32_t row)
{
    return row % LISTS;
}

TEST(index_relist_keeps_lists_of_even_length)
{
    struct index_relist r = relist_of(stage_new(evenly));

    CHECK_EQ(r.advice, INDEX_RELIST_KEEP);
    index_relist_done(&r);
}

// List 0 has what belonged to lists 1 to 4, and list 5 has nearly nothing.
static uint32_t unevenly(uint32_t row)
{
    uint32_t list = row % LISTS;

    if (list < 5) return 0;
    return list == 5 && row >= 4 * LISTS ? 6 : list;
}

static unsigned count_between(const struct index_relist *r, float low, float high)
{
    unsigned count = 0;

    for (uint32_t i = 0; i < r->count; i++) {
        count += r->centroids[(size_t)i * DIM] > low && r->centroids[(size_t)i * DIM] < high;
    }
    return count;
}

TEST(index_relist_splits_long_lists_and_gives_up_short_ones)
{
    struct index_relist r = relist_of(stage_new(unevenly));

    CHECK_EQ(r.advice, INDEX_RELIST_ADAPT);
    CHECK_EQ(r.splits, 1);
    CHECK_EQ(r.joins, 5);
    CHECK_EQ(r.count, LISTS - 5 + 4);
    CHECK_EQ(count_between(&r, -50, 50), 5);
    CHECK_EQ(count_between(&r, 50, 550), 0);
    CHECK_EQ(count_between(&r, 550, 650), 1);
    index_relist_done(&r);
}

static uint32_t to_a_few(uint32_t row)
{
    return row % 50;
}

TEST(index_relist_advises_to_train_where_most_would_change)
{
    struct index_relist r = relist_of(stage_new(to_a_few));

    CHECK_EQ(r.advice, INDEX_RELIST_TRAIN);
    index_relist_done(&r);
}

TEST(index_relist_advises_to_train_where_rows_are_many_more_or_many_fewer)
{
    struct stage *s = stage_new(evenly);
    struct index_relist_options o = options_of(s);
    struct index_relist r;

    o.count = LISTS / 2 - 1;
    CHECK_EQ(index_relist_make(&r, &o), OK);
    CHECK_EQ(r.advice, INDEX_RELIST_TRAIN);
    o.count = LISTS;
    s->rows.source.count = ROWS / 3;
    CHECK_EQ(index_relist_make(&r, &o), OK);
    CHECK_EQ(r.advice, INDEX_RELIST_TRAIN);
    memory_free(s);
}

TEST(index_relist_keeps_what_it_has_too_little_memory_to_judge)
{
    struct stage *s = stage_new(unevenly);
    struct index_relist_options o = options_of(s);
    struct index_relist r;

    o.memory_bytes_max = (size_t)LISTS * 15 * DIM * sizeof(float);
    CHECK_EQ(index_relist_make(&r, &o), OK);
    CHECK_EQ(r.advice, INDEX_RELIST_KEEP);
    memory_free(s);
}

TEST(index_relist_ends_when_nobody_wants_the_outcome)
{
    struct stage *s = stage_new(unevenly);
    struct index_relist_options o = options_of(s);
    atomic_bool cancel = true;
    struct index_relist r;

    o.cancel = &cancel;
    CHECK_EQ(index_relist_make(&r, &o), ERR_CANCELED);
    memory_free(s);
}
