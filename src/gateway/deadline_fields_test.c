#include "gateway/deadline_fields.h"

#include "support/test.h"

static struct deadline_fields read_one(str name, str value)
{
    struct h1_field field = {.name = name, .value = value};
    struct h1_head head = {.fields = &field, .field_count = 1};
    struct deadline_fields out;

    deadline_fields_read(&head, &out);
    return out;
}

static void check_whole(const char *name, const char *value, msec want)
{
    struct deadline_fields f = read_one(str_from_c(name), str_from_c(value));

    if (f.whole_ms != want)
        test_fail(__FILE__, __LINE__, "%s: %s is %jd", name, value, (intmax_t)f.whole_ms);
    CHECK_EQ(f.start_ms, TIME_NEVER);
    CHECK_EQ(f.idle_ms, TIME_NEVER);
}

TEST(deadline_fields_read_every_spelling)
{
    check_whole("grpc-timeout", "100m", 100);
    check_whole("grpc-timeout", "5S", 5000);
    check_whole("grpc-timeout", "2M", 120'000);
    check_whole("grpc-timeout", "1H", 3'600'000);
    check_whole("grpc-timeout", "1500u", 2);
    check_whole("grpc-timeout", "1n", 1);
    check_whole("Grpc-Timeout", "99999999H", 24 * 3'600'000);
    check_whole("X-Server-Timeout", "9", 9000);
    check_whole("x-server-timeout", "0.25", 250);
    check_whole("x-server-timeout", "1.0625", 1062);
    check_whole("x-sluice-deadline-ms", "350", 350);
    check_whole("x-sluice-deadline-ms", "0", 0);
    check_whole("x-sluice-deadline-ms", "999999999999999999999999", 24 * 3'600'000);
    CHECK_EQ(read_one(STR("X-Stainless-Timeout"), STR("600")).start_ms, 600'000);
    CHECK_EQ(read_one(STR("x-stainless-timeout"), STR("0")).start_ms, 1000);
    CHECK_EQ(read_one(STR("x-stainless-read-timeout"), STR("5.5")).idle_ms, 5500);
}

TEST(deadline_fields_pass_over_what_can_not_be_read)
{
    static const char *const bad[] = {"",           "m",    "5",  "-5m", "5 m",
                                      "123456789m", "5.5S", "5x", "0x5m"};
    static const char *const no_number[] = {"",   "NOT_GIVEN", "-1", "1e3", "1.",
                                            ".5", "1.5.5",     "5s", "1 2", "inf"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        check_whole("grpc-timeout", bad[i], TIME_NEVER);
    }
    for (size_t i = 0; i < sizeof(no_number) / sizeof(*no_number); i++) {
        check_whole("x-sluice-deadline-ms", no_number[i], TIME_NEVER);
        CHECK_EQ(read_one(STR("x-stainless-timeout"), str_from_c(no_number[i])).start_ms,
                 TIME_NEVER);
    }
    check_whole("x-timeout", "5", TIME_NEVER);
}

TEST(deadline_fields_take_the_soonest_of_several)
{
    struct h1_field fields[] = {{STR_INIT("grpc-timeout"), STR_INIT("5S")},
                                {STR_INIT("x-sluice-deadline-ms"), STR_INIT("900")},
                                {STR_INIT("x-server-timeout"), STR_INIT("2")},
                                {STR_INIT("x-stainless-timeout"), STR_INIT("60")},
                                {STR_INIT("x-stainless-timeout"), STR_INIT("30")}};
    struct h1_head head = {.fields = fields, .field_count = 5};
    struct deadline_fields out;

    deadline_fields_read(&head, &out);
    CHECK_EQ(out.whole_ms, 900);
    CHECK_EQ(out.start_ms, 30'000);
    CHECK_EQ(out.idle_ms, TIME_NEVER);
}

static void check_written(const char *name, const char *value, msec left, const char *want)
{
    struct buf out;

    buf_init(&out, 200);
    CHECK_EQ(
        deadline_fields_write(&out, str_from_c(name), str_from_c(value),
                              (struct deadline_left){.whole_ms = left, .start_ms = TIME_NEVER}),
        OK);
    CHECK_SAME(buf_view(&out), str_from_c(want));
    buf_done(&out);
}

TEST(deadline_fields_write_what_is_left_in_the_field_s_own_unit)
{
    check_written("grpc-timeout", "5S", 1234, "grpc-timeout: 1234m\r\n");
    check_written("grpc-timeout", "99H", 100'000'000, "grpc-timeout: 99H\r\n");
    check_written("X-Server-Timeout", "9", 7000, "X-Server-Timeout: 7\r\n");
    check_written("x-server-timeout", "9", 350, "x-server-timeout: 0.350\r\n");
    check_written("x-stainless-timeout", "600", 50, "x-stainless-timeout: 0.050\r\n");
    check_written("x-sluice-deadline-ms", "500", 0, "x-sluice-deadline-ms: 1\r\n");
    // What is longer, of another kind or not known stays.
    check_written("x-sluice-deadline-ms", "500", 700, "x-sluice-deadline-ms: 500\r\n");
    check_written("x-stainless-read-timeout", "600", 50, "x-stainless-read-timeout: 600\r\n");
    check_written("grpc-timeout", "soon", 50, "grpc-timeout: soon\r\n");
}

TEST(deadline_fields_write_the_time_until_the_head_where_that_is_shorter)
{
    const struct deadline_left left = {.whole_ms = 5000, .start_ms = 1500};
    struct buf out;

    buf_init(&out, 200);
    CHECK_EQ(deadline_fields_write(&out, STR("x-stainless-timeout"), STR("60"), left), OK);
    CHECK_EQ(deadline_fields_write(&out, STR("x-server-timeout"), STR("60"), left), OK);
    CHECK_STR(buf_view(&out), "x-stainless-timeout: 1.500\r\nx-server-timeout: 5\r\n");
    buf_done(&out);
}
