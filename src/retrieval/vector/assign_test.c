#include "retrieval/vector/assign.h"

#include "base/memory.h"
#include "base/random.h"

#include "support/test.h"

#include <math.h>
#include <string.h>

enum { ROWS = 2500, DIM = 12 };

struct sample {
    float *centroids;
    float *rows;
    uint32_t count;
    struct assign assign;
    struct assign_scratch scratch;
    uint32_t *lists;
    float *distances;
};

static float *make(uint32_t count, float offset, struct random *r)
{
    float *rows = memory_alloc((size_t)count * DIM * sizeof *rows);

    for (uint32_t i = 0; i < count * DIM; i++) {
        rows[i] = offset + (float)random_normal(r);
    }
    return rows;
}

static void sample_init(struct sample *s, uint32_t count, float offset, uint32_t breadth)
{
    struct random r;

    random_init(&r, test_seed());
    *s = (struct sample){.count = count};
    s->centroids = make(count, offset, &r);
    s->rows = make(ROWS, offset, &r);
    s->lists = memory_alloc(ROWS * sizeof *s->lists);
    s->distances = memory_alloc(ROWS * sizeof *s->distances);
    struct assign_options o = {
        .centroids = s->centroids, .count = count, .dim = DIM, .breadth = breadth, .threads = 2};
    CHECK_EQ(assign_init(&s->assign, &o), OK);
    assign_scratch_init(&s->scratch, &s->assign);
}

static void sample_done(struct sample *s)
{
    assign_scratch_done(&s->scratch);
    assign_done(&s->assign);
    memory_free(s->centroids);
    memory_free(s->rows);
    memory_free(s->lists);
    memory_free(s->distances);
}

static float distance(const struct sample *s, uint32_t row, uint32_t centroid)
{
    float sum = 0;

    for (uint32_t d = 0; d < DIM; d++) {
        float gap = s->rows[row * DIM + d] - s->centroids[centroid * DIM + d];
        sum += gap * gap;
    }
    return sum;
}

// How many rows got another centroid than the nearest, from which they are told their distance.
static uint32_t count_wrong(const struct sample *s)
{
    uint32_t wrong = 0;

    for (uint32_t i = 0; i < ROWS; i++) {
        CHECK(s->lists[i] < s->count);
        float got = distance(s, i, s->lists[i]);
        float least = INFINITY;
        for (uint32_t c = 0; c < s->count; c++) {
            least = fminf(least, distance(s, i, c));
        }
        CHECK(fabsf(got - s->distances[i]) < 1e-3F);
        wrong += got > least + 1e-3F;
    }
    return wrong;
}

TEST(assign_of_few_centroids_finds_the_nearest)
{
    static const uint32_t counts[] = {1, 2, 63, 500};
    struct sample s;

    for (unsigned i = 0; i < 4; i++) {
        sample_init(&s, counts[i], 0, 0);
        CHECK_EQ(s.assign.group_count, 0);
        assign_rows(&s.assign, &s.scratch, s.rows, ROWS, s.lists, s.distances);
        CHECK_EQ(count_wrong(&s), 0);
        sample_done(&s);
    }
}

TEST(assign_of_many_centroids_finds_nearly_always_the_nearest)
{
    struct sample s;

    sample_init(&s, 1500, 0, 0);
    CHECK(s.assign.group_count > 0);
    assign_rows(&s.assign, &s.scratch, s.rows, ROWS, s.lists, s.distances);
    CHECK(count_wrong(&s) < ROWS / 6); // rows without any structure are the hardest there are
    sample_done(&s);
}

TEST(assign_with_every_group_finds_the_nearest)
{
    struct sample s;

    sample_init(&s, 600, 0, ASSIGN_BREADTH_MAX);
    s.assign.breadth =
        s.assign.group_count < ASSIGN_BREADTH_MAX ? s.assign.group_count : ASSIGN_BREADTH_MAX;
    assign_rows(&s.assign, &s.scratch, s.rows, ROWS, s.lists, s.distances);
    CHECK(count_wrong(&s) <= 1);
    sample_done(&s);
}

TEST(assign_does_not_care_where_the_origin_is)
{
    struct sample s;

    sample_init(&s, 300, 3000, 0);
    assign_rows(&s.assign, &s.scratch, s.rows, ROWS, s.lists, s.distances);
    CHECK_EQ(count_wrong(&s), 0);
    sample_done(&s);
}

TEST(assign_gives_rows_that_are_not_finite_some_centroid)
{
    struct sample s;

    for (uint32_t count = 100; count <= 1000; count += 900) {
        sample_init(&s, count, 0, 0);
        s.rows[3] = NAN;
        s.rows[DIM + 1] = INFINITY;
        assign_rows(&s.assign, &s.scratch, s.rows, 3, s.lists, NULL);
        CHECK(s.lists[0] < count && s.lists[1] < count && s.lists[2] < count);
        sample_done(&s);
    }
}

TEST(assign_takes_centroids_that_are_all_equal)
{
    struct sample s;

    sample_init(&s, 1000, 0, 0);
    assign_scratch_done(&s.scratch);
    assign_done(&s.assign);
    for (uint32_t i = 1; i < s.count; i++) {
        memcpy(s.centroids + (size_t)i * DIM, s.centroids, DIM * sizeof(float));
    }
    struct assign_options o = {
        .centroids = s.centroids, .count = s.count, .dim = DIM, .threads = 1};
    CHECK_EQ(assign_init(&s.assign, &o), OK);
    assign_scratch_init(&s.scratch, &s.assign);
    assign_rows(&s.assign, &s.scratch, s.rows, ROWS, s.lists, s.distances);
    for (uint32_t i = 0; i < ROWS; i++) {
        CHECK_EQ(s.lists[i], 0);
    }
    sample_done(&s);
}

TEST(assign_stops_when_nobody_wants_it)
{
    float *centroids = memory_alloc(600 * sizeof *centroids);
    atomic_bool cancel = true;
    struct assign_options o = {
        .centroids = centroids, .count = 600, .dim = 1, .threads = 1, .cancel = &cancel};
    struct assign a;

    CHECK_EQ(assign_init(&a, &o), ERR_CANCELED);
    CHECK(a.centroids == NULL);
    memory_free(centroids);
}
