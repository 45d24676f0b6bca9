#include "resilience/deadline.h"

#include "base/random.h"

#include "support/test.h"

TEST(deadline_of_a_chain_is_what_the_shortest_hop_leaves)
{
    // The caller gives 500 ms; the hops below it may take 100 and 200.
    static const struct {
        msec spent;
        msec at_first;
        msec at_second; // begun 30 ms into the first
    } rows[] = {
        {0, 100, 70}, {100, 100, 70}, {390, 100, 70}, {410, 90, 60}, {450, 50, 20}, {480, 20, 0},
    };
    deadline caller = deadline_after(1'000, 500);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        msec now = 1'000 + rows[i].spent;
        deadline first = deadline_child(caller, now, 100);
        deadline second = deadline_child(first, now + 30, 200);

        CHECK_EQ(deadline_left(caller, now), 500 - rows[i].spent);
        CHECK_EQ(deadline_left(first, now), rows[i].at_first);
        CHECK_EQ(deadline_left(second, now + 30), rows[i].at_second);
    }
}

TEST(deadline_of_hops_side_by_side_shrinks_with_what_is_spent)
{
    deadline caller = deadline_after(0, 500);

    for (msec spent = 0; spent <= 450; spent++) {
        msec left = 500 - spent;
        deadline lookup = deadline_child(caller, spent, 100);
        deadline call = deadline_child(caller, spent, 200);

        CHECK_EQ(deadline_left(lookup, spent), left < 100 ? left : 100);
        CHECK_EQ(deadline_left(call, spent), left < 200 ? left : 200);
    }
}

TEST(deadline_is_over_from_its_instant_on)
{
    deadline d = deadline_after(100, 50);

    CHECK(!deadline_is_over(d, 149));
    CHECK(deadline_is_over(d, 150));
    CHECK(deadline_is_over(d, 151));
    CHECK_EQ(deadline_left(d, 149), 1);
    CHECK_EQ(deadline_left(d, 1'000), 0);
    CHECK(deadline_is_over(deadline_after(100, 0), 100));
    CHECK(deadline_is_over(deadline_after(100, -7), 100));
    CHECK_EQ(deadline_after(100, -7).at, 100);
}

TEST(deadline_admits_only_what_can_finish)
{
    deadline d = deadline_after(0, 100);

    CHECK(deadline_admits(d, 0, 100));
    CHECK(!deadline_admits(d, 1, 100));
    CHECK(deadline_admits(d, 99, 0));
    CHECK(!deadline_admits(d, 100, 0));
    CHECK(deadline_admits(deadline_never(), 100, TIME_NEVER));
}

TEST(deadline_never_is_never_over_and_yields_to_any_other)
{
    deadline never = deadline_never();

    CHECK(!deadline_is_over(never, TIME_NEVER - 1));
    CHECK(!deadline_is_over(never, TIME_NEVER));
    CHECK_EQ(deadline_left(never, 5), TIME_NEVER);
    CHECK_EQ(deadline_sooner(never, deadline_after(1, 2)).at, 3);
    CHECK_EQ(deadline_sooner(deadline_after(1, 2), never).at, 3);
    CHECK_EQ(deadline_child(never, 5, TIME_NEVER).at, TIME_NEVER);
}

TEST(deadline_sums_past_the_end_of_time_are_never)
{
    CHECK_EQ(deadline_after(10, TIME_NEVER).at, TIME_NEVER);
    CHECK_EQ(deadline_after(-10, TIME_NEVER).at, TIME_NEVER);
    CHECK_EQ(deadline_after(10, TIME_NEVER - 5).at, TIME_NEVER);
    CHECK_EQ(deadline_after(TIME_NEVER - 1, 1).at, TIME_NEVER);
    CHECK_EQ(deadline_after(TIME_NEVER, INT64_MIN).at, TIME_NEVER);
    CHECK_EQ(deadline_left((deadline){.at = TIME_NEVER - 1}, INT64_MIN), TIME_NEVER);
}

TEST(deadline_of_a_child_is_never_beyond_its_parents)
{
    struct random r;

    random_init(&r, test_seed());
    for (int i = 0; i < 10'000; i++) {
        deadline d = deadline_after(0, (msec)(random_u64(&r) >> random_below(&r, 64) >> 1));
        msec now = 0;

        for (int hop = 0; hop < 8; hop++) {
            deadline parent = d;
            now += (msec)random_below(&r, 1'000);
            d = deadline_child(parent, now, (msec)random_below(&r, 5'000));
            CHECK(d.at <= parent.at);
            CHECK(deadline_left(d, now) <= deadline_left(parent, now));
            CHECK(deadline_left(d, now) >= 0);
            CHECK(!deadline_is_over(parent, now) || deadline_is_over(d, now));
        }
    }
}
