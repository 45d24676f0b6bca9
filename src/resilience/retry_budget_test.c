#include "resilience/retry_budget.h"

#include "base/random.h"

#include "support/test.h"

// A provider that fails half of all for ten seconds, and callers with two retries each: how many
// calls a request comes to.
static double amplification(uint64_t seed, msec between_ms)
{
    struct retry_budget b;
    struct random r;
    double requests = 0;
    double calls = 0;

    random_init(&r, seed);
    retry_budget_init(&b, 0.2, 5);
    for (msec now = 1'000'000; now < 1'040'000; now += between_ms) {
        bool is_storm = now >= 1'020'000 && now < 1'030'000;
        retry_budget_request(&b, now);
        requests += is_storm;
        calls += is_storm;
        for (int i = 0; is_storm && i < 2; i++) {
            if (random_unit(&r) >= 0.5 || !retry_budget_take(&b, now)) break;
            calls++;
        }
    }
    return calls / requests;
}

TEST(retry_budget_bounds_the_amplification_of_a_storm)
{
    for (uint64_t seed = test_seed(), i = 0; i < 50; i++, seed++) {
        for (msec between = 1; between <= 40; between *= 2) {
            double a = amplification(seed, between);
            if (a > 1.2001)
                test_fail(__FILE__, __LINE__, "%f with %jd ms between requests", a,
                          (intmax_t)between);
            CHECK(a > 1.1);
        }
    }
}

TEST(retry_budget_lets_a_quiet_upstream_be_asked_again)
{
    struct retry_budget b;

    retry_budget_init(&b, 0.2, 2);
    CHECK(retry_budget_take(&b, 5000));
    CHECK(retry_budget_take(&b, 5000));
    CHECK(!retry_budget_take(&b, 5000));
    CHECK(!retry_budget_take(&b, 14'999));
    CHECK(retry_budget_take(&b, 15'000)); // ten seconds later
}

TEST(retry_budget_allows_a_share_of_the_requests)
{
    struct retry_budget b;
    int allowed = 0;

    retry_budget_init(&b, 0.1, 0);
    CHECK(!retry_budget_take(&b, 0));
    for (int i = 0; i < 100; i++) {
        retry_budget_request(&b, i * 90);
    }
    while (retry_budget_take(&b, 9000)) {
        allowed++;
    }
    CHECK_EQ(allowed, 10);
    retry_budget_configure(&b, 0.2, 0);
    CHECK(retry_budget_take(&b, 9000));
    CHECK(!retry_budget_take(&b, 30'000)); // all of that is long ago
}
