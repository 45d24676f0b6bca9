#include "http/h2_client_session.h"

#include "support/h2_stage.h"
#include "support/test.h"

static void flood(str frame, int count, bool is_borne)
{
    struct h2_stage b;

    h2_stage_init(&b, h2_stage_plain);
    struct h2_asking *a = h2_stage_ask_get(&b, 0);
    h2_stage_settle(&b);
    for (int i = 0; i < count; i++) {
        fake_h2_raw(fake_h2_conn(&b.far), frame);
        if (i % 100 == 0) h2_stage_settle(&b);
    }
    h2_stage_settle(&b);
    CHECK_EQ(a->end, is_borne ? OK : ERR_LIMIT);
    CHECK_EQ(b.far.open_count, is_borne);
    h2_stage_done(&b);
}

TEST(h2_client_session_bounds_frames_that_bring_no_call_further)
{
    const str ping = STR("\0\0\10\6\0\0\0\0\0abcdefgh");
    const str settings = STR("\0\0\0\4\0\0\0\0\0");
    const str priority = STR("\0\0\5\2\0\0\0\0\1\0\0\0\0\1");

    flood(ping, 900, true);
    flood(ping, 1001, false);
    flood(settings, 1001, false);
    flood(priority, 1001, false);
}

TEST(h2_client_session_bounds_empty_data)
{
    struct h2_stage b;

    h2_stage_init(&b, h2_stage_plain);
    struct h2_asking *a = h2_stage_ask_get(&b, 0);
    h2_stage_settle(&b);
    fake_h2_head(fake_h2_stream(&b.far), "200", STR(""), false);
    h2_stage_settle(&b);
    for (int i = 0; i < 1001; i++) {
        fake_h2_raw(fake_h2_conn(&b.far), STR("\0\0\0\0\0\0\0\0\1"));
    }
    h2_stage_settle(&b);
    CHECK_EQ(a->end, ERR_LIMIT);
    CHECK_EQ(fake_h2_conn(&b.far)->goaway_code, NGHTTP2_ENHANCE_YOUR_CALM);
    h2_stage_done(&b);
}

TEST(h2_client_session_bounds_the_frames_of_a_header_block)
{
    struct h2_stage b;

    h2_stage_init(&b, h2_stage_plain);
    struct h2_asking *a = h2_stage_ask_get(&b, 0);
    h2_stage_settle(&b);
    fake_h2_raw(fake_h2_conn(&b.far),
                STR("\0\0\1\1\0\0\0\0\1\x88")); // ":status: 200", to be continued
    for (int i = 0; i < 30; i++) {
        fake_h2_raw(fake_h2_conn(&b.far), STR("\0\0\0\11\0\0\0\0\1"));
    }
    h2_stage_settle(&b);
    CHECK(a->end == ERR_LIMIT || a->end == ERR_SYNTAX); // nghttp2 may count, too
    CHECK_EQ(b.far.open_count, 0);
    h2_stage_done(&b);
}

TEST(h2_client_session_refuses_promises_made_before_its_settings_were_known)
{
    struct h2_stage b;

    h2_stage_init(&b, h2_stage_plain);
    b.far.is_silent = true;
    struct h2_asking *a = h2_stage_ask_get(&b, 0);
    h2_stage_settle(&b);
    struct fake_h2_conn *c = fake_h2_conn(&b.far);
    fake_h2_raw(c, STR("\0\0\0\4\0\0\0\0\0"));
    fake_h2_raw(c, STR("\0\0\12\5\4\0\0\0\1\0\0\0\2\x82\x84\x86\x41\1o"));
    fake_h2_raw(c, STR("\0\0\1\1\4\0\0\0\2\x88")); // kept all the same
    fake_h2_raw(c, STR("\0\0\3\0\1\0\0\0\2no!"));
    fake_h2_raw(c, STR("\0\0\1\1\4\0\0\0\1\x88"));
    fake_h2_raw(c, STR("\0\0\3\0\1\0\0\0\1yes"));
    h2_stage_settle(&b);
    h2_stage_expect_answer(a, 200, STR("yes"));
    char said[4096];
    size_t len = 0;
    CHECK_EQ(stream_read(c->stream, said, sizeof(said), &len), OK);
    CHECK(str_find((str){said, len}, STR("\0\0\4\3\0\0\0\0\2")) < len); // a reset
    fake_h2_close(c, STREAM_CLOSE);
    h2_stage_done(&b);
}

TEST(h2_client_session_refuses_promises)
{
    struct h2_stage b;

    h2_stage_init(&b, h2_stage_plain);
    struct h2_asking *a = h2_stage_ask_get(&b, 0);
    h2_stage_settle(&b);
    // Of stream 2, with ":method: GET", ":path: /", ":scheme: http" and ":authority: o".
    fake_h2_raw(fake_h2_conn(&b.far), STR("\0\0\12\5\4\0\0\0\1\0\0\0\2\x82\x84\x86\x41\1o"));
    h2_stage_settle(&b);
    CHECK_EQ(a->end, ERR_SYNTAX);
    CHECK_EQ(b.far.open_count, 0);
    h2_stage_done(&b);
}
