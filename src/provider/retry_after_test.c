#include "provider/retry_after.h"

#include "base/random.h"

#include "support/test.h"

#include <stdio.h>
#include <string.h>

enum { FIELDS_MAX = 8 };

// 1994-11-06 08:49:00.250 UTC
static const usec now = INT64_C(784'111'740'250'000);

// Reads fields written as in a head, at `at`; -1 where nothing usable is in them.
static msec read_at(usec at, const char *lines)
{
    char text[1000];
    struct h1_field fields[FIELDS_MAX];
    struct h1_head head;
    msec out = -1;

    (void)snprintf(text, sizeof(text), "HTTP/1.1 429 Too Many Requests\r\n%s\r\n\r\n", lines);
    CHECK_EQ(h1_parse_response(str_from_c(text), false, fields, FIELDS_MAX, &head), OK);
    err e = retry_after_read(&head, at, &out);
    CHECK(e == (out < 0 ? ERR_ABSENT : OK));
    return out;
}

static msec read(const char *lines)
{
    return read_at(now, lines);
}

TEST(retry_after_takes_milliseconds_before_seconds)
{
    CHECK_EQ(read("retry-after-ms: 200"), 200);
    CHECK_EQ(read("Retry-After: 1\r\nRetry-After-Ms: 200"), 200);
    CHECK_EQ(read("retry-after-ms: 200.25"), 201);
    CHECK_EQ(read("retry-after-ms: 0"), 0);
    CHECK_EQ(read("grpc-retry-pushback-ms: 250"), 250);
    CHECK_EQ(read("grpc-retry-pushback-ms: -1"), -1); // which asks for no retry at all
    CHECK_EQ(read("retry-after-ms: 0\r\nretry-after: 9"), 0);
    CHECK_EQ(read("retry-after-ms: soon\r\nretry-after: 9"), 9000);
    CHECK_EQ(read("retry-after-ms: -1\r\nretry-after: 9"), 9000);
}

TEST(retry_after_takes_seconds)
{
    CHECK_EQ(read("retry-after: 0"), 0);
    CHECK_EQ(read("retry-after: 61"), 61'000);
    CHECK_EQ(read("retry-after: 1.5"), 1500);
    CHECK_EQ(read("retry-after: 0.0000001"), 1);
    CHECK_EQ(read("retry-after: 000000000000000000000000000001"), 1000);
    CHECK_EQ(read("retry-after: 86400"), RETRY_AFTER_MAX_MS);
    CHECK_EQ(read("retry-after: 86399.9995"), RETRY_AFTER_MAX_MS);
    CHECK_EQ(read("retry-after: 18446744073709551616"), RETRY_AFTER_MAX_MS); // 2^64
    CHECK_EQ(read("retry-after: 86401"), RETRY_AFTER_MAX_MS);
    CHECK_EQ(read("retry-after: 99999999999999999999999999999999999999"), RETRY_AFTER_MAX_MS);
}

TEST(retry_after_passes_over_what_it_cannot_read)
{
    static const char *const bad[] = {
        "x: y",
        "retry-after:",
        "retry-after: soon",
        "retry-after: -1",
        "retry-after: +1",
        "retry-after: 1,2",
        "retry-after: 1s",
        "retry-after: .5",
        "retry-after: 5.",
        "retry-after: 1.2.3",
        "retry-after: 1e3",
        "retry-after: 0x10",
        "retry-after: Sun, 06 Nov 1994 08:49:37",
        "retry-after: Sun, 06 Nov 1994 08:49:37 CET",
        "retry-after: Sun, 06 Nov 1994 08:49:37 GMT+1",
        "retry-after: Sun, 6 Nov 1994 08:49:37 GMT",
        "retry-after: Sun, 06 Nov 94 08:49:37 GMT",
        "retry-after: Sun, 06 Nox 1994 08:49:37 GMT",
        "retry-after: Sun, 00 Nov 1994 08:49:37 GMT",
        "retry-after: Sun, 32 Nov 1994 08:49:37 GMT",
        "retry-after: Sun, 06 Nov 1994 24:49:37 GMT",
        "retry-after: Sun, 06 Nov 1994 08:60:37 GMT",
        "retry-after: Sun, 06 Nov 1994 08:49:61 GMT",
        "retry-after: 06 Nov 1994 08:49:37 GMT",
        "retry-after: Sunday, 06-Nov-1994 08:49:37 GMT",
        "retry-after: Sun Nov 6 08:49:37 1994",
        "retry-after: Sun Nov  6 08:49:37 94",
        "retry-after: Sun Nov  6 08:49:37 1994 GMT",
        "retry-after: Sun",
        "retry-after: Sun,",
        "retry-after: 1994-11-06T08:49:37Z",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        if (read(bad[i]) != -1) test_fail(__FILE__, __LINE__, "%s is taken", bad[i]);
    }
}

TEST(retry_after_takes_the_three_forms_of_a_date)
{
    CHECK_EQ(read("retry-after: Sun, 06 Nov 1994 08:49:37 GMT"), 36'750);
    CHECK_EQ(read("retry-after: Sunday, 06-Nov-94 08:49:37 GMT"), 36'750);
    CHECK_EQ(read("retry-after: Sun Nov  6 08:49:37 1994"), 36'750);
    CHECK_EQ(read("retry-after: Mon Nov 16 08:49:37 1994"), RETRY_AFTER_MAX_MS);
    CHECK_EQ(read("retry-after: Sun, 06 Nov 1994 08:49:00 GMT"), 0);
    CHECK_EQ(read("retry-after: Sun, 06 Nov 1994 08:49:01 GMT"), 750);
    CHECK_EQ(read("retry-after: Thu, 01 Jan 1970 00:00:00 GMT"), 0);
    CHECK_EQ(read("retry-after: Sun, 06 Nov 1904 08:49:37 GMT"), 0);
    CHECK_EQ(read("retry-after: Mon, 07 Nov 1994 08:49:01 GMT"), RETRY_AFTER_MAX_MS);
    CHECK_EQ(read("retry-after: Fri, 31 Dec 9999 23:59:60 GMT"), RETRY_AFTER_MAX_MS);
}

TEST(retry_after_knows_the_calendar)
{
    const usec day = INT64_C(86'400'000'000);

    CHECK_EQ(read_at(0, "retry-after: Thu, 01 Jan 1970 00:00:10 GMT"), 10'000);
    // 2000-02-28 and 2000-03-01, 2024-12-31, 2100-02-28.
    CHECK_EQ(read_at(11'015 * day, "retry-after: Tue, 29 Feb 2000 00:00:00 GMT"),
             RETRY_AFTER_MAX_MS);
    CHECK_EQ(read_at(11'016 * day, "retry-after: Tue, 29 Feb 2000 00:00:10 GMT"), 10'000);
    CHECK_EQ(read_at(11'017 * day, "retry-after: Wed, 01 Mar 2000 00:00:10 GMT"), 10'000);
    CHECK_EQ(read_at(20'088 * day, "retry-after: Tue, 31 Dec 2024 00:00:10 GMT"), 10'000);
    CHECK_EQ(read_at(47'540 * day, "retry-after: Sun, 28 Feb 2100 00:00:10 GMT"), 10'000);
    CHECK_EQ(read_at(47'541 * day, "retry-after: Mon, 01 Mar 2100 00:00:10 GMT"), 10'000);
}

TEST(retry_after_takes_a_year_of_two_digits_within_fifty_years)
{
    const usec day = INT64_C(86'400'000'000);

    // On 2026-01-01 the year 76 is just 2076, and 77 is past.
    CHECK_EQ(read_at(20'454 * day, "retry-after: Thursday, 01-Jan-26 00:00:10 GMT"), 10'000);
    CHECK_EQ(read_at(20'454 * day, "retry-after: Wednesday, 01-Jan-75 00:00:10 GMT"),
             RETRY_AFTER_MAX_MS);
    CHECK_EQ(read_at(20'454 * day, "retry-after: Friday, 01-Jan-77 00:00:10 GMT"), 0);
    CHECK_EQ(read_at(10'957 * day, "retry-after: Saturday, 01-Jan-00 00:00:10 GMT"), 10'000);
}

TEST(retry_after_takes_the_reset_of_a_limit_that_is_used_up)
{
    CHECK_EQ(read("x-ratelimit-remaining-requests: 0\r\nx-ratelimit-reset-requests: 120ms"), 120);
    CHECK_EQ(read("x-ratelimit-remaining-tokens: 0\r\nX-RateLimit-Reset-Tokens: 1m2s"), 62'000);
    CHECK_EQ(read("x-ratelimit-remaining-tokens: 0\r\nx-ratelimit-reset-tokens: 2m59.56s\r\n"
                  "x-ratelimit-remaining-requests: 0\r\nx-ratelimit-reset-requests: 7.66s"),
             179'560);
    CHECK_EQ(read("x-ratelimit-remaining-tokens: 0\r\nx-ratelimit-reset-tokens: 1s\r\n"
                  "x-ratelimit-remaining-requests: 0\r\nx-ratelimit-reset-requests: 7.66s"),
             7660);
    // Only the limit that is used up.
    CHECK_EQ(read("x-ratelimit-remaining-tokens: 5\r\nx-ratelimit-reset-tokens: 9m\r\n"
                  "x-ratelimit-remaining-requests: 0\r\nx-ratelimit-reset-requests: 1s"),
             1000);
    CHECK_EQ(read("x-ratelimit-remaining-tokens: 5\r\nx-ratelimit-reset-tokens: 9m"), -1);
    CHECK_EQ(read("x-ratelimit-reset-tokens: 9m"), -1);
    CHECK_EQ(read("x-ratelimit-remaining-tokens: 0"), -1);
    CHECK_EQ(read("x-ratelimit-remaining-tokens: x\r\nx-ratelimit-reset-tokens: 9m"), -1);
    // And after what is meant for this answer.
    CHECK_EQ(read("retry-after: 3\r\nx-ratelimit-remaining-tokens: 0\r\n"
                  "x-ratelimit-reset-tokens: 9m"),
             3000);
    CHECK_EQ(read("retry-after: soon\r\nx-ratelimit-remaining-tokens: 0\r\n"
                  "x-ratelimit-reset-tokens: 9m"),
             540'000);
}

#define ANTHROPIC(limit, remaining, time)                                                          \
    "anthropic-ratelimit-" limit "-remaining: " remaining "\r\nanthropic-ratelimit-" limit         \
    "-reset: " time

TEST(retry_after_takes_the_time_at_which_a_limit_of_anthropic_resets)
{
    CHECK_EQ(read(ANTHROPIC("requests", "0", "1994-11-06T08:49:37Z")), 36'750);
    CHECK_EQ(read(ANTHROPIC("tokens", "0", "1994-11-06T08:49:37+00:00")), 36'750);
    CHECK_EQ(read(ANTHROPIC("input-tokens", "0", "1994-11-06T08:49:36.001Z")), 36'750);
    CHECK_EQ(read(ANTHROPIC("output-tokens", "0", "1994-11-06T08:48:00Z")), 0);
    CHECK_EQ(read(ANTHROPIC("requests", "0", "1994-11-06T08:49:01Z") "\r\n" ANTHROPIC(
                 "tokens", "0", "1994-11-06T08:49:02Z")),
             1750);
    CHECK_EQ(read(ANTHROPIC("requests", "7", "1994-11-06T08:49:37Z")), -1);
    CHECK_EQ(read(ANTHROPIC("requests", "0", "1994-13-06T08:49:37Z")), -1);
    CHECK_EQ(read(ANTHROPIC("requests", "0", "1994-00-06T08:49:37Z")), -1);
    CHECK_EQ(read(ANTHROPIC("requests", "0", "1994-11-00T08:49:37Z")), -1);
    CHECK_EQ(read(ANTHROPIC("requests", "0", "1994-11-06T08:49:37.Z")), -1);
    CHECK_EQ(read(ANTHROPIC("requests", "0", "1994-11-06T08:49:37+01:00")), -1);
    CHECK_EQ(read(ANTHROPIC("requests", "0", "1994-11-06T08:49:37")), -1);
    CHECK_EQ(read(ANTHROPIC("requests", "0", "1994-11-06")), -1);
    CHECK_EQ(read(ANTHROPIC("requests", "0", "1994-11-06T08:49:37Z") "\r\nretry-after: 2"), 2000);
}

static msec reset(const char *duration)
{
    char lines[200];

    (void)snprintf(lines, sizeof(lines),
                   "x-ratelimit-remaining-tokens: 0\r\nx-ratelimit-reset-tokens: %s", duration);
    return read(lines);
}

TEST(retry_after_reads_durations_of_go)
{
    CHECK_EQ(reset("0"), 0);
    CHECK_EQ(reset("0s"), 0);
    CHECK_EQ(reset("1h2m3.5s"), 3'723'500);
    CHECK_EQ(reset("1.5h"), 5'400'000);
    CHECK_EQ(reset("1500us"), 2);
    CHECK_EQ(reset("1500\xc2\xb5s"), 2);
    CHECK_EQ(reset("1500\xce\xbcs"), 2);
    CHECK_EQ(reset("1s1s"), 2000);
    CHECK_EQ(reset("24h"), RETRY_AFTER_MAX_MS);
    CHECK_EQ(reset("23h3600.1s"), RETRY_AFTER_MAX_MS);
    CHECK_EQ(reset("99999999999999999999h99999999999999999999h"), RETRY_AFTER_MAX_MS);
    static const char *const bad[] = {"",   "1",   "s",   "-1s",   "1m2", "1d",
                                      "1S", "1.s", ".5s", "1s 2s", "1m,", "1ss"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        if (reset(bad[i]) != -1) test_fail(__FILE__, __LINE__, "%s is taken", bad[i]);
    }
}

TEST(retry_after_takes_any_damage_to_a_value)
{
    static const char *const good[] = {"Sun, 06 Nov 1994 08:49:37 GMT",
                                       "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
                                       "1h2m3.5s", "12.5"};
    struct random random;
    char text[40];

    random_init(&random, test_seed());
    for (int i = 0; i < 20'000; i++) {
        str whole = str_from_c(good[random_below(&random, 5)]);
        memcpy(text, whole.ptr, whole.len);
        for (uint64_t n = 1 + random_below(&random, 3); n; n--) {
            text[random_below(&random, whole.len)] = "09:-, .mshG\xc2"[random_below(&random, 12)];
        }
        str value = {text, random_below(&random, whole.len + 1)};
        struct h1_field fields[] = {{STR("retry-after"), value},
                                    {STR("x-ratelimit-remaining-tokens"), STR("0")},
                                    {STR("x-ratelimit-reset-tokens"), value}};
        const struct h1_head head = {.fields = fields, .field_count = 3};
        msec out = -1;
        err e = retry_after_read(&head, now, &out);
        CHECK(e == OK ? out >= 0 && out <= RETRY_AFTER_MAX_MS : e == ERR_ABSENT && out == -1);
    }
}
