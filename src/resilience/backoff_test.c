#include "resilience/backoff.h"

#include "base/random.h"

#include "support/test.h"

TEST(backoff_span_doubles_up_to_the_cap)
{
    static const msec spans[] = {250, 500, 1'000, 2'000, 4'000, 8'000, 8'000, 8'000};

    for (unsigned n = 1; n <= sizeof(spans) / sizeof(spans[0]); n++) {
        CHECK_EQ(backoff_wait(BACKOFF_DEFAULTS, n, 0), spans[n - 1] / 2);
        CHECK_EQ(backoff_wait(BACKOFF_DEFAULTS, n, 0.5), spans[n - 1] * 3 / 4);
        CHECK_EQ(backoff_wait(BACKOFF_DEFAULTS, n, 0x1.fffffffffffffp-1), spans[n - 1] - 1);
    }
}

TEST(backoff_of_any_attempt_stays_within_half_the_span_and_the_span)
{
    struct random r;

    random_init(&r, test_seed());
    for (int i = 0; i < 20'000; i++) {
        struct backoff_options options = {.base_ms = 1 + (msec)random_below(&r, 5'000),
                                          .max_ms = 1 + (msec)random_below(&r, 100'000)};
        unsigned n = 1 + (unsigned)random_below(&r, 40);
        msec wait = backoff_wait(options, n, random_unit(&r));
        double span = (double)options.base_ms * (double)(UINT64_C(1) << (n - 1));

        if (span > (double)options.max_ms) span = (double)options.max_ms;
        CHECK((double)wait >= span / 2);
        CHECK((double)wait <= span);
    }
}

TEST(backoff_uses_the_whole_upper_half)
{
    struct random r;
    int quarters[4] = {0};

    random_init(&r, 7);
    for (int i = 0; i < 40'000; i++) {
        msec wait = backoff_wait(BACKOFF_DEFAULTS, 6, random_unit(&r));
        CHECK(wait >= 4'000 && wait < 8'000);
        quarters[(wait - 4'000) / 1'000]++;
    }
    for (int i = 0; i < 4; i++) {
        CHECK(quarters[i] > 9'600 && quarters[i] < 10'400);
    }
}

TEST(backoff_of_a_late_attempt_does_not_overflow)
{
    struct backoff_options endless = {.base_ms = 3, .max_ms = TIME_NEVER};

    CHECK_EQ(backoff_wait(BACKOFF_DEFAULTS, UINT32_MAX, 0), 4'000);
    CHECK(backoff_wait(endless, 200, 0) >= TIME_NEVER / 2);
    CHECK(backoff_wait(endless, 62, 0.999) > 0);
}

TEST(backoff_with_a_wish_is_the_longer_of_both)
{
    CHECK_EQ(backoff_with_wish(300, 2'000), 2'000);
    CHECK_EQ(backoff_with_wish(300, 0), 300);
    CHECK_EQ(backoff_with_wish(300, -1), 300);
}
