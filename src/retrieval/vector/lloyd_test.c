// Crosses threads: rows are assigned and centres moved by several.
#include "retrieval/vector/lloyd.h"

#include "base/memory.h"
#include "base/random.h"

#include "support/test.h"

#include <math.h>
#include <string.h>

enum { ROWS = 3000, DIM = 5, CENTERS = 12 };

static const struct lloyd_options plain = {
    .dim = DIM, .center_count = CENTERS, .iterations = 10, .threads = 1, .seed = 7};

// Rows around CENTERS points, which are far from each other.
static float *make_rows(uint64_t seed)
{
    float *rows = memory_alloc(ROWS * DIM * sizeof *rows);
    struct random r;

    random_init(&r, seed);
    for (int i = 0; i < ROWS; i++) {
        int around = (int)random_below(&r, CENTERS);
        for (int d = 0; d < DIM; d++) {
            double middle = d == around % DIM ? 40 * (around / DIM - 1) + 10 : 0;
            rows[i * DIM + d] = (float)(middle + random_normal(&r));
        }
    }
    return rows;
}

static double mean_square(const float *rows, const float *centers, uint32_t count)
{
    double sum = 0;

    for (int i = 0; i < ROWS; i++) {
        double least = (double)INFINITY;
        for (uint32_t c = 0; c < count; c++) {
            double here = 0;
            for (int d = 0; d < DIM; d++) {
                double gap = (double)rows[i * DIM + d] - (double)centers[c * DIM + (uint32_t)d];
                here += gap * gap;
            }
            least = fmin(least, here);
        }
        sum += least;
    }
    return sum / ROWS;
}

TEST(lloyd_finds_what_rows_gather_around)
{
    float *rows = make_rows(test_seed());
    float centers[4 * CENTERS * DIM];
    struct lloyd_options o = plain;
    uint32_t count = 0;

    o.center_count = 4 * CENTERS; // so that each gathering gets one of them
    CHECK_EQ(lloyd_train(rows, ROWS, &o, centers, &count), OK);
    CHECK_EQ(count, 4 * CENTERS);
    CHECK(mean_square(rows, centers, count) < DIM);
    memory_free(rows);
}

TEST(lloyd_gives_the_same_centers_whatever_the_threads)
{
    float *rows = make_rows(1);
    float one[CENTERS * DIM];
    float many[CENTERS * DIM];
    struct lloyd_options o = plain;
    uint32_t count = 0;

    CHECK_EQ(lloyd_train(rows, ROWS, &o, one, &count), OK);
    for (o.threads = 2; o.threads <= 5; o.threads++) {
        CHECK_EQ(lloyd_train(rows, ROWS, &o, many, &count), OK);
        CHECK(memcmp(one, many, sizeof one) == 0);
    }
    o.seed++;
    CHECK_EQ(lloyd_train(rows, ROWS, &o, many, &count), OK);
    CHECK(memcmp(one, many, sizeof one) != 0);
    memory_free(rows);
}

TEST(lloyd_gives_no_two_centers_to_equal_rows)
{
    float rows[100 * DIM];
    float centers[CENTERS * DIM];
    struct lloyd_options o = plain;
    uint32_t count = 0;

    for (int i = 0; i < 100 * DIM; i++) {
        rows[i] = i < 50 * DIM ? 1 : -3;
    }
    CHECK_EQ(lloyd_train(rows, 50, &o, centers, &count), OK);
    CHECK_EQ(count, 1);
    CHECK(centers[0] == 1 && centers[DIM - 1] == 1);
    CHECK_EQ(lloyd_train(rows, 100, &o, centers, &count), OK);
    CHECK_EQ(count, 2);
    CHECK(centers[0] + centers[DIM] == -2);
}

TEST(lloyd_makes_no_more_centers_than_rows)
{
    float rows[3 * DIM] = {0, 1, 2, 3, 4, 50, 60, 70, 80, 90, -10, -11, -12, -13, -14};
    float centers[CENTERS * DIM];
    uint32_t count = 9;

    CHECK_EQ(lloyd_train(rows, 3, &plain, centers, &count), OK);
    CHECK_EQ(count, 3);
    CHECK_EQ(lloyd_train(rows, 0, &plain, centers, &count), OK);
    CHECK_EQ(count, 0);
}

TEST(lloyd_moves_centers_to_the_mean_and_lets_empty_ones_be)
{
    const float rows[] = {1, 3, 10, 20, 30};
    const uint32_t lists[] = {0, 0, 2, 2, 2};
    float centers[] = {0, 77, 0};
    uint32_t sizes[3];
    struct lloyd_options o = {.dim = 1, .center_count = 3, .threads = 2};

    CHECK_EQ(lloyd_move(rows, lists, 5, &o, centers, sizes), OK);
    CHECK(centers[0] == 2 && centers[1] == 77 && centers[2] == 20);
    CHECK_EQ(sizes[0], 2);
    CHECK_EQ(sizes[1], 0);
    CHECK_EQ(sizes[2], 3);
}

TEST(lloyd_stops_when_nobody_wants_it)
{
    float *rows = make_rows(1);
    float centers[CENTERS * DIM];
    atomic_bool cancel = true;
    struct lloyd_options o = plain;
    uint32_t count = 99;

    o.cancel = &cancel;
    CHECK_EQ(lloyd_train(rows, ROWS, &o, centers, &count), ERR_CANCELED);
    CHECK_EQ(count, 99);
    memory_free(rows);
}
