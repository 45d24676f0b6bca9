#include "provider/sluice_stream.h"

#include "support/test.h"

// Events: a start, texts, thoughts, a call, a finish, the usage.
#define START STR("\x0a\x05\x0a\x03one")
#define TEXT STR("\x12\x04\x1a\x02hi")
#define EMPTY_TEXT STR("\x12\x02\x1a\x00")
#define TEXT_OF_1 STR("\x12\x06\x08\x01\x1a\x02hi")
#define THOUGHT STR("\x12\x04\x22\x02hm")
#define CALL STR("\x12\x05\x3a\x03\x12\x01g")
#define FINISH STR("\x1a\x02\x10\x01")
#define FINISH_OF_1 STR("\x1a\x04\x08\x01\x10\x01")
#define USAGE STR("\x22\x04\x08\x07\x10\x03")

static void take(struct answer_stream *s, str event)
{
    CHECK_EQ(sluice_stream_event(s, event), OK);
}

TEST(sluice_stream_tells_what_each_event_brings)
{
    struct answer_stream s = {.kind = ANSWER_SLUICE};

    take(&s, START);
    CHECK(!s.has_content && !s.delta.content.ptr);
    take(&s, EMPTY_TEXT);
    CHECK(!s.has_content);
    take(&s, THOUGHT);
    CHECK(s.delta.has_reasoning && !s.delta.has_other && s.has_content);
    take(&s, TEXT);
    CHECK_STR(s.delta.content, "hi");
    CHECK(s.delta.is_plain && !s.delta.has_other && !s.delta.has_reasoning);
    take(&s, CALL);
    CHECK(s.delta.has_other && !s.delta.content.ptr);
    take(&s, TEXT_OF_1);
    CHECK(s.delta.has_other && !s.delta.content.ptr);
    CHECK_EQ(s.parts, 4);
    take(&s, USAGE);
    CHECK(s.delta.is_usage_only && s.usage.is_known);
    CHECK_EQ(s.usage.input_tokens, 7);
    CHECK_EQ(s.usage.output_tokens, 3);
    take(&s, STR("\x2a\x01x")); // of a newer schema
    CHECK(!s.delta.has_other);
}

TEST(sluice_stream_is_complete_with_every_finish_and_a_good_end_alone)
{
    struct answer_stream s = {.kind = ANSWER_SLUICE, .choices_expected = 2};

    take(&s, TEXT);
    s.is_done = true;
    CHECK(!answer_stream_is_complete(&s)); // status OK, and no finish
    s.is_done = false;
    take(&s, FINISH);
    CHECK(s.delta.is_finish && !s.is_finished);
    take(&s, FINISH_OF_1);
    CHECK(s.is_finished && !answer_stream_is_complete(&s)); // no status
    s.is_done = true;
    CHECK(answer_stream_is_complete(&s));
}

TEST(sluice_stream_waits_for_the_finish_of_all_that_began)
{
    struct answer_stream s = {.kind = ANSWER_SLUICE, .is_done = true};

    take(&s, TEXT);
    take(&s, TEXT_OF_1);
    take(&s, FINISH);
    CHECK(!answer_stream_is_complete(&s));
    take(&s, FINISH_OF_1);
    CHECK(answer_stream_is_complete(&s));
}

TEST(sluice_stream_refuses_what_is_no_event)
{
    static const str bad[] = {STR_INIT("\xff"),
                              STR_INIT("\x12\x09\x1a\x02hi"),
                              STR_INIT("\x12\x03\x1a\x01\xff"),
                              STR_INIT("\x12\x02\x18\x01"),
                              STR_INIT("\x1a\x01\x08"),
                              STR_INIT("\x22\x01\x08")};
    struct answer_stream s = {.kind = ANSWER_SLUICE};

    take(&s, TEXT);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_EQ(answer_stream_event(&s, bad[i]), ERR_SYNTAX);
        CHECK_STR(s.delta.content, "hi"); // as before
    }
}

TEST(sluice_stream_splices_another_text_into_an_event)
{
    struct buf out;

    buf_init(&out, 1000);
    CHECK_EQ(sluice_stream_splice(&out, STR("\x12\x06\x10\x02\x1a\x02hi"), STR("there")), OK);
    CHECK_SAME(buf_view(&out), STR("\0\0\0\0\x0b\x12\x09\x10\x02\x1a\x05there"));
    buf_done(&out);
}

TEST(sluice_stream_finds_the_usage_of_a_whole_answer)
{
    struct token_usage u = answer_stream_usage(ANSWER_SLUICE, STR("\x0a\x01x\x22\x02\x10\x05"));

    CHECK(u.is_known);
    CHECK_EQ(u.output_tokens, 5);
    CHECK(!answer_stream_usage(ANSWER_SLUICE, STR("\x0a\x01x")).is_known);
    CHECK(!answer_stream_usage(ANSWER_SLUICE, STR("\x22\x09")).is_known);
}
