#include "http/client_conn.h"

#include "base/steps.h"

#include <assert.h>
#include <string.h>

enum { FIELDS_MAX = 256, INTERIM_MAX = 16 };

static const struct step conn_steps[] = {
    [CLIENT_CONN_DIAL] = {"dial", STEP_BIT(CLIENT_CONN_BUSY)},
    [CLIENT_CONN_BUSY] = {"busy", STEP_BIT(CLIENT_CONN_IDLE)},
    [CLIENT_CONN_IDLE] = {"idle", STEP_BIT(CLIENT_CONN_BUSY)},
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

static void free_conn(struct client_conn *c)
{
    list_remove(&c->link);
    pool_give(&c->origin->client->conn_pool, c);
}

static void leave_idle(struct client_conn *c)
{
    list_remove(&c->idle_link);
    c->origin->idle_count--;
    loop_alarm_stop(c->origin->client->loop, &c->timer);
}

void client_conn_close(struct client_conn *c)
{
    if (c->step == CLIENT_CONN_DIAL) {
        op_cancel(&c->dial.op); // its end frees the conn
        return;
    }
    if (c->step == CLIENT_CONN_IDLE) leave_idle(c);
    loop_forget(&c->tick);
    wire_close(&c->wire, STREAM_CLOSE);
    c->is_closed = true;
    if (!c->is_visited) free_conn(c);
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
    } else {
        e = wire_write(&c->wire, &head, 1);
    }
    if (!e) return;
    // The failure shows at the next read, from the loop: this may run inside client_call_start().
    c->wire.stream->is_hung_up = true;
    c->wire.stream->is_readable = true;
    client_conn_wake(c);
}

static void on_dialed(struct op *op, err result)
{
    struct client_conn *c = container_of(op, struct client_conn, dial.op);
    struct client *client = c->origin->client;
    struct client_call *call = c->call;

    if (result) {
        client->counts.conns_failed++;
        free_conn(c);
        if (!call) return;
        call->conn = NULL;
        call->events->failed(call, result);
        return;
    }
    client->counts.conns_opened++;
    wire_init(&c->wire, c->dial.stream);
    c->dial.stream->user = &c->user;
    steps_move(conn_steps, &c->step, CLIENT_CONN_BUSY);
    if (!call) {
        client_conn_release(c, true);
        return;
    }
    send_request(c);
    if (call->request.framing != CLIENT_BODY_WHOLE) call->events->drained(call);
}

static void on_idle_timeout(struct timer *t)
{
    client_conn_close(container_of(t, struct client_conn, timer));
}

void client_conn_acquire(struct client_call *call, bool must_be_fresh)
{
    struct client_origin *o = call->origin;
    struct client *client = o->client;

    if (!must_be_fresh && !list_is_empty(&o->idle)) {
        struct client_conn *c = container_of(o->idle.next, struct client_conn, idle_link);
        leave_idle(c);
        steps_move(conn_steps, &c->step, CLIENT_CONN_BUSY);
        c->call = call;
        call->conn = c;
        call->is_conn_reused = true;
        client->counts.conns_reused++;
        send_request(c);
        if (call->request.framing != CLIENT_BODY_WHOLE) client_conn_wake(c);
        return;
    }
    struct client_conn *c = pool_take(&client->conn_pool);
    c->user.ready = on_ready;
    c->origin = o;
    c->call = call;
    c->step = CLIENT_CONN_DIAL;
    call->conn = c;
    call->is_conn_reused = false;
    list_push_back(&o->conns, &c->link);
    list_init(&c->idle_link);
    dial_start(&c->dial, client->dialer, client->loop, &o->target,
               client->loop->now + call->request.connect_ms, on_dialed);
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
    struct h1_field fields[FIELDS_MAX];
    str head = arena_str(call->arena, str_sub(c->wire.pending, 0, len));

    wire_consume(&c->wire, len);
    c->head_scanned = 0;
    TRY(h1_parse_response(head, call->request.is_head_request, fields, FIELDS_MAX, &call->head));
    if (call->head.status == 101) return ERR_UNSUPPORTED; // nobody asked for an upgrade
    // Without a bound, an origin that sends nothing else would keep the loop and its memory.
    if (call->head.status < 200) return ++c->interim_count > INTERIM_MAX ? ERR_LIMIT : OK;
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
        free_conn(c);
    } else {
        wire_settle(&c->wire);
    }
}
