#include "http/client_conn.h"

#include "base/steps.h"
#include "http/h2_client_stream.h"

#include <assert.h>
#include <string.h>

enum { STREAMS_MAX = 100 }; // where the limits name no other number

static const struct step conn_steps[] = {
    [CLIENT_CONN_DIAL] = {"dial", STEP_BIT(CLIENT_CONN_BUSY) | STEP_BIT(CLIENT_CONN_SHARED)},
    [CLIENT_CONN_BUSY] = {"busy", STEP_BIT(CLIENT_CONN_IDLE)},
    [CLIENT_CONN_IDLE] = {"idle", STEP_BIT(CLIENT_CONN_BUSY)},
    [CLIENT_CONN_SHARED] = {"shared", STEP_BIT(CLIENT_CONN_LEAVING)},
    [CLIENT_CONN_LEAVING] = {"leaving", 0},
};

static void tick(struct client_conn *c);

static void on_ready(struct stream_user *user)
{
    tick(container_of(user, struct client_conn, user));
}

static void on_task(struct task *t)
{
    tick(container_of(t, struct client_conn, tick));
}

void client_conn_wake(struct client_conn *c)
{
    loop_later(c->origin->client->loop, &c->tick, on_task);
}

void client_conn_yield(struct client_conn *c)
{
    loop_next_turn(c->origin->client->loop, &c->tick, on_task);
}

void client_conn_move(struct client_conn *c, enum client_conn_step to)
{
    steps_move(conn_steps, &c->step, (int)to);
}

void client_conn_free(struct client_conn *c)
{
    list_remove(&c->link);
    pool_give(&c->origin->client->conn_pool, c);
}

void client_conn_leave_idle(struct client_conn *c)
{
    c->origin->idle_count--;
    loop_alarm_stop(c->origin->client->loop, &c->timer);
}

void client_conn_close(struct client_conn *c)
{
    if (c->step == CLIENT_CONN_DIAL) {
        op_cancel(&c->dial.op); // its end frees the conn
        return;
    }
    list_remove(&c->idle_link);
    if (c->step == CLIENT_CONN_IDLE) client_conn_leave_idle(c);
    if (c->h2) h2_client_conn_close(c);
    loop_forget(&c->tick);
    wire_close(&c->wire, STREAM_CLOSE);
    c->is_closed = true;
    if (!c->is_visited) client_conn_free(c);
}

// Nobody gets the conn of this dial any more.
static void fail_dial(struct client_conn *c, err why)
{
    struct client_call *call = c->call;
    struct link *l = NULL;

    c->waiting_max = 0;
    c->call = NULL;
    if (call) list_push_front(&c->waiting, &call->link);
    while ((l = list_pop_front(&c->waiting))) {
        call = container_of(l, struct client_call, link);
        call->conn = NULL;
        call->events->failed(call, why);
    }
}

void client_conn_abandon(struct client_conn *c)
{
    struct client_call *call = c->call;

    if (c->h2) {
        h2_client_conn_abandon(c);
        return;
    }
    if (c->step == CLIENT_CONN_DIAL) {
        client_conn_close(c);
        fail_dial(c, ERR_CANCELED);
        return;
    }
    c->call = NULL;
    client_conn_close(c);
    if (!call) return;
    call->conn = NULL;
    call->events->failed(call, ERR_CANCELED);
}

static void fail(struct client_conn *c, err why)
{
    struct client_call *call = c->call;

    c->call = NULL;
    client_conn_close(c);
    if (!call) return;
    call->conn = NULL;
    if (call->is_conn_reused && call->request.is_repeatable && !call->has_head) {
        call->origin->client->counts.stale_retries++;
        client_conn_acquire(call, true);
        return;
    }
    call->events->failed(call, why == ERR_EOF ? ERR_CLOSED : why);
}

// Sends as much of a request given whole as fits now, from where the caller keeps it.
static err send_whole(struct client_conn *c)
{
    struct client_call *call = c->call;
    const struct client_request *r = &call->request;
    struct iovec iov[1 + CLIENT_BODY_PIECES_MAX];
    int count = 1 + r->body_count;
    size_t len = 0;

    assert(r->body_count <= CLIENT_BODY_PIECES_MAX);
    iov[0] = stream_piece(r->head);
    if (r->body_count) memcpy(iov + 1, r->body, sizeof(*iov) * (size_t)r->body_count);
    count = wire_skip(iov, count, c->sent_bytes);
    while (count && c->wire.stream->is_writable) {
        err e = stream_write(c->wire.stream, iov, count, &len);
        if (e == ERR_AGAIN) return OK;
        if (e) return e;
        c->sent_bytes += len;
        count = wire_skip(iov, count, len);
    }
    call->is_request_done = count == 0;
    return OK;
}

static void send_request(struct client_conn *c)
{
    struct client_call *call = c->call;
    struct iovec head = stream_piece(call->request.head);
    err e = OK;

    call->sent_us = c->origin->client->loop->now_us;
    call->is_request_done = false;
    c->sent_bytes = 0;
    if (call->request.framing == CLIENT_BODY_WHOLE) {
        e = send_whole(c);
        // An answer may come before its request has gone, and the head need not outlive it.
        if (c->sent_bytes < call->request.head.len)
            call->request.head = arena_str(call->arena, call->request.head);
    } else {
        e = wire_write(&c->wire, &head, 1);
    }
    if (!e) return;
    // The failure shows at the next read, from the loop: this may run inside client_call_start().
    c->wire.stream->is_hung_up = true;
    c->wire.stream->is_readable = true;
    client_conn_wake(c);
}

// Whether what was dialed speaks HTTP/2. ERR_UNSUPPORTED where it does not and must.
static err agree(struct client_conn *c, bool *is_h2)
{
    struct client_origin *o = c->origin;

    *is_h2 = false;
    if (o->protocol == CLIENT_PROTOCOL_H1) return OK;
    if (!o->target.tls) {
        *is_h2 = o->protocol == CLIENT_PROTOCOL_H2;
        return OK;
    }
    *is_h2 = str_eq(stream_protocol(c->dial.stream), STR("h2"));
    o->is_h1 = !*is_h2;
    return *is_h2 || o->protocol == CLIENT_PROTOCOL_AUTO ? OK : ERR_UNSUPPORTED;
}

// All that wait are served at once, as far as there is room.
static void share_out(struct client_conn *c)
{
    struct client_call *call = c->call;
    struct link *l = NULL;

    steps_move(conn_steps, &c->step, CLIENT_CONN_SHARED);
    h2_client_conn_open(c);
    c->call = NULL;
    if (call) h2_client_stream_start(c, call, false);
    while ((l = list_pop_front(&c->waiting))) {
        call = container_of(l, struct client_call, link);
        if (h2_client_conn_has_room(c)) {
            h2_client_stream_start(c, call, false);
        } else {
            client_conn_acquire(call, false);
        }
    }
}

static void serve_first(struct client_conn *c)
{
    struct client_call *call = c->call;
    struct link waiting;
    struct link *l = NULL;

    list_init(&waiting);
    list_take_all(&waiting, &c->waiting);
    steps_move(conn_steps, &c->step, CLIENT_CONN_BUSY);
    if (call) {
        send_request(c);
    } else {
        client_conn_release(c, true); // perhaps its end
    }
    while ((l = list_pop_front(&waiting))) {
        client_conn_acquire(container_of(l, struct client_call, link), false);
    }
    // The last word, for it may lead to anything.
    if (call && call->request.framing != CLIENT_BODY_WHOLE) call->events->drained(call);
}

static void on_dialed(struct op *op, err result)
{
    struct client_conn *c = container_of(op, struct client_conn, dial.op);
    bool is_h2 = false;

    if (!result) {
        result = agree(c, &is_h2);
        if (result) stream_close(c->dial.stream, STREAM_CLOSE);
    }
    if (result) {
        c->origin->client->counts.conns_failed++;
        fail_dial(c, result);
        client_conn_free(c);
        return;
    }
    c->origin->client->counts.conns_opened++;
    wire_init(&c->wire, c->dial.stream);
    c->dial.stream->user = &c->user;
    if (is_h2) {
        share_out(c);
    } else {
        serve_first(c);
    }
}

static void on_idle_timeout(struct timer *t)
{
    client_conn_close(container_of(t, struct client_conn, timer));
}

static void take_idle(struct client_call *call)
{
    struct client_origin *o = call->origin;
    struct client_conn *c = container_of(o->idle.next, struct client_conn, idle_link);

    list_remove(&c->idle_link);
    client_conn_leave_idle(c);
    steps_move(conn_steps, &c->step, CLIENT_CONN_BUSY);
    c->call = call;
    call->conn = c;
    call->is_conn_reused = true;
    o->client->counts.conns_reused++;
    send_request(c);
    if (call->request.framing != CLIENT_BODY_WHOLE) client_conn_wake(c);
}

uint32_t client_conn_streams_max(const struct client_origin *o)
{
    uint32_t own = o->client->limits.streams_max ? o->client->limits.streams_max : STREAMS_MAX;

    return o->streams_allowed && o->streams_allowed < own ? o->streams_allowed : own;
}

// Whether conns may turn out to be of HTTP/2, as far as is known.
static bool may_share(const struct client_origin *o)
{
    if (o->protocol == CLIENT_PROTOCOL_AUTO) return o->target.tls && !o->is_h1;
    return o->protocol == CLIENT_PROTOCOL_H2;
}

// A place on a conn of HTTP/2, or on one being dialed that will be there or fail in time.
static bool share(struct client_call *call)
{
    struct client_origin *o = call->origin;
    msec by = o->client->loop->now + call->request.connect_ms;

    for (struct link *l = o->shared.next; l != &o->shared; l = l->next) {
        struct client_conn *c = container_of(l, struct client_conn, idle_link);
        if (!h2_client_conn_has_room(c)) continue;
        o->client->counts.conns_reused++;
        h2_client_stream_start(c, call, true);
        return true;
    }
    for (struct link *l = o->conns.next; l != &o->conns; l = l->next) {
        struct client_conn *c = container_of(l, struct client_conn, link);
        if (c->step != CLIENT_CONN_DIAL || !c->waiting_max || c->dial.deadline > by) continue;
        c->waiting_max--;
        call->conn = c;
        call->is_conn_reused = false;
        list_push_back(&c->waiting, &call->link);
        return true;
    }
    return false;
}

static void dial(struct client_call *call)
{
    struct client_origin *o = call->origin;
    struct client *client = o->client;
    struct client_conn *c = pool_take(&client->conn_pool);

    c->user.ready = on_ready;
    c->origin = o;
    c->call = call;
    c->step = CLIENT_CONN_DIAL;
    c->waiting_max = client_conn_streams_max(o) - 1;
    call->conn = c;
    call->is_conn_reused = false;
    list_push_back(&o->conns, &c->link);
    list_init(&c->idle_link);
    list_init(&c->waiting);
    dial_start(&c->dial, client->dialer, client->loop, &o->target,
               client->loop->now + call->request.connect_ms, on_dialed);
}

void client_conn_acquire(struct client_call *call, bool must_be_fresh)
{
    struct client_origin *o = call->origin;

    if (!must_be_fresh && !list_is_empty(&o->idle)) {
        take_idle(call);
    } else if (!may_share(o) || !share(call)) {
        dial(call);
    }
}

void client_conn_release(struct client_conn *c, bool is_reusable)
{
    struct client_origin *o = c->origin;
    struct client *client = o->client;

    c->call = NULL;
    c->head_scanned = 0;
    c->interim_count = 0;
    if (!is_reusable || o->idle_count >= client->limits.idle_conns_max || c->wire.pending.len ||
        wire_is_congested(&c->wire) || c->wire.stream->is_hung_up) {
        client_conn_close(c);
        return;
    }
    wire_settle(&c->wire);
    steps_move(conn_steps, &c->step, CLIENT_CONN_IDLE);
    list_push_front(&o->idle, &c->idle_link);
    o->idle_count++;
    loop_alarm(client->loop, &c->timer, client->limits.idle_ms, on_idle_timeout);
}

// The head moves to the call's arena and is parsed there.
static err take_head(struct client_conn *c, size_t len)
{
    struct client_call *call = c->call;
    struct h1_field fields[CLIENT_CONN_FIELDS_MAX];
    str head = arena_str(call->arena, str_sub(c->wire.pending, 0, len));

    wire_consume(&c->wire, len);
    c->head_scanned = 0;
    TRY(h1_parse_response(head, call->request.is_head_request, fields, CLIENT_CONN_FIELDS_MAX,
                          &call->head));
    if (call->head.status == 101) return ERR_UNSUPPORTED; // nobody asked for an upgrade
    // Without a bound, an origin that sends nothing else would keep the loop and its memory.
    if (call->head.status < 200)
        return ++c->interim_count > CLIENT_CONN_INTERIM_MAX ? ERR_LIMIT : OK;
    size_t size = sizeof(*fields) * call->head.field_count;
    call->head.fields = arena_alloc_raw(call->arena, size);
    memcpy(call->head.fields, fields, size);
    h1_body_init(&call->body, call->head.framing, call->head.content_length);
    call->has_head = true;
    return OK;
}

// Reads until the head is whole, then hands it over. Interim answers (1xx) are dropped.
static void read_head(struct client_conn *c)
{
    struct client_call *call = c->call;

    while (!call->has_head) {
        size_t scanned = c->head_scanned;
        size_t len = 0;
        err e = ERR_AGAIN;
        if (c->wire.pending.len)
            e = h1_find_head(c->wire.pending, c->origin->client->limits.head_bytes_max, &scanned,
                             &len);
        c->head_scanned = (uint32_t)scanned;
        if (e == ERR_AGAIN) {
            if (!c->wire.stream->is_readable) return;
            e = wire_fill(&c->wire);
            if (e == ERR_AGAIN) return;
            // A byte of an answer came: the request must not be repeated unseen.
            if (!e) call->request.is_repeatable = false;
        } else if (!e) {
            e = take_head(c, len);
        }
        if (e) {
            fail(c, e);
            return;
        }
    }
    call->events->head(call);
}

// Goes on with a request that did not fit. What can't be sent any more may still be answered: 413
// while a large body is under way.
static void tick_request(struct client_conn *c)
{
    struct client_call *call = c->call;

    if (call->request.framing == CLIENT_BODY_WHOLE) {
        if (send_whole(c)) call->is_request_done = true;
        return;
    }
    if (wire_flush(&c->wire)) buf_clear(&c->wire.out);
    if (!wire_is_congested(&c->wire)) call->events->drained(call);
}

static void tick_busy(struct client_conn *c)
{
    if (!c->call->is_request_done) {
        tick_request(c);
    } else if (wire_is_congested(&c->wire) && wire_flush(&c->wire)) {
        buf_clear(&c->wire.out);
    }
    if (c->is_closed || !c->call) return;
    if (!c->wire.stream->is_readable && !c->wire.pending.len) return;
    if (c->call->has_head) {
        c->call->events->body(c->call);
    } else {
        read_head(c);
    }
}

static void tick(struct client_conn *c)
{
    c->is_visited = true;
    c->wire.fill_count = 0;
    if (c->step == CLIENT_CONN_IDLE) {
        // Its end, or bytes nobody asked for.
        if (c->wire.stream->is_readable || c->wire.stream->is_hung_up) client_conn_close(c);
    } else if (c->call) {
        tick_busy(c);
    }
    c->is_visited = false;
    if (c->is_closed) {
        client_conn_free(c);
    } else {
        wire_settle(&c->wire);
    }
}
