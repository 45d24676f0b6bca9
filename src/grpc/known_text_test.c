#include "grpc/known_text.h"

#include "support/test.h"

#define S(text) STR_INIT(text)

struct row {
    str text;
    str bytes;
};

static const struct row masks[] = {
    {S(""), S("")},
    {S("a"), S("\x0a\x01"
               "a")},
    {S("a.b9,fooBar"), S("\x0a\x04"
                         "a.b9\x0a\x07"
                         "foo_bar")},
    {S("aBCd"), S("\x0a\x06"
                  "a_b_cd")},
};

TEST(known_text_masks_go_both_ways)
{
    struct protobuf_writer w;
    struct arena arena;
    struct buf out;
    str text = STR("");

    arena_init(&arena, 1024);
    buf_init(&out, 256);
    for (size_t i = 0; i < sizeof(masks) / sizeof(*masks); i++) {
        buf_clear(&out);
        protobuf_write_init(&w, &out);
        CHECK_EQ(known_text_read(DESCRIPTOR_FIELD_MASK, masks[i].text, &w), OK);
        CHECK_SAME(buf_view(&out), masks[i].bytes);
        CHECK_EQ(known_text_write(DESCRIPTOR_FIELD_MASK, masks[i].bytes, &arena, &text), OK);
        CHECK_SAME(text, masks[i].text);
    }
    buf_done(&out);
    arena_reset(&arena);
}

TEST(known_text_refuses_masks_that_would_not_come_back)
{
    static const str texts[] = {S(","), S("a,"), S(",a"), S("a_b"), S("a b"), S("\xc3\xa4")};
    static const str paths[] = {S("\x0a\x00"),
                                S("\x0a\x01_"),
                                S("\x0a\x02"
                                  "a_"),
                                S("\x0a\x01"
                                  "A"),
                                S("\x0a\x03"
                                  "a_1"),
                                S("\x0a\x03"
                                  "a,b")};
    struct protobuf_writer w;
    struct arena arena;
    struct buf out;
    str text = STR("as it was");

    arena_init(&arena, 1024);
    buf_init(&out, 256);
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        protobuf_write_init(&w, &out);
        CHECK_EQ(known_text_read(DESCRIPTOR_FIELD_MASK, texts[i], &w), ERR_SYNTAX);
    }
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        CHECK_EQ(known_text_write(DESCRIPTOR_FIELD_MASK, paths[i], &arena, &text), ERR_RANGE);
    }
    CHECK_EQ(known_text_write(DESCRIPTOR_FIELD_MASK, STR("\x0a"), &arena, &text), ERR_SYNTAX);
    CHECK_STR(text, "as it was");
    buf_done(&out);
    arena_reset(&arena);
}

TEST(known_text_times_are_messages_of_seconds_and_nanos)
{
    struct protobuf_writer w;
    struct arena arena;
    struct buf out;
    str text = STR("");

    arena_init(&arena, 1024);
    buf_init(&out, 256);
    protobuf_write_init(&w, &out);
    CHECK_EQ(known_text_read(DESCRIPTOR_TIMESTAMP, STR("1970-01-01T00:00:02.000000003Z"), &w), OK);
    CHECK_STR(buf_view(&out), "\x08\x02\x10\x03");
    buf_clear(&out);
    CHECK_EQ(known_text_read(DESCRIPTOR_DURATION, STR("0s"), &w), OK);
    CHECK_STR(buf_view(&out), "");
    CHECK_EQ(known_text_read(DESCRIPTOR_DURATION, STR("1970-01-01T00:00:02Z"), &w), ERR_SYNTAX);
    // Of a number given twice the last counts; numbers of another form are unknown.
    CHECK_EQ(known_text_write(DESCRIPTOR_DURATION, STR("\x08\x02\x08\x01\x0a\x00"), &arena, &text),
             OK);
    CHECK_STR(text, "1s");
    CHECK_EQ(known_text_write(DESCRIPTOR_TIMESTAMP, STR("\x08\x02\x10"), &arena, &text),
             ERR_SYNTAX);
    CHECK(known_text_has(DESCRIPTOR_FIELD_MASK) && !known_text_has(DESCRIPTOR_STRUCT));
    buf_done(&out);
    arena_reset(&arena);
}
