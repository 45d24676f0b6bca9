#include "http/client.h"

#include "base/random.h"
#include "http/client_call.h"

#include "support/fake_upstream.h"
#include "support/test.h"

#include <string.h>

enum { CALLS_MAX = 4 };

// A client on a virtual loop, an origin in memory behind it, and some calls.
struct bench {
    struct loop loop;
    struct fake_upstream upstream;
    struct client client;
    struct client_origin origin;
    struct asking {
        struct client_call call;
        struct arena arena;
        struct bench *bench;
        struct buf body;  // of the answer
        str to_send;      // of a streamed request
        size_t send_size; // a piece of it
        err end;          // OK while under way, ERR_EOF after a good answer
        int heads;
        bool is_lazy; // pulls nothing
    } calls[CALLS_MAX];
};

static const str get = STR_INIT("GET / HTTP/1.1\r\nhost: o\r\n\r\n");

static void pull(struct asking *a)
{
    str piece = STR("");
    err e = OK;

    while (!a->is_lazy && !(e = client_call_next(&a->call, &piece))) {
        CHECK_EQ(buf_append(&a->body, piece), OK);
    }
    if (e != ERR_AGAIN) a->end = e;
}

static void on_head(struct client_call *call)
{
    struct asking *a = container_of(call, struct asking, call);

    a->heads++;
    pull(a);
}

static void on_body(struct client_call *call)
{
    pull(container_of(call, struct asking, call));
}

static void on_drained(struct client_call *call)
{
    struct asking *a = container_of(call, struct asking, call);

    while (!call->is_request_done && !client_call_is_congested(call)) {
        str piece = str_sub(a->to_send, 0, a->send_size);
        a->to_send = str_sub(a->to_send, piece.len, a->to_send.len);
        client_call_send(call, piece, a->to_send.len == 0);
    }
}

static void on_failed(struct client_call *call, err why)
{
    struct asking *a = container_of(call, struct asking, call);

    CHECK_EQ(a->end, OK);
    CHECK(why != OK);
    CHECK(!call->conn);
    a->end = why;
}

static const struct client_call_events events = {on_head, on_body, on_drained, on_failed};

static void bench_init(struct bench *b, struct memory_stream_options options)
{
    struct client_limits limits = {.head_bytes_max = 1000, .idle_conns_max = 2, .idle_ms = 5000};
    static const struct dial_target target = {.host = {"o", 1}, .port = 80};

    *b = (struct bench){.upstream = {.loop = NULL}};
    loop_init_virtual(&b->loop, 1000);
    fake_upstream_init(&b->upstream, &b->loop);
    b->upstream.dialer.options = options;
    client_init(&b->client, &b->loop, &b->upstream.dialer.dialer, &limits);
    client_origin_init(&b->origin, &b->client, &target);
}

static void settle(struct bench *b)
{
    for (int i = 0; i < 50; i++) {
        loop_turn(&b->loop, 0);
    }
}

static void wait_ms(struct bench *b, msec ms)
{
    msec until = b->loop.now + ms;

    while (b->loop.now < until && loop_turn(&b->loop, until - b->loop.now)) {
    }
    settle(b);
}

static void bench_done(struct bench *b)
{
    client_origin_close(&b->origin);
    settle(b);
    CHECK(client_origin_is_closed(&b->origin));
    CHECK_EQ(b->client.conn_pool.live_count, 0);
    CHECK_EQ(b->origin.idle_count, 0);
    CHECK_EQ(b->upstream.open_count, 0);
    CHECK_EQ(b->upstream.dialer.live_count, 0);
    for (int i = 0; i < CALLS_MAX; i++) {
        CHECK(!b->calls[i].call.conn);
        arena_reset(&b->calls[i].arena);
        buf_done(&b->calls[i].body);
    }
    fake_upstream_done(&b->upstream);
    client_done(&b->client);
    loop_done(&b->loop);
}

// Call `i` anew, with what the test set in its request.
static struct asking *ask(struct bench *b, int i, struct client_request request)
{
    struct asking *a = &b->calls[i];

    arena_reset(&a->arena);
    buf_done(&a->body);
    a->bench = b;
    a->end = OK;
    a->heads = 0;
    arena_init(&a->arena, 1024);
    buf_init(&a->body, 16 << 20);
    request.connect_ms = 1000;
    a->call = (struct client_call){
        .events = &events, .origin = &b->origin, .request = request, .arena = &a->arena};
    client_call_start(&a->call);
    CHECK_EQ(a->end, OK);
    CHECK_EQ(a->heads, 0);
    return a;
}

static struct asking *ask_get(struct bench *b, int i)
{
    return ask(b, i, (struct client_request){.head = get, .is_repeatable = true});
}

static void expect_answer(const struct asking *a, unsigned status, str body)
{
    CHECK_EQ(a->end, ERR_EOF);
    CHECK_EQ(a->heads, 1);
    CHECK_EQ(a->call.head.status, status);
    CHECK_SAME(buf_view(&a->body), body);
}

static const struct memory_stream_options plain;

TEST(client_sends_a_whole_request_and_reuses_the_conn)
{
    struct bench b;

    bench_init(&b, plain);
    b.upstream.script = STR("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi");
    for (int i = 0; i < 3; i++) {
        struct asking *a = ask_get(&b, 0);
        settle(&b);
        expect_answer(a, 200, STR("hi"));
        CHECK_SAME(buf_view(&b.upstream.request), get);
        CHECK_EQ(a->call.is_conn_reused, i > 0);
    }
    CHECK_EQ(b.upstream.conn_count, 1);
    CHECK_EQ(b.client.counts.conns_opened, 1);
    CHECK_EQ(b.client.counts.conns_reused, 2);
    bench_done(&b);
}

TEST(client_sends_a_large_body_of_many_pieces_over_a_narrow_stream)
{
    static char block[100'000];

    for (size_t i = 0; i < sizeof(block); i++) {
        block[i] = (char)('a' + i % 26);
    }
    for (uint64_t seed = 0; seed < 10; seed++) {
        struct bench b;
        struct iovec pieces[CLIENT_BODY_PIECES_MAX];
        bench_init(&b, (struct memory_stream_options){.capacity = 7 + seed * 300,
                                                      .seed = seed ? test_seed() + seed : 0});
        for (int i = 0; i < CLIENT_BODY_PIECES_MAX; i++) {
            size_t from = sizeof(block) * (size_t)i / CLIENT_BODY_PIECES_MAX;
            size_t to = sizeof(block) * ((size_t)i + 1) / CLIENT_BODY_PIECES_MAX;
            pieces[i] = (struct iovec){.iov_base = block + from, .iov_len = to - from};
        }
        b.upstream.script = STR("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi");
        struct asking *a = ask(&b, 0,
                               (struct client_request){
                                   .head = STR("POST / HTTP/1.1\r\ncontent-length: 100000\r\n\r\n"),
                                   .body = pieces,
                                   .body_count = CLIENT_BODY_PIECES_MAX});
        settle(&b);
        expect_answer(a, 200, STR("hi"));
        str seen = buf_view(&b.upstream.request);
        CHECK_SAME(str_sub(seen, seen.len - sizeof(block), seen.len),
                   ((str){.ptr = block, .len = sizeof(block)}));
        CHECK_EQ(b.origin.idle_count, 1);
        bench_done(&b);
    }
}

TEST(client_streams_a_request_by_length_and_in_chunks)
{
    for (uint64_t seed = 0; seed < 30; seed++) {
        struct bench b;
        bench_init(&b, (struct memory_stream_options){.capacity = 1 + seed,
                                                      .seed = seed ? test_seed() + seed : 0});
        b.upstream.script = STR("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi");
        b.calls[0].to_send = STR("hello, upload");
        b.calls[0].send_size = 4;
        struct asking *a =
            ask(&b, 0,
                (struct client_request){.head = STR("PUT / HTTP/1.1\r\ncontent-length: 13\r\n\r\n"),
                                        .framing = CLIENT_BODY_LENGTH});
        settle(&b);
        expect_answer(a, 200, STR("hi"));
        CHECK(str_ends(buf_view(&b.upstream.request), STR("\r\n\r\nhello, upload")));
        b.calls[0].to_send = STR("hello, upload");
        a = ask(&b, 0,
                (struct client_request){
                    .head = STR("PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"),
                    .framing = CLIENT_BODY_CHUNKED});
        settle(&b);
        expect_answer(a, 200, STR("hi"));
        CHECK(str_ends(buf_view(&b.upstream.request),
                       STR("\r\n\r\n4\r\nhell\r\n4\r\no, u\r\n4\r\nploa\r\n1\r\nd\r\n0\r\n\r\n")));
        CHECK_EQ(b.upstream.conn_count, 1);
        bench_done(&b);
    }
}

TEST(client_streams_an_empty_body)
{
    struct bench b;

    bench_init(&b, plain);
    b.upstream.script = STR("HTTP/1.1 204 No Content\r\n\r\n");
    struct asking *a = ask(
        &b, 0,
        (struct client_request){.head = STR("PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"),
                                .framing = CLIENT_BODY_CHUNKED});
    settle(&b);
    expect_answer(a, 204, STR(""));
    CHECK(str_ends(buf_view(&b.upstream.request), STR("\r\n\r\n0\r\n\r\n")));
    bench_done(&b);
}

TEST(client_reads_any_split_of_an_answer_the_same)
{
    static const str answers[] = {
        STR_INIT("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123456789"),
        STR_INIT("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
                 "3\r\n012\r\n6;x=y\r\n345678\r\n1\r\n9\r\n0\r\nt: v\r\n\r\n"),
        STR_INIT("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
                 "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123456789"),
    };

    for (uint64_t seed = 0; seed < 100; seed++) {
        struct bench b;
        bench_init(&b, (struct memory_stream_options){.seed = seed ? test_seed() + seed : 0});
        for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
            b.upstream.script = answers[i];
            struct asking *a = ask_get(&b, 0);
            settle(&b);
            expect_answer(a, 200, STR("0123456789"));
        }
        CHECK_EQ(b.upstream.conn_count, 1);
        bench_done(&b);
    }
}

TEST(client_gives_the_trailers_of_a_chunked_answer)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct bench b;
        bench_init(&b, (struct memory_stream_options){.seed = seed ? test_seed() + seed : 0});
        b.upstream.script = STR("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
                                "5\r\nhello\r\n0\r\nx-a: 1\r\nx-b: 2\r\n\r\n");
        struct asking *a = ask_get(&b, 0);
        settle(&b);
        expect_answer(a, 200, STR("hello"));
        CHECK_EQ(a->call.trailers.count, 2);
        CHECK_STR(a->call.trailers.fields[1].name, "x-b");
        CHECK_STR(a->call.trailers.fields[1].value, "2");
        CHECK_EQ(b.origin.idle_count, 1);
        bench_done(&b);
    }
}

TEST(client_takes_an_answer_byte_by_byte)
{
    const str answer =
        STR("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    struct bench b;

    bench_init(&b, plain);
    struct asking *a = ask_get(&b, 0);
    settle(&b);
    for (size_t i = 0; i < answer.len; i++) {
        CHECK_EQ(a->end, OK);
        fake_upstream_say(fake_upstream_conn(&b.upstream), str_sub(answer, i, 1));
        settle(&b);
    }
    expect_answer(a, 200, STR("hello"));
    bench_done(&b);
}

TEST(client_reads_until_the_close_and_does_not_reuse)
{
    struct bench b;

    bench_init(&b, plain);
    b.upstream.script = STR("HTTP/1.1 200 OK\r\n\r\nall of it");
    b.upstream.ending = FAKE_UPSTREAM_ENDS;
    struct asking *a = ask_get(&b, 0);
    settle(&b);
    expect_answer(a, 200, STR("all of it"));
    CHECK_EQ(b.origin.idle_count, 0);
    CHECK_EQ(b.client.conn_pool.live_count, 0);
    bench_done(&b);
}

TEST(client_knows_that_some_answers_have_no_body)
{
    struct bench b;

    bench_init(&b, plain);
    b.upstream.script = STR("HTTP/1.1 200 OK\r\ncontent-length: 1234\r\n\r\n");
    struct asking *a = ask(
        &b, 0,
        (struct client_request){.head = STR("HEAD / HTTP/1.1\r\n\r\n"), .is_head_request = true});
    settle(&b);
    expect_answer(a, 200, STR(""));
    b.upstream.script = STR("HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n");
    a = ask_get(&b, 0);
    settle(&b);
    expect_answer(a, 304, STR(""));
    CHECK_EQ(b.upstream.conn_count, 1);
    bench_done(&b);
}

TEST(client_keeps_no_conn_that_may_not_be_kept)
{
    static const str answers[] = {
        STR_INIT("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi"),
        STR_INIT("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nhi"),
        STR_INIT("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi and more"),
        STR_INIT("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\nHTTP"),
    };

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct bench b;
        bench_init(&b, plain);
        b.upstream.script = answers[i];
        struct asking *a = ask_get(&b, 0);
        settle(&b);
        expect_answer(a, 200, STR("hi"));
        CHECK_EQ(b.client.conn_pool.live_count, 0);
        CHECK_EQ(b.upstream.open_count, 0);
        bench_done(&b);
    }
}

TEST(client_refuses_malformed_answers)
{
    static const struct {
        str answer;
        err why;
    } rows[] = {
        {STR_INIT("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n"), ERR_UNSUPPORTED},
        {STR_INIT("HTTP/1.1 2x0 OK\r\n\r\n"), ERR_SYNTAX},
        {STR_INIT("SSH-2.0-OpenSSH\r\n\r\n"), ERR_SYNTAX},
        {STR_INIT("HTTP/2.0 200 OK\r\n\r\n"), ERR_UNSUPPORTED},
        {STR_INIT("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n"), ERR_SYNTAX},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench b;
        bench_init(&b, plain);
        b.upstream.script = rows[i].answer;
        struct asking *a = ask_get(&b, 0);
        settle(&b);
        CHECK_EQ(a->end, rows[i].why);
        CHECK_EQ(a->heads, 0);
        CHECK_EQ(b.upstream.open_count, 0);
        bench_done(&b);
    }
}

TEST(client_bounds_an_answers_head)
{
    struct bench b;
    static char line[2000];

    memset(line, 'a', sizeof(line));
    bench_init(&b, plain);
    struct asking *a = ask_get(&b, 0);
    settle(&b);
    fake_upstream_say(fake_upstream_conn(&b.upstream), STR("HTTP/1.1 200 OK\r\nx: "));
    fake_upstream_say(fake_upstream_conn(&b.upstream), (str){line, sizeof(line)});
    settle(&b);
    CHECK_EQ(a->end, ERR_LIMIT);
    bench_done(&b);
}

TEST(client_tells_a_body_that_was_cut)
{
    static const str answers[] = {
        STR_INIT("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n01234"),
        STR_INIT("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n01234\r\n"),
        STR_INIT("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n01234\r\n0\r\n"),
    };

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct bench b;
        bench_init(&b, plain);
        b.upstream.script = answers[i];
        b.upstream.ending = FAKE_UPSTREAM_ENDS;
        struct asking *a = ask_get(&b, 0);
        settle(&b);
        CHECK_EQ(a->heads, 1);
        CHECK_EQ(a->end, ERR_CLOSED);
        CHECK_STR(buf_view(&a->body), "01234");
        CHECK_EQ(b.client.conn_pool.live_count, 0);
        bench_done(&b);
    }
}

TEST(client_tells_broken_chunks)
{
    struct bench b;

    bench_init(&b, plain);
    b.upstream.script = STR("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n");
    struct asking *a = ask_get(&b, 0);
    settle(&b);
    CHECK_EQ(a->end, ERR_SYNTAX);
    CHECK_EQ(b.client.conn_pool.live_count, 0);
    bench_done(&b);
}

TEST(client_reuses_the_newest_conn_and_keeps_no_more_than_its_limit)
{
    struct bench b;
    struct client_conn *conns[3];

    bench_init(&b, plain);
    for (int i = 0; i < 3; i++) {
        struct asking *a = ask_get(&b, i);
        settle(&b);
        CHECK_EQ(a->end, OK);
        conns[i] = a->call.conn;
    }
    for (struct link *l = b.upstream.conns.next; l != &b.upstream.conns; l = l->next) {
        fake_upstream_say(container_of(l, struct fake_upstream_conn, link),
                          STR("HTTP/1.1 204 No Content\r\n\r\n"));
        settle(&b); // in the order of the calls
    }
    CHECK_EQ(b.origin.idle_count, 2);
    CHECK_EQ(b.upstream.open_count, 2);
    struct asking *newest = ask_get(&b, 0);
    struct asking *older = ask_get(&b, 1);
    CHECK(newest->call.conn == conns[1]);
    CHECK(older->call.conn == conns[0]);
    client_call_cancel(&newest->call);
    client_call_cancel(&older->call);
    bench_done(&b);
}

TEST(client_closes_an_idle_conn_after_its_time_or_the_peers)
{
    struct bench b;

    bench_init(&b, plain);
    b.upstream.script = STR("HTTP/1.1 204 No Content\r\n\r\n");
    ask_get(&b, 0);
    settle(&b);
    wait_ms(&b, 4999);
    CHECK_EQ(b.origin.idle_count, 1);
    wait_ms(&b, 1);
    CHECK_EQ(b.origin.idle_count, 0);
    CHECK_EQ(b.upstream.open_count, 0);

    ask_get(&b, 0);
    settle(&b);
    CHECK_EQ(b.origin.idle_count, 1);
    fake_upstream_end(fake_upstream_conn(&b.upstream), FAKE_UPSTREAM_ENDS);
    settle(&b);
    CHECK_EQ(b.origin.idle_count, 0);

    ask_get(&b, 0);
    settle(&b);
    fake_upstream_say(fake_upstream_conn(&b.upstream), STR("HTTP/1.1 408 Timeout\r\n\r\n"));
    settle(&b);
    CHECK_EQ(b.origin.idle_count, 0); // nobody asked for it
    bench_done(&b);
}

// Leaves one idle conn whose peer closes as the next request is on its way.
static struct asking *ask_over_stale(struct bench *b, struct client_request request, str before)
{
    b->upstream.script = STR("HTTP/1.1 204 No Content\r\n\r\n");
    ask_get(b, 0);
    settle(b);
    CHECK_EQ(b->origin.idle_count, 1);
    b->upstream.script = before;
    b->upstream.ending = FAKE_UPSTREAM_ENDS;
    return ask(b, 0, request);
}

static void answer_afresh(struct fake_upstream *u, struct fake_upstream_conn *c)
{
    if (u->conn_count == 1) {
        fake_upstream_end(c, FAKE_UPSTREAM_ABORTS);
    } else {
        fake_upstream_say(c, STR("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfresh"));
    }
}

TEST(client_repeats_a_request_on_a_fresh_conn_when_the_kept_one_was_stale)
{
    struct bench b;

    bench_init(&b, plain);
    struct asking *a =
        ask_over_stale(&b, (struct client_request){.head = get, .is_repeatable = true}, STR(""));
    b.upstream.requested = answer_afresh;
    settle(&b);
    expect_answer(a, 200, STR("fresh"));
    CHECK_EQ(b.client.counts.stale_retries, 1);
    CHECK_EQ(b.upstream.conn_count, 2);
    CHECK(!a->call.is_conn_reused);
    bench_done(&b);
}

TEST(client_repeats_a_request_once)
{
    struct bench b;

    bench_init(&b, plain);
    struct asking *a =
        ask_over_stale(&b, (struct client_request){.head = get, .is_repeatable = true}, STR(""));
    settle(&b);
    CHECK_EQ(a->end, ERR_CLOSED);
    CHECK_EQ(b.client.counts.stale_retries, 1);
    CHECK_EQ(b.upstream.request_count, 3); // the first, the stale, the repeated
    bench_done(&b);
}

TEST(client_does_not_repeat_what_it_was_not_told_to)
{
    struct bench b;

    bench_init(&b, plain);
    struct asking *a = ask_over_stale(&b, (struct client_request){.head = get}, STR(""));
    settle(&b);
    CHECK_EQ(a->end, ERR_CLOSED);
    CHECK_EQ(b.client.counts.stale_retries, 0);
    CHECK_EQ(b.upstream.request_count, 2);
    bench_done(&b);
}

TEST(client_does_not_repeat_a_request_after_a_byte_of_its_answer)
{
    static const str answers[] = {
        STR_INIT("H"),
        STR_INIT("HTTP/1.1 200 OK\r\ncontent-len"),
        STR_INIT("HTTP/1.1 100 Continue\r\n\r\n"),
        STR_INIT("HTTP/1.1 101 Switching Protocols\r\n\r\n"),
        STR_INIT("HTTP/1.1 2x0 OK\r\n\r\n"),
        STR_INIT("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nx"),
    };

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct bench b;
        bench_init(&b, plain);
        struct asking *a = ask_over_stale(
            &b, (struct client_request){.head = get, .is_repeatable = true}, answers[i]);
        settle(&b);
        CHECK(a->end != OK && a->end != ERR_EOF);
        CHECK_EQ(b.client.counts.stale_retries, 0);
        CHECK_EQ(b.upstream.request_count, 2);
        bench_done(&b);
    }
}

TEST(client_tells_how_a_dial_failed)
{
    struct bench b;

    bench_init(&b, plain);
    b.upstream.dialer.mood = MEMORY_DIALER_REFUSES;
    struct asking *a = ask_get(&b, 0);
    settle(&b);
    CHECK_EQ(a->end, ERR_REFUSED);
    b.upstream.dialer.mood = MEMORY_DIALER_IS_SILENT;
    a = ask_get(&b, 0);
    wait_ms(&b, 999);
    CHECK_EQ(a->end, OK);
    wait_ms(&b, 1);
    CHECK_EQ(a->end, ERR_TIMEOUT);
    CHECK_EQ(b.client.counts.conns_failed, 2);
    CHECK_EQ(b.client.conn_pool.live_count, 0);
    bench_done(&b);
}

TEST(client_keeps_a_conn_whose_call_was_given_up_while_dialing)
{
    struct bench b;

    bench_init(&b, plain);
    b.upstream.dialer.delay = 100;
    struct asking *a = ask_get(&b, 0);
    client_call_cancel(&a->call);
    wait_ms(&b, 100);
    CHECK_EQ(a->end, OK);
    CHECK_EQ(b.origin.idle_count, 1);
    CHECK_EQ(b.upstream.request_count, 0);
    bench_done(&b);
}

TEST(client_cancel_closes_the_conn_at_every_stage)
{
    static const str said[] = {
        STR_INIT(""),
        STR_INIT("HTTP/1.1 200"),
        STR_INIT("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n"),
        STR_INIT("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nx"),
    };

    for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
        struct bench b;
        bench_init(&b, plain);
        struct asking *a = ask_get(&b, 0);
        settle(&b);
        fake_upstream_say(fake_upstream_conn(&b.upstream), said[i]);
        settle(&b);
        client_call_cancel(&a->call);
        client_call_cancel(&a->call); // harmless
        CHECK_EQ(b.client.conn_pool.live_count, 0);
        settle(&b);
        CHECK_EQ(b.upstream.open_count, 0);
        CHECK_EQ(a->end, OK);
        bench_done(&b);
    }
}

TEST(client_tells_calls_under_way_when_their_origin_closes)
{
    static const str said[] = {
        STR_INIT(""),
        STR_INIT("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nx"),
    };

    for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
        struct bench b;
        bench_init(&b, plain);
        struct asking *busy = ask_get(&b, 0);
        settle(&b);
        fake_upstream_say(fake_upstream_conn(&b.upstream), said[i]);
        settle(&b);
        b.upstream.dialer.delay = 100;
        struct asking *dialing = ask_get(&b, 1);
        client_origin_close(&b.origin);
        CHECK_EQ(busy->end, ERR_CANCELED);
        CHECK_EQ(dialing->end, ERR_CANCELED);
        settle(&b);
        CHECK(client_origin_is_closed(&b.origin));
        bench_done(&b);
    }
}

TEST(client_hears_an_answer_that_comes_before_its_request_has_gone)
{
    static char block[10'000];
    struct iovec piece = {block, sizeof(block)};
    struct bench b;

    memset(block, 'x', sizeof(block));
    bench_init(&b, (struct memory_stream_options){.capacity = 100});
    b.upstream.is_deaf = true;
    struct asking *a =
        ask(&b, 0,
            (struct client_request){.head = STR("POST / HTTP/1.1\r\ncontent-length: 10000\r\n\r\n"),
                                    .body = &piece,
                                    .body_count = 1});
    loop_turn(&b.loop, 0);
    fake_upstream_say(fake_upstream_conn(&b.upstream),
                      STR("HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n"));
    settle(&b);
    expect_answer(a, 413, STR(""));
    CHECK_EQ(b.origin.idle_count, 0); // the rest of the request would follow
    fake_upstream_listen(fake_upstream_conn(&b.upstream));
    bench_done(&b);
}

TEST(client_sends_the_rest_of_a_head_that_is_gone)
{
    char head[] = "GET /somewhere HTTP/1.1\r\nhost: o\r\nx: 0123456789\r\n\r\n";
    struct bench b;

    bench_init(&b, (struct memory_stream_options){.capacity = 20});
    b.upstream.is_deaf = true;
    struct asking *a = ask(&b, 0, (struct client_request){.head = str_from_c(head)});
    loop_turn(&b.loop, 0);
    fake_upstream_say(fake_upstream_conn(&b.upstream), STR("HTTP/1.1 200 OK\r\n\r\n"));
    for (int i = 0; i < 5; i++) {
        settle(&b);
    }
    CHECK_EQ(a->heads, 1);
    memset(head, 'z', sizeof(head));
    fake_upstream_listen(fake_upstream_conn(&b.upstream));
    settle(&b);
    CHECK_STR(buf_view(&b.upstream.request),
              "GET /somewhere HTTP/1.1\r\nhost: o\r\nx: 0123456789\r\n\r\n");
    client_call_cancel(&a->call);
    bench_done(&b);
}

TEST(client_hears_an_answer_of_an_origin_that_closes_while_it_is_being_sent_to)
{
    struct bench b;

    bench_init(&b, (struct memory_stream_options){.capacity = 60});
    b.upstream.is_deaf = true;
    b.calls[0].to_send = STR("0123456789012345678901234567890123456789"
                             "0123456789012345678901234567890123456789");
    b.calls[0].send_size = 10;
    struct asking *a =
        ask(&b, 0,
            (struct client_request){.head = STR("PUT / HTTP/1.1\r\ncontent-length: 80\r\n\r\n"),
                                    .framing = CLIENT_BODY_LENGTH});
    loop_turn(&b.loop, 0);
    fake_upstream_say(fake_upstream_conn(&b.upstream),
                      STR("HTTP/1.1 413 No\r\ncontent-length: 2\r\n\r\nno"));
    fake_upstream_end(fake_upstream_conn(&b.upstream), FAKE_UPSTREAM_ENDS);
    settle(&b);
    expect_answer(a, 413, STR("no"));
    CHECK_EQ(b.client.conn_pool.live_count, 0);
    bench_done(&b);
}

TEST(client_waits_for_whoever_does_not_pull)
{
    static char block[300'000];
    struct bench b;

    memset(block, 'x', sizeof(block));
    bench_init(&b, plain);
    b.calls[0].is_lazy = true;
    struct asking *a = ask_get(&b, 0);
    settle(&b);
    struct fake_upstream_conn *c = fake_upstream_conn(&b.upstream);
    fake_upstream_say(c, STR("HTTP/1.1 200 OK\r\ncontent-length: 300000\r\n\r\n"));
    fake_upstream_say(c, (str){block, sizeof(block)});
    settle(&b);
    CHECK(buf_len(&c->out) > 100'000); // not read beyond what is in flight
    a->is_lazy = false;
    pull(a);
    settle(&b);
    CHECK_EQ(a->end, ERR_EOF);
    CHECK_EQ(buf_len(&a->body), sizeof(block));
    bench_done(&b);
}
