// Design: one race a dial.
//
//     RESOLVING -> CONNECTING -> SECURING -> FINISHED
//         |            |                        ^
//         +------------+------------------------+
//
// An attempt is a tcp stream made while its connect is under way: its first readiness tells how
// that went, and the winner is handed on as it is, registered with the kernel just once.
#include "io/dial_network.h"

#include "base/memory.h"
#include "base/steps.h"
#include "io/socket.h"
#include "io/tcp.h"
#include "io/tls_client.h"

#include <assert.h>
#include <unistd.h>

enum race_step { RESOLVING, CONNECTING, SECURING, FINISHED };

static const struct step race_steps[] = {
    [RESOLVING] = {"resolving", STEP_BIT(CONNECTING) | STEP_BIT(FINISHED)},
    [CONNECTING] = {"connecting", STEP_BIT(SECURING) | STEP_BIT(FINISHED)},
    [SECURING] = {"securing", STEP_BIT(FINISHED)},
    [FINISHED] = {"finished", 0},
};

struct attempt {
    struct stream_user user;
    struct stream *stream; // NULL unless connecting
    struct dial_race *race;
    int fd; // the stream's
};

struct dial_race {
    struct dial *dial;
    struct dial_network *network;
    int step; // enum race_step
    struct dns_lookup lookup;
    struct timer stagger;
    struct timer deadline; // of connecting; the other steps have their own
    struct tls_handshake handshake;
    struct attempt attempts[DNS_ADDRESSES_MAX]; // one an address
    size_t started_count;
    size_t live_count;
    err failure; // what to report if all fail
    bool is_canceled;
};

static struct dial_network *network_of(struct dialer *dialer)
{
    return container_of(dialer, struct dial_network, dialer);
}

static void close_attempt(struct attempt *a)
{
    if (!a->stream) return;
    stream_close(a->stream, STREAM_ABORT);
    a->stream = NULL;
    a->race->live_count--;
}

static void stop_connecting(struct dial_race *r)
{
    for (size_t i = 0; i < r->started_count; i++) {
        close_attempt(&r->attempts[i]);
    }
    loop_alarm_stop(r->network->loop, &r->stagger);
    loop_alarm_stop(r->network->loop, &r->deadline);
}

static void finish(struct dial_race *r, err result, struct stream *stream)
{
    steps_move(race_steps, &r->step, FINISHED);
    stop_connecting(r);
    r->network->live_count--;
    r->dial->stream = stream;
    r->dial->race = NULL;
    op_finish(&r->dial->op, result);
    memory_free(r);
}

static void race_is_late(struct timer *t)
{
    finish(container_of(t, struct dial_race, deadline), ERR_TIMEOUT, NULL);
}

// Where a lookup or a handshake is under way its end is the race's; it may have its answer
// already, which the flag then overrules.
static void cancel_dial(struct op *op)
{
    struct dial_race *r = container_of(op, struct dial, op)->race;

    r->is_canceled = true;
    if (r->step == RESOLVING) {
        op_cancel(&r->lookup.op);
    } else if (r->step == SECURING) {
        op_cancel(&r->handshake.op);
    } else {
        finish(r, ERR_CANCELED, NULL);
    }
}

// A host that can't be reached from here says less than one that answered with a refusal.
static void note_failure(struct dial_race *r, err e)
{
    if (r->failure == OK || r->failure == ERR_UNREACHABLE) r->failure = e;
}

static void secured(struct op *op, err result)
{
    struct dial_race *r = container_of(op, struct dial_race, handshake.op);

    if (result) *tls_client_reason(r->dial->target->tls) = r->handshake.reason;
    if (r->is_canceled && result == OK) {
        stream_close(r->handshake.stream, STREAM_ABORT);
        result = ERR_CANCELED;
    }
    finish(r, result, result == OK ? r->handshake.stream : NULL);
}

static void win(struct attempt *a)
{
    struct dial_race *r = a->race;
    const struct dial_target *target = r->dial->target;
    struct stream *stream = a->stream;

    stream->user = NULL;
    a->stream = NULL;
    r->live_count--;
    if (!target->tls) {
        finish(r, OK, stream);
        return;
    }
    steps_move(race_steps, &r->step, SECURING);
    stop_connecting(r);
    tls_client_connect(&r->handshake, target->tls, target->host, stream, r->dial->deadline,
                       secured);
}

static void start_next(struct dial_race *r);

static void attempt_ready(struct stream_user *user)
{
    struct attempt *a = container_of(user, struct attempt, user);
    struct dial_race *r = a->race;
    // A socket that failed is hung up, too; one that isn't need not be asked.
    err e = a->stream->is_hung_up ? socket_connect_result(a->fd) : OK;

    if (e) {
        note_failure(r, e);
        close_attempt(a);
        start_next(r);
        return;
    }
    win(a);
}

static err start_attempt(struct dial_race *r, struct attempt *a, struct address to)
{
    to.port = r->dial->target->port;
    a->race = r;
    a->user.ready = attempt_ready;
    TRY(socket_connect(&to, &a->fd));
    TRY(tcp_open(r->network->loop, a->fd, to, &a->stream));
    a->stream->user = &a->user;
    r->live_count++;
    return OK;
}

static void stagger_over(struct timer *t)
{
    start_next(container_of(t, struct dial_race, stagger));
}

// Starts with the next address that doesn't fail at once; ends the race when all have failed.
static void start_next(struct dial_race *r)
{
    while (r->started_count < r->lookup.count) {
        size_t i = r->started_count++;
        err e = start_attempt(r, &r->attempts[i], r->lookup.addresses[i]);
        if (e == OK && socket_is_connected(r->attempts[i].fd)) {
            // Not to wait for its event saves a burst of requests a turn of the loop.
            win(&r->attempts[i]);
            return;
        }
        if (e == OK) {
            loop_alarm(r->network->loop, &r->stagger, DIAL_NETWORK_STAGGER_MS, stagger_over);
            return;
        }
        note_failure(r, e);
    }
    if (r->live_count == 0) finish(r, r->failure, NULL);
}

static void resolved(struct op *op, err result)
{
    struct dial_race *r = container_of(op, struct dial_race, lookup.op);

    if (r->is_canceled) result = ERR_CANCELED;
    if (result) {
        finish(r, result, NULL);
        return;
    }
    steps_move(race_steps, &r->step, CONNECTING);
    loop_alarm_at(r->network->loop, &r->deadline, r->dial->deadline, race_is_late);
    start_next(r);
}

static void start_dial(struct dialer *dialer, struct dial *d)
{
    struct dial_network *n = network_of(dialer);
    struct dial_race *r = memory_new(struct dial_race);

    assert(d->op.loop == n->loop);
    r->dial = d;
    r->network = n;
    d->race = r;
    d->op.cancel = cancel_dial;
    n->live_count++;
    dns_start(&n->dns, &r->lookup, d->target->host, d->deadline, resolved);
}

void dial_network_init(struct dial_network *n, struct loop *loop, struct offload *offload)
{
    *n = (struct dial_network){.dialer = {.start = start_dial}, .loop = loop};
    dns_init(&n->dns, loop, offload);
}

void dial_network_done(struct dial_network *n)
{
    assert(n->live_count == 0);
    dns_done(&n->dns);
}
