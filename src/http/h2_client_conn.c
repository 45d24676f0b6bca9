// Design. An event reads and tells; what that leads to, and what others begin in the same turn, is
// sent by the conn's task, once, at the turn's end. Both end in settle(), where a conn without
// streams rests or goes. Events may lead to anything, the conn's own end included, so nothing of it
// is touched after one before `is_closed` was looked at.
#include "http/h2_client_conn.h"

#include "base/memory.h"
#include "http/h2_client_session.h"

enum { SILENT_GROWTH = 4 };

static void on_task(struct task *t);

void h2_client_conn_wake(struct client_conn *c)
{
    loop_later(c->origin->client->loop, &c->tick, on_task);
}

bool h2_client_conn_has_room(const struct client_conn *c)
{
    const struct h2_client_conn *h = c->h2;

    return c->step == CLIENT_CONN_SHARED && h->open_count < h->stream_max &&
           !c->wire.stream->is_hung_up && nghttp2_session_check_request_allowed(h->session);
}

void h2_client_conn_leave(struct client_conn *c)
{
    if (c->step != CLIENT_CONN_SHARED) return;
    client_conn_move(c, CLIENT_CONN_LEAVING);
    list_remove(&c->idle_link);
}

// --- Its end ---

static void end_session(struct h2_client_conn *h)
{
    nghttp2_session_del(h->session);
    h->session = NULL;
}

// Tells the peer why, as far as it takes that at once. Requests are not gone on with.
static void say_goodbye(struct client_conn *c, err why)
{
    struct h2_client_conn *h = c->h2;
    const uint8_t *bytes = NULL;
    ssize_t len = 0;

    if (nghttp2_session_terminate_session(h->session, h2_head_code(why))) return;
    while ((len = nghttp2_session_mem_send(h->session, &bytes)) > 0) {
        struct iovec iov = stream_piece((str){.ptr = (const char *)bytes, .len = (size_t)len});
        if (wire_write(&c->wire, &iov, 1) || wire_is_congested(&c->wire)) return;
    }
}

// The conn is of no more use. Its streams stay for as long as their calls have something to take.
static void lose(struct client_conn *c, err why)
{
    struct h2_client_conn *h = c->h2;
    struct link streams;
    struct link *l = NULL;

    h2_client_conn_leave(c);
    if (why == ERR_SYNTAX || why == ERR_LIMIT || why == ERR_TIMEOUT) say_goodbye(c, why);
    end_session(h);
    wire_close(&c->wire, STREAM_CLOSE);
    h->open_count = 0;
    list_init(&streams);
    list_take_all(&streams, &h->streams);
    while ((l = list_pop_front(&streams))) {
        struct h2_client_stream *s = container_of(l, struct h2_client_stream, link);
        list_push_back(&h->streams, &s->link);
        s->is_known = false;
        s->is_conn_lost = !s->is_ended && !s->failure;
        if (s->is_conn_lost) s->failure = why;
        s->is_refused |= s->is_conn_lost && !s->is_sent;
        if (s->call) {
            h2_client_stream_note(s);
        } else {
            h2_client_stream_free(s);
        }
    }
}

void h2_client_conn_abandon(struct client_conn *c)
{
    struct h2_client_conn *h = c->h2;
    bool was_visited = c->is_visited;
    struct link streams;
    struct link *l = NULL;

    h2_client_conn_leave(c);
    list_init(&streams);
    list_take_all(&streams, &h->streams);
    c->is_visited = true;
    while ((l = list_pop_front(&streams))) {
        struct h2_client_stream *s = container_of(l, struct h2_client_stream, link);
        list_push_back(&h->streams, &s->link);
        if (!s->call) continue;
        struct client_call *call = h2_client_stream_detach(s);
        call->events->failed(call, ERR_CANCELED);
    }
    c->is_visited = was_visited;
    client_conn_close(c);
}

void h2_client_conn_close(struct client_conn *c)
{
    struct h2_client_conn *h = c->h2;
    struct link *l = NULL;

    h2_client_conn_leave_idle(c);
    h2_client_conn_leave(c);
    loop_alarm_stop(c->origin->client->loop, &c->timer);
    if (h->session) {
        say_goodbye(c, OK);
        end_session(h);
    }
    while ((l = list_pop_front(&h->streams))) {
        h2_client_stream_free(container_of(l, struct h2_client_stream, link));
    }
    memory_free(h);
    c->h2 = NULL;
}

// --- Its rest, and its silence ---

static void on_timer(struct timer *t);

static void arm(struct client_conn *c, msec wait)
{
    loop_alarm(c->origin->client->loop, &c->timer, wait, on_timer);
}

static void note_heard(struct client_conn *c, size_t len)
{
    struct h2_client_conn *h = c->h2;

    h->heard_bytes += len;
    h->heard_at = c->origin->client->loop->now;
    if (!h->is_pinged) return;
    // Servers take frequent pings without a call's progress for abuse; gRPC's end the connection.
    h->is_pinged = false;
    h->silent_ms *= SILENT_GROWTH;
}

void h2_client_conn_note_progress(struct client_conn *c)
{
    struct h2_client_conn *h = c->h2;

    if (h->silent_ms == H2_CLIENT_CONN_SILENT_MS) return;
    h->silent_ms = H2_CLIENT_CONN_SILENT_MS;
    arm(c, h->silent_ms);
}

void h2_client_conn_leave_idle(struct client_conn *c)
{
    struct h2_client_conn *h = c->h2;

    if (!h->is_idle) return;
    h->is_idle = false;
    client_conn_leave_idle(c);
    h->heard_at = c->origin->client->loop->now;
    h->silent_ms = H2_CLIENT_CONN_SILENT_MS;
    arm(c, h->silent_ms);
}

static void rest(struct client_conn *c)
{
    struct client_origin *o = c->origin;
    struct h2_client_conn *h = c->h2;

    if (h->is_idle) return;
    if (c->step != CLIENT_CONN_SHARED || o->idle_count >= o->client->limits.idle_conns_max) {
        client_conn_close(c);
        return;
    }
    h->is_idle = true;
    o->idle_count++;
    arm(c, o->client->limits.idle_ms);
}

static size_t unsent(struct client_conn *c)
{
    return buf_len(&c->wire.out) + stream_unsent(c->wire.stream);
}

static void on_timer(struct timer *t)
{
    struct client_conn *c = container_of(t, struct client_conn, timer);
    struct h2_client_conn *h = c->h2;
    msec now = c->origin->client->loop->now;

    if (h->is_idle) {
        client_conn_close(c);
        return;
    }
    if (!h->session) return;
    if (h->is_pinged && unsent(c) == h->unsent) {
        lose(c, ERR_TIMEOUT);
        h2_client_conn_wake(c);
        return;
    }
    if (!h->is_pinged && now < h->heard_at + h->silent_ms) {
        arm(c, h->heard_at + h->silent_ms - now);
        return;
    }
    // Who takes what is sent is alive, but the ping may still be behind it.
    if (!h->is_pinged && nghttp2_submit_ping(h->session, NGHTTP2_FLAG_NONE, NULL)) return;
    h->is_pinged = true;
    h->unsent = unsent(c);
    arm(c, H2_CLIENT_CONN_ANSWER_MS);
    h2_client_conn_wake(c);
}

// --- Its visits ---

static err receive(struct client_conn *c)
{
    struct stream *s = c->wire.stream;
    char *room = s->loop->scratch;
    size_t len = 0;

    while (s->is_readable && c->wire.fill_count < WIRE_FILLS_A_VISIT) {
        c->wire.fill_count++;
        err e = stream_read(s, room, LOOP_SCRATCH_BYTES, &len);
        if (e) return e == ERR_AGAIN ? OK : e;
        note_heard(c, len);
        TRY(h2_client_session_read(c->h2, room, len));
    }
    return OK;
}

// What can't be sent any more may still have been answered, or been refused: the next reads find
// that, and the end.
static err stop_sending(struct client_conn *c)
{
    buf_clear(&c->wire.out);
    c->h2->cannot_send = true;
    c->wire.stream->is_hung_up = true;
    c->wire.stream->is_readable = true;
    return OK;
}

static err send_all(struct client_conn *c)
{
    struct h2_client_conn *h = c->h2;
    struct h2_client_batch batch;

    if (h->cannot_send) return OK;
    if (wire_flush(&c->wire)) return stop_sending(c);
    while (!wire_is_congested(&c->wire)) {
        TRY(h2_client_session_fill(h, &batch, c->wire.stream->loop->scratch));
        if (!batch.count) break;
        if (wire_write(&c->wire, batch.iov, batch.count)) return stop_sending(c);
    }
    if (nghttp2_session_want_read(h->session) || nghttp2_session_want_write(h->session)) return OK;
    return h->failure ? h->failure : ERR_CLOSED; // all has been said
}

static void visit_streams(struct client_conn *c)
{
    struct link news;
    struct link *l = NULL;

    list_init(&news);
    list_take_all(&news, &c->h2->news);
    while ((l = list_pop_front(&news))) {
        h2_client_stream_visit(container_of(l, struct h2_client_stream, news_link));
    }
}

static void settle(struct client_conn *c)
{
    struct h2_client_conn *h = c->h2;

    if (list_is_empty(&h->streams)) rest(c);
    if (c->is_closed) return;
    if (!list_is_empty(&h->news) || (h->session && c->wire.stream->is_readable)) {
        c->wire.fill_count = 0;
        loop_next_turn(c->origin->client->loop, &c->tick, on_task);
    }
}

static void on_task(struct task *t)
{
    struct client_conn *c = container_of(t, struct client_conn, tick);
    err e = OK;

    c->is_visited = true;
    if (c->h2->session && (e = receive(c))) lose(c, e);
    visit_streams(c);
    if (!c->is_closed && c->h2->session && (e = send_all(c))) lose(c, e);
    if (!c->is_closed) settle(c);
    c->is_visited = false;
    if (c->is_closed) client_conn_free(c);
}

static void on_ready(struct stream_user *user)
{
    struct client_conn *c = container_of(user, struct client_conn, user);
    err e = OK;

    c->is_visited = true;
    c->wire.fill_count = 0;
    if (c->h2->session && (e = receive(c))) lose(c, e);
    visit_streams(c);
    c->is_visited = false;
    if (c->is_closed) {
        client_conn_free(c);
    } else {
        h2_client_conn_wake(c);
    }
}

void h2_client_conn_open(struct client_conn *c)
{
    struct client *client = c->origin->client;
    struct h2_client_conn *h = memory_new(struct h2_client_conn);

    h->conn = c;
    h->stream_max = h->stream_bound = client_conn_streams_max(c->origin);
    h->heard_at = h->control_at = client->loop->now;
    h->silent_ms = H2_CLIENT_CONN_SILENT_MS;
    h->control_left = H2_CLIENT_CONN_CONTROL_MAX;
    list_init(&h->streams);
    list_init(&h->news);
    h2_client_session_open(h);
    c->h2 = h;
    c->user.ready = on_ready;
    list_push_back(&c->origin->shared, &c->idle_link);
    arm(c, h->silent_ms);
    h2_client_conn_wake(c);
}
