#include "resilience/latency_base.h"

#include "support/test.h"

static struct latency_base learned(double p95)
{
    return (struct latency_base){.p95 = p95, .batches = 1000};
}

TEST(latency_base_knows_nothing_before_its_first_ten_calls)
{
    struct latency_base l = {0};

    CHECK_EQ(latency_base_limit(&l, 1.3, 800), TIME_NEVER);
    latency_base_learn(&l, 9, 0, 500);
    CHECK_EQ(latency_base_ms(&l), -1);
    latency_base_learn(&l, 1, 0, 1000);
    CHECK_EQ(latency_base_ms(&l), 1000);
    CHECK_EQ(latency_base_limit(&l, 1.3, 800), 2600);
}

TEST(latency_base_limit_tightens_with_knowledge_and_keeps_its_floor)
{
    struct latency_base l = learned(1000);

    CHECK(latency_base_limit(&l, 1.3, 800) < 1310);
    l.p95 = 100;
    CHECK_EQ(latency_base_limit(&l, 1.3, 800), 800);
}

TEST(latency_base_rests_where_a_twentieth_is_above)
{
    struct latency_base l = learned(1000);

    latency_base_learn(&l, 100, 5, -1);
    CHECK(l.p95 > 999.99 && l.p95 < 1000.01);
}

TEST(latency_base_follows_a_slide_by_less_than_two_percent_a_minute)
{
    struct latency_base l = learned(1000);

    for (int look = 0; look < 6; look++) {
        latency_base_learn(&l, 50, 50, 5000);
    }
    CHECK(l.p95 < 1020);
    CHECK(l.p95 > 1010);
}

TEST(latency_base_that_nothing_reaches_falls_faster_at_last)
{
    struct latency_base l = learned(3000);

    for (int look = 0; look < 30; look++) {
        latency_base_learn(&l, 50, 0, 900);
    }
    CHECK(l.p95 > 2900);
    for (int look = 0; look < 120; look++) {
        latency_base_learn(&l, 50, 0, 900);
    }
    CHECK(l.p95 < 1000);
}

TEST(latency_base_gathers_scarce_calls_into_a_batch)
{
    struct latency_base l = learned(1000);

    for (int i = 0; i < 3; i++) {
        latency_base_learn(&l, 5, 5, -1);
    }
    CHECK(l.p95 == 1000);
    latency_base_learn(&l, 5, 5, -1);
    CHECK(l.p95 > 1000);
}

TEST(latency_base_yields_by_a_tenth)
{
    struct latency_base l = learned(1000);

    latency_base_yield(&l);
    CHECK_EQ(latency_base_ms(&l), 1100);
}
