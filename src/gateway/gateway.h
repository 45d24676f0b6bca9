// gateway: requests in, providers out; one a worker loop.
//
// Vocabulary: an *exchange* is one request's life, from its head to its log line (exchange.h). A
// *view* is what a loop makes of the settings (gateway_view.h). Settings are replaced whole by
// gateway_apply(); an exchange keeps the view it began with. Everything but the
// counters belongs to the gateway's loop.
#pragma once

#include "base/random.h"
#include "gateway/gateway_view.h"
#include "gateway/metrics.h"
#include "http/server.h"
#include "io/log_writer.h"
#include "io/tls_client.h"

enum { GATEWAY_UPSTREAM_HEAD_MAX = 64 * 1024 };

struct gateway {
    struct loop *loop;
    struct server server;
    struct client client;
    struct link views; // the current one first, then those that still have exchanges
    struct cells cells;
    struct pool exchange_pool;
    struct link exchanges;
    struct pool rpc_pool;
    struct link rpcs;     // calls of providers' services
    struct link waiting;  // exchanges, for a place in a cell
    struct link services; // calls that the gateway answers by itself (grpc_service.h)
    struct random random;
    struct log_writer *access_log; // NULL: none is written
    unsigned shares;               // gateways that share the process's limits, this one included
    struct buf log_line;
    struct metrics metrics;
    usec wall_offset; // from the loop's clock to the wall's
    usec date_second; // of `date`
    char date[32];    // the wall clock's second, for logs
    void (*drained)(struct gateway *g);
    void (*told)(struct gateway *g); // news of a cell is on the board; may be NULL
};

struct gateway_options {
    struct dialer *dialer;         // outlives the gateway
    struct log_writer *access_log; // likewise; NULL: none is written
    unsigned shares;               // gateways that share the process's limits; at least 1
    struct route_board *board;     // the process's; outlives the gateway
    size_t worker;                 // of `shares`, from 0: which figures on the board are ours
    void (*told)(struct gateway *g);
};

// `settings` gets a reference of its own.
err gateway_init(struct gateway *g, struct loop *loop, const struct gateway_options *options,
                 struct settings *settings);
// After gateway_close().
void gateway_done(struct gateway *g);

// A gateway's share of a limit of the whole process.
uint32_t gateway_share(const struct gateway *g, uint32_t limit);

// New requests follow `settings` from now on.
err gateway_apply(struct gateway *g, struct settings *settings);

// Stops accepting and lets exchanges finish; `drained`, if set, is called after the last.
void gateway_drain(struct gateway *g);
// Copies what the server and the client count to the metrics; called now and then.
void gateway_measure(struct gateway *g);
// Ends every exchange now: streams get an error in their own dialect. Connections follow when
// that has gone out.
void gateway_stop(struct gateway *g);
// Closes every connection at once, and stops before where it wasn't.
void gateway_close(struct gateway *g);

// Another worker's cell of the same way has opened or closed; `cell` counts as the board does.
void gateway_tell(struct gateway *g, size_t cell, struct cell_news news);
