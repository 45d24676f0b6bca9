#include "grpc/protobuf_time.h"

#include "support/test.h"

#define S(text) STR_INIT(text)

struct row {
    str text;
    int64_t seconds;
    int32_t nanos;
};

// Seconds by `date -u -d TEXT +%s`.
static const struct row timestamps[] = {
    {S("1970-01-01T00:00:00Z"), 0, 0},
    {S("1969-12-31T23:59:59.500Z"), -1, 500000000},
    {S("1972-01-01T10:00:20.021Z"), 63108020, 21000000},
    {S("2000-02-29T12:00:00Z"), 951825600, 0},
    {S("1900-02-28T00:00:00Z"), -2203977600, 0},
    {S("1900-03-01T00:00:00Z"), -2203891200, 0},
    {S("2100-03-01T00:00:00.000000001Z"), 4107542400, 1},
    {S("2024-12-31T23:59:59.123456Z"), 1735689599, 123456000},
    {S("0001-01-01T00:00:00Z"), -62135596800, 0},
    {S("9999-12-31T23:59:59.999999999Z"), 253402300799, 999999999},
};

TEST(protobuf_time_timestamps_go_both_ways)
{
    char text[PROTOBUF_TIME_TEXT_MAX];
    size_t len = 0;

    for (size_t i = 0; i < sizeof(timestamps) / sizeof(*timestamps); i++) {
        struct protobuf_time t = {0};
        CHECK_EQ(protobuf_time_read_timestamp(timestamps[i].text, &t), OK);
        CHECK_EQ(t.seconds, timestamps[i].seconds);
        CHECK_EQ(t.nanos, timestamps[i].nanos);
        CHECK_EQ(protobuf_time_write_timestamp(t, text, &len), OK);
        CHECK_SAME(((str){.ptr = text, .len = len}), timestamps[i].text);
    }
}

// Days from `seconds` on, each a day after the one before in the calendar too.
static void check_days(int64_t seconds, int days)
{
    char text[PROTOBUF_TIME_TEXT_MAX];
    struct protobuf_time back = {0};
    size_t len = 0;

    for (int i = 0; i < days; i++, seconds += 86400) {
        struct protobuf_time t = {.seconds = seconds};
        CHECK_EQ(protobuf_time_write_timestamp(t, text, &len), OK);
        CHECK_EQ(protobuf_time_read_timestamp((str){.ptr = text, .len = len}, &back), OK);
        CHECK_EQ(back.seconds, seconds);
    }
}

// The calendar repeats itself every 400 years.
TEST(protobuf_time_every_day_of_the_first_and_last_400_years_is_one)
{
    check_days(-62135596800, 146097);
    check_days(253402214400 - INT64_C(146096) * 86400, 146097);
}

TEST(protobuf_time_timestamps_are_read_with_any_offset_and_fraction)
{
    static const struct row rows[] = {
        {S("1970-01-01T01:00:00+01:00"), 0, 0},      {S("1969-12-31T16:00:00-08:00"), 0, 0},
        {S("1970-01-01T00:00:00-00:30"), 1800, 0},   {S("1970-01-01T00:00:00.1Z"), 0, 100000000},
        {S("1970-01-01T00:00:00.0000001Z"), 0, 100},
    };
    struct protobuf_time t = {0};

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        CHECK_EQ(protobuf_time_read_timestamp(rows[i].text, &t), OK);
        CHECK_EQ(t.seconds, rows[i].seconds);
        CHECK_EQ(t.nanos, rows[i].nanos);
    }
}

TEST(protobuf_time_refuses_what_is_no_timestamp)
{
    static const str rows[] = {
        S(""),
        S("1970-01-01"),
        S("1970-01-01T00:00:00"),
        S("1970-01-01T00:00:00z"),
        S("1970-01-01t00:00:00Z"),
        S("1970-01-01 00:00:00Z"),
        S("1970-01-01T00:00:00Z "),
        S("0000-01-01T00:00:00Z"),
        S("10000-01-01T00:00:00Z"),
        S("1970-13-01T00:00:00Z"),
        S("1970-00-01T00:00:00Z"),
        S("1970-02-29T00:00:00Z"),
        S("1900-02-29T00:00:00Z"),
        S("1970-01-00T00:00:00Z"),
        S("1970-01-01T24:00:00Z"),
        S("1970-01-01T00:60:00Z"),
        S("1970-01-01T00:00:60Z"),
        S("1970-01-01T00:00:00.Z"),
        S("1970-01-01T00:00:00.1234567890Z"),
        S("1970-01-01T00:00:00+24:00"),
        S("1970-01-01T00:00:00+0100"),
        S("1970-1-1T00:00:00Z"),
        S("+970-01-01T00:00:00Z"),
    };
    struct protobuf_time t = {0};

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        if (protobuf_time_read_timestamp(rows[i], &t) != ERR_SYNTAX)
            test_fail(__FILE__, __LINE__, "\"%" STR_FMT "\" was read", STR_ARG(rows[i]));
    }
    CHECK_EQ(protobuf_time_read_timestamp(STR("0001-01-01T00:00:00+00:01"), &t), ERR_RANGE);
    CHECK_EQ(protobuf_time_read_timestamp(STR("9999-12-31T23:59:59-00:01"), &t), ERR_RANGE);
}

static const struct row durations[] = {
    {S("0s"), 0, 0},
    {S("1s"), 1, 0},
    {S("-1s"), -1, 0},
    {S("3.000000001s"), 3, 1},
    {S("-0.500s"), 0, -500000000},
    {S("-1.000001s"), -1, -1000},
    {S("315576000000s"), 315576000000, 0},
    {S("-315576000000s"), -315576000000, 0},
};

TEST(protobuf_time_durations_go_both_ways)
{
    char text[PROTOBUF_TIME_TEXT_MAX];
    size_t len = 0;

    for (size_t i = 0; i < sizeof(durations) / sizeof(*durations); i++) {
        struct protobuf_time t = {0};
        CHECK_EQ(protobuf_time_read_duration(durations[i].text, &t), OK);
        CHECK_EQ(t.seconds, durations[i].seconds);
        CHECK_EQ(t.nanos, durations[i].nanos);
        CHECK_EQ(protobuf_time_write_duration(t, text, &len), OK);
        CHECK_SAME(((str){.ptr = text, .len = len}), durations[i].text);
    }
}

TEST(protobuf_time_refuses_what_is_no_duration)
{
    static const str rows[] = {S(""),    S("s"),   S("1"),    S("1m"),  S(".5s"),
                               S("1.s"), S("+1s"), S("--1s"), S("1s "), S("1.1234567890s"),
                               S("1e3s")};
    struct protobuf_time t = {0};

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        CHECK_EQ(protobuf_time_read_duration(rows[i], &t), ERR_SYNTAX);
    }
    CHECK_EQ(protobuf_time_read_duration(STR("315576000001s"), &t), ERR_RANGE);
    CHECK_EQ(protobuf_time_read_duration(STR("315576000000.1s"), &t), ERR_RANGE);
    CHECK_EQ(protobuf_time_read_duration(STR("99999999999999999999s"), &t), ERR_RANGE);
}

TEST(protobuf_time_refuses_messages_that_hold_no_time)
{
    static const struct protobuf_time stamps[] = {
        {-62135596801, 0}, {253402300800, 0}, {0, -1}, {0, 1000000000}, {INT64_MIN, 0}};
    static const struct protobuf_time spans[] = {
        {-315576000001, 0}, {315576000001, 0}, {1, -1},       {-1, 1},
        {0, 1000000000},    {0, -1000000000},  {INT64_MIN, 0}};
    char text[PROTOBUF_TIME_TEXT_MAX];
    size_t len = 0;

    for (size_t i = 0; i < sizeof(stamps) / sizeof(*stamps); i++) {
        CHECK_EQ(protobuf_time_write_timestamp(stamps[i], text, &len), ERR_RANGE);
    }
    for (size_t i = 0; i < sizeof(spans) / sizeof(*spans); i++) {
        CHECK_EQ(protobuf_time_write_duration(spans[i], text, &len), ERR_RANGE);
    }
}
