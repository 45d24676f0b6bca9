#include "support/h2_stage.h"

#include "support/test.h"

#include <string.h>

enum { ROUNDS = 60 };

const struct memory_stream_options h2_stage_plain;
const str h2_stage_get = STR_INIT("GET /a HTTP/1.1\r\nhost: o\r\nX-Up: 1\r\nconnection: x\r\n\r\n");

void h2_stage_pull(struct h2_asking *a)
{
    str piece = STR("");
    err e = OK;

    if (a->closes_origin) {
        client_origin_close(&a->stage->origin);
        return;
    }
    if (a->gives_up) {
        client_call_cancel(&a->call);
        return;
    }
    if (a->is_lazy) return;
    while (!(e = client_call_next(&a->call, &piece))) {
        CHECK(piece.len > 0);
        CHECK_EQ(buf_append(&a->body, piece), OK);
        a->knew_end = a->call.body.is_done;
        if (a->is_frugal) return;
    }
    if (e != ERR_AGAIN) {
        CHECK(!a->call.conn);
        a->end = e;
    }
}

static void on_head(struct client_call *call)
{
    struct h2_asking *a = container_of(call, struct h2_asking, call);

    a->heads++;
    h2_stage_pull(a);
}

static void on_body(struct client_call *call)
{
    h2_stage_pull(container_of(call, struct h2_asking, call));
}

static void on_drained(struct client_call *call)
{
    struct h2_asking *a = container_of(call, struct h2_asking, call);

    while (!call->is_request_done && !client_call_is_congested(call)) {
        str piece = str_sub(a->to_send, 0, a->send_size);
        a->to_send = str_sub(a->to_send, piece.len, a->to_send.len);
        client_call_send(call, piece, a->to_send.len == 0);
    }
}

static void on_failed(struct client_call *call, err why)
{
    struct h2_asking *a = container_of(call, struct h2_asking, call);

    CHECK_EQ(a->end, OK);
    CHECK(why != OK && why != ERR_EOF);
    CHECK(!call->conn && !call->stream);
    a->end = why;
}

static const struct client_call_events events = {on_head, on_body, on_drained, on_failed};

void h2_stage_init(struct h2_stage *b, struct memory_stream_options options)
{
    struct client_limits limits = {.head_bytes_max = 4000, .idle_conns_max = 2, .idle_ms = 60'000};
    static const struct dial_target target = {.host = {"o", 1}, .port = 80};
    static struct h2_asking calls[H2_STAGE_CALLS];

    memset(calls, 0, sizeof(calls));
    *b = (struct h2_stage){.calls = calls};
    loop_init_virtual(&b->loop, 1000);
    fake_h2_init(&b->far, &b->loop);
    b->far.dialer.options = options;
    client_init(&b->client, &b->loop, &b->far.dialer.dialer, &limits);
    client_origin_init(&b->origin, &b->client, &target);
    b->origin.protocol = CLIENT_PROTOCOL_H2;
}

void h2_stage_settle(struct h2_stage *b)
{
    for (int i = 0; i < ROUNDS; i++) {
        loop_turn(&b->loop, 0);
    }
}

void h2_stage_wait(struct h2_stage *b, msec ms)
{
    msec until = b->loop.now + ms;

    while (b->loop.now < until && loop_turn(&b->loop, until - b->loop.now)) {
    }
    h2_stage_settle(b);
}

void h2_stage_done(struct h2_stage *b)
{
    client_origin_close(&b->origin);
    h2_stage_settle(b);
    CHECK(client_origin_is_closed(&b->origin));
    CHECK_EQ(b->client.conn_pool.live_count, 0);
    CHECK_EQ(b->client.stream_pool.live_count, 0);
    CHECK_EQ(b->origin.idle_count, 0);
    CHECK_EQ(b->far.open_count, 0);
    CHECK_EQ(b->far.dialer.live_count, 0);
    for (int i = 0; i < H2_STAGE_CALLS; i++) {
        CHECK(!b->calls[i].call.conn);
        arena_reset(&b->calls[i].arena);
        buf_done(&b->calls[i].body);
    }
    fake_h2_done(&b->far);
    client_done(&b->client);
    loop_done(&b->loop);
}

// Call `i` anew, with what the test set in its request.
struct h2_asking *h2_stage_ask(struct h2_stage *b, int i, struct client_request request)
{
    struct h2_asking *a = &b->calls[i];

    arena_reset(&a->arena);
    buf_done(&a->body);
    a->stage = b;
    a->end = OK;
    a->heads = 0;
    a->knew_end = false;
    arena_init(&a->arena, 1024);
    buf_init(&a->body, 16 << 20);
    if (!request.connect_ms) request.connect_ms = 1000;
    a->call = (struct client_call){
        .events = &events, .origin = &b->origin, .request = request, .arena = &a->arena};
    client_call_start(&a->call);
    CHECK_EQ(a->end, OK);
    CHECK_EQ(a->heads, 0);
    return a;
}

struct h2_asking *h2_stage_ask_get(struct h2_stage *b, int i)
{
    return h2_stage_ask(b, i, (struct client_request){.head = h2_stage_get, .is_repeatable = true});
}

void h2_stage_expect_answer(const struct h2_asking *a, unsigned status, str body)
{
    CHECK_EQ(a->end, ERR_EOF);
    CHECK_EQ(a->heads, 1);
    CHECK_EQ(a->call.head.status, status);
    CHECK_SAME(buf_view(&a->body), body);
}

// A body of `len` bytes that differ.
str h2_stage_block(size_t len)
{
    static char block[1 << 20];

    CHECK(len <= sizeof(block));
    for (size_t i = 0; i < len; i++) {
        block[i] = (char)('a' + i % 26);
    }
    return (str){.ptr = block, .len = len};
}
