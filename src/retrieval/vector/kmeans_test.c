// Crosses threads: cells are split by several.
#include "retrieval/vector/kmeans.h"

#include "base/memory.h"
#include "base/random.h"
#include "retrieval/vector/assign.h"

#include "support/test.h"

#include <math.h>
#include <string.h>

enum { ROWS = 12'000, DIM = 8, LISTS = 400 };

struct trained {
    float *sample;
    float *centroids;
    uint32_t count;
};

// Rows in a few hundred gatherings of different sizes, away from the origin.
static float *make_sample(uint64_t seed)
{
    float *rows = memory_alloc((size_t)ROWS * DIM * sizeof *rows);
    float middles[200 * DIM];
    struct random r;

    random_init(&r, seed);
    for (int i = 0; i < 200 * DIM; i++) {
        middles[i] = (float)(100 + 8 * random_normal(&r));
    }
    for (int i = 0; i < ROWS; i++) {
        uint64_t around = random_below(&r, 1 + random_below(&r, 200));
        for (uint64_t d = 0; d < DIM; d++) {
            rows[(uint64_t)i * DIM + d] = middles[around * DIM + d] + (float)random_normal(&r);
        }
    }
    return rows;
}

static void train(struct trained *t, uint32_t lists, unsigned threads, uint64_t seed)
{
    struct kmeans_options o = {.dim = DIM, .list_count = lists, .threads = threads, .seed = seed};

    *t = (struct trained){.sample = make_sample(5)};
    t->centroids = memory_alloc((size_t)lists * DIM * sizeof *t->centroids);
    CHECK_EQ(kmeans_train(t->sample, ROWS, &o, t->centroids, &t->count), OK);
}

static void trained_done(struct trained *t)
{
    memory_free(t->sample);
    memory_free(t->centroids);
}

// The mean squared distance of rows from their centroids, and the size of the largest list.
static double judge(const struct trained *t, uint32_t *largest)
{
    struct assign_options o = {
        .centroids = t->centroids, .count = t->count, .dim = DIM, .threads = 1};
    struct assign a;
    struct assign_scratch s;
    float *rows = make_sample(5);
    uint32_t *lists = memory_alloc(ROWS * sizeof *lists);
    uint32_t *sizes = memory_alloc(t->count * sizeof *sizes);
    float *distances = memory_alloc(ROWS * sizeof *distances);
    double sum = 0;

    CHECK_EQ(assign_init(&a, &o), OK);
    assign_scratch_init(&s, &a);
    assign_rows(&a, &s, rows, ROWS, lists, distances);
    *largest = 0;
    for (int i = 0; i < ROWS; i++) {
        sum += (double)distances[i];
        if (++sizes[lists[i]] > *largest) *largest = sizes[lists[i]];
    }
    assign_scratch_done(&s);
    assign_done(&a);
    memory_free(rows);
    memory_free(lists);
    memory_free(sizes);
    memory_free(distances);
    return sum / ROWS;
}

TEST(kmeans_on_two_levels_comes_near_to_one_level)
{
    struct trained one;
    struct trained two;
    uint32_t largest = 0;

    train(&one, 256, 2, 1);
    train(&two, 257, 2, 1);
    CHECK_EQ(two.count, 257);
    double plain = judge(&one, &largest);
    CHECK(judge(&two, &largest) < 1.1 * plain);
    CHECK(largest < 6 * ROWS / 257);
    trained_done(&one);
    trained_done(&two);
}

TEST(kmeans_gives_the_same_lists_whatever_the_threads)
{
    struct trained one;
    struct trained other;

    train(&one, LISTS, 1, 3);
    for (unsigned threads = 2; threads <= 4; threads++) {
        train(&other, LISTS, threads, 3);
        CHECK_EQ(other.count, one.count);
        CHECK(memcmp(one.centroids, other.centroids, one.count * DIM * sizeof(float)) == 0);
        trained_done(&other);
    }
    train(&other, LISTS, 2, 4);
    CHECK(memcmp(one.centroids, other.centroids, one.count * DIM * sizeof(float)) != 0);
    trained_done(&other);
    trained_done(&one);
}

TEST(kmeans_makes_one_list_of_equal_rows)
{
    float *sample = memory_alloc((size_t)ROWS * DIM * sizeof *sample);
    float *centroids = memory_alloc((size_t)LISTS * DIM * sizeof *centroids);
    struct kmeans_options o = {.dim = DIM, .list_count = LISTS, .threads = 2, .seed = 1};
    uint32_t count = 0;

    for (int i = 0; i < ROWS * DIM; i++) {
        sample[i] = 0.3F;
    }
    CHECK_EQ(kmeans_train(sample, ROWS, &o, centroids, &count), OK);
    CHECK_EQ(count, 1);
    CHECK(fabsf(centroids[0] - 0.3F) < 1e-6F);
    memory_free(sample);
    memory_free(centroids);
}

TEST(kmeans_makes_no_more_lists_than_rows)
{
    struct kmeans_options o = {.dim = DIM, .list_count = LISTS, .threads = 2, .seed = 1};
    float *sample = make_sample(2);
    float *centroids = memory_alloc((size_t)LISTS * DIM * sizeof *centroids);
    uint32_t count = 9;

    CHECK_EQ(kmeans_train(sample, 0, &o, centroids, &count), OK);
    CHECK_EQ(count, 0);
    CHECK_EQ(kmeans_train(sample, 1, &o, centroids, &count), OK);
    CHECK_EQ(count, 1);
    CHECK_EQ(kmeans_train(sample, LISTS - 1, &o, centroids, &count), OK);
    CHECK(count > LISTS / 3 && count < LISTS);
    memory_free(sample);
    memory_free(centroids);
}

TEST(kmeans_takes_the_longest_and_the_shortest_rows)
{
    static const uint32_t dims[] = {1, 4096};

    for (unsigned i = 0; i < 2; i++) {
        struct kmeans_options o = {.dim = dims[i], .list_count = 300, .threads = 2, .seed = 1};
        float *sample = memory_alloc((size_t)600 * dims[i] * sizeof *sample);
        float *centroids = memory_alloc((size_t)300 * dims[i] * sizeof *centroids);
        uint32_t count = 0;
        for (uint32_t k = 0; k < 600 * dims[i]; k++) {
            sample[k] = (float)(random_mix(k) % 1000);
        }
        CHECK_EQ(kmeans_train(sample, 600, &o, centroids, &count), OK);
        CHECK(count > 100);
        memory_free(sample);
        memory_free(centroids);
    }
}

TEST(kmeans_stops_when_nobody_wants_it)
{
    atomic_bool cancel = true;
    struct kmeans_options o = {
        .dim = DIM, .list_count = LISTS, .threads = 2, .seed = 1, .cancel = &cancel};
    float *sample = make_sample(2);
    float *centroids = memory_alloc((size_t)LISTS * DIM * sizeof *centroids);
    uint32_t count = 9;

    CHECK_EQ(kmeans_train(sample, ROWS, &o, centroids, &count), ERR_CANCELED);
    CHECK_EQ(count, 9);
    memory_free(sample);
    memory_free(centroids);
}
