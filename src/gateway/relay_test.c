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
    struct relay r;
    err e = OK;

    relay_init(&r, OPENAI_STREAM_CHAT, 1024);
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

TEST(relay_stops_before_a_malformed_event)
{
    expect(STR(DELTA "data: {\"a\":}\n\n" STOP DONE), ERR_SYNTAX, STR(DELTA));
}

TEST(relay_leaves_an_upstreams_own_error_alone)
{
    expect(STR(DELTA "data: {\"error\":{\"message\":\"x\"}}\n\n"), OK,
           STR(DELTA "data: {\"error\":{\"message\":\"x\"}}\n\n"));
}

TEST(relay_needs_a_finish_for_every_choice)
{
    const str one_open = STR("data: {\"choices\":[{\"index\":1,\"delta\":{}}]}\n\n" STOP);

    expect(one_open, ERR_CLOSED, one_open);
}

TEST(relay_bounds_an_event)
{
    struct relay r;
    char bytes[4096];
    str forward;
    err e = OK;

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = 'x';
    }
    relay_init(&r, OPENAI_STREAM_CHAT, 1024);
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
        struct relay r;
        struct buf text;
        str forward = STR("");
        str tail = STR("");
        buf_init(&text, 100);
        CHECK_EQ(buf_append_format(&text, "data: %s\n\n", bad[i]), OK);
        relay_init(&r, OPENAI_STREAM_CHAT, 1024);
        CHECK_EQ(relay_take(&r, buf_view(&text), &forward), ERR_SYNTAX);
        relay_done(&r);
        relay_init(&r, OPENAI_STREAM_CHAT, 1024);
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
            struct relay r;
            str forward = STR("");
            str event = {end - len, len};
            end[-1] = end[-2] = '\n';
            *(end - len) = ':';
            relay_init(&r, OPENAI_STREAM_CHAT, 1024);
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
        struct relay r;
        struct buf out;
        str forward = STR("");
        str tail = STR("");
        buf_init(&out, 1000);
        relay_init(&r, OPENAI_STREAM_CHAT, 1024);
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
