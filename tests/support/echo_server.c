#include "support/echo_server.h"

#include "support/test.h"

enum { BODY_MAX = 4 << 20 };

static void finish(struct echo_call *c)
{
    struct server_call *call = c->call;
    bool is_open = c->echo->is_streaming;
    struct buf text;

    buf_init(&text, BODY_MAX + 4096);
    CHECK_EQ(buf_append_format(&text, "%" STR_FMT " %" STR_FMT " ", STR_ARG(call->head.method),
                               STR_ARG(call->head.target)),
             OK);
    CHECK_EQ(buf_append(&text, buf_view(&c->body)), OK);
    struct iovec iov = stream_piece(buf_view(&text));
    struct server_answer answer = {.status = 200, .has_length = !is_open, .length = iov.iov_len};
    if (!is_open) c->call = NULL;
    server_call_respond(call, &answer, &iov, 1, !is_open);
    buf_done(&text);
}

void echo_server_take(struct echo_call *c)
{
    str piece;
    err e = OK;

    while (!(e = server_call_next(c->call, &piece))) {
        CHECK_EQ(buf_append(&c->body, piece), OK);
    }
    if (e == ERR_EOF) finish(c);
}

static void on_body(struct server_call_user *user)
{
    struct echo_call *c = container_of(user, struct echo_call, user);

    if (!c->echo->is_lazy) echo_server_take(c);
}

static void on_drained(struct server_call_user *user)
{
    container_of(user, struct echo_call, user)->drained++;
}

static void on_gone(struct server_call_user *user, err why)
{
    struct echo_call *c = container_of(user, struct echo_call, user);

    CHECK(why != OK && c->call);
    c->gone = why;
    c->call = NULL;
}

static void on_call(struct server *s, struct server_call *call)
{
    static const struct server_call_events events = {on_body, on_drained, on_gone};
    struct echo_server *e = container_of(s, struct echo_server, server);
    struct echo_call *c = &e->calls[e->call_count++];

    CHECK(e->call_count <= ECHO_SERVER_CALLS_MAX);
    *c = (struct echo_call){.user.events = &events, .echo = e, .call = call};
    buf_init(&c->body, BODY_MAX);
    call->user = &c->user;
    if (!e->is_lazy) echo_server_take(c);
}

static str describe(struct server *s, unsigned status, const char *what, struct buf *out)
{
    (void)s;
    (void)status;
    CHECK_EQ(buf_append(out, str_from_c(what)), OK);
    return STR("text/plain");
}

static void on_server_drained(struct server *s)
{
    container_of(s, struct echo_server, server)->is_drained = true;
}

void echo_server_init(struct echo_server *e)
{
    static const struct server_handler handler = {on_call, describe, on_server_drained};
    struct server_limits limits = {.head_bytes_max = 2000,
                                   .head_fields_max = 20,
                                   .conns_max = 10,
                                   .header_ms = 5000,
                                   .idle_ms = 60'000,
                                   .body_ms = 10'000,
                                   .write_ms = 20'000,
                                   .streams_max = 10};

    *e = (struct echo_server){.call_count = 0};
    loop_init_virtual(&e->loop, 1000);
    server_init(&e->server, &e->loop, &limits, &handler);
}

void echo_server_done(struct echo_server *e)
{
    server_close(&e->server);
    loop_turn(&e->loop, 0);
    CHECK_EQ(e->server.counts.calls_open, 0);
    CHECK_EQ(e->server.counts.conns_open, 0);
    server_done(&e->server);
    loop_done(&e->loop);
    for (int i = 0; i < e->call_count; i++) {
        CHECK(!e->calls[i].call);
        buf_done(&e->calls[i].body);
    }
}

void echo_server_settle(struct echo_server *e)
{
    for (int i = 0; i < 50; i++) {
        loop_turn(&e->loop, 0);
    }
}

static void on_waited(struct timer *t)
{
    (void)t;
}

// The alarm makes time go by where nobody waits for anything else.
void echo_server_wait(struct echo_server *e, msec ms)
{
    msec until = e->loop.now + ms;
    struct timer alarm = {.is_armed = false};

    loop_alarm_at(&e->loop, &alarm, until, on_waited);
    while (e->loop.now < until && loop_turn(&e->loop, until - e->loop.now)) {
    }
    echo_server_settle(e);
}

void echo_server_write(struct echo_call *c, str text, bool is_last)
{
    struct iovec iov = stream_piece(text);
    struct server_call *call = c->call;

    if (is_last) c->call = NULL;
    server_call_write(call, &iov, 1, is_last);
}
