#include "http/h2_server_stream.h"

#include "http/h2_server_call.h"

#include <stdlib.h>
#include <string.h>

enum {
    CALL_ARENA_BYTES = 4080, // of a further chunk
    OUT_MAX = WIRE_OUT_MAX,
};

static struct loop *loop_of(const struct h2_server_stream *st)
{
    return st->conn->server->loop;
}

struct h2_server_stream *h2_server_stream_new(struct h2_server_conn *c, int32_t id)
{
    struct h2_server_stream *st = pool_take_raw(&c->server->h2_stream_pool);
    struct server_call *call = &st->call;

    memset(st, 0, offsetof(struct h2_server_stream, call.room));
    st->conn = c;
    st->id = id;
    buf_init(&st->in, H2_SERVER_STREAM_WINDOW);
    buf_init(&st->out, OUT_MAX);
    list_init(&st->ready_link);
    list_push_back(&c->streams, &st->link);
    call->ops = &h2_server_call_ops;
    arena_init_in(&call->arena, call->room, sizeof(call->room), CALL_ARENA_BYTES);
    return st;
}

void h2_server_stream_free(struct h2_server_stream *st)
{
    struct h2_server_conn *c = st->conn;

    // Fails for what nghttp2 does not know any more.
    if (buf_len(&st->in)) (void)nghttp2_session_consume_connection(c->session, buf_len(&st->in));
    if (st->is_started) c->server->counts.calls_open--;
    loop_alarm_stop(loop_of(st), &st->timer);
    list_remove(&st->link);
    list_remove(&st->ready_link);
    buf_done(&st->in);
    buf_done(&st->out);
    arena_reset(&st->call.arena);
    pool_give(&c->server->h2_stream_pool, st);
}

void h2_server_stream_ready(struct h2_server_stream *st)
{
    list_remove(&st->ready_link);
    list_push_back(&st->conn->ready, &st->ready_link);
}

void h2_server_stream_reset(struct h2_server_stream *st, uint32_t code)
{
    if (st->is_closed) return;
    buf_clear(&st->out);
    st->out_left = 0;
    if (nghttp2_submit_rst_stream(st->conn->session, NGHTTP2_FLAG_NONE, st->id, code)) abort();
    h2_server_conn_wake(st->conn);
}

void h2_server_stream_tell_gone(struct h2_server_stream *st, err why)
{
    struct server_call_user *user = st->call.user;

    st->call.user = NULL;
    loop_alarm_stop(loop_of(st), &st->timer);
    if (user) user->events->gone(user, why);
}

static void on_timer(struct timer *t);

// Whether the client is bound to go on with its request.
static bool owes_body(const struct server_call *call)
{
    return call->user && !call->body.is_done && call->status == 0 && !call->is_patient;
}

void h2_server_stream_watch(struct h2_server_stream *st)
{
    const struct server_limits *limits = &st->conn->server->limits;
    struct loop *loop = loop_of(st);

    if (buf_len(&st->out)) {
        loop_alarm(loop, &st->timer, limits->write_ms, on_timer);
    } else if (owes_body(&st->call)) {
        loop_alarm(loop, &st->timer, limits->body_ms, on_timer);
    } else {
        loop_alarm_stop(loop, &st->timer);
    }
}

// A client that lets its window stay full, or a body that stalls. Where the conn's wire is full its
// own timer counts.
static void on_timer(struct timer *t)
{
    struct h2_server_stream *st = container_of(t, struct h2_server_stream, timer);
    bool has_stalled = buf_len(&st->out) || (st->call.awaits_body && owes_body(&st->call));

    if (wire_is_congested(&st->conn->wire)) {
        h2_server_stream_watch(st);
    } else if (has_stalled) {
        h2_server_stream_reset(st, NGHTTP2_CANCEL);
        h2_server_stream_tell_gone(st, ERR_TIMEOUT);
    }
}

// What came.

void h2_server_stream_begin(struct h2_server_stream *st, const struct h1_head *head)
{
    struct server_call *call = &st->call;

    call->head = *head;
    call->body.framing = head->framing;
    call->started_us = loop_of(st)->now_us;
    call->owes_continue = head->expects_continue && !call->body.is_done;
    st->is_new = true;
    h2_server_stream_ready(st);
}

void h2_server_stream_consume(struct h2_server_stream *st, size_t len)
{
    // A failure is one of a session that ends.
    if (st->is_closed) {
        (void)nghttp2_session_consume_connection(st->conn->session, len);
    } else {
        (void)nghttp2_session_consume(st->conn->session, st->id, len);
    }
    h2_server_conn_wake(st->conn);
}

err h2_server_stream_receive(struct h2_server_stream *st, str bytes)
{
    bool is_wanted = st->call.user || st->is_new;

    if (!is_wanted) { // the handler is done with the call
        h2_server_stream_consume(st, bytes.len);
        return OK;
    }
    TRY(buf_append(&st->in, bytes));
    if (st->call.awaits_body) h2_server_stream_ready(st);
    return OK;
}

void h2_server_stream_end_body(struct h2_server_stream *st)
{
    st->has_ended = true;
    st->call.body.is_done = buf_len(&st->in) == 0;
    if (st->call.awaits_body) h2_server_stream_ready(st);
}

// An answer of the server's own, in the handler's shape.
static void answer_by_itself(struct h2_server_stream *st)
{
    struct server *s = st->conn->server;
    const char *what = st->refusal == 431 ? "the request head is too large"
                                          : "the method or the scheme is not supported";
    struct buf body;

    buf_init(&body, 4096);
    str type = s->handler->describe(s, st->refusal, what, &body);
    struct iovec iov = stream_piece(buf_view(&body));
    struct server_answer answer = {
        .status = st->refusal, .has_length = true, .length = iov.iov_len};
    answer.fields = arena_format(&st->call.arena, "content-type: %" STR_FMT "\r\n", STR_ARG(type));
    server_call_respond(&st->call, &answer, &iov, 1, true);
    buf_done(&body);
}

static void start(struct h2_server_stream *st)
{
    struct server *s = st->conn->server;

    st->is_new = false;
    if (st->refusal) {
        answer_by_itself(st);
        return;
    }
    st->is_started = true;
    s->counts.calls_started++;
    s->counts.calls_open++;
    s->counts.h2_calls++;
    s->handler->call(s, &st->call);
}

// True while the handler is there to be told more.
static bool tell_drained(struct h2_server_stream *st)
{
    struct h2_server_conn *c = st->conn;
    struct server_call_user *user = st->call.user;

    if (!st->owes_drained || buf_len(&st->out)) return true;
    st->owes_drained = false;
    user->events->drained(user);
    return c->server && st->call.user;
}

static void tell(struct h2_server_stream *st)
{
    struct server_call *call = &st->call;

    if (st->is_new) {
        if (!st->is_closed) start(st); // else the client has thought better of it
    } else if (st->is_closed) {
        h2_server_stream_tell_gone(st, st->failure);
    } else if (call->user && tell_drained(st)) {
        if (call->awaits_body && (buf_len(&st->in) || st->has_ended))
            call->user->events->body(call->user);
    }
}

void h2_server_stream_visit(struct h2_server_stream *st)
{
    struct h2_server_conn *c = st->conn;

    tell(st);
    if (!c->server) return; // the handler closed all
    if (st->in.bytes && !buf_len(&st->in)) buf_done(&st->in);
    if (st->is_closed && !st->call.user) h2_server_stream_free(st);
}
