#include "config/value.h"

#include "support/test.h"

static const uint64_t failed = UINT64_MAX;

static uint64_t duration(const char *text)
{
    uint64_t value = failed;

    return value_duration(str_from_c(text), &value) ? failed : value;
}

static uint64_t size(const char *text)
{
    uint64_t value = failed;

    return value_size(str_from_c(text), &value) ? failed : value;
}

TEST(value_durations_are_milliseconds)
{
    CHECK_EQ(duration("250ms"), 250);
    CHECK_EQ(duration("5s"), 5000);
    CHECK_EQ(duration("2m"), 120'000);
    CHECK_EQ(duration("1h"), 3'600'000);
    CHECK_EQ(duration("0"), 0);
    CHECK_EQ(duration("0s"), 0);
    CHECK_EQ(duration("9223372036854775807ms"), INT64_MAX);
}

TEST(value_refuses_what_is_no_duration)
{
    const char *bad[] = {"",   "5",   "s",    "5 s", "5S", "-5s",   "+5s",  "5.5s",
                         "5d", "5ss", "5sms", " 5s", "s5", "0x5ms", "1e3s", "5\xc2\xb5s"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        uint64_t value = 7;
        CHECK_EQ(value_duration(str_from_c(bad[i]), &value), ERR_SYNTAX);
        CHECK_EQ(value, 7);
    }
    uint64_t value;
    CHECK_EQ(value_duration(STR("9223372036854775808ms"), &value), ERR_RANGE);
    CHECK_EQ(value_duration(STR("2562047788016h"), &value), ERR_RANGE);
    CHECK_EQ(value_duration(STR("99999999999999999999999s"), &value), ERR_RANGE);
}

TEST(value_shares_and_factors_are_whole_numbers_of_their_last_decimal)
{
    const char *bad[] = {"",    "%",    "5",   "1.%",   ".5%", "1.234%",
                         "-1%", "1,5%", "1.5", "1. 5%", "1%%"};
    uint64_t value = 0;
    struct buf out;

    CHECK_EQ(value_share(STR("20%"), &value), OK);
    CHECK_EQ(value, 2000);
    CHECK_EQ(value_share(STR("1.5%"), &value), OK);
    CHECK_EQ(value, 150);
    CHECK_EQ(value_share(STR("0.05%"), &value), OK);
    CHECK_EQ(value, 5);
    CHECK_EQ(value_decimal(STR("1.3"), 3, &value), OK);
    CHECK_EQ(value, 1300);
    CHECK_EQ(value_decimal(STR("99999999999999999999"), 3, &value), ERR_RANGE);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        CHECK_EQ(value_share(str_from_c(bad[i]), &value), ERR_SYNTAX);
    }
    CHECK_EQ(value, 1300);
    buf_init(&out, 100);
    CHECK_EQ(value_print_decimal(&out, 1300, 3), OK);
    CHECK_EQ(value_print_decimal(&out, 2000, 2), OK);
    CHECK_EQ(value_print_decimal(&out, 5, 2), OK);
    CHECK_STR(buf_view(&out), "1.3200.05");
    buf_done(&out);
}

TEST(value_spans_are_two_durations)
{
    const char *bad[] = {"",       "30s", "[30s]",           "[30s, 1m",
                         "30s,1m", "[]",  "[30s, 40s, 50s]", "[30, 40]"};
    uint64_t from = 7;
    uint64_t to = 7;

    CHECK_EQ(value_span(STR("[30s, 120s]"), &from, &to), OK);
    CHECK_EQ(from, 30'000);
    CHECK_EQ(to, 120'000);
    CHECK_EQ(value_span(STR("[1s,1s]"), &from, &to), OK);
    CHECK_EQ(value_span(STR("[2s, 1s]"), &from, &to), ERR_RANGE);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        CHECK_EQ(value_span(str_from_c(bad[i]), &from, &to), ERR_SYNTAX);
    }
    CHECK_EQ(from, 1000);
}

TEST(value_sizes_are_bytes)
{
    CHECK_EQ(size("512"), 512);
    CHECK_EQ(size("0"), 0);
    CHECK_EQ(size("512B"), 512);
    CHECK_EQ(size("64KiB"), 65'536);
    CHECK_EQ(size("10MB"), 10'000'000);
    CHECK_EQ(size("3MiB"), 3'145'728);
    CHECK_EQ(size("1GiB"), 1'073'741'824);
    CHECK_EQ(size("1GB"), 1'000'000'000);
    CHECK_EQ(size("2TiB"), 2'199'023'255'552);
    CHECK_EQ(size("2TB"), 2'000'000'000'000);
    CHECK_EQ(size("1KB"), 1000);
}

TEST(value_refuses_what_is_no_size)
{
    const char *bad[] = {"", "B", "1 KiB", "1kb", "1K", "-1", "1.5MiB", "1KiBB", "0x10", "KiB1"};
    uint64_t value;

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        CHECK_EQ(value_size(str_from_c(bad[i]), &value), ERR_SYNTAX);
    }
    CHECK_EQ(value_size(STR("8388608TiB"), &value), ERR_RANGE);
    CHECK_EQ(value_size(STR("9223372036854775808"), &value), ERR_RANGE);
}

TEST(value_knows_addresses)
{
    const char *good[] = {"127.0.0.1:8080", "localhost:1",         ":8080",    "[::1]:80",
                          "[::]:0",         "a-b.example_1:65535", "0.0.0.0:0"};

    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        CHECK_EQ(value_address(str_from_c(good[i])), OK);
    }
}

TEST(value_refuses_what_is_no_address)
{
    const char *bad[] = {"",        "8080",        "localhost", "localhost:", "a:65536",
                         "a:-1",    "a:080808",    "::1:80",    "[::1]",      "[::1:80",
                         "[]:80",   "[a]:80",      "a b:80",    "-a:80",      ".a:80",
                         "a..b:80", "http://a:80", "a:80/",     "a:80:80",    "[1.2.3.4]:80"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        CHECK_EQ(value_address(str_from_c(bad[i])), ERR_SYNTAX);
    }
    CHECK_EQ(value_address(STR("a\0b:80")), ERR_SYNTAX);
    CHECK_EQ(value_host(STR("::1\0"), true), ERR_SYNTAX);
}

TEST(value_prints_the_largest_unit_that_divides)
{
    struct buf out;

    buf_init(&out, 100);
    const uint64_t durations[] = {0, 250, 1500, 5000, 60'000, 90'000, 7'200'000};
    for (size_t i = 0; i < sizeof(durations) / sizeof(*durations); i++) {
        CHECK_EQ(value_print_duration(&out, durations[i]), OK);
        CHECK_EQ(buf_append_char(&out, ' '), OK);
    }
    const uint64_t sizes[] = {0, 1000, 1024, 1'048'576, 1'048'577, 10'000'000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        CHECK_EQ(value_print_size(&out, sizes[i]), OK);
        CHECK_EQ(buf_append_char(&out, ' '), OK);
    }
    CHECK_STR(buf_view(&out),
              "0ms 250ms 1500ms 5s 1m 90s 2h 0B 1000B 1KiB 1MiB 1048577B 10000000B ");
    buf_done(&out);
}
