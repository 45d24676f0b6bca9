#include "gateway/exchange.h"

#include "support/stage.h"
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#define CHAT "/v1/chat/completions"
#define STREAMED "{\"model\":\"m\",\"stream\":true}"
#define HEAD "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
#define CHUNKED HEAD "transfer-encoding: chunked\r\n\r\n"
#define ROLE "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}]}\n\n"
#define HI "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\r\n\r\n"
#define STOP "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define USAGE "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":5}}\n\n"
#define DONE "data: [DONE]\n\n"
#define ERROR(code, message)                                                                       \
    "data: {\"error\":{\"type\":\"server_error\",\"message\":\"" message                           \
    "\",\"param\":null,\"code\":\"" code "\"}}\n\n"
#define CUT ERROR("upstream_cut", "The upstream ended its answer before it was complete.")
#define LATE ERROR("upstream_timeout", "The upstream did not answer in time.")
#define COMMENT ": keep-alive\n\n"

enum { TEXT_MAX = 4 << 20 };

// Appends what the client has seen with its chunks joined; false where it has not ended.
static bool join(str seen, struct buf *out)
{
    struct h1_body decoder;
    str body = STR("");
    size_t used = 0;
    size_t at = str_find(seen, STR("\r\n\r\n")) + 4;

    if (at > seen.len) return false;
    // Where all of it was there at once it has a length.
    size_t length_at = str_find(seen, STR("content-length: "));
    str length = str_sub(seen, length_at + 16, 20);
    uint64_t len = 0;
    if (length_at < at) CHECK(str_to_u64(str_cut(&length, '\r'), TEXT_MAX, &len));
    h1_body_init(&decoder, length_at < at ? H1_LENGTH : H1_CHUNKED, len);
    while (at < seen.len && !decoder.is_done) {
        CHECK_EQ(
            h1_body_decode(&decoder, (char *)(uintptr_t)seen.ptr + at, seen.len - at, &body, &used),
            OK);
        CHECK_EQ(buf_append(out, body), OK);
        at += used;
    }
    return decoder.is_done;
}

// Checks the events that the client has; decodes them in place, so the next begin behind.
static void check_events(struct stage *s, str want, bool is_ended)
{
    struct buf copy;
    struct buf got;

    buf_init(&copy, TEXT_MAX);
    buf_init(&got, TEXT_MAX);
    CHECK_EQ(buf_append(&copy, stage_seen(s)), OK);
    CHECK(str_starts(buf_view(&copy), STR("HTTP/1.1 200 OK\r\n")));
    CHECK_EQ(join(buf_view(&copy), &got), is_ended);
    CHECK_SAME(buf_view(&got), want);
    buf_done(&got);
    buf_done(&copy);
}

static void start(struct stage *s)
{
    stage_init(s, STR(STAGE_YAML));
    stage_post(s, STR(CHAT), STR(STREAMED));
}

static void say_chunk(struct stage *s, str text)
{
    char prefix[32];
    int len = snprintf(prefix, sizeof(prefix), "%zx\r\n", text.len);
    struct fake_upstream_conn *c = fake_upstream_conn(&s->upstream);

    fake_upstream_say(c, (str){.ptr = prefix, .len = (size_t)len});
    fake_upstream_say(c, text);
    stage_upstream_says(s, STR("\r\n"));
}

TEST(exchange_relay_passes_each_event_as_it_comes)
{
    struct stage s;

    start(&s);
    stage_upstream_says(&s, STR(CHUNKED));
    say_chunk(&s, STR(ROLE));
    CHECK_STR(stage_seen(&s), ""); // nothing yet that another upstream could not say as well
    say_chunk(&s, STR(HI));
    check_events(&s, STR(ROLE HI), false);
    say_chunk(&s, STR("data: {\"choices\":[{\"index\":0,"));
    check_events(&s, STR(ROLE HI), false); // no part of one
    say_chunk(&s, STR("\"delta\":{}}]}\n\n" STOP "dat"));
    check_events(&s, STR(ROLE HI "data: {\"choices\":[{\"index\":0,\"delta\":{}}]}\n\n" STOP),
                 false);
    say_chunk(&s, STR("a: [DONE]\n\n"));
    stage_upstream_says(&s, STR("0\r\n\r\n"));
    check_events(&s, STR(ROLE HI "data: {\"choices\":[{\"index\":0,\"delta\":{}}]}\n\n" STOP DONE),
                 true);
    CHECK_EQ(s.upstream.open_count, 1); // kept
    CHECK_EQ(s.client.end, OK);
    stage_done(&s);
}

TEST(exchange_relay_counts_the_tokens_of_a_stream)
{
    struct stage s;

    stage_init(&s, STR(STAGE_YAML));
    s.upstream.script = STR(HEAD "\r\n" HI STOP USAGE DONE);
    s.upstream.ending = FAKE_UPSTREAM_ENDS;
    stage_post(&s, STR(CHAT), STR(STREAMED));
    check_events(&s, STR(HI STOP USAGE DONE), true);
    CHECK_EQ(atomic_load(&s.gateway.metrics.input_tokens), 3);
    CHECK_EQ(atomic_load(&s.gateway.metrics.output_tokens), 5);
    stage_done(&s);
}

// Where the whole events at the front of `text` end.
static size_t whole_events(str text)
{
    size_t whole = 0;

    for (size_t i = 1; i <= text.len; i++) {
        str front = str_sub(text, 0, i);
        bool is_blank = str_ends(front, STR("\n\r")); // a CR ends a line, whatever follows
        if (is_blank || str_ends(front, STR("\n\n")) || str_ends(front, STR("\r\n\r\n"))) whole = i;
    }
    return whole;
}

// Whether a client was told of a cut before anything of the answer had gone to it.
static bool is_refused(struct stage *s)
{
    str seen = stage_seen(s);

    return str_starts(seen, STR("HTTP/1.1 502 Bad Gateway\r\n")) && stage_is_whole(seen) &&
           str_find(seen, STR("\"code\":\"upstream_cut\"")) < seen.len;
}

// What a client must see of a stream that ends after `len` bytes: its whole events, then an end
// mark if a finish is among them, else an error; and that alone where no event said anything.
static void check_cut(str stream, size_t len, enum fake_upstream_end how)
{
    struct stage s;
    struct buf got;
    str said = str_sub(stream, 0, len);
    str whole = str_sub(said, 0, whole_events(said));
    // An event that lacks only its blank line counts.
    bool has_stop = str_find(said, STR("\"stop\"}]}")) < len;
    bool has_done = str_find(said, STR("[DONE]")) < len;

    start(&s);
    stage_upstream_says(&s, STR(HEAD "\r\n"));
    stage_upstream_says(&s, said);
    fake_upstream_end(fake_upstream_conn(&s.upstream), how);
    stage_settle(&s);
    buf_init(&got, TEXT_MAX);
    CHECK(join(stage_seen(&s), &got)); // ended in order, either way
    str view = buf_view(&got);
    bool is_complete = has_stop || has_done;
    str counts = how == FAKE_UPSTREAM_ABORTS ? whole : said;
    bool is_begun = str_find(counts, STR("\"hi\"}}]}")) < counts.len;
    if (how == FAKE_UPSTREAM_ABORTS) {
        // That it ended nobody said: until the closing of the connection it may go on. What was
        // held then is looked at only behind a finish.
        is_complete = str_find(whole, STR("\"stop\"")) < whole.len;
    }
    CHECK_EQ(str_find(view, STR("data: [DONE]")) < view.len, is_complete);
    if (!is_complete && !is_begun) {
        CHECK(is_refused(&s));
        CHECK_EQ(s.upstream.open_count, 0);
        buf_done(&got);
        stage_done(&s);
        return;
    }
    CHECK_EQ(str_ends(view, STR(CUT)), !is_complete);
    CHECK(str_starts(view, whole));
    CHECK(is_complete || view.len <= said.len + 2 + sizeof(CUT) - 1);
    if (!is_complete && how == FAKE_UPSTREAM_ABORTS)
        CHECK_EQ(view.len, whole.len + sizeof(CUT) - 1);
    CHECK_EQ(atomic_load(&s.gateway.metrics.streams_cut), !is_complete);
    CHECK_EQ(s.upstream.open_count, 0);
    buf_done(&got);
    stage_done(&s);
}

TEST(exchange_relay_never_passes_a_cut_stream_as_a_whole_one)
{
    const str stream = STR(": hello\n\n" ROLE HI STOP USAGE DONE);

    for (size_t len = 0; len <= stream.len; len++) {
        check_cut(stream, len, FAKE_UPSTREAM_ENDS);
        check_cut(stream, len, FAKE_UPSTREAM_ABORTS);
    }
}

// The same inside chunked framing, whose end was not reached at any length.
TEST(exchange_relay_never_passes_a_stream_cut_in_its_framing_as_a_whole_one)
{
    static char wire[4096];
    static const str events[] = {STR_INIT(ROLE), STR_INIT(HI), STR_INIT(STOP), STR_INIT(DONE)};
    size_t size = 0;
    size_t finished_at = 0;

    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        size += (size_t)snprintf(wire + size, sizeof(wire) - size, "%zx\r\n%s\r\n", events[i].len,
                                 events[i].ptr);
        if (i == 2) finished_at = size - 2;
    }
    for (size_t len = 0; len <= size; len++) {
        for (int abort = 0; abort < 2; abort++) {
            struct stage s;
            struct buf got;
            start(&s);
            stage_upstream_says(&s, STR(CHUNKED));
            stage_upstream_says(&s, (str){wire, len});
            fake_upstream_end(fake_upstream_conn(&s.upstream),
                              abort ? FAKE_UPSTREAM_ABORTS : FAKE_UPSTREAM_ENDS);
            stage_settle(&s);
            buf_init(&got, TEXT_MAX);
            CHECK(join(stage_seen(&s), &got));
            str view = buf_view(&got);
            CHECK_EQ(str_find(view, STR("upstream_cut")) < view.len, len < finished_at);
            CHECK_EQ(str_find(view, STR(DONE)) < view.len, len >= finished_at);
            buf_done(&got);
            stage_done(&s);
        }
    }
}

TEST(exchange_relay_says_in_the_responses_dialect_that_a_stream_was_cut)
{
    struct stage s;

    stage_init(&s, STR(STAGE_YAML));
    stage_post(&s, STR("/v1/responses"), STR(STREAMED));
    stage_upstream_says(&s, STR(HEAD "\r\n"));
    stage_upstream_says(&s, STR("event: response.created\ndata: {\"type\":\"response.created\","
                                "\"sequence_number\":7}\n\n"
                                "event: response.output_text.delta\ndata: "
                                "{\"type\":\"response.output_text.delta\",\"sequence_number\":8,"
                                "\"delta\":\"hi\"}\n\n"));
    fake_upstream_end(fake_upstream_conn(&s.upstream), FAKE_UPSTREAM_ENDS);
    stage_settle(&s);
    check_events(
        &s,
        STR("event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":7}"
            "\n\nevent: response.output_text.delta\ndata: "
            "{\"type\":\"response.output_text.delta\",\"sequence_number\":8,\"delta\":\"hi\"}"
            "\n\nevent: error\ndata: {\"type\":\"error\",\"sequence_number\":9,"
            "\"message\":\"The upstream ended its answer before it was complete.\","
            "\"param\":null,\"code\":\"upstream_cut\",\"error\":{\"type\":\"server_error\","
            "\"message\":\"The upstream ended its answer before it was complete.\","
            "\"param\":null,\"code\":\"upstream_cut\"}}\n\n"),
        true);
    stage_done(&s);
}

TEST(exchange_relay_waits_for_as_many_choices_as_were_asked_for)
{
    struct stage s;

    // The second choice never began, so nothing in the stream itself tells that it is missing.
    stage_init(&s, STR(STAGE_YAML));
    stage_post(&s, STR(CHAT), STR("{\"model\":\"m\",\"n\":2,\"stream\":true}"));
    stage_upstream_says(&s, STR(CHUNKED));
    say_chunk(&s, STR(ROLE STOP));
    stage_upstream_says(&s, STR("0\r\n\r\n"));
    check_events(&s, STR(ROLE STOP CUT), true);
    stage_done(&s);
}

TEST(exchange_relay_keeps_what_was_good_before_a_malformed_event)
{
    // The head split, so that the rest is kept in the connection's own buffer.
    for (size_t split = 1; split < sizeof(HEAD) - 1; split += 7) {
        struct stage s;
        start(&s);
        stage_upstream_says(&s, str_sub(STR(HEAD), 0, split));
        stage_upstream_says(
            &s, str_sub(STR(HEAD "\r\n" ROLE HI "data: {\"a\":}\n\n" STOP DONE), split, SIZE_MAX));
        check_events(
            &s, STR(ROLE HI ERROR("upstream_malformed", "The upstream's answer is malformed.")),
            true);
        CHECK_EQ(s.upstream.open_count, 0);
        stage_done(&s);
    }
}

TEST(exchange_relay_frames_a_stream_of_known_length_anew)
{
    struct stage s;
    static char head[200];

    for (int is_cut = 0; is_cut < 2; is_cut++) {
        int len =
            snprintf(head, sizeof(head), HEAD "content-length: %zu\r\n\r\n", sizeof(HI STOP) - 1);
        start(&s);
        stage_upstream_says(&s, (str){head, (size_t)len});
        stage_upstream_says(&s, is_cut ? STR(HI) : STR(HI STOP));
        fake_upstream_end(fake_upstream_conn(&s.upstream), FAKE_UPSTREAM_ENDS);
        stage_settle(&s);
        // An end mark, or an error, that the upstream's length does not count.
        check_events(&s, is_cut ? STR(HI CUT) : STR(HI STOP DONE), true);
        stage_done(&s);
    }
}

TEST(exchange_relay_times_the_first_token_out)
{
    for (int has_head = 0; has_head < 2; has_head++) {
        struct stage s;
        start(&s);
        stage_wait(&s, 10'000);
        if (has_head) stage_upstream_says(&s, STR(HEAD "\r\n: hello\n\n"));
        stage_wait(&s, 9'999);
        CHECK_EQ(stage_seen(&s).len, 0);
        stage_wait(&s, 1);
        CHECK(str_starts(stage_seen(&s), STR("HTTP/1.1 504 Gateway Timeout\r\n")));
        CHECK_EQ(atomic_load(&s.gateway.metrics.upstream_timeouts), 1);
        CHECK_EQ(s.upstream.open_count, 0);
        stage_done(&s);
    }
}

TEST(exchange_relay_times_a_silence_between_tokens_out)
{
    struct stage s;

    start(&s);
    stage_upstream_says(&s, STR(HEAD "\r\n" HI));
    stage_wait(&s, 9'999);
    check_events(&s, STR(HI), false);
    stage_upstream_says(&s, STR(HI)); // a sign of life
    stage_wait(&s, 9'999);
    check_events(&s, STR(HI HI), false);
    stage_wait(&s, 1);
    check_events(&s, STR(HI HI LATE), true);
    CHECK_EQ(s.upstream.open_count, 0);
    stage_done(&s);
}

TEST(exchange_relay_times_the_whole_out)
{
    struct stage s;
    struct buf want;

    start(&s);
    buf_init(&want, TEXT_MAX);
    stage_upstream_says(&s, STR(HEAD "\r\n"));
    for (int i = 0; i < 20; i++) {
        stage_upstream_says(&s, STR(HI));
        CHECK_EQ(buf_append(&want, STR(HI)), OK);
        if (i < 19) stage_wait(&s, 5'000);
    }
    stage_wait(&s, 4'999);
    check_events(&s, buf_view(&want), false);
    stage_wait(&s, 1);
    CHECK_EQ(buf_append(&want, STR(LATE)), OK);
    check_events(&s, buf_view(&want), true);
    buf_done(&want);
    stage_done(&s);
}

TEST(exchange_relay_times_a_whole_answer_out_by_the_total_alone)
{
    for (int has_begun = 0; has_begun < 2; has_begun++) {
        struct stage s;
        stage_init(&s, STR(STAGE_YAML));
        stage_post(&s, STR(CHAT), STR("{\"model\":\"m\"}"));
        if (has_begun)
            stage_upstream_says(&s, STR("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                                        "content-length: 10\r\n\r\n{"));
        stage_wait(&s, 99'999);
        CHECK_EQ(stage_seen(&s).len, 0);
        stage_wait(&s, 1);
        CHECK(str_starts(stage_seen(&s), STR("HTTP/1.1 504 Gateway Timeout\r\n")));
        CHECK_EQ(s.upstream.open_count, 0);
        stage_done(&s);
    }
}

TEST(exchange_relay_waits_for_an_upstream_also_where_the_request_came_in_pieces)
{
    struct stage s;

    stage_init(&s, STR(STAGE_YAML));
    fake_client_say(&s.client, STR("POST " CHAT " HTTP/1.1\r\nHost: gw\r\n"
                                   "Content-Length: 13\r\n\r\n{\"model\""));
    stage_wait(&s, 1'000);
    fake_client_say(&s.client, STR(":\"m\"}"));
    stage_wait(&s, 60'000); // longer than a client may take for a piece of its body
    CHECK_EQ(s.client.end, OK);
    stage_upstream_says(&s, STR("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                                "content-length: 2\r\n\r\n{}"));
    CHECK_STR(stage_body(&s), "{}");
    stage_done(&s);
}

TEST(exchange_relay_waits_for_an_upstream_that_takes_an_upload_slowly)
{
    static char block[400'000];
    struct stage s;

    memset(block, 'x', sizeof(block));
    stage_init(&s, STR(STAGE_YAML));
    s.upstream.is_deaf = true;
    fake_client_say(&s.client, STR("POST /v1/files HTTP/1.1\r\nHost: gw\r\n"
                                   "Content-Length: 400000\r\n\r\n"));
    stage_wait(&s, 1'000);
    fake_client_say(&s.client, (str){block, sizeof(block)});
    stage_wait(&s, 60'000);
    CHECK_EQ(s.client.end, OK); // it is not the client who is slow
    CHECK(buf_len(&s.client.out) > 0);
    s.upstream.script = STR("HTTP/1.1 204 No Content\r\n\r\n");
    fake_upstream_listen(fake_upstream_conn(&s.upstream));
    stage_settle(&s);
    CHECK(str_starts(stage_seen(&s), STR("HTTP/1.1 204 No Content\r\n")));
    stage_done(&s);
}

TEST(exchange_relay_goes_on_sending_a_request_whose_answer_has_begun)
{
    static char body[200'000];
    const str start = STR("{\"model\":\"m\",\"stream\":true,\"x\":\"");
    struct stage s;

    memset(body, 'x', sizeof(body));
    memcpy(body, start.ptr, start.len);
    memcpy(body + sizeof(body) - 2, "\"}", 2);
    stage_init(&s, STR(STAGE_YAML));
    s.upstream.is_deaf = true;
    stage_post(&s, STR(CHAT), (str){body, sizeof(body)});
    stage_upstream_says(&s, STR(HEAD "content-length: 1000\r\n\r\n" HI));
    CHECK(str_find(stage_seen(&s), STR("hi")) < stage_seen(&s).len);
    fake_upstream_listen(fake_upstream_conn(&s.upstream));
    stage_settle(&s);
    CHECK_EQ(s.upstream.request_count, 1);
    CHECK(str_ends(buf_view(&s.upstream.request), STR("xxx\"}")));
    stage_done(&s);
}

TEST(exchange_relay_sends_comments_while_the_upstream_is_silent)
{
    struct stage s;

    stage_init(&s, STR("limits:\n  comment_interval: 4s\n" STAGE_ROUTES));
    stage_post(&s, STR(CHAT), STR(STREAMED));
    stage_wait(&s, 5'000);
    CHECK_EQ(stage_seen(&s).len, 0); // not before the upstream has answered
    stage_upstream_says(&s, STR(HEAD "\r\n" ROLE));
    stage_wait(&s, 3'999);
    CHECK_EQ(stage_seen(&s).len, 0);
    stage_wait(&s, 1);
    check_events(&s, STR(COMMENT), false); // what says nothing is held back all the same
    stage_wait(&s, 1'000);
    stage_upstream_says(&s, STR(HI "data: {\"cho")); // moves the next one
    stage_wait(&s, 3'999);
    check_events(&s, STR(COMMENT ROLE HI), false);
    stage_wait(&s, 1);
    check_events(&s, STR(COMMENT ROLE HI COMMENT), false); // never inside an event
    stage_wait(&s, 4'000);
    check_events(&s, STR(COMMENT ROLE HI COMMENT COMMENT), false);
    stage_wait(&s, 2'000); // a comment of ours is no sign of life of the upstream
    check_events(&s, STR(COMMENT ROLE HI COMMENT COMMENT LATE), true);
    stage_done(&s);
}

TEST(exchange_relay_sends_no_comments_where_none_are_wanted)
{
    struct stage s;

    stage_init(&s, STR("limits:\n  comment_interval: 0\n" STAGE_ROUTES));
    stage_post(&s, STR(CHAT), STR("{\"model\":\"free\",\"stream\":true}"));
    stage_upstream_says(&s, STR(HEAD "\r\n" ROLE HI));
    stage_wait(&s, 29'000);
    check_events(&s, STR(ROLE HI), false);
    stage_done(&s);
}

TEST(exchange_relay_does_not_read_ahead_of_a_client_that_takes_nothing)
{
    static char event[20'000];
    struct stage s;

    start(&s);
    memset(event, 'x', sizeof(event));
    memcpy(event, ": ", 2);
    memcpy(event + sizeof(event) - 2, "\n\n", 2);
    s.client.is_deaf = true;
    stage_upstream_says(&s, STR(HEAD "\r\n" HI));
    for (int i = 0; i < 100; i++) {
        fake_upstream_say(fake_upstream_conn(&s.upstream), (str){event, sizeof(event)});
    }
    stage_settle(&s);
    // Three buffers of 64 KiB are in between, and one read.
    CHECK(buf_len(&fake_upstream_conn(&s.upstream)->out) > sizeof(event) * 80);
    stage_wait(&s, 20'000); // the upstream isn't silent, it is not asked
    CHECK_EQ(s.client.end, OK);
    fake_client_listen(&s.client);
    stage_settle(&s);
    stage_upstream_says(&s, STR(STOP DONE));
    fake_upstream_end(fake_upstream_conn(&s.upstream), FAKE_UPSTREAM_ENDS);
    stage_settle(&s);
    CHECK(str_find(stage_seen(&s), STR("[DONE]")) < stage_seen(&s).len);
    CHECK(stage_seen(&s).len > 100 * sizeof(event));
    stage_done(&s);
}

TEST(exchange_relay_gives_up_a_client_that_takes_nothing_for_too_long)
{
    static char event[20'000];
    struct stage s;

    start(&s);
    memset(event, 'x', sizeof(event));
    memcpy(event, ": ", 2);
    memcpy(event + sizeof(event) - 2, "\n\n", 2);
    s.client.is_deaf = true;
    stage_upstream_says(&s, STR(HEAD "\r\n" ROLE));
    for (int i = 0; i < 100; i++) {
        fake_upstream_say(fake_upstream_conn(&s.upstream), (str){event, sizeof(event)});
    }
    stage_settle(&s);
    stage_wait(&s, 29'999);
    CHECK_EQ(s.upstream.open_count, 1);
    stage_wait(&s, 1);
    CHECK_EQ(s.upstream.open_count, 0);
    CHECK_EQ(atomic_load(&s.gateway.metrics.clients_gone), 1);
    fake_client_listen(&s.client);
    CHECK_EQ(s.client.end, ERR_CLOSED);
    stage_done(&s);
}
