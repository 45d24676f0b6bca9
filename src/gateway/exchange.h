// exchange: one request's life, from its head to its line in the access log.
//
//     RECEIVE --> AWAIT --> RELAY --> ended
//        |          |         |
//        +----------+---------+-----> ended (answered by ourselves, cut, or the client has gone)
//
// RECEIVE gathers a body that must be read before the request can be routed. In AWAIT the upstream
// has the request, or gets it while the client still sends it, and its answer is due. RELAY passes
// the answer on. How: EVENTS watches a stream of events for its finish; GATHER keeps a small answer
// until it is whole, so that a cut one becomes an error instead of a stump; PLAIN passes pieces.
// Belongs to its gateway's loop.
#pragma once

#include "gateway/gateway.h"
#include "gateway/relay.h"
#include "gateway/route.h"
#include "http/client_call.h"
#include "http/server_call.h"

enum exchange_step {
    EXCHANGE_RECEIVE,
    EXCHANGE_AWAIT,
    EXCHANGE_RELAY,
    EXCHANGE_ENDED,
};

enum exchange_mode {
    EXCHANGE_EVENTS,
    EXCHANGE_GATHER,
    EXCHANGE_PLAIN,
};

enum {
    EXCHANGE_GATHER_MAX = 256 * 1024, // a larger answer passes in pieces
    EXCHANGE_ID_MAX = 128,
};

// What each piece of a stream touches stands together, in few cache lines.
struct exchange {
    struct server_call_user user;
    struct gateway *gateway;
    struct gateway_view *view;
    struct server_call *call;
    const struct settings_timeouts *timeouts;
    int step;
    enum exchange_mode mode;
    msec total_due;
    msec sent_at;     // the request, to the upstream
    msec progress_at; // when the upstream last gave a sign of life
    msec wrote_at;    // when the client last got something
    struct timer timer;
    struct client_call up;
    struct relay relay; // EVENTS
    struct link link;   // in gateway->exchanges
    struct route route;
    struct openai_request request; // of a body that was read
    struct gateway_origin *origin; // once routed
    str model;                     // as asked for
    str upstream_model;            // as sent
    str id;                        // x-request-id
    struct buf body;               // of the request; freed when an answer comes
    struct buf head;               // of the upstream request, then of the answer
    struct iovec pieces[CLIENT_BODY_PIECES_MAX];
    int piece_count;
    struct buf answer; // GATHER
    struct openai_usage usage;
    usec sent_us;  // the request to the upstream, by the exact clock
    usec first_us; // the first piece of the answer to the client; 0 before
    usec ended_us;
    usec own_us; // spent by ourselves until the first piece
    str failure; // for the log: what went wrong
    unsigned attempts;
    bool is_client_gone;
};

// Takes over a call whose head has arrived.
void exchange_start(struct gateway *g, struct server_call *call);

// Ends it now, telling the client in its dialect.
void exchange_stop(struct exchange *x, err why);
