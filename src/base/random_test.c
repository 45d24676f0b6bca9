#include "base/random.h"

#include "support/test.h"

#include <math.h>

TEST(random_same_seed_same_numbers)
{
    struct random a;
    struct random b;
    struct random c;

    random_init(&a, 42);
    random_init(&b, 42);
    random_init(&c, 43);
    uint64_t first = random_u64(&a);
    CHECK(first == random_u64(&b));
    CHECK(first != random_u64(&c));
}

TEST(random_mix_matches_the_published_splitmix64)
{
    // The first outputs for seed 0, as published with the algorithm.
    CHECK(random_mix(0) == UINT64_C(0xe220a8397b1dcdaf));
    CHECK(random_mix(UINT64_C(0x9e3779b97f4a7c15)) == UINT64_C(0x6e789e6aa1b965f4));
}

TEST(random_below_is_even_and_in_range)
{
    struct random r;
    int counts[10] = {0};

    random_init(&r, 1);
    for (int i = 0; i < 100'000; i++) {
        counts[random_below(&r, 10)]++;
    }
    for (int i = 0; i < 10; i++) {
        CHECK(counts[i] > 9'500 && counts[i] < 10'500);
    }
    CHECK_EQ(random_below(&r, 1), 0);
}

TEST(random_normal_has_mean_0_and_deviation_1)
{
    struct random r;
    double sum = 0;
    double squares = 0;
    int count = 100'000;

    random_init(&r, 2);
    for (int i = 0; i < count; i++) {
        double x = random_normal(&r);
        CHECK(isfinite(x));
        sum += x;
        squares += x * x;
    }
    CHECK(fabs(sum / count) < 0.02);
    CHECK(fabs(squares / count - 1.0) < 0.03);
}
