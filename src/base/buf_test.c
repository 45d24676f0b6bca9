#include "base/buf.h"

#include "support/test.h"

TEST(buf_refuses_to_pass_its_maximum_and_keeps_what_it_has)
{
    struct buf b;

    buf_init(&b, 8);
    CHECK_EQ(buf_append(&b, STR("12345")), OK);
    CHECK_EQ(buf_append(&b, STR("6789")), ERR_LIMIT);
    CHECK_SAME(buf_view(&b), STR("12345"));
    CHECK_EQ(buf_append(&b, STR("678")), OK);
    CHECK_EQ(buf_append_char(&b, '9'), ERR_LIMIT);
    buf_consume(&b, 5);
    CHECK_EQ(buf_append(&b, STR("abcde")), OK);
    CHECK_SAME(buf_view(&b), STR("678abcde"));
    buf_done(&b);
    CHECK_EQ(buf_len(&b), 0);
}

TEST(buf_keeps_order_through_growth_and_consumption)
{
    struct buf b;
    uint64_t next_in = 0;
    uint64_t next_out = 0;

    buf_init(&b, 1 << 16);
    for (int round = 0; round < 300; round++) {
        for (int i = 0; i < 37; i++) {
            CHECK_EQ(buf_append_char(&b, (char)(next_in++ % 251)), OK);
        }
        size_t eat = buf_len(&b) / 2;
        str view = buf_view(&b);
        for (size_t i = 0; i < eat; i++) {
            CHECK_EQ(view.ptr[i], (char)(next_out++ % 251));
        }
        buf_consume(&b, eat);
    }
    buf_done(&b);
}

TEST(buf_is_cut_behind_what_is_kept)
{
    struct buf b;

    buf_init(&b, 100);
    CHECK_EQ(buf_append(&b, STR("eaten kept dropped")), OK);
    buf_consume(&b, 6);
    buf_cut(&b, 12);
    CHECK_STR(buf_view(&b), "kept dropped");
    buf_cut(&b, 4);
    CHECK_STR(buf_view(&b), "kept");
    CHECK_EQ(buf_append(&b, STR("!")), OK);
    CHECK_STR(buf_view(&b), "kept!");
    buf_cut(&b, 0);
    CHECK_STR(buf_view(&b), "");
    buf_done(&b);
}

TEST(buf_formats_and_numbers)
{
    struct buf b;

    buf_init(&b, 100);
    CHECK_EQ(buf_append_format(&b, "%s=%d;", "a", 1), OK);
    CHECK_EQ(buf_append_u64(&b, UINT64_MAX), OK);
    CHECK_EQ(buf_append_u64(&b, 0), OK);
    CHECK_SAME(buf_view(&b), STR("a=1;184467440737095516150"));
    CHECK_EQ(buf_append_format(&b, "%200d", 1), ERR_LIMIT);
    buf_done(&b);
}
