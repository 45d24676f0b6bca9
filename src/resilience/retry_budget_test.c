#include "resilience/retry_budget.h"

#include "base/random.h"

#include "support/test.h"

#include <string.h>

enum { ATTEMPTS = 3 };

struct load {
    uint64_t requests;
    uint64_t attempts;
};

// Requests at `rate` a second over [from, to), of whose attempts a share fails.
static struct load run(struct retry_budget *b, struct random *r, msec from, msec to, unsigned rate,
                       double failing)
{
    struct load load = {0};
    msec count = (to - from) * rate / 1'000;

    for (msec i = 0; i < count; i++) {
        msec now = from + i * 1'000 / rate;

        retry_budget_request(b, now);
        load.requests++;
        load.attempts++;
        for (int attempt = 1; attempt < ATTEMPTS && random_unit(r) < failing; attempt++) {
            if (!retry_budget_take(b, now)) break;
            load.attempts++;
        }
    }
    return load;
}

static double amplification(struct load load)
{
    return (double)load.attempts / (double)load.requests;
}

TEST(retry_budget_bounds_the_load_while_half_of_all_attempts_fail)
{
    static const unsigned rates[] = {10, 20, 50, 100, 200, 500, 1'000};
    struct random r;

    random_init(&r, test_seed());
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        struct retry_budget b;

        retry_budget_init(&b, 0.2, 3);
        double during = amplification(run(&b, &r, 0, 10'000, rates[i], 0.5));
        CHECK(during <= 1.2);
        CHECK(during > 1.15); // and it is used: 1.75 without a budget
    }
}

TEST(retry_budget_recovers_at_once)
{
    static const unsigned rates[] = {10, 50, 200, 1'000};
    struct random r;

    random_init(&r, test_seed());
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        struct retry_budget b;

        retry_budget_init(&b, 0.2, 0);
        (void)run(&b, &r, 0, 20'000, rates[i], 1);
        CHECK(!retry_budget_take(&b, 19'999));
        // One failure in ten is within the budget: from the second on that follows the failures,
        // each retry that is asked for starts.
        (void)run(&b, &r, 20'000, 21'000, rates[i], 0);
        for (msec now = 21'000; now < 40'000; now += 10'000 / rates[i]) {
            (void)run(&b, &r, now, now + 10'000 / rates[i], rates[i], 0);
            CHECK(retry_budget_take(&b, now + 10'000 / rates[i] - 1));
        }
    }
}

TEST(retry_budget_of_a_quiet_route_is_the_floor)
{
    struct retry_budget b;

    retry_budget_init(&b, 0.2, 3);
    retry_budget_request(&b, 500);
    for (int i = 0; i < 3; i++) {
        CHECK(retry_budget_take(&b, 500));
    }
    CHECK(!retry_budget_take(&b, 500));
    CHECK(!retry_budget_take(&b, 9'999));
    CHECK(retry_budget_take(&b, 10'000)); // the second of the three has left the window
}

TEST(retry_budget_counts_whole_retries_only)
{
    struct retry_budget b;

    retry_budget_init(&b, 0.2, 0);
    for (int i = 0; i < 4; i++) {
        retry_budget_request(&b, 0);
        CHECK(!retry_budget_take(&b, 0));
    }
    retry_budget_request(&b, 0);
    CHECK(retry_budget_take(&b, 0));
    CHECK(!retry_budget_take(&b, 0));
}

TEST(retry_budget_of_nothing_forbids_retries)
{
    struct retry_budget b;

    retry_budget_init(&b, 0, 0);
    for (int i = 0; i < 1'000; i++) {
        retry_budget_request(&b, i);
        CHECK(!retry_budget_take(&b, i));
    }
}

TEST(retry_budget_configure_keeps_the_counts)
{
    struct retry_budget b;

    retry_budget_init(&b, 0.2, 0);
    for (int i = 0; i < 10; i++) {
        retry_budget_request(&b, 100);
    }
    CHECK(retry_budget_take(&b, 100));
    CHECK(retry_budget_take(&b, 100));
    CHECK(!retry_budget_take(&b, 100));
    retry_budget_configure(&b, 0.3, 0);
    CHECK(retry_budget_take(&b, 100));
    CHECK(!retry_budget_take(&b, 100));
    retry_budget_configure(&b, 0, 0);
    CHECK(!retry_budget_take(&b, 100));
}

TEST(retry_budget_takes_an_earlier_time_for_the_last)
{
    struct retry_budget b;

    retry_budget_init(&b, 0.5, 0);
    retry_budget_request(&b, 50'000);
    retry_budget_request(&b, 10'000);
    CHECK(retry_budget_take(&b, 20'000));
    CHECK(!retry_budget_take(&b, 59'999));
}

enum { PLAIN_SECONDS = 4'000 };

// What the budget should be, by counting again all that happened in the last ten seconds.
struct plain {
    uint32_t requests[PLAIN_SECONDS];
    uint32_t retries[PLAIN_SECONDS];
};

static bool plain_allows(const struct plain *p, msec now)
{
    uint64_t requests = 0;
    uint64_t retries = 0;

    for (msec second = now / 1'000; second >= 0 && second > now / 1'000 - 10; second--) {
        requests += p->requests[second];
        retries += p->retries[second];
    }
    return retries < (requests / 4 > 2 ? requests / 4 : 2);
}

TEST(retry_budget_agrees_with_a_plain_recount_over_random_traffic)
{
    static struct plain p;
    struct retry_budget b;
    struct random r;
    msec now = 0;

    memset(&p, 0, sizeof(p));
    random_init(&r, test_seed());
    retry_budget_init(&b, 0.25, 2);
    while (now < PLAIN_SECONDS * 1'000 - 40'000) {
        // Mostly close together, at times a gap about as long as the window or far longer.
        now += (msec)random_below(&r, random_below(&r, 200) ? 200 : 40'000);
        if (random_below(&r, 3)) {
            retry_budget_request(&b, now);
            p.requests[now / 1'000]++;
        } else {
            bool is_allowed = plain_allows(&p, now);
            CHECK_EQ(retry_budget_take(&b, now), is_allowed);
            p.retries[now / 1'000] += is_allowed;
        }
    }
}
