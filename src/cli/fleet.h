// fleet: the workers of `sluice serve`, seen from the control loop.
//
// Each worker has a loop on a thread of its own, with a gateway, a dialer and an access log; they
// share the listening port and nothing else. The control loop talks to them by messages.
#pragma once

#include "config/settings.h"
#include "gateway/gateway.h"
#include "io/dial_network.h"
#include "io/log_writer.h"
#include "io/offload.h"
#include "io/worker.h"
#include "resilience/route_board.h"

enum { FLEET_WORKERS_MAX = 256 };

struct fleet;

struct fleet_worker {
    struct worker worker;
    struct fleet *fleet;
    struct dial_network network;
    struct log_writer log;
    struct gateway gateway;
    struct timer measure; // copies counters to the metrics
    struct timer grace;
    struct message drained; // to the control loop
    struct message news;    // likewise
    atomic_bool has_news;   // that message is under way
    struct address address; // where it listens
    bool has_log;
    bool is_drained;
    bool is_closed; // what it is told from here on comes too late
};

struct fleet {
    struct loop *control;
    struct offload *offload;
    struct settings *settings; // the newest that was applied
    struct tls_server *tls;    // likewise; NULL: plain HTTP
    struct fleet_worker *workers;
    const struct metrics *metrics[FLEET_WORKERS_MAX];
    struct route_board *board; // how each way to an answer fares, at every worker
    unsigned count;
    unsigned drained_count;
    void (*drained)(struct fleet *f); // every worker has finished
};

// Before anything else: how many workers there will be, and what they count.
void fleet_init(struct fleet *f, struct loop *control, struct offload *offload,
                struct settings *settings);
// Before fleet_start() how its connections are secured, NULL for not at all; later, how new ones
// are.
void fleet_secure(struct fleet *f, struct tls_server *tls);
// Starts the workers; on failure `*what` says what could not be done.
err fleet_start(struct fleet *f, const char **what);
// Where it listens: the port the kernel chose, if it was to choose.
struct address fleet_address(const struct fleet *f);

// New requests follow `settings`, new connections `tls`; access logs are opened again.
void fleet_apply(struct fleet *f, struct settings *settings, struct tls_server *tls);
// Lets requests finish for settings.drains.grace_ms; then `drained` is called.
void fleet_drain(struct fleet *f);
// Asks the threads to end and waits. Before the offload pool closes; fleet_done() after.
void fleet_stop(struct fleet *f);
void fleet_done(struct fleet *f);
