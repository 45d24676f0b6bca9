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
    CHECK_EQ(s.since, 1);
}

TEST(sequential_forgets_good_news_and_remembers_when_bad_news_began)
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
    CHECK_EQ(s.since, 100);
    for (msec now = 102; now < 110; now++) {
        sequential_note(&s, now, false);
    }
    sequential_note(&s, 200, true);
    CHECK_EQ(s.since, 200);
    CHECK_EQ(s.hits, 1);
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
