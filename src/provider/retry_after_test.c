#include "provider/retry_after.h"

#include "support/test.h"

// 2026-01-31 12:00:00 UTC.
static const usec noon = INT64_C(1'769'860'800) * 1'000'000;

static msec read_fields(struct h1_field *fields, size_t count)
{
    struct h1_head head = {.fields = fields, .field_count = count};
    msec ms = -7;

    return retry_after_read(&head, noon, &ms) ? -1 : ms;
}

static msec read_one(str name, str value)
{
    return read_fields(&(struct h1_field){.name = name, .value = value}, 1);
}

TEST(retry_after_reads_every_spelling)
{
    CHECK_EQ(read_one(STR("Retry-After"), STR("2")), 2000);
    CHECK_EQ(read_one(STR("retry-after"), STR("1.5")), 1500);
    CHECK_EQ(read_one(STR("retry-after"), STR("0")), 0);
    CHECK_EQ(read_one(STR("retry-after-ms"), STR("250")), 250);
    CHECK_EQ(read_one(STR("retry-after-ms"), STR("250.9")), 250);
    CHECK_EQ(read_one(STR("retry-after"), STR("Sat, 31 Jan 2026 12:00:05 GMT")), 5000);
    CHECK_EQ(read_one(STR("retry-after"), STR("Saturday, 31-Jan-26 12:01:00 GMT")), 60'000);
    CHECK_EQ(read_one(STR("retry-after"), STR("Sat Jan 31 12:00:09 2026")), 9000);
}

TEST(retry_after_bounds_what_it_reads)
{
    CHECK_EQ(read_one(STR("retry-after"), STR("Sat, 31 Jan 2026 11:00:00 GMT")), 0);
    CHECK_EQ(read_one(STR("retry-after"), STR("4000000000")), 24 * 3600 * 1000);
    CHECK_EQ(read_one(STR("retry-after"), STR("Sat, 31 Jan 2099 11:00:00 GMT")), 24 * 3600 * 1000);
}

TEST(retry_after_passes_over_what_says_nothing)
{
    static const char *const bad[] = {"", "soon", "-1", "1 s", "1e3", "Sat, 31 Jan 2026", "1.x"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        CHECK_EQ(read_one(STR("retry-after"), str_from_c(bad[i])), -1);
        CHECK_EQ(read_one(STR("retry-after-ms"), str_from_c(bad[i])), -1);
    }
    CHECK_EQ(read_one(STR("x-retry-after"), STR("5")), -1);
}

TEST(retry_after_prefers_milliseconds_and_waits_for_the_limit_that_is_exhausted)
{
    struct h1_field both[] = {{STR_INIT("retry-after"), STR_INIT("3")},
                              {STR_INIT("retry-after-ms"), STR_INIT("2500")}};
    struct h1_field limits[] = {{STR_INIT("x-ratelimit-remaining-requests"), STR_INIT("0")},
                                {STR_INIT("x-ratelimit-reset-requests"), STR_INIT("120ms")},
                                {STR_INIT("x-ratelimit-remaining-tokens"), STR_INIT("0")},
                                {STR_INIT("x-ratelimit-reset-tokens"), STR_INIT("1m2.5s")}};

    CHECK_EQ(read_fields(both, 2), 2500);
    CHECK_EQ(read_fields(limits, 4), 62'500);
    CHECK_EQ(read_fields(limits, 2), 120);
    limits[2].value = STR("7");
    CHECK_EQ(read_fields(limits, 4), 120);
    limits[1].value = STR("later");
    CHECK_EQ(read_fields(limits, 4), -1);
}
