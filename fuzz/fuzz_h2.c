// Any bytes behind the preface of HTTP/2 are frames for a server: whatever they ask, in whatever
// pieces they come, its calls and its conn end, and what it took into account is what it gives
// back.
#include "base/random.h"
#include "http/server_call.h"
#include "io/memory_stream.h"

#include <nghttp2/nghttp2.h>

enum { CALLS_MAX = 64 };

struct answering {
    struct server_call_user user;
    struct server_call *call;
    uint64_t taken;
};

struct bench {
    struct loop loop;
    struct server server;
    struct stream_user user;
    struct stream *client;
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check(bool is_true)
{
    if (!is_true) __builtin_trap();
}

// By the first letter of the target: a whole answer, a stream that goes on, trailers, or a reset.
static void answer(struct answering *a)
{
    struct server_call *call = a->call;
    struct iovec body[3] = {stream_piece(STR("one")), stream_piece(STR("")),
                            stream_piece(STR("another"))};
    struct server_answer head = {.status = 200, .fields = STR("Content-Type: text/plain\r\n")};
    char kind = call->head.target.len > 1 ? call->head.target.ptr[1] : 'w';

    check(call->received_bytes == a->taken);
    if (kind == 's') {
        server_call_respond(call, &head, body, 3, false);
    } else if (kind == 't') {
        server_call_respond(call, &head, body, 3, false);
        server_call_finish(call, STR("x-sum: 1\r\n"));
    } else if (kind == 'a') {
        server_call_inform(call, 103, STR("link: x\r\n"));
        server_call_abort(call);
    } else {
        head.has_length = true;
        head.length = 10;
        server_call_respond(call, &head, body, 3, true);
    }
}

static void take(struct answering *a)
{
    str piece;
    err e = OK;

    while (!(e = server_call_next(a->call, &piece))) {
        check(piece.len > 0);
        a->taken += piece.len;
    }
    if (e == ERR_EOF && !a->call->status) answer(a);
}

static void on_body(struct server_call_user *user)
{
    take(container_of(user, struct answering, user));
}

static void on_drained(struct server_call_user *user)
{
    struct answering *a = container_of(user, struct answering, user);

    check(!server_call_is_congested(a->call));
    server_call_write(a->call, NULL, 0, true);
}

static void on_gone(struct server_call_user *user, err why)
{
    (void)user;
    check(why != OK);
}

static void on_call(struct server *s, struct server_call *call)
{
    static const struct server_call_events events = {on_body, on_drained, on_gone};
    struct answering *a = arena_new(&call->arena, struct answering);

    (void)s;
    check(call->head.method.len && call->head.target.len && call->head.host.len);
    for (size_t i = 0; i < call->head.field_count; i++) {
        check(h1_is_token(call->head.fields[i].name));
        check(h1_is_field_value(call->head.fields[i].value));
    }
    *a = (struct answering){.user.events = &events, .call = call};
    call->user = &a->user;
    take(a);
}

static str describe(struct server *s, unsigned status, const char *what, struct buf *out)
{
    (void)s;
    (void)status;
    check(buf_append(out, str_from_c(what)) == OK);
    return STR("text/plain");
}

static void hear(struct stream_user *user)
{
    struct bench *b = container_of(user, struct bench, user);
    char room[4096];
    size_t len = 0;

    while (stream_read(b->client, room, sizeof(room), &len) == OK) {
    }
}

static void say(struct bench *b, str text, struct random *r)
{
    while (text.len) {
        struct iovec iov = stream_piece(text);
        size_t len = 0;
        if (r) iov.iov_len = 1 + (size_t)random_below(r, text.len);
        if (stream_write(b->client, &iov, 1, &len)) return;
        text = str_sub(text, len, text.len);
        loop_turn(&b->loop, 0);
    }
}

// The time the server gives at most, and a little more.
static void wait(struct bench *b)
{
    for (int i = 0; i < 200 && loop_turn(&b->loop, 60'000); i++) {
    }
}

static void serve(str input, struct random *r)
{
    static const struct server_handler handler = {on_call, describe, NULL};
    static const struct server_limits limits = {.head_bytes_max = 4096,
                                                .head_fields_max = 40,
                                                .conns_max = 10,
                                                .header_ms = 1000,
                                                .idle_ms = 2000,
                                                .body_ms = 1000,
                                                .write_ms = 1000,
                                                .streams_max = CALLS_MAX};
    struct bench b = {.user.ready = hear};
    struct stream *far = NULL;

    loop_init_virtual(&b.loop, 1000);
    server_init(&b.server, &b.loop, &limits, &handler);
    memory_stream_pair(&b.loop, (struct memory_stream_options){.capacity = 8192}, &b.client, &far);
    b.client->user = &b.user;
    server_accept(&b.server, far);
    say(&b, STR(NGHTTP2_CLIENT_MAGIC), NULL);
    say(&b, input, r);
    wait(&b);
    stream_close(b.client, STREAM_CLOSE);
    wait(&b);
    check(b.server.counts.conns_open == 0 && b.server.counts.calls_open == 0);
    server_close(&b.server);
    server_done(&b.server);
    loop_done(&b.loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    str input = {(const char *)bytes, len};
    struct random r;

    if (len == 0 || len > 1 << 15) return 0;
    random_init(&r, len + bytes[0]);
    serve(input, NULL);
    serve(input, &r);
    return 0;
}
