#include "http/server_conn.h"

#include "base/steps.h"
#include "codec/h2_upgrade.h"
#include "http/h1_server_call.h"
#include "http/h2_server_conn.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum {
    CALL_ARENA_BYTES = 4080, // of a further chunk
    LINGER_MS = 2000,
    LINGER_BYTES_MAX = 64 * 1024 * 1024, // a body that was refused, sent by who writes first
};

static const struct step conn_steps[] = {
    [SERVER_CONN_IDLE] = {"idle", STEP_BIT(SERVER_CONN_HEAD)},
    [SERVER_CONN_HEAD] = {"head", STEP_BIT(SERVER_CONN_CALL) | STEP_BIT(SERVER_CONN_FLUSH)},
    [SERVER_CONN_CALL] = {"call", STEP_BIT(SERVER_CONN_FLUSH)},
    [SERVER_CONN_FLUSH] = {"flush", STEP_BIT(SERVER_CONN_IDLE) | STEP_BIT(SERVER_CONN_LINGER)},
    [SERVER_CONN_LINGER] = {"linger", 0},
};

static void tick(struct server_conn *c);

static void on_ready(struct stream_user *user)
{
    tick(container_of(user, struct server_conn, user));
}

static void on_task(struct task *t)
{
    tick(container_of(t, struct server_conn, tick));
}

void server_conn_wake(struct server_conn *c)
{
    loop_later(c->server->loop, &c->tick, on_task);
}

void server_conn_yield(struct server_conn *c)
{
    loop_next_turn(c->server->loop, &c->tick, on_task);
}

// An answer of the server's own, in the handler's shape; the conn closes after it.
static void answer_by_itself(struct server_conn *c, unsigned status, const char *what)
{
    struct server *s = c->server;
    struct buf body;
    char head[256];

    buf_init(&body, 4096);
    str type = s->handler->describe(s, status, what, &body);
    str reason = h1_reason(status);
    int len = snprintf(head, sizeof(head),
                       "HTTP/1.1 %u %" STR_FMT "\r\ncontent-type: %" STR_FMT
                       "\r\ncontent-length: %zu\r\nconnection: close\r\n\r\n",
                       status, STR_ARG(reason), STR_ARG(type), buf_len(&body));
    assert(len > 0 && (size_t)len < sizeof(head));
    struct iovec iov[2] = {{.iov_base = head, .iov_len = (size_t)len},
                           stream_piece(buf_view(&body))};
    // A client that can't be written to any more learns nothing; the next read finds out.
    (void)wire_write(&c->wire, iov, 2);
    buf_done(&body);
    c->is_persistent = false;
}

static void arm(struct server_conn *c, msec wait);

static void arm_write(struct server_conn *c)
{
    c->unsent = stream_unsent(c->wire.stream);
    arm(c, c->server->limits.write_ms);
}

// A client that takes little makes the stream writable only after much; that is no reason to leave
// it.
static bool has_taken_some(struct server_conn *c)
{
    if (stream_unsent(c->wire.stream) >= c->unsent) return false;
    arm_write(c);
    return true;
}

static void on_timer(struct timer *t)
{
    struct server_conn *c = container_of(t, struct server_conn, timer);

    switch ((enum server_conn_step)c->step) {
    case SERVER_CONN_HEAD:
        c->server->counts.heads_rejected++;
        answer_by_itself(c, 408, "the request head did not arrive in time");
        steps_move(conn_steps, &c->step, SERVER_CONN_FLUSH);
        server_conn_wake(c);
        break;
    case SERVER_CONN_CALL:
        // A handler that takes no more for now is not the client's fault; it arms the timer anew
        // when it waits again.
        if (wire_is_congested(&c->wire) && has_taken_some(c)) break;
        if (wire_is_congested(&c->wire) || c->call->awaits_body)
            server_conn_close(c, STREAM_ABORT, ERR_TIMEOUT);
        break;
    case SERVER_CONN_FLUSH:
        if (!has_taken_some(c)) server_conn_close(c, STREAM_ABORT, ERR_TIMEOUT);
        break;
    case SERVER_CONN_IDLE:
    case SERVER_CONN_LINGER: server_conn_close(c, STREAM_CLOSE, ERR_TIMEOUT); break;
    }
}

static void arm(struct server_conn *c, msec wait)
{
    loop_alarm(c->server->loop, &c->timer, wait, on_timer);
}

static void refuse(struct server_conn *c, unsigned status, const char *what)
{
    answer_by_itself(c, status, what);
    c->step = SERVER_CONN_FLUSH;
    server_conn_wake(c);
}

static void refuse_for_want_of_room(struct server *s, struct server_conn *c)
{
    s->counts.conns_refused++;
    if (s->counts.conns_open > s->limits.conns_max + (uint64_t)SERVER_REFUSED_MAX) {
        server_conn_close(c, STREAM_ABORT, ERR_LIMIT);
        return;
    }
    refuse(c, 503, "too many connections");
}

static struct server_conn *new_conn(struct server *s, struct stream *stream)
{
    struct server_conn *c = pool_take(&s->conn_pool);

    c->server = s;
    c->user.ready = on_ready;
    stream->user = &c->user;
    wire_init(&c->wire, stream);
    list_push_back(&s->conns, &c->link);
    c->step = SERVER_CONN_IDLE;
    c->is_persistent = true;
    c->idle_ms = s->limits.idle_ms;
    arm(c, c->idle_ms);
    return c;
}

void server_conn_open(struct server *s, struct stream *stream)
{
    struct server_conn *c = new_conn(s, stream);

    if (s->counts.conns_open > s->limits.conns_max) {
        refuse_for_want_of_room(s, c);
    } else if (stream->is_readable) {
        server_conn_wake(c);
    }
}

void server_conn_refuse(struct server *s, struct stream *stream, unsigned status, const char *what)
{
    s->counts.conns_opened++;
    s->counts.conns_open++;
    refuse(new_conn(s, stream), status, what);
}

static void free_call(struct server_conn *c)
{
    struct server_call *call = c->call;

    if (!call) return;
    c->call = NULL;
    c->server->counts.calls_open--;
    arena_reset(&call->arena);
    pool_give(&c->server->call_pool, call);
}

static void give_back(struct server_conn *c)
{
    struct server *s = c->server;

    list_remove(&c->link);
    if (c->is_visited) {
        c->server = NULL; // the tick on the stack gives it back
    } else {
        pool_give(&s->conn_pool, c);
    }
}

void server_conn_close(struct server_conn *c, enum stream_end how, err why)
{
    struct server *s = c->server;
    struct server_call *call = c->call;

    if (call) {
        struct server_call_user *user = call->user;
        call->user = NULL;
        if (user) user->events->gone(user, why);
        free_call(c);
    }
    loop_alarm_stop(s->loop, &c->timer);
    loop_forget(&c->tick);
    wire_close(&c->wire, how);
    give_back(c);
    server_forget_conn(s);
}

void server_conn_end_call(struct server_conn *c)
{
    if (!c->call->body.is_done) c->is_persistent = false;
    c->call->user = NULL; // the handler may look at the call until it returns
    steps_move(conn_steps, &c->step, SERVER_CONN_FLUSH);
    server_conn_wake(c);
}

void server_conn_watch_call(struct server_conn *c)
{
    const struct server_limits *limits = &c->server->limits;

    if (wire_is_congested(&c->wire)) {
        arm_write(c);
    } else if (!c->call->body.is_done && c->call->status == 0 && !c->call->is_patient) {
        arm(c, limits->body_ms);
    } else {
        loop_alarm_stop(c->server->loop, &c->timer);
    }
}

static void reject(struct server_conn *c, err e)
{
    unsigned status = e == ERR_LIMIT ? 431 : e == ERR_UNSUPPORTED ? 501 : 400;
    const char *what = e == ERR_LIMIT ? "the request head is too large"
                       : e == ERR_UNSUPPORTED
                           ? "the HTTP version or transfer coding is not supported"
                           : "malformed request head";

    c->server->counts.heads_rejected++;
    answer_by_itself(c, status, what);
    steps_move(conn_steps, &c->step, SERVER_CONN_FLUSH);
}

// An h2_server_conn takes the stream and what came by it; this conn is no more.
static struct wire hand_over(struct server_conn *c)
{
    struct wire wire = c->wire;

    loop_alarm_stop(c->server->loop, &c->timer);
    loop_forget(&c->tick);
    give_back(c);
    return wire;
}

// Whether the client speaks HTTP/2 without asking (RFC 9113 section 3.3): no method of HTTP/1.1 is
// "PRI". ERR_AGAIN while that is not known.
static err find_preface(str bytes)
{
    str preface = STR(NGHTTP2_CLIENT_MAGIC);

    if (bytes.len > preface.len) bytes.len = preface.len;
    if (bytes.len < 3 || memcmp(bytes.ptr, preface.ptr, bytes.len) != 0) return ERR_ABSENT;
    return bytes.len == preface.len ? OK : ERR_AGAIN;
}

static bool takes_upgrade(struct server_conn *c, const struct h1_head *head, str text)
{
    struct server *s = c->server;
    char settings[H2_UPGRADE_SETTINGS_MAX];
    size_t len = 0;

    if (!head->connection_lists_fields || s->is_draining) return false;
    if (h2_upgrade_settings(head, settings, &len)) return false;
    struct wire wire = hand_over(c);
    struct iovec line = stream_piece(STR("HTTP/1.1 101 Switching Protocols\r\n"
                                         "connection: upgrade\r\nupgrade: h2c\r\n\r\n"));
    // Goes out with the first frames; a failure shows when these do.
    (void)wire_defer(&wire, &line, 1);
    h2_server_conn_open_upgraded(s, &wire, text, (str){.ptr = settings, .len = len});
    return true;
}

static void free_unused(struct server *s, struct server_call *call)
{
    arena_reset(&call->arena);
    pool_give(&s->call_pool, call);
}

// The head moves to the call's arena and is parsed there, so that its views live as long.
static err start_call(struct server_conn *c, size_t head_len)
{
    struct server *s = c->server;
    struct h1_field fields[SERVER_FIELDS_MAX];
    struct server_call *call = pool_take_raw(&s->call_pool);
    size_t fields_max = s->limits.head_fields_max;

    if (fields_max > SERVER_FIELDS_MAX) fields_max = SERVER_FIELDS_MAX;
    memset(call, 0, offsetof(struct server_call, room));
    arena_init_in(&call->arena, call->room, sizeof(call->room), CALL_ARENA_BYTES);
    str head = arena_str(&call->arena, str_sub(c->wire.pending, 0, head_len));
    wire_consume(&c->wire, head_len);
    err e = h1_parse_request(head, fields, fields_max, &call->head);
    if (e || takes_upgrade(c, &call->head, head)) {
        free_unused(s, call);
        return e;
    }
    size_t size = sizeof(*fields) * call->head.field_count;
    call->head.fields = arena_alloc_raw(&call->arena, size);
    memcpy(call->head.fields, fields, size);
    h1_body_init(&call->body, call->head.framing, call->head.content_length);
    call->ops = &h1_server_call_ops;
    call->conn = c;
    call->started_us = s->loop->now_us;
    call->owes_continue = call->head.expects_continue && !call->body.is_done;
    c->call = call;
    c->is_persistent = call->head.is_persistent && !s->is_draining;
    s->counts.calls_started++;
    s->counts.calls_open++;
    steps_move(conn_steps, &c->step, SERVER_CONN_CALL);
    loop_alarm_stop(s->loop, &c->timer);
    s->handler->call(s, call);
    return OK;
}

// True while the conn can go on without waiting.
static bool tick_head(struct server_conn *c)
{
    size_t scanned = c->head_scanned;
    size_t len = 0;
    err e = ERR_AGAIN;

    if (c->wire.pending.len) e = find_preface(c->wire.pending);
    if (!e) {
        struct server *s = c->server;
        struct wire wire = hand_over(c);
        h2_server_conn_open(s, &wire);
        return false;
    }
    if (e == ERR_ABSENT)
        e = h1_find_head(c->wire.pending, c->server->limits.head_bytes_max, &scanned, &len);
    c->head_scanned = (uint32_t)scanned;
    if (c->step == SERVER_CONN_IDLE && c->wire.pending.len) {
        steps_move(conn_steps, &c->step, SERVER_CONN_HEAD);
        if (e == ERR_AGAIN) arm(c, c->server->limits.header_ms);
    }
    if (e == ERR_AGAIN) {
        if (!c->wire.stream->is_readable) return false;
        e = wire_fill(&c->wire);
        if (e == ERR_AGAIN) return false;
        if (!e) return true;
        server_conn_close(c, STREAM_CLOSE, e);
        return false;
    }
    c->head_scanned = 0;
    if (!e) e = start_call(c, len);
    if (e) reject(c, e);
    return c->server != NULL;
}

static bool tick_call(struct server_conn *c)
{
    struct stream *s = c->wire.stream;

    if (c->wire.is_deferred) {
        if (wire_flush(&c->wire)) {
            server_conn_close(c, STREAM_ABORT, ERR_CLOSED);
            return false;
        }
        if (wire_is_congested(&c->wire)) server_conn_watch_call(c);
    } else if (wire_is_congested(&c->wire)) {
        size_t before = buf_len(&c->wire.out);
        if (wire_flush(&c->wire)) {
            server_conn_close(c, STREAM_ABORT, ERR_CLOSED);
            return false;
        }
        if (buf_len(&c->wire.out) != before) server_conn_watch_call(c);
        if (!wire_is_congested(&c->wire) && before) c->call->user->events->drained(c->call->user);
        if (!c->server || c->step != SERVER_CONN_CALL) return c->server != NULL;
    }
    // Its last byte sent, a client either waits or has gone, and nothing tells which; a model that
    // writes for nobody is dear, so it counts as gone.
    if (s->is_hung_up && c->call->body.is_done) {
        server_conn_close(c, STREAM_ABORT, ERR_CLOSED);
        return false;
    }
    if (!c->call->body.is_done && (s->is_readable || c->wire.pending.len))
        c->call->user->events->body(c->call->user);
    if (!c->server) return false;
    return c->step != SERVER_CONN_CALL;
}

static bool tick_flush(struct server_conn *c)
{
    free_call(c);
    if (wire_flush(&c->wire)) {
        server_conn_close(c, STREAM_ABORT, ERR_CLOSED);
        return false;
    }
    if (wire_is_congested(&c->wire)) {
        arm_write(c);
        return false;
    }
    if (c->is_persistent && !c->server->is_draining) {
        steps_move(conn_steps, &c->step, SERVER_CONN_IDLE);
        arm(c, c->idle_ms);
        return c->wire.pending.len || c->wire.stream->is_readable;
    }
    steps_move(conn_steps, &c->step, SERVER_CONN_LINGER);
    stream_finish(c->wire.stream);
    arm(c, LINGER_MS);
    return true;
}

static bool tick_linger(struct server_conn *c)
{
    err e = OK;

    wire_consume(&c->wire, c->wire.pending.len);
    if (!c->wire.stream->is_readable) return false;
    e = wire_fill(&c->wire);
    if (e == ERR_AGAIN) return false;
    c->linger_bytes += (uint32_t)c->wire.pending.len;
    if (!e && c->linger_bytes < LINGER_BYTES_MAX) return true;
    server_conn_close(c, STREAM_CLOSE, ERR_CLOSED);
    return false;
}

// Runs the conn as far as it goes without waiting.
static void tick(struct server_conn *c)
{
    struct server *s = c->server;
    bool goes_on = true;

    c->is_visited = true;
    c->wire.fill_count = 0;
    while (goes_on) {
        switch ((enum server_conn_step)c->step) {
        case SERVER_CONN_IDLE:
        case SERVER_CONN_HEAD: goes_on = tick_head(c); break;
        case SERVER_CONN_CALL: goes_on = tick_call(c); break;
        case SERVER_CONN_FLUSH: goes_on = tick_flush(c); break;
        case SERVER_CONN_LINGER: goes_on = tick_linger(c); break;
        }
    }
    c->is_visited = false;
    if (c->server) {
        wire_settle(&c->wire);
    } else {
        pool_give(&s->conn_pool, c);
    }
}
