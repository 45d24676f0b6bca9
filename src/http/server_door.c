#include "http/server_door.h"

#include "base/memory.h"
#include "base/steps.h"
#include "http/server_conn.h"

enum {
    HANDSHAKE_RECORD = 22,
    HANDSHAKES_A_TURN = 4, // about a millisecond
};

enum guest_step { GUEST_PEEK, GUEST_QUEUE, GUEST_HANDSHAKE };

static const struct step guest_steps[] = {
    [GUEST_PEEK] = {"peek", STEP_BIT(GUEST_QUEUE)},
    [GUEST_QUEUE] = {"queue", STEP_BIT(GUEST_HANDSHAKE)},
    [GUEST_HANDSHAKE] = {"handshake", 0},
};

struct guest {
    struct server *server; // NULL once turned away
    struct stream_user user;
    struct stream *stream; // until its handshake takes it
    struct tls_handshake handshake;
    struct link link;
    struct link queue_link;
    struct timer timer;
    msec deadline;
    int step;
};

void server_door_init(struct server_door *door)
{
    list_init(&door->guests);
    list_init(&door->queue);
}

// Takes the guest off the server's books; its memory is the caller's to free.
static void strike_off(struct guest *g)
{
    struct server *s = g->server;

    loop_alarm_stop(s->loop, &g->timer);
    list_remove(&g->link);
    if (g->step == GUEST_QUEUE) list_remove(&g->queue_link);
    s->door.guest_count--;
    g->server = NULL;
}

static void turn_away(struct guest *g)
{
    strike_off(g);
    if (g->step == GUEST_HANDSHAKE) {
        op_cancel(&g->handshake.op); // its end frees the guest
        return;
    }
    stream_close(g->stream, STREAM_ABORT);
    memory_free(g);
}

static void count_handshake(struct server_counts *counts, struct stream *stream)
{
    struct stream_security security;

    stream_secured(stream, &security);
    if (str_eq(security.version, STR("1.2"))) {
        *(security.is_resumed ? &counts->resumptions_1_2 : &counts->handshakes_1_2) += 1;
    } else {
        *(security.is_resumed ? &counts->resumptions_1_3 : &counts->handshakes_1_3) += 1;
    }
}

static void count_failure(struct server_counts *counts, err why)
{
    if (why == ERR_TIMEOUT) {
        counts->handshakes_late++;
    } else if (why == ERR_CERTIFICATE) {
        counts->clients_unproven++;
    } else {
        counts->handshakes_failed++;
    }
}

static void on_handshake(struct op *op, err result)
{
    struct guest *g = container_of(op, struct guest, handshake.op);
    struct server *s = g->server;
    struct stream *stream = g->handshake.stream;

    if (s) strike_off(g);
    memory_free(g);
    if (!s) {
        if (stream) stream_close(stream, STREAM_ABORT); // it had just succeeded
    } else if (result) {
        count_failure(&s->counts, result);
    } else {
        count_handshake(&s->counts, stream);
        server_accept(s, stream);
    }
}

static void begin_handshake(struct guest *g)
{
    struct server *s = g->server;
    struct stream *stream = g->stream;

    if (!s->door.tls) { // taken away meanwhile
        turn_away(g);
        return;
    }
    list_remove(&g->queue_link);
    steps_move(guest_steps, &g->step, GUEST_HANDSHAKE);
    loop_alarm_stop(s->loop, &g->timer);
    g->stream = NULL;
    tls_server_accept(&g->handshake, s->door.tls, stream, g->deadline, on_handshake);
}

static void on_task(struct task *t)
{
    struct server_door *door = container_of(t, struct server_door, task);
    struct server *s = container_of(door, struct server, door);

    for (int i = 0; i < HANDSHAKES_A_TURN && !list_is_empty(&door->queue); i++) {
        begin_handshake(container_of(door->queue.next, struct guest, queue_link));
    }
    if (!list_is_empty(&door->queue)) loop_next_turn(s->loop, &door->task, on_task);
}

// A request without TLS, by its first byte: methods are words of capitals.
static void admit_plain(struct server *s, struct stream *stream, unsigned char first)
{
    if (!s->door.tls || s->door.allows_plain) {
        server_accept(s, stream);
        return;
    }
    s->counts.plain_refused++;
    if (first < 'A' || first > 'Z') {
        stream_close(stream, STREAM_ABORT);
        return;
    }
    server_conn_refuse(s, stream, 400, "this port speaks TLS: use https");
}

static void peek(struct guest *g)
{
    struct server *s = g->server;
    struct stream *stream = g->stream;
    unsigned char first = 0;
    err e = stream_peek(stream, &first);

    if (e == ERR_AGAIN) return;
    if (e) {
        turn_away(g);
    } else if (first == HANDSHAKE_RECORD) {
        steps_move(guest_steps, &g->step, GUEST_QUEUE);
        list_push_back(&s->door.queue, &g->queue_link);
        loop_next_turn(s->loop, &s->door.task, on_task);
    } else {
        strike_off(g);
        memory_free(g);
        admit_plain(s, stream, first);
    }
}

static void on_ready(struct stream_user *user)
{
    struct guest *g = container_of(user, struct guest, user);

    if (g->step == GUEST_PEEK) peek(g);
}

static void on_late(struct timer *t)
{
    struct guest *g = container_of(t, struct guest, timer);

    g->server->counts.handshakes_late++;
    turn_away(g);
}

void server_door_knock(struct server *s, struct stream *stream)
{
    struct server_door *door = &s->door;
    struct guest *g = NULL;

    if (s->counts.conns_open + door->guest_count >= s->limits.conns_max) {
        s->counts.conns_opened++;
        s->counts.conns_refused++;
        stream_close(stream, STREAM_ABORT);
        return;
    }
    if (door->guest_count == SERVER_GUESTS_MAX) {
        s->counts.guests_displaced++;
        turn_away(container_of(door->guests.next, struct guest, link));
    }
    g = memory_new(struct guest);
    g->server = s;
    g->stream = stream;
    g->user.ready = on_ready;
    g->step = GUEST_PEEK;
    g->deadline = s->loop->now + s->limits.header_ms;
    stream->user = &g->user;
    list_push_back(&door->guests, &g->link);
    door->guest_count++;
    loop_alarm_at(s->loop, &g->timer, g->deadline, on_late);
    if (stream->is_readable) peek(g);
}

void server_door_clear(struct server *s)
{
    while (!list_is_empty(&s->door.guests)) {
        turn_away(container_of(s->door.guests.next, struct guest, link));
    }
    loop_forget(&s->door.task);
}
