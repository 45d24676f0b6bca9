#include "resilience/token_bucket.h"

#include "base/random.h"

#include "support/test.h"

static const struct limiter_sample good = {.latency = 10};

static uint32_t take_all(struct limiter *l, msec now)
{
    uint32_t count = 0;

    while (limiter_take(l, now)) {
        limiter_give(l, now, &good);
        count++;
    }
    return count;
}

TEST(token_bucket_gives_a_burst_and_then_one_at_a_time)
{
    struct token_bucket b;

    token_bucket_init(&b, 60, 5, 1'000);
    CHECK_EQ(limiter_ready(&b.limiter, 1'000), 1'000);
    CHECK_EQ(take_all(&b.limiter, 1'000), 5);
    CHECK_EQ(limiter_ready(&b.limiter, 1'000), 2'000);
    CHECK_EQ(take_all(&b.limiter, 1'999), 0);
    CHECK_EQ(limiter_ready(&b.limiter, 1'999), 2'000);
    CHECK_EQ(take_all(&b.limiter, 2'000), 1);
    CHECK_EQ(take_all(&b.limiter, 5'500), 3);
    CHECK_EQ(take_all(&b.limiter, 6'000), 1);
    CHECK_EQ(take_all(&b.limiter, 1'000'000), 5);
}

TEST(token_bucket_is_ready_exactly_when_it_would_grant)
{
    static const uint32_t rates[] = {1, 7, 59, 60, 61, 997, 60'000, 60'001, 123'457};
    struct random r;

    random_init(&r, test_seed());
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        struct token_bucket b;
        msec now = (msec)random_below(&r, 1'000);

        token_bucket_init(&b, rates[i], 3, now);
        for (int step = 0; step < 200; step++) {
            (void)take_all(&b.limiter, now);
            msec at = limiter_ready(&b.limiter, now);
            CHECK(at > now);
            CHECK_EQ(take_all(&b.limiter, at - 1), 0);
            CHECK_EQ(limiter_ready(&b.limiter, at - 1), at);
            CHECK_EQ(limiter_ready(&b.limiter, at), at);
            CHECK(take_all(&b.limiter, at) >= 1);
            now = at + (msec)random_below(&r, 50);
        }
    }
}

TEST(token_bucket_does_not_drift)
{
    static const uint32_t rates[] = {1, 7, 59, 997, 59'999, 60'001};

    // Asked for at every odd moment over ten hours, it grants what the rate says and not one less.
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        struct token_bucket b;
        uint64_t granted = 0;
        msec end = 10 * 3'600'000;

        token_bucket_init(&b, rates[i], 10'000, 0);
        CHECK_EQ(take_all(&b.limiter, 0), 10'000);
        for (msec now = 0; now < end; now += 1 + now % 1'013) {
            granted += take_all(&b.limiter, now);
        }
        granted += take_all(&b.limiter, end);
        CHECK_EQ(granted, 600 * rates[i]);
    }
}

TEST(token_bucket_over_any_span_starts_no_more_than_burst_and_rate)
{
    static msec starts[20'000];
    struct token_bucket b;
    struct random r;
    size_t count = 0;

    random_init(&r, test_seed());
    token_bucket_init(&b, 600, 20, 0);
    for (msec now = 0; now < 300'000;
         now += (msec)random_below(&r, random_below(&r, 50) ? 30 : 4'000)) {
        if (!limiter_take(&b.limiter, now)) continue;
        limiter_give(&b.limiter, now, &good);
        starts[count++] = now;
    }
    CHECK(count > 1'000);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i; j < count; j++) {
            CHECK((msec)(j - i + 1) <= 20 + (starts[j] - starts[i]) / 100);
        }
    }
}

TEST(token_bucket_without_a_rate_has_no_limit)
{
    struct token_bucket b;

    token_bucket_init(&b, 0, 5, 0);
    CHECK_EQ(limiter_limit(&b.limiter), 0);
    for (uint32_t i = 1; i <= 1'000; i++) {
        CHECK(limiter_take(&b.limiter, 0));
        CHECK_EQ(limiter_in_use(&b.limiter), i);
    }
    CHECK_EQ(limiter_ready(&b.limiter, 7), 7);
}

TEST(token_bucket_counts_what_is_under_way)
{
    static const struct limiter_sample dropped = {.is_dropped = true, .latency = -1};
    struct token_bucket b;

    token_bucket_init(&b, 60, 3, 0);
    CHECK_EQ(limiter_limit(&b.limiter), 3);
    CHECK(limiter_take(&b.limiter, 0));
    CHECK(limiter_take(&b.limiter, 0));
    CHECK_EQ(limiter_in_use(&b.limiter), 2);
    limiter_give(&b.limiter, 5, &dropped);
    CHECK_EQ(limiter_in_use(&b.limiter), 1);
    CHECK(limiter_take(&b.limiter, 5));
    CHECK(!limiter_take(&b.limiter, 5)); // an ended call brings no token back
    CHECK_EQ(limiter_in_use(&b.limiter), 2);
}

TEST(token_bucket_configure_keeps_what_fits)
{
    struct token_bucket b;

    token_bucket_init(&b, 60, 10, 0);
    token_bucket_configure(&b, 60, 4, 0);
    CHECK_EQ(take_all(&b.limiter, 0), 4);
    token_bucket_configure(&b, 120, 10, 1'000); // one second at the old rate
    CHECK_EQ(take_all(&b.limiter, 1'000), 1);
    CHECK_EQ(take_all(&b.limiter, 2'000), 2); // and one at the new
    token_bucket_configure(&b, 0, 0, 2'000);
    CHECK_EQ(limiter_ready(&b.limiter, 2'000), 2'000);
    token_bucket_configure(&b, 60, 10, 9'000);
    CHECK_EQ(take_all(&b.limiter, 9'000), 10);
    CHECK_EQ(limiter_ready(&b.limiter, 9'000), 10'000);
}

TEST(token_bucket_gains_nothing_from_a_clock_that_goes_back)
{
    struct token_bucket b;

    token_bucket_init(&b, 60, 2, 10'000);
    CHECK(limiter_take(&b.limiter, 10'000));
    CHECK(limiter_take(&b.limiter, 5'000));
    CHECK(!limiter_take(&b.limiter, 10'000));
    CHECK_EQ(limiter_ready(&b.limiter, 5'000), 11'000);
}

TEST(token_bucket_at_its_bounds_does_not_overflow)
{
    struct token_bucket b;

    token_bucket_init(&b, UINT32_MAX, UINT32_MAX, 0);
    CHECK(limiter_take(&b.limiter, 0));
    CHECK(limiter_take(&b.limiter, INT64_C(1) << 32));
    CHECK(b.level == ((int64_t)UINT32_MAX - 1) * 60'000);
    CHECK(limiter_take(&b.limiter, TIME_NEVER - 1));
    CHECK(b.level == ((int64_t)UINT32_MAX - 1) * 60'000);

    token_bucket_init(&b, 1, 0, TIME_NEVER - 10);
    CHECK(limiter_take(&b.limiter, TIME_NEVER - 10));
    CHECK(!limiter_take(&b.limiter, TIME_NEVER - 10));
    CHECK_EQ(limiter_ready(&b.limiter, TIME_NEVER - 10), TIME_NEVER);
}
