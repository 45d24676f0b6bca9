#include "provider/chat_text.h"

#include "support/test.h"

static void check_written(struct chat_text t, str want)
{
    struct json_writer w;
    struct gather g;

    gather_init(&g, 256);
    json_write_init(&w, &g.text);
    json_write_object(&w);
    chat_text_write_member(&w, &g, STR("a"), t);
    json_write_key(&w, STR("b"));
    json_write_null(&w);
    json_write_object_end(&w);
    CHECK_EQ(w.error, OK);
    CHECK_SAME(buf_view(&g.text), want);
    gather_done(&g);
}

TEST(chat_text_from_json_keeps_its_escapes)
{
    check_written(chat_text_json(STR("\\u00e4\\/b")), STR("{\"a\":\"\\u00e4\\/b\",\"b\":null}"));
}

TEST(chat_text_that_is_plain_is_escaped)
{
    check_written(chat_text_plain(STR("a\"b")), STR("{\"a\":\"a\\\"b\",\"b\":null}"));
}

TEST(chat_text_that_is_not_given_is_not_written)
{
    check_written((struct chat_text){0}, STR("{\"b\":null}"));
    check_written(chat_text_plain(STR("")), STR("{\"a\":\"\",\"b\":null}"));
}

TEST(chat_text_says_the_same_in_either_form)
{
    struct arena a;

    arena_init(&a, 256);
    CHECK(chat_text_is(chat_text_json(STR("\\u0061b")), STR("ab")));
    CHECK(chat_text_is(chat_text_plain(STR("ab")), STR("ab")));
    CHECK(!chat_text_is((struct chat_text){0}, STR("")));
    CHECK_STR(chat_text_read(chat_text_json(STR("\\u0061b")), &a), "ab");
    CHECK_STR(chat_text_read(chat_text_plain(STR("\\u0061")), &a), "\\u0061");
    arena_reset(&a);
}

TEST(chat_text_in_pieces_is_one_string)
{
    struct json_writer w;
    struct gather g;

    gather_init(&g, 256);
    json_write_init(&w, &g.text);
    json_write_array(&w);
    json_write_u64(&w, 1);
    chat_text_open(&w);
    chat_text_add(&w, &g, chat_text_plain(STR("a\"")));
    chat_text_add(&w, &g, chat_text_json(STR("\\u0062")));
    chat_text_add(&w, &g, (struct chat_text){0});
    chat_text_close(&w);
    chat_text_open(&w);
    chat_text_close(&w);
    json_write_array_end(&w);
    CHECK_EQ(w.error, OK);
    CHECK_STR(buf_view(&g.text), "[1,\"a\\\"\\u0062\",\"\"]");
    gather_done(&g);
}

TEST(chat_text_appends_either_form_as_a_string)
{
    struct buf out;

    buf_init(&out, 16);
    CHECK_EQ(chat_text_append(&out, chat_text_plain(STR("\n"))), OK);
    CHECK_EQ(chat_text_append(&out, chat_text_json(STR("\\n"))), OK);
    CHECK_EQ(chat_text_append(&out, (struct chat_text){0}), OK);
    CHECK_STR(buf_view(&out), "\"\\n\"\"\\n\"\"\"");
    buf_done(&out);
}

TEST(chat_text_that_is_long_and_escaped_is_not_copied)
{
    static char digits[GATHER_INSERT_MIN];
    struct json_writer w;
    struct gather g;

    memset(digits, 'A', sizeof(digits));
    gather_init(&g, 64);
    json_write_init(&w, &g.text);
    json_write_array(&w);
    chat_text_write(&w, &g, chat_text_json((str){.ptr = digits, .len = sizeof(digits)}));
    chat_text_write(&w, &g, chat_text_json(STR("x")));
    json_write_array_end(&w);
    CHECK_EQ(w.error, OK);
    CHECK_STR(buf_view(&g.text), "[\"\",\"x\"]");
    CHECK_EQ(g.insert_count, 1);
    CHECK(g.inserts[0].view.ptr == digits);
    CHECK_EQ(g.inserts[0].at, 2);
    gather_done(&g);
}
