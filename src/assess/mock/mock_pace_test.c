#include "assess/mock/mock_pace.h"

#include "support/test.h"

#include <stdlib.h>

enum { DRAWS = 20001 };

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void draw(const struct mock_pace *p, uint64_t seed, int64_t *out)
{
    struct random r;

    random_init(&r, seed);
    for (size_t i = 0; i < DRAWS; i++) {
        out[i] = mock_pace_next(p, &r, i);
        CHECK(out[i] >= 0 && out[i] <= MOCK_PACE_MAX_US);
    }
}

static double mean_of(const int64_t *draws)
{
    double sum = 0;

    for (size_t i = 0; i < DRAWS; i++) {
        sum += (double)draws[i];
    }
    return sum / DRAWS;
}

static bool is_near(double got, double want, double share)
{
    return got > want * (1 - share) && got < want * (1 + share);
}

TEST(mock_pace_same_seed_gives_the_same_waits_and_another_seed_others)
{
    static int64_t first[DRAWS];
    static int64_t second[DRAWS];
    struct mock_pace p = {.kind = MOCK_PACE_LOGNORMAL, .first_us = 20'000, .sigma = 0.5};
    size_t same = 0;

    draw(&p, 7, first);
    draw(&p, 7, second);
    for (size_t i = 0; i < DRAWS; i++) {
        CHECK_EQ(first[i], second[i]);
    }
    draw(&p, 8, second);
    for (size_t i = 0; i < DRAWS; i++) {
        same += first[i] == second[i];
    }
    CHECK(same < DRAWS / 100);
}

TEST(mock_pace_lognormal_has_its_median_and_the_mean_that_follows)
{
    static int64_t draws[DRAWS];
    struct mock_pace p = {.kind = MOCK_PACE_LOGNORMAL, .first_us = 20'000, .sigma = 0.5};

    draw(&p, test_seed(), draws);
    CHECK(is_near(mean_of(draws), 20'000 * 1.1331, 0.03)); // exp(sigma^2 / 2)
    qsort(draws, DRAWS, sizeof(draws[0]), compare);
    CHECK(is_near((double)draws[DRAWS / 2], 20'000, 0.03));
}

TEST(mock_pace_normal_has_its_mean_and_is_never_negative)
{
    static int64_t draws[DRAWS];
    struct mock_pace narrow = {.kind = MOCK_PACE_NORMAL, .first_us = 20'000, .second_us = 5'000};
    struct mock_pace wide = {.kind = MOCK_PACE_NORMAL, .first_us = 10, .second_us = 50'000};

    draw(&narrow, test_seed(), draws);
    CHECK(is_near(mean_of(draws), 20'000, 0.02));
    draw(&wide, test_seed(), draws);
    qsort(draws, DRAWS, sizeof(draws[0]), compare);
    CHECK_EQ(draws[0], 0);
}

TEST(mock_pace_uniform_stays_within_its_ends)
{
    static int64_t draws[DRAWS];
    struct mock_pace p = {.kind = MOCK_PACE_UNIFORM, .first_us = 1'000, .second_us = 3'000};

    draw(&p, test_seed(), draws);
    CHECK(is_near(mean_of(draws), 2'000, 0.02));
    qsort(draws, DRAWS, sizeof(draws[0]), compare);
    CHECK(draws[0] >= 1'000 && draws[DRAWS - 1] <= 3'000);
}

TEST(mock_pace_recorded_comes_in_order_and_again)
{
    static const int64_t waits[] = {5, 7, 11};
    struct mock_pace p = {.kind = MOCK_PACE_RECORDED, .recorded = waits, .count = 3};
    struct mock_pace none = {.kind = MOCK_PACE_RECORDED};

    CHECK_EQ(mock_pace_next(&p, NULL, 0), 5);
    CHECK_EQ(mock_pace_next(&p, NULL, 2), 11);
    CHECK_EQ(mock_pace_next(&p, NULL, 3), 5);
    CHECK_EQ(mock_pace_next(&none, NULL, 3), 0);
}

TEST(mock_pace_of_absurd_width_is_bounded)
{
    static int64_t draws[DRAWS];
    struct mock_pace p = {.kind = MOCK_PACE_LOGNORMAL, .first_us = MOCK_PACE_MAX_US, .sigma = 10};

    draw(&p, test_seed(), draws); // which checks the bounds
}
