#include "gateway/relay.h"

#include "base/random.h"

#include "support/test.h"

#include <string.h>

#define DELTA "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\n"
#define STOP "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define DONE "data: [DONE]\n\n"

// Passes `text` in pieces that end at random, all out of one array as a stream's would be.
static err pass(str text, struct random *random, struct buf *out)
{
    struct transcript none;
    struct relay r;
    err e = OK;

    transcript_init(&none, 0);
    relay_init(&r, ANSWER_OPENAI_CHAT, 1024, &none, RELAY_FIRST);
    while (text.len && !e) {
        size_t len = random ? 1 + random_below(random, text.len) : text.len;
        str forward = STR("");
        e = relay_take(&r, str_sub(text, 0, len), &forward);
        CHECK_EQ(buf_append(out, forward), OK);
        text = str_sub(text, len, text.len);
    }
    str tail = STR("");
    if (!e) e = relay_end(&r, &tail);
    if (!e) CHECK_EQ(buf_append(out, tail), OK);
    relay_done(&r);
    return e;
}

static void expect(str text, err want, str passed)
{
    struct random random;
    struct buf out;

    random_init(&random, test_seed());
    buf_init(&out, 10'000);
    for (int i = 0; i < 50; i++) {
        buf_clear(&out);
        CHECK_EQ(pass(text, i ? &random : NULL, &out), want);
        CHECK_SAME(buf_view(&out), passed);
    }
    buf_done(&out);
}

TEST(relay_passes_a_complete_stream_byte_for_byte)
{
    expect(STR(": hello\n\n" DELTA DELTA STOP DONE), OK, STR(": hello\n\n" DELTA DELTA STOP DONE));
}

TEST(relay_adds_the_end_mark_that_a_finished_stream_lacks)
{
    expect(STR(DELTA STOP), OK, STR(DELTA STOP DONE));
    expect(STR(DELTA STOP "data: [DONE]\n"), OK, STR(DELTA STOP "data: [DONE]\n\n\n"));
}

TEST(relay_tells_a_cut_between_and_within_events)
{
    expect(STR(DELTA DELTA), ERR_CLOSED, STR(DELTA DELTA));
    expect(STR(DELTA "data: {\"choi"), ERR_CLOSED, STR(DELTA));
    expect(STR(""), ERR_CLOSED, STR(""));
}

TEST(relay_drops_a_part_of_an_event_behind_the_finish)
{
    expect(STR(DELTA STOP "data: [DO"), OK, STR(DELTA STOP DONE));
    expect(STR(DELTA STOP "data: {\"usage\":{"), OK, STR(DELTA STOP DONE));
}

TEST(relay_drops_a_malformed_event_behind_the_finish)
{
    expect(STR(DELTA STOP "data: {\"usage\":}\n\n" DONE), OK, STR(DELTA STOP DONE));
    expect(STR(DELTA STOP "data: [1]\n\n"), OK, STR(DELTA STOP DONE));
    expect(STR(DELTA STOP "data: {\"error\":{\"message\":\"x\"}}\n\n"), ERR_REFUSED,
           STR(DELTA STOP));
}

TEST(relay_stops_before_a_malformed_event)
{
    expect(STR(DELTA "data: {\"a\":}\n\n" STOP DONE), ERR_SYNTAX, STR(DELTA));
}

TEST(relay_keeps_an_upstreams_own_error_back)
{
    expect(STR(DELTA "data: {\"error\":{\"message\":\"x\"}}\n\n"), ERR_REFUSED, STR(DELTA));
}

TEST(relay_needs_a_finish_for_every_choice)
{
    const str one_open = STR("data: {\"choices\":[{\"index\":1,\"delta\":{}}]}\n\n" STOP);

    expect(one_open, ERR_CLOSED, one_open);
}

TEST(relay_bounds_an_event)
{
    struct transcript none;
    struct relay r;
    char bytes[4096];
    str forward;
    err e = OK;

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = 'x';
    }
    transcript_init(&none, 0);
    relay_init(&r, ANSWER_OPENAI_CHAT, 1024, &none, RELAY_FIRST);
    for (int i = 0; i < 100 && !e; i++) {
        e = relay_take(&r, (str){.ptr = bytes, .len = sizeof(bytes)}, &forward);
    }
    CHECK_EQ(e, ERR_LIMIT);
    relay_done(&r);
}

TEST(relay_takes_nothing_but_objects_for_events)
{
    static const char *const bad[] = {"[]", "[DON", "[", "1", "null", "\"x\"", "true", "[{}]"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct transcript none;
        struct relay r;
        struct buf text;
        str forward = STR("");
        str tail = STR("");
        buf_init(&text, 100);
        CHECK_EQ(buf_append_format(&text, "data: %s\n\n", bad[i]), OK);
        transcript_init(&none, 0);
        relay_init(&r, ANSWER_OPENAI_CHAT, 1024, &none, RELAY_FIRST);
        CHECK_EQ(relay_take(&r, buf_view(&text), &forward), ERR_SYNTAX);
        relay_done(&r);
        transcript_init(&none, 0);
        relay_init(&r, ANSWER_OPENAI_CHAT, 1024, &none, RELAY_FIRST);
        CHECK_EQ(relay_take(&r, str_sub(buf_view(&text), 0, buf_len(&text) - 2), &forward), OK);
        CHECK_EQ(relay_end(&r, &tail), ERR_CLOSED);
        relay_done(&r);
        buf_done(&text);
        CHECK(!openai_answer_usage(str_from_c(bad[i])).is_known);
    }
}

TEST(relay_bounds_an_event_to_the_byte_however_it_comes)
{
    static char text[1026];
    char *end = text + sizeof(text);

    memset(text, 'x', sizeof(text));
    text[0] = ':';
    for (size_t len = 1023; len <= 1025; len++) {
        for (size_t split = 0; split < len; split += 341) {
            struct transcript none;
            struct relay r;
            str forward = STR("");
            str event = {end - len, len};
            end[-1] = end[-2] = '\n';
            *(end - len) = ':';
            transcript_init(&none, 0);
            relay_init(&r, ANSWER_OPENAI_CHAT, 1024, &none, RELAY_FIRST);
            CHECK_EQ(relay_take(&r, str_sub(event, 0, split), &forward), OK);
            CHECK_EQ(relay_take(&r, str_sub(event, split, len - split), &forward),
                     len > 1024 ? ERR_LIMIT : OK);
            relay_done(&r);
        }
    }
}

TEST(relay_adds_nothing_where_the_last_line_end_was_split)
{
    const str text = STR("data: {\"choices\":[{\"index\":0,\"finish_reason\":\"stop\"}]}\r\n\r\n"
                         "data: [DONE]\r\n\r\n");

    for (size_t split = 0; split < text.len; split++) {
        struct transcript none;
        struct relay r;
        struct buf out;
        str forward = STR("");
        str tail = STR("");
        buf_init(&out, 1000);
        transcript_init(&none, 0);
        relay_init(&r, ANSWER_OPENAI_CHAT, 1024, &none, RELAY_FIRST);
        CHECK_EQ(relay_take(&r, str_sub(text, 0, split), &forward), OK);
        CHECK_EQ(buf_append(&out, forward), OK);
        CHECK_EQ(relay_take(&r, str_sub(text, split, text.len - split), &forward), OK);
        CHECK_EQ(buf_append(&out, forward), OK);
        CHECK_EQ(relay_end(&r, &tail), OK);
        CHECK_EQ(buf_append(&out, tail), OK);
        CHECK_SAME(buf_view(&out), text);
        relay_done(&r);
        buf_done(&out);
    }
}

// --- Finishing the answer of another stream ---

#define TEXT(t)                                                                                    \
    "data: {\"id\":\"2\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" t "\"}}]}\n\n"
#define ROLE                                                                                       \
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n"
#define TOOL                                                                                       \
    "data: "                                                                                       \
    "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c\"}]}}]}\n\n"
#define USAGE "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\n"

static void check_finish(enum relay_manner manner, str delivered, str stream, err want, str passed)
{
    struct random random;
    struct buf out;

    random_init(&random, test_seed());
    buf_init(&out, 10'000);
    for (int i = 0; i < 50; i++) {
        struct transcript t;
        struct relay r;
        str text = stream;
        err e = OK;
        transcript_init(&t, 1000);
        t.is_kept = true;
        CHECK_EQ(buf_append(&t.text, delivered), OK);
        relay_init(&r, ANSWER_OPENAI_CHAT, 1024, &t, manner);
        buf_clear(&out);
        while (text.len && !e) {
            size_t len = i ? 1 + random_below(&random, text.len) : text.len;
            str forward = STR("");
            e = relay_take(&r, str_sub(text, 0, len), &forward);
            CHECK_EQ(buf_append(&out, forward), OK);
            text = str_sub(text, len, text.len);
        }
        str tail = STR("");
        if (!e) e = relay_end(&r, &tail);
        if (!e) CHECK_EQ(buf_append(&out, tail), OK);
        CHECK_EQ(e, want);
        CHECK_SAME(buf_view(&out), passed);
        relay_done(&r);
        transcript_done(&t);
    }
    buf_done(&out);
}

TEST(relay_passes_a_replay_from_where_the_text_ends)
{
    check_finish(RELAY_REPLAY, STR("one two"),
                 STR(ROLE TEXT("one") TEXT(" two") TEXT(" three") STOP DONE), OK,
                 STR(TEXT(" three") STOP DONE));
    // Within an event, which is then told with what is new of it; escapes compare decoded.
    check_finish(RELAY_REPLAY, STR("one t"),
                 STR(ROLE TEXT("one") TEXT(" \\u0074wo\\n\\u00e9") STOP DONE), OK,
                 STR(TEXT("wo\\n\xc3\xa9") STOP DONE));
    check_finish(
        RELAY_REPLAY, STR("one"),
        STR("data: {\"choices\":[\ndata: {\"index\":0,\"delta\":"
            "{\"content\":\"one!\"}}]}\n\n" STOP DONE),
        OK,
        STR("data: {\"choices\":[ {\"index\":0,\"delta\":{\"content\":\"!\"}}]}\n\n" STOP DONE));
    // What was delivered was all but its finish.
    check_finish(RELAY_REPLAY, STR("one"), STR(ROLE TEXT("one") STOP USAGE DONE), OK,
                 STR(STOP USAGE DONE));
    check_finish(RELAY_REPLAY, STR("one"), STR(ROLE TEXT("one") TOOL STOP), OK,
                 STR(TOOL STOP DONE));
}

TEST(relay_passes_nothing_of_a_replay_that_differs)
{
    check_finish(RELAY_REPLAY, STR("one two"), STR(ROLE TEXT("one") TEXT(" tow") STOP DONE),
                 ERR_TYPE, STR(""));
    check_finish(RELAY_REPLAY, STR("one two"), STR(ROLE TEXT("one") STOP DONE), ERR_TYPE, STR(""));
    check_finish(RELAY_REPLAY, STR("one two"), STR(ROLE TEXT("one") TOOL STOP), ERR_TYPE, STR(""));
    check_finish(RELAY_REPLAY, STR("one two"), STR(ROLE TEXT("one") DONE), ERR_TYPE, STR(""));
    check_finish(RELAY_REPLAY, STR("one two"), STR(ROLE TEXT("one")), ERR_CLOSED, STR(""));
}

TEST(relay_passes_a_continuation_without_what_it_repeats)
{
    check_finish(RELAY_CONTINUE, STR("one"), STR(ROLE TEXT(" two") STOP DONE), OK,
                 STR(TEXT(" two") STOP DONE));
    // White space that a prefill went without.
    check_finish(RELAY_CONTINUE, STR("one \n"), STR(ROLE TEXT(" \\ntwo") STOP DONE), OK,
                 STR(TEXT("two") STOP DONE));
    check_finish(RELAY_CONTINUE, STR("one \n"), STR(ROLE TEXT("\\ntwo") STOP DONE), OK,
                 STR(TEXT("two") STOP DONE));
    check_finish(RELAY_CONTINUE, STR("one "), STR(ROLE TEXT("two") STOP DONE), OK,
                 STR(TEXT("two") STOP DONE));
    check_finish(RELAY_CONTINUE, STR("one"), STR(ROLE STOP DONE), OK, STR(STOP DONE));
    check_finish(RELAY_CONTINUE, STR("one"), STR(ROLE DONE), ERR_TYPE, STR(""));
}

TEST(relay_notes_the_text_that_passes)
{
    struct transcript t;
    struct relay r;
    str forward;

    transcript_init(&t, 10);
    t.is_kept = true;
    relay_init(&r, ANSWER_OPENAI_CHAT, 1024, &t, RELAY_FIRST);
    CHECK_EQ(relay_take(&r, STR(ROLE TEXT("a\\tb") TEXT("c")), &forward), OK);
    CHECK_STR(buf_view(&t.text), "a\tbc");
    CHECK_EQ(t.tokens, 2);
    CHECK(transcript_can_stand(&t));
    CHECK_EQ(relay_take(&r, STR(TEXT("more than ten")), &forward), OK);
    CHECK(!transcript_can_stand(&t));
    relay_done(&r);
    transcript_done(&t);
}

TEST(relay_stops_before_an_error_that_is_told)
{
    const str error = STR("data: {\"error\":{\"message\":\"m\",\"code\":\"overloaded\"}}\n\n");
    struct transcript none;
    struct relay r;
    str forward = STR("");

    transcript_init(&none, 0);
    relay_init(&r, ANSWER_OPENAI_CHAT, 1024, &none, RELAY_FIRST);
    CHECK_EQ(relay_take(&r,
                        STR(DELTA "data: {\"error\":{\"message\":\"m\",\"code\":\"overloaded\"}}"
                                  "\n\n" STOP),
                        &forward),
             ERR_REFUSED);
    CHECK_STR(forward, DELTA);
    CHECK_SAME(buf_view(&r.told), error);
    CHECK(r.failure != FAILURE_NONE);
    relay_done(&r);
}

TEST(relay_keeps_the_usage_that_nobody_asked_for)
{
    struct transcript none;
    struct relay r;
    str forward = STR("");

    transcript_init(&none, 0);
    relay_init(&r, ANSWER_OPENAI_CHAT, 1024, &none, RELAY_FIRST);
    r.hides_usage = true;
    CHECK_EQ(relay_take(&r, STR(DELTA STOP USAGE DONE), &forward), OK);
    CHECK_STR(forward, DELTA STOP DONE);
    CHECK_EQ(r.stream.usage.output_tokens, 2);
    relay_done(&r);
}

// --- Frames of gRPC ---

#define FRAME(len, message) "\0\0\0\0" len message
#define SAYS_HI FRAME("\x06", "\x12\x04\x1a\x02hi")
#define ENDS FRAME("\x04", "\x1a\x02\x10\x01")
#define NOTHING FRAME("\0", "")

// Passes `text` in pieces; the call then ends well where `is_done`.
static err pass_frames(str text, struct random *random, bool is_done, struct buf *out)
{
    struct transcript none;
    struct relay r;
    str tail = STR("");
    err e = OK;

    transcript_init(&none, 0);
    relay_init(&r, ANSWER_SLUICE, 64, &none, RELAY_FIRST);
    while (text.len && !e) {
        size_t len = random ? 1 + random_below(random, text.len) : text.len;
        str forward = STR("");
        e = relay_take(&r, str_sub(text, 0, len), &forward);
        CHECK_EQ(buf_append(out, forward), OK);
        text = str_sub(text, len, text.len);
    }
    r.stream.is_done = is_done;
    if (!e) e = relay_end(&r, &tail);
    if (!e) CHECK_EQ(buf_append(out, tail), OK);
    relay_done(&r);
    return e;
}

static void expect_frames(str text, bool is_done, err want, str passed)
{
    struct random random;
    struct buf out;

    random_init(&random, test_seed());
    buf_init(&out, 10'000);
    for (int i = 0; i < 50; i++) {
        buf_clear(&out);
        CHECK_EQ(pass_frames(text, i ? &random : NULL, is_done, &out), want);
        CHECK_SAME(buf_view(&out), passed);
    }
    buf_done(&out);
}

TEST(relay_passes_frames_and_marks_the_end_that_none_tells)
{
    expect_frames(STR(SAYS_HI SAYS_HI ENDS), true, OK, STR(SAYS_HI SAYS_HI ENDS NOTHING));
    // One that is empty would be taken for that mark.
    expect_frames(STR(SAYS_HI NOTHING SAYS_HI ENDS), true, OK, STR(SAYS_HI SAYS_HI ENDS NOTHING));
}

TEST(relay_takes_no_stream_of_frames_for_whole_without_a_finish_and_a_good_end)
{
    expect_frames(STR(SAYS_HI ENDS), false, ERR_CLOSED, STR(SAYS_HI ENDS));
    expect_frames(STR(SAYS_HI), true, ERR_CLOSED, STR(SAYS_HI));
    expect_frames(STR(SAYS_HI ENDS "\0\0\0"), true, ERR_CLOSED, STR(SAYS_HI ENDS));
}

TEST(relay_ends_at_a_frame_that_is_none_or_too_large)
{
    expect_frames(STR(SAYS_HI FRAME("\x02", "\x12\x09")), true, ERR_SYNTAX, STR(SAYS_HI));
    expect_frames(STR(SAYS_HI "\x01\0\0\0\x02hi"), true, ERR_SYNTAX, STR(SAYS_HI));
    expect_frames(STR(SAYS_HI "\0\0\0\0\x50"), true, ERR_LIMIT, STR(SAYS_HI));
}

TEST(relay_finishes_an_answer_with_the_frames_of_another_stream)
{
    struct transcript t;
    struct relay r;
    str forward = STR("");

    transcript_init(&t, 100);
    t.is_kept = true;
    CHECK_EQ(buf_append(&t.text, STR("h")), OK);
    relay_init(&r, ANSWER_SLUICE, 64, &t, RELAY_REPLAY);
    CHECK_EQ(relay_take(&r, STR(SAYS_HI SAYS_HI ENDS), &forward), OK);
    CHECK_SAME(forward, STR(FRAME("\x05", "\x12\x03\x1a\x01i") SAYS_HI ENDS));
    CHECK_STR(buf_view(&t.text), "hihi");
    relay_done(&r);
    transcript_done(&t);
}
