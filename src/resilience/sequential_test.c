#include "resilience/sequential.h"

#include "base/random.h"

#include "support/test.h"

TEST(sequential_three_hits_of_three_are_over_the_lowest_bar_and_two_are_not)
{
    struct sequential s = {0};

    sequential_aim(&s, 0.03, 0.515);
    sequential_note(&s, 1, true);
    sequential_note(&s, 2, true);
    CHECK(s.score < sequential_bar(0));
    sequential_note(&s, 3, true);
    CHECK(s.score > sequential_bar(0));
    CHECK(sequential_exceeds(&s, 3, sequential_bar(0), 0));
}

TEST(sequential_holds_no_good_news_against_bad_news)
{
    struct sequential s = {0};

    sequential_aim(&s, 0.1, 0.5);
    for (msec now = 0; now < 100; now++) {
        sequential_note(&s, now, false);
    }
    CHECK(s.score == 0);
    sequential_note(&s, 100, true);
    sequential_note(&s, 101, true);
    CHECK(s.score == 2 * s.hit);
    for (msec now = 102; now < 110; now++) {
        sequential_note(&s, now, false);
    }
    CHECK_EQ(s.hits, 0);
}

// Notes so many hits from `now` on, one a millisecond, and whether they exceed a bar of 10 with an
// age of 100.
static bool exceeds(struct sequential *s, msec now, unsigned hits)
{
    for (unsigned i = 0; i < hits; i++, now++) {
        sequential_note(s, now, true);
        if (sequential_exceeds(s, now, 10, 100)) return true;
    }
    return false;
}

TEST(sequential_wants_evidence_that_lasts)
{
    struct sequential s = {0};

    sequential_aim(&s, 0.03, 0.515);
    CHECK(!exceeds(&s, 0, 90));
    CHECK(exceeds(&s, 102, 10));
}

TEST(sequential_forgets_a_burst_soon_after)
{
    struct sequential s = {0};

    sequential_aim(&s, 0.03, 0.515);
    CHECK(!exceeds(&s, 0, 90));
    for (msec now = 90; now < 110; now++) {
        sequential_note(&s, now, false);
        CHECK(!sequential_exceeds(&s, now, 10, 100));
    }
    CHECK(!exceeds(&s, 110, 10));
}

TEST(sequential_conversion_is_as_if_the_miss_had_been_a_hit)
{
    struct sequential s = {0}, direct = {0};

    sequential_aim(&s, 0.03, 0.515);
    sequential_aim(&direct, 0.03, 0.515);
    for (msec now = 0; now < 3; now++) {
        sequential_note(&direct, now, true);
        sequential_note(&s, now, true);
    }
    sequential_note(&s, 3, false);
    sequential_convert(&s, 4);
    sequential_note(&direct, 3, true);
    CHECK(s.score > direct.score - 1e-9 && s.score < direct.score + 1e-9);
}

// Crossings a million healthy observations make, each of which starts over.
static unsigned crossings(double rate, double window)
{
    struct sequential s = {0};
    struct random random;
    unsigned count = 0;

    random_init(&random, 7);
    sequential_aim(&s, 0.03, 0.515);
    for (msec now = 0; now < 1'000'000; now++) {
        sequential_note(&s, now, random_unit(&random) < rate);
        if (s.score <= sequential_bar(window)) continue;
        count++;
        sequential_clear(&s);
    }
    return count;
}

TEST(sequential_chance_rarely_crosses_a_bar_that_rises_with_the_traffic)
{
    // 10,000 windows of 100 observations: one in a thousand may cross.
    CHECK(crossings(0.03, 100) <= 10);
    CHECK(crossings(0.03, 0) > crossings(0.03, 100));
    CHECK(crossings(0.3, 100) > 10'000);
}

TEST(sequential_share_proves_little_of_few)
{
    CHECK(sequential_share(0, 0) == 0);
    CHECK(sequential_share(0, 10) < 1e-12);
    CHECK(sequential_share(1, 5) < 0.045);
    CHECK(sequential_share(5, 5) > 0.4);
    CHECK(sequential_share(50, 500) > 0.07);
    CHECK(sequential_share(50, 500) < 0.1);
}
