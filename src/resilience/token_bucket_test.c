#include "resilience/token_bucket.h"

#include "support/test.h"

static int takes(struct token_bucket *b, msec from, msec to)
{
    int count = 0;

    for (msec now = from; now < to; now++) {
        while (limiter_take(&b->limiter, now)) {
            count++;
        }
    }
    return count;
}

TEST(token_bucket_grants_its_rate_and_not_one_more)
{
    struct token_bucket b;

    token_bucket_init(&b, 6000, 1, 5000);
    CHECK_EQ(takes(&b, 5000, 65'000), 6000);
    CHECK_EQ(takes(&b, 65'000, 665'000), 60'000); // without drift
    // An interval that is no whole number of microseconds is a little short.
    token_bucket_init(&b, 700, 1, 0);
    int count = takes(&b, 0, 600'000);
    CHECK(count >= 7000 && count <= 7001);
}

TEST(token_bucket_grants_a_burst_after_a_rest)
{
    struct token_bucket b;

    token_bucket_init(&b, 60, 5, 0);
    CHECK_EQ(takes(&b, 0, 1), 5);
    CHECK_EQ(limiter_ready(&b.limiter, 1), 1000);
    CHECK_EQ(takes(&b, 1, 1000), 0);
    CHECK_EQ(takes(&b, 1000, 1001), 1);
    CHECK_EQ(takes(&b, 100'000, 100'001), 5); // not more, however long the rest
    token_bucket_configure(&b, 60, 2);
    CHECK_EQ(takes(&b, 200'000, 200'001), 2);
}

TEST(token_bucket_without_a_rate_grants_all)
{
    struct token_bucket b;

    token_bucket_init(&b, 0, 0, 0);
    for (int i = 0; i < 1000; i++) {
        CHECK(limiter_take(&b.limiter, 0));
    }
    CHECK_EQ(limiter_ready(&b.limiter, 7), 7);
    CHECK_EQ(limiter_limit(&b.limiter), 0);
}
