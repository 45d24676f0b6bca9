// Design: a message to the workers is one heap object a worker, freed where it arrives. Draining
// ends at each worker when its last connection has gone or the grace is over, and is then told to
// the control loop, which stops the threads once all have told it.
#include "cli/fleet.h"

#include "base/memory.h"
#include "io/socket.h"

#include <unistd.h>

enum { MEASURE_MS = 250, LAST_WORDS_MS = 1000 };

struct order {
    struct message message;
    struct fleet_worker *to;
    struct settings *settings;
    struct tls_server *tls;
    size_t cell; // of news
    struct cell_news news;
};

static struct fleet_worker *of_worker(struct worker *w)
{
    return container_of(w, struct fleet_worker, worker);
}

static void on_measure(struct timer *t)
{
    struct fleet_worker *w = container_of(t, struct fleet_worker, measure);

    gateway_measure(&w->gateway);
    if (w->has_log) metrics_set(&w->gateway.metrics.log_dropped, w->log.dropped_count);
    loop_alarm(&w->worker.loop, t, MEASURE_MS, on_measure);
}

// --- Start ---

static err open_log(struct fleet_worker *w, const struct settings *s)
{
    str path = s->telemetry.access_log.path;

    if (str_eq(path, STR("off"))) return OK;
    TRY(log_writer_open(&w->log, &w->worker.loop, w->fleet->offload, path));
    w->has_log = true;
    return OK;
}

static void close_worker(struct worker *worker)
{
    struct fleet_worker *w = of_worker(worker);

    w->is_closed = true;
    loop_alarm_stop(&worker->loop, &w->measure);
    loop_alarm_stop(&worker->loop, &w->grace);
    gateway_close(&w->gateway);
    gateway_done(&w->gateway);
    dial_network_done(&w->network);
    if (w->has_log) log_writer_close(&w->log);
}

static void on_told(struct gateway *g);

static void secure_worker(struct fleet_worker *w, struct settings *s, struct tls_server *tls)
{
    server_set_tls(&w->gateway.server, tls, str_eq(s->listen.tls.plaintext, STR("allow")));
}

static err start_worker(struct worker *worker)
{
    struct fleet_worker *w = of_worker(worker);
    struct fleet *f = w->fleet;
    bool is_shared = f->count > 1;

    TRY(open_log(w, f->settings));
    dial_network_init(&w->network, &worker->loop, f->offload);
    const struct gateway_options options = {.dialer = &w->network.dialer,
                                            .access_log = w->has_log ? &w->log : NULL,
                                            .shares = f->count,
                                            .board = f->board,
                                            .worker = (size_t)(w - f->workers),
                                            .told = on_told};
    err e = gateway_init(&w->gateway, &worker->loop, &options, f->settings);
    if (e) {
        dial_network_done(&w->network);
        if (w->has_log) log_writer_close(&w->log);
        return e;
    }
    secure_worker(w, f->settings, f->tls);
    e = server_listen(&w->gateway.server, &w->address, is_shared);
    if (e) {
        close_worker(worker);
        return e;
    }
    w->address = w->gateway.server.listener.address;
    loop_alarm(&worker->loop, &w->measure, MEASURE_MS, on_measure);
    return OK;
}

// The workers share their port, and so would those of another process, unseen.
static err probe(const struct address *a)
{
    int fd = -1;

    if (!a->port) return OK;
    TRY(socket_listen(a, false, &fd));
    close(fd);
    return OK;
}

static err start_workers(struct fleet *f, const char **what)
{
    struct worker_options options = {.cpu = WORKER_NOT_PINNED,
                                     .name = "sluice-worker",
                                     .start = start_worker,
                                     .stop = close_worker};
    struct address address;

    *what = "listen.address";
    TRY(socket_parse_address(f->settings->listen.address, &address));
    TRY(probe(&address));
    for (unsigned i = 0; i < f->count; i++) {
        struct fleet_worker *w = &f->workers[i];
        w->address = address;
        *what = "starting to listen";
        TRY(worker_start(&w->worker, &options));
        address = w->address; // the others share the port that the first was given
    }
    return OK;
}

void fleet_init(struct fleet *f, struct loop *control, struct offload *offload,
                struct settings *settings)
{
    unsigned count = settings->listen.workers ? settings->listen.workers : worker_cpu_count();

    *f = (struct fleet){.control = control, .offload = offload};
    f->count = count < FLEET_WORKERS_MAX ? count : FLEET_WORKERS_MAX;
    f->settings = settings_ref(settings);
    f->workers = memory_alloc(sizeof(*f->workers) * f->count);
    f->board = route_board_new(CELLS_MAX, f->count);
    for (unsigned i = 0; i < f->count; i++) {
        f->workers[i].fleet = f;
        f->metrics[i] = &f->workers[i].gateway.metrics;
    }
}

err fleet_start(struct fleet *f, const char **what)
{
    err e = start_workers(f, what);

    if (e) fleet_stop(f);
    return e;
}

struct address fleet_address(const struct fleet *f)
{
    return f->workers[0].address;
}

// --- Orders ---

// What the fleet has, to one of its workers.
static void order(struct fleet_worker *w, message_fn *run)
{
    struct order *o = memory_new(struct order);

    o->to = w;
    o->settings = settings_ref(w->fleet->settings);
    o->tls = w->fleet->tls ? tls_server_ref(w->fleet->tls) : NULL;
    loop_post(&w->worker.loop, &o->message, run);
}

static void free_order(struct order *o)
{
    settings_unref(o->settings);
    tls_server_unref(o->tls);
    memory_free(o);
}

static void apply_to(struct fleet_worker *w, const struct order *o)
{
    // What can fail (a CA file) was tried by the control loop just before; the old settings rule
    // on.
    if (gateway_apply(&w->gateway, o->settings)) metrics_add(&w->gateway.metrics.apply_failures, 1);
    secure_worker(w, o->settings, o->tls);
    if (w->has_log) log_writer_reopen(&w->log);
}

static void do_apply(struct message *m, struct loop *loop)
{
    struct order *o = container_of(m, struct order, message);

    (void)loop;
    if (!o->to->is_closed) apply_to(o->to, o);
    free_order(o);
}

static void keep_tls(struct fleet *f, struct tls_server *tls)
{
    struct tls_server *old = f->tls;

    f->tls = tls ? tls_server_ref(tls) : NULL;
    tls_server_unref(old);
}

void fleet_apply(struct fleet *f, struct settings *settings, struct tls_server *tls)
{
    struct settings *old = f->settings;

    f->settings = settings_ref(settings);
    settings_unref(old);
    keep_tls(f, tls);
    for (unsigned i = 0; i < f->count; i++) {
        order(&f->workers[i], do_apply);
    }
}

static void do_secure(struct message *m, struct loop *loop)
{
    struct order *o = container_of(m, struct order, message);

    (void)loop;
    if (!o->to->is_closed) secure_worker(o->to, o->settings, o->tls);
    free_order(o);
}

void fleet_secure(struct fleet *f, struct tls_server *tls)
{
    keep_tls(f, tls);
    for (unsigned i = 0; i < f->count; i++) {
        if (f->workers[i].worker.is_running) order(&f->workers[i], do_secure);
    }
}

// --- News of one worker for the others ---

static void do_tell(struct message *m, struct loop *loop)
{
    struct order *o = container_of(m, struct order, message);

    (void)loop;
    gateway_tell(&o->to->gateway, o->cell, o->news);
    free_order(o);
}

static void pass_on(struct fleet *f, size_t cell, uint32_t event)
{
    for (unsigned i = 0; i < f->count; i++) {
        struct order *o = NULL;
        if (i == cells_news_worker(event)) continue;
        o = memory_new(struct order);
        o->to = &f->workers[i];
        o->cell = cell;
        o->news = cells_news(event);
        loop_post(&o->to->worker.loop, &o->message, do_tell);
    }
}

static void take_news(struct message *m, struct loop *loop)
{
    struct fleet_worker *w = container_of(m, struct fleet_worker, news);
    struct fleet *f = w->fleet;
    uint32_t event = 0;

    (void)loop;
    // Before the mailboxes are looked at: what is put there from here on comes with a new message.
    atomic_store(&w->has_news, false);
    for (size_t i = 0; i < route_board_count(f->board); i++) {
        struct route_entry *entry = route_board_at(f->board, i);
        while (entry && mailbox_take(&entry->news, &event)) {
            pass_on(f, i, event);
        }
    }
}

// On the worker's thread: the news is in a mailbox.
static void on_told(struct gateway *g)
{
    struct fleet_worker *w = container_of(g, struct fleet_worker, gateway);

    if (!atomic_exchange(&w->has_news, true)) loop_post(w->fleet->control, &w->news, take_news);
}

static void take_drained(struct message *m, struct loop *loop)
{
    struct fleet *f = container_of(m, struct fleet_worker, drained)->fleet;

    (void)loop;
    if (++f->drained_count == f->count && f->drained) f->drained(f);
}

static void tell_drained(struct fleet_worker *w)
{
    if (w->is_drained) return;
    w->is_drained = true;
    loop_post(w->fleet->control, &w->drained, take_drained);
}

static void on_gateway_drained(struct gateway *g)
{
    tell_drained(container_of(g, struct fleet_worker, gateway));
}

static void on_last_words(struct timer *t)
{
    tell_drained(container_of(t, struct fleet_worker, grace));
}

static void on_grace_over(struct timer *t)
{
    struct fleet_worker *w = container_of(t, struct fleet_worker, grace);

    // The last answers get a moment to leave; when they have, the gateway itself says so.
    gateway_stop(&w->gateway);
    loop_alarm(&w->worker.loop, t, LAST_WORDS_MS, on_last_words);
}

static void do_drain(struct message *m, struct loop *loop)
{
    struct order *o = container_of(m, struct order, message);
    struct fleet_worker *w = o->to;

    loop_alarm(loop, &w->grace, o->settings->drains.grace_ms, on_grace_over);
    w->gateway.drained = on_gateway_drained;
    gateway_drain(&w->gateway);
    free_order(o);
}

void fleet_drain(struct fleet *f)
{
    for (unsigned i = 0; i < f->count; i++) {
        order(&f->workers[i], do_drain);
    }
}

void fleet_stop(struct fleet *f)
{
    for (unsigned i = 0; i < f->count; i++) {
        worker_stop(&f->workers[i].worker);
    }
    for (unsigned i = 0; i < f->count; i++) {
        worker_join(&f->workers[i].worker);
    }
}

void fleet_done(struct fleet *f)
{
    for (unsigned i = 0; i < f->count; i++) {
        worker_done(&f->workers[i].worker);
    }
    memory_free(f->workers);
    route_board_free(f->board);
    settings_unref(f->settings);
    tls_server_unref(f->tls);
}
