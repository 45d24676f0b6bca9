// exchange: one request's life, from its head to its line in the access log.
//
//     RECEIVE --> AWAIT --> RELAY --> ended
//        |         ^ |        |
//        |         | v        |
//        +-------> WAIT <-----+      (any step --> ended: answered by ourselves, or the client
//        left)
//
// RECEIVE gathers a body that must be read before the request can be routed. An *attempt* asks one
// upstream: in AWAIT it has the request, or gets it while the client still sends it, and its answer
// is due; RELAY passes the answer on. How: EVENTS watches a stream of events for its finish; GATHER
// keeps a small answer until it is whole, so that a cut one becomes an error instead of a stump;
// PLAIN passes pieces. In WAIT nothing is under way: the next attempt waits for its time or a
// place.
//
// An attempt that fails before anything was *released* to the client is followed by another one
// where that may help. Of a stream nothing is released before the first event that says something;
// if it fails later, another stream may finish the answer (exchange_recover.c).
// Belongs to its gateway's loop.
#pragma once

#include "gateway/deadline_fields.h"
#include "gateway/door.h"
#include "gateway/flight.h"
#include "gateway/gateway.h"
#include "gateway/plan.h"
#include "gateway/relay.h"
#include "gateway/route.h"
#include "gateway/translation.h"
#include "http/client_call.h"
#include "http/server_call.h"
#include "resilience/deadline.h"

enum exchange_step {
    EXCHANGE_RECEIVE,
    EXCHANGE_WAIT,
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
    EXCHANGE_TEXT_MAX = 256 * 1024,   // of an answer that can still be finished by another stream
    EXCHANGE_ATTEMPTS_MAX = 16,
};

// One try at an upstream, in the call's arena.
struct exchange_attempt {
    struct exchange_attempt *before;
    const struct gateway_target *target;
    size_t key;
    enum relay_manner manner;
    enum failure failure;
    unsigned status; // 0: no head came
    usec started_us;
    usec first_us; // its first token, or its head where there are no tokens; 0: none came
    usec ended_us; // 0: under way
    struct token_usage usage;
    bool is_estimated; // the usage
    bool is_judged;    // the cell knows how it goes
    bool is_spliced;   // it went on with the answer of another one
};

// What each piece of a stream touches stands together, in few cache lines.
struct exchange {
    struct server_call_user user;
    struct gateway *gateway;
    struct gateway_view *view;
    struct server_call *call;
    const struct settings_model *model_settings;
    int step;
    enum exchange_mode mode;
    deadline total;   // of all attempts
    deadline start;   // the answer must have begun; none once it has
    msec idle_ms;     // what the client bears of silence
    msec sent_at;     // the request, to the upstream
    msec progress_at; // when the upstream last gave a sign of life
    msec wrote_at;    // when the client last got something, or its answer's head could have gone
    struct timer timer;
    struct client_call up;
    struct relay relay; // EVENTS
    struct transcript transcript;
    bool is_translated; // the attempt is at an upstream of another dialect
    bool is_released;   // something of an answer has gone to the client that can't be taken back
    bool has_place;     // the attempt holds one in its cell
    bool is_again;      // the next attempt asks the same target
    bool has_refusal;   // `answer` and `up.head` are an error that the client may be shown
    bool is_open;       // every breaker that was left is open
    bool is_final;      // no further attempt
    bool is_client_gone;
    bool hides_usage;      // we asked for the stream's usage, the client did not
    bool is_counted_here;  // the tokens of a request, without asking anybody
    bool is_route_late;    // it is the route's own time that is over, not the client's
    struct link link;      // in gateway->exchanges
    struct link wait_link; // in gateway->waiting: for a place
    struct route route;
    struct openai_request request; // of a body that was read
    struct plan plan;
    struct plan_choice choice;        // of the attempt under way, or the last
    struct exchange_attempt *attempt; // the newest
    struct gateway_origin *origin;    // once routed
    str model;                        // as asked for
    str upstream_model;               // as sent
    str id;                           // x-request-id
    struct buf body;                  // of the request; freed when no attempt can follow
    struct buf remade;                // the body of an attempt that asks otherwise
    struct buf head;                  // of the upstream request, then of the answer
    struct buf held;                  // events that are not released
    struct iovec spliced[2 * OPENAI_MODELS_MAX + 1]; // the body around its model
    const struct iovec *pieces;                      // of the body that goes out
    int piece_count;
    struct door *door;               // NULL: a vendor's API over HTTP
    struct translation *translation; // NULL until an upstream of another dialect is asked
    struct buf answer;               // GATHER
    struct token_usage usage;        // of all attempts
    bool is_estimated;               // some of it
    usec sent_us;                    // the request to the upstream, by the exact clock
    usec first_us;                   // the first piece of the answer to the client; 0 before
    usec ended_us;
    usec own_us;    // spent by ourselves until the first piece
    usec waited_us; // in WAIT
    usec wait_since_us;
    msec wait_until;
    str failure;      // for the log: what went wrong
    enum failure why; // of the last attempt that failed
    err reason;       // likewise, as the wire said it
    unsigned attempts;
    unsigned asked; // how often the present target was
    unsigned recoveries;
    struct deadline_fields deadlines; // as the client sent them
    struct flight flight;
};

// Takes over a call whose head has arrived.
void exchange_start(struct gateway *g, struct server_call *call);

// Ends it now, telling the client in its dialect.
void exchange_stop(struct exchange *x, err why);
