#include "resilience/balance.h"

#include "base/random.h"

#include "support/test.h"

enum { DRAWS = 100'000, CHOICES = 8 };

typedef size_t balance_rule(const struct balance_choice *c, size_t n, uint64_t random);

static void count_draws(balance_rule *rule, const struct balance_choice *c, size_t n,
                        unsigned counts[CHOICES + 1])
{
    struct random r;

    random_init(&r, 2001);
    for (size_t i = 0; i <= n; i++) {
        counts[i] = 0;
    }
    for (int i = 0; i < DRAWS; i++) {
        counts[rule(c, n, random_u64(&r))]++;
    }
}

// Pearson's statistic of the counts against the shares that are expected, in thousandths.
static double chi_square(const unsigned *counts, const unsigned *shares, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        double want = (double)shares[i] * DRAWS / 1'000;
        double off = (double)counts[i] - want;

        if (shares[i] > 0) sum += off * off / want;
    }
    return sum;
}

TEST(balance_weighted_draws_in_proportion_to_the_weights)
{
    static const struct balance_choice c[] = {
        {.weight = 500, .is_open = true, .load = 9'000},
        {.weight = 300, .is_open = true},
        {.weight = 150, .is_open = true},
        {.weight = 49, .is_open = true},
        {.weight = 1, .is_open = true},
    };
    static const unsigned shares[] = {500, 300, 150, 49, 1};
    unsigned counts[CHOICES + 1];

    count_draws(balance_weighted, c, 5, counts);
    CHECK(chi_square(counts, shares, 5) < 18.47); // 0.1 % of honest seeds exceed it
    CHECK_EQ(counts[5], 0);
}

TEST(balance_weighted_passes_over_the_closed_and_the_weightless)
{
    static const struct balance_choice c[] = {
        {.weight = 700, .is_open = false}, {.weight = 6, .is_open = true},
        {.weight = 0, .is_open = true},    {.weight = 4, .is_open = true},
        {.weight = 900, .is_open = false},
    };
    static const unsigned shares[] = {0, 600, 0, 400, 0};
    unsigned counts[CHOICES + 1];

    count_draws(balance_weighted, c, 5, counts);
    CHECK(chi_square(counts, shares, 5) < 10.83);
    CHECK_EQ(counts[0] + counts[2] + counts[4] + counts[5], 0);
}

TEST(balance_finds_none_where_none_is_open_with_weight)
{
    static const struct balance_choice c[] = {{.weight = 7}, {.is_open = true}, {.load = 3}};

    for (uint64_t random = 0; random < 1'000; random++) {
        CHECK_EQ(balance_weighted(c, 3, random_mix(random)), 3);
        CHECK_EQ(balance_least_load(c, 3, random_mix(random)), 3);
    }
    CHECK_EQ(balance_weighted(NULL, 0, 5), 0);
    CHECK_EQ(balance_least_load(NULL, 0, 5), 0);
}

TEST(balance_finds_the_only_candidate_whatever_its_load)
{
    static const struct balance_choice c[] = {
        {.weight = 7}, {.weight = UINT32_MAX, .load = UINT32_MAX, .is_open = true}, {.weight = 7}};

    for (uint64_t random = 0; random < 1'000; random++) {
        CHECK_EQ(balance_weighted(c, 3, random_mix(random)), 1);
        CHECK_EQ(balance_least_load(c, 3, random_mix(random)), 1);
    }
}

TEST(balance_least_load_draws_by_weight_among_the_equally_loaded)
{
    static const struct balance_choice c[] = {
        {.weight = 5, .load = 2, .is_open = true},
        {.weight = 5, .load = 2, .is_open = true},
        {.weight = 5, .load = 2, .is_open = true},
        {.weight = 5, .load = 2, .is_open = true},
    };
    static const unsigned shares[] = {250, 250, 250, 250};
    unsigned counts[CHOICES + 1];

    count_draws(balance_least_load, c, 4, counts);
    CHECK(chi_square(counts, shares, 4) < 16.27);
}

TEST(balance_least_load_takes_the_better_of_two_different)
{
    // With equal weights each of the six pairs is drawn as often: the emptiest wins three of them,
    // the next two, the third one, the fullest none.
    static const struct balance_choice c[] = {
        {.weight = 5, .load = 40, .is_open = true},
        {.weight = 5, .load = 10, .is_open = true},
        {.weight = 5, .load = 30, .is_open = true},
        {.weight = 5, .load = 20, .is_open = true},
    };
    static const unsigned sixths[] = {0, 500, 167, 333};
    unsigned counts[CHOICES + 1];

    count_draws(balance_least_load, c, 4, counts);
    CHECK(chi_square(counts, sixths, 4) < 13.82);
    CHECK_EQ(counts[0], 0);
}

TEST(balance_least_load_compares_load_for_weight_without_overflow)
{
    struct balance_choice c[] = {
        {.weight = UINT32_MAX, .load = UINT32_MAX, .is_open = true},
        {.weight = UINT32_MAX, .load = UINT32_MAX - 1, .is_open = true},
    };

    for (uint64_t random = 0; random < 1'000; random++) {
        CHECK_EQ(balance_least_load(c, 2, random_mix(random)), 1);
    }
    c[1].weight = 1;
    for (uint64_t random = 0; random < 1'000; random++) {
        CHECK_EQ(balance_least_load(c, 2, random_mix(random)), 0);
    }
}

// Puts `count` calls that stay, one after the other, and returns the highest load for its weight.
static double fill(balance_rule *rule, struct balance_choice *c, size_t n, int count)
{
    struct random r;
    double highest = 0;

    random_init(&r, 31);
    for (int i = 0; i < count; i++) {
        c[rule(c, n, random_u64(&r))].load++;
    }
    for (size_t i = 0; i < n; i++) {
        double share = (double)c[i].load / c[i].weight;
        if (share > highest) highest = share;
    }
    return highest;
}

TEST(balance_least_load_fills_in_proportion_to_the_weights)
{
    struct balance_choice c[CHOICES];
    double highest[2];

    for (int round = 0; round < 2; round++) {
        uint32_t total = 0;

        for (uint32_t i = 0; i < CHOICES; i++) {
            c[i] = (struct balance_choice){.weight = 1 + i % 4, .is_open = true};
            total += c[i].weight;
        }
        balance_rule *rule = round ? balance_least_load : balance_weighted;
        highest[round] = fill(rule, c, CHOICES, 100 * (int)total);
    }
    CHECK(highest[1] <= 103); // of 100 on average
    CHECK(highest[0] > 105);  // which weight alone does not reach
}
