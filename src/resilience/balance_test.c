#include "resilience/balance.h"

#include "base/random.h"

#include "support/test.h"

enum { DRAWS = 60'000 };

TEST(balance_draws_by_weight_without_bias)
{
    const struct balance_choice c[] = {{.weight = 5, .is_open = true},
                                       {.weight = 3, .is_open = false},
                                       {.weight = 1, .is_open = true},
                                       {.weight = 0, .is_open = true},
                                       {.weight = 4, .is_open = true}};
    double seen[5] = {0};
    struct random r;
    double chi = 0;

    random_init(&r, test_seed());
    for (int i = 0; i < DRAWS; i++) {
        seen[balance_weighted(c, 5, random_u64(&r))]++;
    }
    CHECK_EQ(seen[1], 0);
    CHECK_EQ(seen[3], 0);
    for (int i = 0; i < 5; i += 2) {
        double want = DRAWS * c[i].weight / 10.0;
        chi += (seen[i] - want) * (seen[i] - want) / want;
    }
    CHECK(chi < 27.6); // two degrees of freedom: one run in a million
}

TEST(balance_finds_nobody_where_nobody_may_be_chosen)
{
    const struct balance_choice c[] = {{.weight = 5}, {.weight = 0, .is_open = true}};

    CHECK_EQ(balance_weighted(c, 2, 7), 2);
    CHECK_EQ(balance_least_load(c, 2, 7), 2);
    CHECK_EQ(balance_weighted(c, 0, 7), 0);
}

// As many requests as come at once to ten targets: how long the longest queue is.
static uint32_t longest(bool is_by_load, uint64_t seed)
{
    struct balance_choice c[10];
    struct random r;
    uint32_t most = 0;

    random_init(&r, seed);
    for (int i = 0; i < 10; i++) {
        c[i] = (struct balance_choice){.weight = 1, .is_open = true};
    }
    for (int i = 0; i < 1000; i++) {
        uint64_t random = random_u64(&r);
        c[is_by_load ? balance_least_load(c, 10, random) : balance_weighted(c, 10, random)].load++;
    }
    for (int i = 0; i < 10; i++) {
        if (c[i].load > most) most = c[i].load;
    }
    return most;
}

TEST(balance_keeps_queues_short_by_the_power_of_two_choices)
{
    for (uint64_t seed = test_seed(), i = 0; i < 20; i++, seed++) {
        CHECK(longest(true, seed) <= 104);
        CHECK(longest(false, seed) > 104);
    }
}

TEST(balance_weighs_the_load)
{
    struct balance_choice c[] = {{.weight = 1, .load = 3, .is_open = true},
                                 {.weight = 4, .load = 9, .is_open = true}};
    struct random r;

    random_init(&r, test_seed());
    for (int i = 0; i < 100; i++) {
        size_t at = balance_least_load(c, 2, random_u64(&r));
        c[at].load++;
    }
    CHECK(c[0].load >= 20 && c[0].load <= 28); // a fifth of all
}
