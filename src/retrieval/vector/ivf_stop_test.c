#include "retrieval/vector/ivf_stop.h"

#include "support/test.h"

TEST(ivf_stop_waits_until_candidates_are_full)
{
    struct candidate entries[2];
    struct candidates c;
    struct ivf_stop stop;
    struct probe probe = {.reach = 1};

    candidates_init(&c, entries, 2);
    ivf_stop_init(&stop, 0.5F);
    (void)candidates_offer(&c, (struct candidate){.estimate = 1});
    for (int i = 0; i < 10; i++) {
        CHECK(!ivf_stop_after(&stop, &probe, 0, &c));
    }
    (void)candidates_offer(&c, (struct candidate){.estimate = 2});
    CHECK(!ivf_stop_after(&stop, &probe, 2, &c));
    CHECK(ivf_stop_after(&stop, &probe, 0, &c));
}

// How many quiet lists at a distance it takes after a first one at distance 1.
static int count_quiet(float patience, float first, float reach)
{
    struct candidate entries[1];
    struct candidates c;
    struct ivf_stop stop;
    struct probe probe = {.reach = first};
    int count = 1;

    candidates_init(&c, entries, 1);
    (void)candidates_offer(&c, (struct candidate){.estimate = 1});
    ivf_stop_init(&stop, patience);
    CHECK(!ivf_stop_after(&stop, &probe, 1, &c));
    probe.reach = reach;
    while (!ivf_stop_after(&stop, &probe, 0, &c)) {
        count++;
    }
    return count;
}

TEST(ivf_stop_loses_patience_with_far_lists_sooner)
{
    CHECK_EQ(count_quiet(10, 1, 1), 11);
    CHECK_EQ(count_quiet(10, 2, 1), 11); // by another order than that of distance
    CHECK_EQ(count_quiet(10, 1, 1.5F), 5);
    CHECK_EQ(count_quiet(10, 1, 100), 3);
    CHECK_EQ(count_quiet(10, 0, 1), 3);
    CHECK_EQ(count_quiet(10, 0, 0), 11);
}
