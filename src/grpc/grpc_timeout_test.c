#include "grpc/grpc_timeout.h"

#include "support/test.h"

#define S(text) STR_INIT(text)
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const struct {
    str value;
    usec want;
} good[] = {
    {S("1H"), 3'600'000'000},
    {S("2M"), 120'000'000},
    {S("3S"), 3'000'000},
    {S("4m"), 4000},
    {S("5u"), 5},
    {S("6000n"), 6},
    {S("1999n"), 1},
    {S("1n"), 0},
    {S("0m"), 0},
    {S("00000001S"), 1'000'000},
    {S("99999999H"), 99'999'999 * INT64_C(3'600'000'000)},
};

TEST(grpc_timeout_reads_each_unit)
{
    for (size_t i = 0; i < COUNT(good); i++) {
        usec got = -1;
        CHECK_EQ(grpc_timeout_read(good[i].value, &got), OK);
        CHECK_EQ(got, good[i].want);
    }
}

TEST(grpc_timeout_refuses_anything_else)
{
    static const str bad[] = {S(""),    S("S"),    S("1"),   S("100"), S("1s"),         S("1h"),
                              S("1 S"), S(" 1S"),  S("1S "), S("-1S"), S("+1S"),        S("1.5S"),
                              S("1ms"), S("0x1S"), S("1SS"), S("inf"), S("123456789S"), S("1\0")};

    for (size_t i = 0; i < COUNT(bad); i++) {
        usec got = -1;
        CHECK_EQ(grpc_timeout_read(bad[i], &got), ERR_SYNTAX);
        CHECK_EQ(got, -1);
    }
}

static const struct {
    usec left;
    str want;
} written[] = {
    {1, S("1u")},
    {99'999'999, S("99999999u")},
    {100'000'000, S("100000m")},
    {100'000'999, S("100000m")},
    {99'999'999'999, S("99999999m")},
    {100'000'000'000, S("100000S")},
    {99'999'999 * INT64_C(1'000'000) + 999'999, S("99999999S")},
    {INT64_C(100'000'000'000'000), S("1666666M")},
    {100'000'000 * INT64_C(60'000'000), S("1666666H")},
    {INT64_MAX, S("99999999H")},
    {0, S("1n")},
    {-5, S("1n")},
};

TEST(grpc_timeout_writes_the_finest_unit_and_never_more_than_is_left)
{
    for (size_t i = 0; i < COUNT(written); i++) {
        struct buf out;
        usec again = 0;
        buf_init(&out, 64);
        CHECK_EQ(grpc_timeout_write(written[i].left, &out), OK);
        CHECK_SAME(buf_view(&out), written[i].want);
        CHECK_EQ(grpc_timeout_read(buf_view(&out), &again), OK);
        CHECK(again <= written[i].left || written[i].left < 0);
        buf_done(&out);
    }
}

TEST(grpc_timeout_writes_only_what_fits)
{
    struct buf out;

    buf_init(&out, 4);
    CHECK_EQ(grpc_timeout_write(99'999, &out), ERR_LIMIT);
    buf_done(&out);
}
