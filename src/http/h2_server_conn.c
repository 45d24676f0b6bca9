#include "http/h2_server_conn.h"

#include "base/steps.h"
#include "http/h2_server_session.h"
#include "http/h2_server_stream.h"

#include <assert.h>
#include <stdlib.h>

// Design. A visit reads and feeds nghttp2, then tells the handlers what came, and leaves the
// writing to the end of the turn, when the frames of all calls go out together. Handlers write
// frames into the wire's buffer as long as that is small; nothing is pulled from nghttp2 while the
// client does not take what is there.

enum {
    LINGER_MS = 2000,
    LINGER_BYTES_MAX = 16 * 1024 * 1024,
    NOTICE_MS = 1000,        // for the client's word on the end
    OUT_BYTES_MAX = 1 << 18, // in the wire's buffer, past which nothing is pulled before it is sent
};

static const struct step conn_steps[] = {
    [H2_SERVER_CONN_OPEN] = {"open",
                             STEP_BIT(H2_SERVER_CONN_NOTICED) | STEP_BIT(H2_SERVER_CONN_ENDING)},
    [H2_SERVER_CONN_NOTICED] = {"noticed", STEP_BIT(H2_SERVER_CONN_ENDING)},
    [H2_SERVER_CONN_ENDING] = {"ending", STEP_BIT(H2_SERVER_CONN_LINGER)},
    [H2_SERVER_CONN_LINGER] = {"linger", 0},
};

static void on_ready(struct stream_user *user);
static void on_task(struct task *t);

void h2_server_conn_wake(struct h2_server_conn *c)
{
    loop_later(c->server->loop, &c->tick, on_task);
}

static struct h2_server_stream *first_stream(struct link *list)
{
    return container_of(list->next, struct h2_server_stream, link);
}

// nghttp2 gave up, and its session can't be asked for more: the last word is written by hand.
static void break_off(struct h2_server_conn *c, uint32_t code)
{
    int32_t last = nghttp2_session_get_last_proc_stream_id(c->session);
    unsigned char frame[17] = {[2] = 8, [3] = NGHTTP2_GOAWAY};

    for (int i = 0; i < 4; i++) {
        frame[9 + i] = (unsigned char)((uint32_t)last >> (24 - 8 * i));
        frame[13 + i] = (unsigned char)(code >> (24 - 8 * i));
    }
    struct iovec iov = {.iov_base = frame, .iov_len = sizeof(frame)};
    // A client that can't be told learns nothing; the conn ends all the same.
    (void)wire_defer(&c->wire, &iov, 1);
    c->is_broken = true;
}

void h2_server_conn_pump(struct h2_server_conn *c)
{
    while (!c->is_broken && !wire_is_congested(&c->wire) && buf_len(&c->wire.out) < OUT_BYTES_MAX) {
        const uint8_t *bytes = NULL;
        ssize_t len = nghttp2_session_mem_send(c->session, &bytes);
        if (len == 0) return;
        struct iovec iov = stream_piece((str){.ptr = (const char *)bytes, .len = (size_t)len});
        if (len < 0 || wire_defer(&c->wire, &iov, 1)) break_off(c, NGHTTP2_INTERNAL_ERROR);
    }
}

// GOAWAY: streams up to now finish, others do not begin; with an error none finishes.
static void end(struct h2_server_conn *c, uint32_t code)
{
    int32_t last = nghttp2_session_get_last_proc_stream_id(c->session);
    int failed = 0;

    if (c->step >= H2_SERVER_CONN_ENDING || c->is_broken) return;
    steps_move(conn_steps, &c->step, H2_SERVER_CONN_ENDING);
    if (code) {
        failed = nghttp2_session_terminate_session(c->session, code);
    } else {
        failed = nghttp2_submit_goaway(c->session, NGHTTP2_FLAG_NONE, last, code, NULL, 0);
    }
    if (failed) abort();
    h2_server_conn_wake(c);
}

void h2_server_conn_calm(struct h2_server_conn *c)
{
    if (c->is_calmed) return;
    c->is_calmed = true;
    c->server->counts.h2_calmed++;
    if (nghttp2_session_terminate_session(c->session, NGHTTP2_ENHANCE_YOUR_CALM)) abort();
    h2_server_conn_wake(c);
}

static void on_timer(struct timer *t);

// What the conn waited for before goes on counting.
static void arm(struct h2_server_conn *c, enum h2_server_conn_watch what, msec wait)
{
    if (c->watch == what) return;
    c->watch = what;
    c->unsent = stream_unsent(c->wire.stream);
    loop_alarm(c->server->loop, &c->timer, wait, on_timer);
}

static void watch(struct h2_server_conn *c)
{
    const struct server_limits *limits = &c->server->limits;

    if (c->step == H2_SERVER_CONN_LINGER) {
        arm(c, H2_SERVER_CONN_WATCH_LINGER, LINGER_MS);
    } else if (wire_is_congested(&c->wire)) {
        arm(c, H2_SERVER_CONN_WATCH_WRITE, limits->write_ms);
    } else if (c->is_in_block) {
        arm(c, H2_SERVER_CONN_WATCH_BLOCK, limits->header_ms);
    } else if (c->step == H2_SERVER_CONN_NOTICED) {
        arm(c, H2_SERVER_CONN_WATCH_NOTICE, NOTICE_MS);
    } else if (list_is_empty(&c->streams)) {
        arm(c, H2_SERVER_CONN_WATCH_IDLE, c->idle_ms);
    } else {
        c->watch = H2_SERVER_CONN_WATCH_NOTHING;
        loop_alarm_stop(c->server->loop, &c->timer);
    }
}

// A client that takes little makes the stream writable only after much; that is no reason to leave
// it.
static void on_write_timeout(struct h2_server_conn *c)
{
    if (stream_unsent(c->wire.stream) >= c->unsent) {
        h2_server_conn_close(c, STREAM_ABORT, ERR_TIMEOUT);
    } else {
        watch(c);
    }
}

static void on_timer(struct timer *t)
{
    struct h2_server_conn *c = container_of(t, struct h2_server_conn, timer);
    enum h2_server_conn_watch what = c->watch;

    c->watch = H2_SERVER_CONN_WATCH_NOTHING;
    switch (what) {
    case H2_SERVER_CONN_WATCH_WRITE: on_write_timeout(c); break;
    case H2_SERVER_CONN_WATCH_BLOCK:
        c->server->counts.heads_rejected++;
        end(c, NGHTTP2_ENHANCE_YOUR_CALM);
        break;
    case H2_SERVER_CONN_WATCH_NOTICE:
    case H2_SERVER_CONN_WATCH_IDLE: end(c, NGHTTP2_NO_ERROR); break;
    case H2_SERVER_CONN_WATCH_LINGER: h2_server_conn_close(c, STREAM_CLOSE, ERR_TIMEOUT); break;
    case H2_SERVER_CONN_WATCH_NOTHING: break;
    }
}

static struct h2_server_conn *conn_new(struct server *s, struct wire *wire)
{
    struct h2_server_conn *c = pool_take(&s->h2_conn_pool);

    c->server = s;
    c->wire = *wire;
    *wire = (struct wire){0};
    c->user.ready = on_ready;
    c->wire.stream->user = &c->user;
    list_push_back(&s->h2_conns, &c->link);
    list_init(&c->streams);
    list_init(&c->ready);
    c->idle_ms = s->limits.idle_ms;
    h2_guard_init(&c->guard, s->loop->now);
    c->session = h2_server_session_new(c);
    s->counts.h2_conns_opened++;
    return c;
}

void h2_server_conn_open(struct server *s, struct wire *wire)
{
    uint64_t max = s->limits.conns_max;
    bool is_refused = s->counts.conns_open > max;

    if (is_refused) s->counts.conns_refused++;
    if (s->counts.conns_open > max + SERVER_REFUSED_MAX) {
        wire_close(wire, STREAM_ABORT);
        server_forget_conn(s);
        return;
    }
    struct h2_server_conn *c = conn_new(s, wire);
    if (is_refused) end(c, NGHTTP2_ENHANCE_YOUR_CALM);
    if (c->wire.pending.len) {
        on_ready(&c->user); // the bytes may lie in the loop's scratch memory
    } else {
        h2_server_conn_wake(c);
    }
}

// The head was parsed before, so it parses again; the request is stream 1, and has no body.
void h2_server_conn_open_upgraded(struct server *s, struct wire *wire, str head, str settings)
{
    struct h2_server_conn *c = conn_new(s, wire);
    struct h2_server_stream *st = h2_server_stream_new(c, 1);
    struct h1_field *fields = arena_alloc_raw(&st->call.arena, sizeof(*fields) * SERVER_FIELDS_MAX);
    str text = arena_str(&st->call.arena, head);
    struct h1_head parsed;

    if (h1_parse_request(text, fields, SERVER_FIELDS_MAX, &parsed)) abort();
    bool is_head = str_eq(parsed.method, STR("HEAD"));
    h2_server_stream_end_body(st);
    h2_server_stream_begin(st, &parsed);
    if (nghttp2_session_upgrade2(c->session, (const uint8_t *)settings.ptr, settings.len, is_head,
                                 st))
        break_off(c, NGHTTP2_PROTOCOL_ERROR);
    on_ready(&c->user);
}

// Nobody is told of what can't be finished any more.
static void cut_streams(struct h2_server_conn *c, err why)
{
    struct link *next = NULL;

    for (struct link *l = c->streams.next; l != &c->streams; l = next) {
        struct h2_server_stream *st = container_of(l, struct h2_server_stream, link);
        next = l->next;
        st->is_new = false;
        h2_server_stream_tell_gone(st, why);
        if (!c->server) return;
    }
}

void h2_server_conn_drain(struct h2_server_conn *c)
{
    if (c->step != H2_SERVER_CONN_OPEN) return;
    steps_move(conn_steps, &c->step, H2_SERVER_CONN_NOTICED);
    if (nghttp2_submit_shutdown_notice(c->session)) abort();
    h2_server_conn_wake(c);
}

void h2_server_conn_stop(struct h2_server_conn *c)
{
    struct link *next = NULL;

    cut_streams(c, ERR_CANCELED);
    for (struct link *l = c->streams.next; l != &c->streams; l = next) {
        struct h2_server_stream *st = container_of(l, struct h2_server_stream, link);
        next = l->next;
        if (st->is_closed || c->is_broken) continue;
        if (!st->is_last || buf_len(&st->out))
            (void)nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, st->id,
                                            NGHTTP2_INTERNAL_ERROR);
    }
    end(c, NGHTTP2_NO_ERROR);
    h2_server_conn_pump(c);
    // What was answered in full must arrive; what does not fit is lost, and looks like it.
    (void)wire_flush(&c->wire);
    h2_server_conn_close(c, wire_is_congested(&c->wire) ? STREAM_ABORT : STREAM_CLOSE,
                         ERR_CANCELED);
}

void h2_server_conn_close(struct h2_server_conn *c, enum stream_end how, err why)
{
    struct server *s = c->server;

    c->is_broken = true;
    cut_streams(c, why);
    while (!list_is_empty(&c->streams)) {
        h2_server_stream_free(first_stream(&c->streams));
    }
    nghttp2_session_del(c->session);
    loop_alarm_stop(s->loop, &c->timer);
    loop_forget(&c->tick);
    wire_close(&c->wire, how);
    list_remove(&c->link);
    if (c->is_visited) {
        c->server = NULL; // the tick on the stack gives it back
    } else {
        pool_give(&s->h2_conn_pool, c);
    }
    server_forget_conn(s);
}

// nghttp2 takes all it is given.
static void feed(struct h2_server_conn *c)
{
    str in = c->wire.pending;
    ssize_t used = nghttp2_session_mem_recv(c->session, (const uint8_t *)in.ptr, in.len);

    wire_consume(&c->wire, in.len);
    if (used == NGHTTP2_ERR_BAD_CLIENT_MAGIC) {
        break_off(c, NGHTTP2_PROTOCOL_ERROR);
    } else if (used == NGHTTP2_ERR_NOMEM || used == NGHTTP2_ERR_CALLBACK_FAILURE) {
        break_off(c, NGHTTP2_INTERNAL_ERROR);
    } else if (used < 0) { // limits of its own, more of them in newer versions
        c->server->counts.h2_calmed++;
        break_off(c, NGHTTP2_ENHANCE_YOUR_CALM);
    }
}

// What came is told before more is read. True while there may be more to read.
static bool receive(struct h2_server_conn *c)
{
    if (!c->wire.pending.len) {
        if (!c->wire.stream->is_readable) return false;
        if (c->wire.fill_count++ == WIRE_FILLS_A_VISIT) {
            loop_next_turn(c->server->loop, &c->tick, on_task);
            return false;
        }
        err e = wire_fill(&c->wire);
        if (e == ERR_AGAIN) return false;
        if (e) {
            h2_server_conn_close(c, e == ERR_EOF ? STREAM_CLOSE : STREAM_ABORT, ERR_CLOSED);
            return false;
        }
    }
    if (c->step != H2_SERVER_CONN_LINGER) {
        feed(c);
        return !c->is_broken;
    }
    c->linger_bytes += (uint32_t)c->wire.pending.len;
    wire_consume(&c->wire, c->wire.pending.len);
    if (c->linger_bytes < LINGER_BYTES_MAX) return true;
    h2_server_conn_close(c, STREAM_CLOSE, ERR_CLOSED);
    return false;
}

static void tell_ready(struct h2_server_conn *c)
{
    while (c->server && !list_is_empty(&c->ready)) {
        struct link *l = list_pop_front(&c->ready);
        h2_server_stream_visit(container_of(l, struct h2_server_stream, ready_link));
    }
}

static void visit_receive(struct h2_server_conn *c)
{
    c->wire.fill_count = 0;
    while (c->server && receive(c)) {
        tell_ready(c);
    }
    if (c->server) tell_ready(c);
}

// Everything that is to go, as far as the client takes it.
static err send_all(struct h2_server_conn *c)
{
    do {
        h2_server_conn_pump(c);
        if (!buf_len(&c->wire.out)) return OK;
        TRY(wire_flush(&c->wire));
    } while (!wire_is_congested(&c->wire));
    return OK;
}

// Whether nghttp2 has nothing more to say or to hear.
static bool is_finished(const struct h2_server_conn *c)
{
    if (buf_len(&c->wire.out)) return false;
    return c->is_broken ||
           !(nghttp2_session_want_read(c->session) || nghttp2_session_want_write(c->session));
}

// Ends the conn where nghttp2 found it broken, where the client has heard of the end, and where all
// is done.
static void settle_end(struct h2_server_conn *c)
{
    bool is_over = c->is_broken || !nghttp2_session_want_read(c->session);

    if (c->step == H2_SERVER_CONN_NOTICED && c->is_acknowledged) end(c, NGHTTP2_NO_ERROR);
    if (is_over && c->step < H2_SERVER_CONN_ENDING)
        steps_move(conn_steps, &c->step, H2_SERVER_CONN_ENDING);
    if (is_over) cut_streams(c, ERR_CLOSED);
    if (!c->server || c->step != H2_SERVER_CONN_ENDING || !is_finished(c)) return;
    steps_move(conn_steps, &c->step, H2_SERVER_CONN_LINGER);
    stream_finish(c->wire.stream);
}

static void visit_send(struct h2_server_conn *c)
{
    bool is_closing = c->step == H2_SERVER_CONN_LINGER;
    size_t before = buf_len(&c->wire.out);

    if (!is_closing && send_all(c)) {
        h2_server_conn_close(c, STREAM_ABORT, ERR_CLOSED);
        return;
    }
    // A client that took some is waited for anew.
    if (buf_len(&c->wire.out) != before && c->watch == H2_SERVER_CONN_WATCH_WRITE)
        c->watch = H2_SERVER_CONN_WATCH_NOTHING;
    tell_ready(c);
    if (c->server && !is_closing) settle_end(c);
}

static void visit(struct h2_server_conn *c, bool is_end_of_turn)
{
    struct server *s = c->server;

    c->is_visited = true;
    visit_receive(c);
    if (c->server && is_end_of_turn) visit_send(c);
    c->is_visited = false;
    if (!c->server) {
        pool_give(&s->h2_conn_pool, c);
        return;
    }
    wire_settle(&c->wire);
    watch(c);
    if (!is_end_of_turn) h2_server_conn_wake(c);
}

static void on_ready(struct stream_user *user)
{
    visit(container_of(user, struct h2_server_conn, user), false);
}

static void on_task(struct task *t)
{
    visit(container_of(t, struct h2_server_conn, tick), true);
}
