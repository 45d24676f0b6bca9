#include "http/server_call.h"
#include "io/memory_stream.h"

#include "support/test.h"

#include <string.h>

// A server whose handler answers with the method, the target and the body it was sent, on a
// virtual loop, and a client end to talk to it byte by byte.
struct bench {
    struct loop loop;
    struct server server;
    struct stream_user user;
    struct stream *client;
    struct buf seen; // by the client
    err end;         // of what the client read
    bool is_reading;
    bool is_streaming; // the handler leaves the answer open
    bool is_lazy;      // it takes one piece of a body and stops
    struct answering *last;
    int gone;
    struct server_call *open_call;
};

struct answering {
    struct server_call_user user;
    struct bench *bench;
    struct server_call *call;
    struct buf body;
};

static struct bench *bench; // the one the handler answers for

static void finish(struct answering *a, unsigned status)
{
    struct buf text;

    buf_init(&text, 1 << 20);
    CHECK_EQ(buf_append_format(&text, "%.*s %.*s ", (int)a->call->head.method.len,
                               a->call->head.method.ptr, (int)a->call->head.target.len,
                               a->call->head.target.ptr),
             OK);
    CHECK_EQ(buf_append(&text, buf_view(&a->body)), OK);
    buf_done(&a->body);
    struct iovec iov = {(void *)(uintptr_t)buf_view(&text).ptr, buf_len(&text)};
    struct server_answer answer = {
        .status = status, .has_length = !bench->is_streaming, .length = iov.iov_len};
    bench->open_call = bench->is_streaming ? a->call : NULL;
    server_call_respond(a->call, &answer, &iov, 1, !bench->is_streaming);
    buf_done(&text);
}

static void take_body(struct answering *a)
{
    str piece;
    err e = OK;

    if (a->call->status) return;
    while (!(e = server_call_next(a->call, &piece))) {
        if (buf_append(&a->body, piece)) e = ERR_LIMIT;
        if (e || bench->is_lazy) break;
    }
    if (e == ERR_EOF) finish(a, 200);
    if (e == ERR_SYNTAX || e == ERR_LIMIT) finish(a, 400);
}

static void on_body(struct server_call_user *u)
{
    take_body(container_of(u, struct answering, user));
}

static void on_drained(struct server_call_user *u)
{
    (void)u;
}

static void on_gone(struct server_call_user *u, err why)
{
    struct answering *a = container_of(u, struct answering, user);

    CHECK(why != OK);
    buf_done(&a->body);
    a->bench->gone++;
    a->bench->open_call = NULL;
}

static void on_call(struct server *s, struct server_call *call)
{
    static const struct server_call_events events = {on_body, on_drained, on_gone};
    struct answering *a = arena_new(&call->arena, struct answering);

    a->user.events = &events;
    a->bench = container_of(s, struct bench, server);
    a->call = call;
    buf_init(&a->body, 100'000);
    call->user = &a->user;
    a->bench->last = a;
    take_body(a);
}

static str describe(struct server *s, unsigned status, const char *what, struct buf *out)
{
    (void)s;
    (void)status;
    CHECK_EQ(buf_append(out, str_from_c(what)), OK);
    return STR("text/plain");
}

static const struct server_handler handler = {on_call, describe, NULL};

static void client_ready(struct stream_user *u)
{
    struct bench *b = container_of(u, struct bench, user);
    char bytes[4096];
    size_t len = 0;

    while (b->is_reading && !b->end) {
        err e = stream_read(b->client, bytes, sizeof(bytes), &len);
        if (e == ERR_AGAIN) return;
        b->end = e;
        if (!e) CHECK_EQ(buf_append(&b->seen, (str){bytes, len}), OK);
    }
}

static void connect(struct bench *b, uint64_t seed)
{
    struct stream *far = NULL;

    memory_stream_pair(&b->loop, (struct memory_stream_options){.seed = seed}, &b->client, &far);
    b->client->user = &b->user;
    b->end = OK;
    server_accept(&b->server, far);
}

static void bench_init(struct bench *b, uint64_t seed)
{
    struct server_limits limits = {.head_bytes_max = 1000,
                                   .head_fields_max = 20,
                                   .conns_max = 10,
                                   .header_ms = 5000,
                                   .idle_ms = 60'000,
                                   .body_ms = 10'000,
                                   .write_ms = 20'000};

    *b = (struct bench){.is_reading = true};
    bench = b;
    loop_init_virtual(&b->loop, 1000);
    server_init(&b->server, &b->loop, &limits, &handler);
    b->user.ready = client_ready;
    buf_init(&b->seen, 1 << 22);
    connect(b, seed);
}

static void bench_done(struct bench *b)
{
    server_close(&b->server);
    if (b->client) stream_close(b->client, STREAM_CLOSE);
    loop_turn(&b->loop, 0);
    server_done(&b->server);
    buf_done(&b->seen);
    loop_done(&b->loop);
}

static void say(struct bench *b, str text)
{
    struct iovec iov = {(void *)(uintptr_t)text.ptr, text.len};
    size_t len = 0;

    while (iov.iov_len) {
        CHECK_EQ(stream_write(b->client, &iov, 1, &len), OK);
        iov.iov_base = (char *)iov.iov_base + len;
        iov.iov_len -= len;
    }
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

TEST(server_answers_keeps_alive_and_answers_again)
{
    struct bench b;

    bench_init(&b, 0);
    say(&b, STR("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"));
    settle(&b);
    CHECK_STR(buf_view(&b.seen), "HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\nPOST /a hello");
    buf_clear(&b.seen);
    say(&b, STR("GET /b HTTP/1.1\r\nHost: x\r\n\r\n"));
    settle(&b);
    CHECK_STR(buf_view(&b.seen), "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nGET /b ");
    CHECK_EQ(b.server.counts.calls_started, 2);
    CHECK_EQ(b.server.counts.calls_open, 0);
    bench_done(&b);
}

TEST(server_reads_any_split_the_same)
{
    for (uint64_t seed = 1; seed < 60; seed++) {
        struct bench b;
        bench_init(&b, test_seed() + seed);
        say(&b, STR("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
                    "GET /b HTTP/1.1\r\nHost: x\r\n\r\n"
                    "POST /c HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nxyz"));
        settle(&b);
        settle(&b);
        settle(&b);
        CHECK_STR(buf_view(&b.seen), "HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\nPOST /a abcde"
                                     "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nGET /b "
                                     "HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\nPOST /c xyz");
        bench_done(&b);
    }
}

TEST(server_streams_in_chunks_and_ends_them)
{
    struct bench b;
    struct iovec iov = {(void *)(uintptr_t) "more", 4};

    bench_init(&b, 0);
    b.is_streaming = true;
    say(&b, STR("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    settle(&b);
    CHECK_STR(buf_view(&b.seen),
              "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\nGET / \r\n");
    buf_clear(&b.seen);
    server_call_write(b.open_call, &iov, 1, true);
    settle(&b);
    CHECK_STR(buf_view(&b.seen), "4\r\nmore\r\n0\r\n\r\n");
    bench_done(&b);
}

TEST(server_answers_http_1_0_and_closes)
{
    struct bench b;

    bench_init(&b, 0);
    say(&b, STR("GET / HTTP/1.0\r\n\r\n"));
    settle(&b);
    CHECK_STR(buf_view(&b.seen),
              "HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\nGET / ");
    CHECK_EQ(b.end, ERR_EOF);
    bench_done(&b);
}

TEST(server_permits_a_body_that_waits_for_it)
{
    struct bench b;

    bench_init(&b, 0);
    say(&b, STR("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"));
    settle(&b);
    CHECK_STR(buf_view(&b.seen), "HTTP/1.1 100 Continue\r\n\r\n");
    say(&b, STR("ok"));
    settle(&b);
    CHECK(str_ends(buf_view(&b.seen), STR("POST / ok")));
    bench_done(&b);
}

TEST(server_refuses_malformed_heads_and_closes)
{
    static const str bad[] = {
        STR_INIT("GET /\r\n\r\n"),
        STR_INIT("GET / HTTP/1.1\r\n\r\n"),
        STR_INIT("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
        STR_INIT("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n"),
        STR_INIT("GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n"),
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct bench b;
        bench_init(&b, 0);
        say(&b, bad[i]);
        settle(&b);
        CHECK(str_starts(buf_view(&b.seen), STR("HTTP/1.1 400 ")));
        CHECK_EQ(b.end, ERR_EOF);
        CHECK_EQ(b.server.counts.heads_rejected, 1);
        CHECK_EQ(b.server.counts.calls_started, 0);
        bench_done(&b);
    }
}

TEST(server_refuses_an_endless_head)
{
    struct bench b;
    char line[64];

    bench_init(&b, 0);
    say(&b, STR("GET / HTTP/1.1\r\nHost: x\r\nA: "));
    memset(line, 'a', sizeof(line));
    for (int i = 0; i < 20; i++) {
        say(&b, (str){line, sizeof(line)});
    }
    settle(&b);
    CHECK(str_starts(buf_view(&b.seen), STR("HTTP/1.1 431 ")));
    CHECK_EQ(b.end, ERR_EOF);
    bench_done(&b);
}

TEST(server_does_not_wait_for_a_slow_head_or_an_idle_conn)
{
    struct bench b;

    bench_init(&b, 0);
    say(&b, STR("GET / HT"));
    wait_ms(&b, 4900);
    CHECK_EQ(buf_len(&b.seen), 0);
    say(&b, STR("T")); // a byte now and then buys no time
    wait_ms(&b, 200);
    CHECK(str_starts(buf_view(&b.seen), STR("HTTP/1.1 408 ")));
    bench_done(&b);

    bench_init(&b, 0);
    wait_ms(&b, 60'100);
    CHECK_EQ(b.end, ERR_EOF);
    CHECK_EQ(b.server.counts.conns_open, 0);
    bench_done(&b);
}

TEST(server_gives_up_a_body_that_stalls)
{
    struct bench b;

    bench_init(&b, 0);
    say(&b, STR("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe"));
    wait_ms(&b, 9900);
    CHECK_EQ(b.gone, 0);
    say(&b, STR("l"));
    wait_ms(&b, 9900);
    CHECK_EQ(b.gone, 0);
    wait_ms(&b, 200);
    CHECK_EQ(b.gone, 1);
    CHECK_EQ(b.end, ERR_CLOSED);
    bench_done(&b);
}

TEST(server_tells_when_the_client_has_gone)
{
    struct bench b;

    bench_init(&b, 0);
    b.is_streaming = true;
    say(&b, STR("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    settle(&b);
    CHECK_EQ(b.gone, 0);
    stream_close(b.client, STREAM_CLOSE);
    b.client = NULL;
    settle(&b);
    CHECK_EQ(b.gone, 1);
    CHECK_EQ(b.server.counts.conns_open, 0);
    bench_done(&b);
}

TEST(server_tells_when_the_client_hung_up_behind_its_body_before_that_was_read)
{
    struct bench b;

    bench_init(&b, 0);
    b.is_streaming = true;
    say(&b, STR("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"));
    settle(&b);
    say(&b, STR("hello"));
    stream_close(b.client, STREAM_CLOSE);
    b.client = NULL;
    settle(&b);
    CHECK_EQ(b.server.counts.calls_started, 1);
    CHECK_EQ(b.gone, 1);
    CHECK_EQ(b.server.counts.conns_open, 0);
    bench_done(&b);
}

TEST(server_does_not_blame_a_client_for_a_handler_that_takes_no_more)
{
    struct bench b;

    bench_init(&b, 0);
    say(&b, STR("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"));
    settle(&b);
    b.is_lazy = true;
    say(&b, STR("he"));
    settle(&b);
    say(&b, STR("llo"));
    wait_ms(&b, 30'000);
    CHECK_EQ(b.gone, 0);
    b.is_lazy = false;
    take_body(b.last);
    settle(&b);
    CHECK(str_ends(buf_view(&b.seen), STR("POST / hello")));
    bench_done(&b);
}

TEST(server_takes_as_many_fields_as_it_is_told_and_never_more_than_it_can)
{
    struct bench b;

    for (int extra = 0; extra < 2; extra++) {
        bench_init(&b, 0);
        b.server.limits.head_fields_max = SERVER_FIELDS_MAX + 1000; // as a reload may say
        b.server.limits.head_bytes_max = 100'000;
        say(&b, STR("GET / HTTP/1.1\r\nHost: x\r\n"));
        for (int i = 1; i < SERVER_FIELDS_MAX + extra; i++) {
            say(&b, STR("A:\r\n"));
        }
        say(&b, STR("\r\n"));
        settle(&b);
        CHECK(str_starts(buf_view(&b.seen), extra ? STR("HTTP/1.1 431 ") : STR("HTTP/1.1 200 ")));
        bench_done(&b);
    }
}

TEST(server_drops_a_flood_of_conns_past_its_limit)
{
    struct bench b;
    struct stream *others[200];

    bench_init(&b, 0);
    for (int i = 0; i < 200; i++) {
        struct stream *far = NULL;
        memory_stream_pair(&b.loop, (struct memory_stream_options){0}, &others[i], &far);
        server_accept(&b.server, far);
    }
    CHECK_EQ(b.server.counts.conns_refused, 191);
    CHECK(b.server.counts.conns_open <= 75);
    for (int i = 0; i < 200; i++) {
        stream_close(others[i], STREAM_CLOSE);
    }
    bench_done(&b);
}

TEST(server_bounds_what_a_slow_reader_costs_and_how_long)
{
    struct bench b;
    static char block[50'000];
    struct iovec iov = {block, sizeof(block)};

    bench_init(&b, 0);
    b.is_streaming = true;
    b.is_reading = false;
    say(&b, STR("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    settle(&b);
    int writes = 0;
    while (!server_call_is_congested(b.open_call)) {
        iov = (struct iovec){block, sizeof(block)};
        server_call_write(b.open_call, &iov, 1, false);
        CHECK(++writes < 10);
    }
    wait_ms(&b, 20'100);
    CHECK_EQ(b.gone, 1);
    bench_done(&b);
}

TEST(server_abort_is_no_orderly_end)
{
    struct bench b;

    bench_init(&b, 0);
    b.is_streaming = true;
    say(&b, STR("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    settle(&b);
    server_call_abort(b.open_call);
    settle(&b);
    CHECK_EQ(b.end, ERR_CLOSED);
    CHECK_EQ(b.gone, 0);
    bench_done(&b);
}

TEST(server_refuses_conns_past_its_limit)
{
    struct bench b;
    struct stream *others[10];

    bench_init(&b, 0);
    for (int i = 0; i < 9; i++) {
        struct stream *far = NULL;
        memory_stream_pair(&b.loop, (struct memory_stream_options){0}, &others[i], &far);
        server_accept(&b.server, far);
    }
    others[9] = b.client;
    connect(&b, 0);
    settle(&b);
    CHECK(str_starts(buf_view(&b.seen), STR("HTTP/1.1 503 ")));
    CHECK_EQ(b.server.counts.conns_refused, 1);
    for (int i = 0; i < 10; i++) {
        others[i]->user = NULL;
        stream_close(others[i], STREAM_CLOSE);
    }
    bench_done(&b);
}

TEST(server_drains_idle_conns_at_once_and_busy_ones_after_their_call)
{
    struct bench b;

    bench_init(&b, 0);
    server_drain(&b.server);
    settle(&b);
    CHECK_EQ(b.end, ERR_EOF);
    bench_done(&b);

    bench_init(&b, 0);
    b.is_streaming = true;
    say(&b, STR("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    settle(&b);
    server_drain(&b.server);
    settle(&b);
    CHECK_EQ(b.end, OK);
    server_call_write(b.open_call, NULL, 0, true);
    settle(&b);
    CHECK(str_ends(buf_view(&b.seen), STR("0\r\n\r\n")));
    CHECK_EQ(b.end, ERR_EOF);
    bench_done(&b);
}

TEST(server_a_call_can_send_raw_bytes_and_end_early)
{
    struct bench b;
    struct iovec raw = {(void *)(uintptr_t) "40\r\nhalf", 8};

    bench_init(&b, 0);
    b.is_streaming = true;
    say(&b, STR("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"));
    settle(&b);
    CHECK(b.open_call);
    server_call_write_raw(b.open_call, &raw, 1);
    server_call_end_early(b.open_call);
    settle(&b);
    CHECK_STR(buf_view(&b.seen), "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
                                 "7\r\nGET /a \r\n40\r\nhalf");
    CHECK_EQ(b.end, ERR_EOF);
    CHECK_EQ(b.gone, 0);
    bench_done(&b);
}

TEST(server_ends_a_chunked_answer_with_trailers_and_drops_them_elsewhere)
{
    struct bench b;

    bench_init(&b, 0);
    b.is_streaming = true;
    say(&b, STR("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"));
    settle(&b);
    server_call_finish(b.open_call, STR("x-a: 1\r\nx-b: 2\r\n"));
    settle(&b);
    CHECK_STR(buf_view(&b.seen), "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
                                 "7\r\nGET /a \r\n0\r\nx-a: 1\r\nx-b: 2\r\n\r\n");
    buf_clear(&b.seen);
    say(&b, STR("GET /b HTTP/1.0\r\n\r\n"));
    settle(&b);
    server_call_finish(b.open_call, STR("x-a: 1\r\n"));
    settle(&b);
    CHECK_STR(buf_view(&b.seen), "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nGET /b ");
    CHECK_EQ(b.end, ERR_EOF);
    bench_done(&b);
}

TEST(server_sends_interim_answers_to_those_who_know_them)
{
    struct bench b;

    for (int minor = 0; minor < 2; minor++) {
        bench_init(&b, 0);
        b.is_lazy = true;
        say(&b, minor ? STR("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\no")
                      : STR("POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\no"));
        settle(&b);
        server_call_inform(b.last->call, 103, STR("link: x\r\n"));
        settle(&b);
        CHECK_SAME(buf_view(&b.seen),
                   minor ? STR("HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n") : STR(""));
        bench_done(&b);
    }
}

TEST(server_a_call_can_shorten_the_rest_of_its_conn)
{
    struct bench b;

    bench_init(&b, 0);
    b.is_streaming = true;
    say(&b, STR("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"));
    settle(&b);
    server_call_limit_idle(b.open_call, 100);
    server_call_write(b.open_call, NULL, 0, true);
    wait_ms(&b, 90);
    CHECK_EQ(b.end, OK);
    wait_ms(&b, 20);
    CHECK_EQ(b.end, ERR_EOF);
    bench_done(&b);
}
