// client: HTTP/1.1 and HTTP/2 connections to origins, kept and reused, on one loop.
//
// Vocabulary: an *origin* is a place to send requests to (scheme, host, port); a *call* is one
// request and its answer (client_call.h). Idle connections are reused newest first, so that a
// quiet origin's surplus grows old and closes; one of HTTP/2 is shared by many calls, and filled
// before the next one. Belongs to one loop.
#pragma once

#include "base/pool.h"
#include "io/dial.h"

struct client_limits {
    size_t head_bytes_max;
    uint32_t idle_conns_max; // an origin
    msec idle_ms;
    uint32_t streams_max; // calls at once on a conn of HTTP/2; 0: 100
};

// Which HTTP an origin is spoken to in.
enum client_protocol {
    CLIENT_PROTOCOL_AUTO, // with TLS the origin's choice (ALPN), without HTTP/1.1
    CLIENT_PROTOCOL_H1,
    CLIENT_PROTOCOL_H2, // without TLS it is known to speak it (RFC 9113 section 3.3)
};

struct client_counts {
    uint64_t conns_opened;
    uint64_t conns_reused;
    uint64_t conns_failed; // dials
    // Calls repeated because a kept connection had been closed, or HTTP/2's leave was taken
    // (GOAWAY, REFUSED_STREAM), before the origin had looked at them.
    uint64_t stale_retries;
};

struct client {
    struct loop *loop;
    struct dialer *dialer;
    struct client_limits limits;
    struct client_counts counts;
    struct pool conn_pool;
    struct pool stream_pool; // of HTTP/2
};

// Embedded in whatever knows the place. Conns in use outlive neither it nor the client.
struct client_origin {
    struct client *client;
    struct dial_target target;
    enum client_protocol protocol; // may be set before the first call
    struct link conns;             // all: connecting, idle and in use
    struct link idle;              // of HTTP/1.1; newest first
    struct link shared;            // of HTTP/2, those that take calls; oldest first
    uint32_t idle_count;           // of either
    uint32_t streams_allowed;      // on a conn of HTTP/2, as it said last; 0: nothing yet
    bool is_h1;                    // its last TLS connection agreed on HTTP/1.1
};

void client_init(struct client *c, struct loop *loop, struct dialer *dialer,
                 const struct client_limits *limits);
// Every origin must be closed.
void client_done(struct client *c);

// `target`, and what it points to, outlives the origin.
void client_origin_init(struct client_origin *o, struct client *c,
                        const struct dial_target *target);
// Closes all its conns; calls under way fail with ERR_CANCELED. The origin's memory may go once
// client_origin_is_closed(): a dial under way ends in the loop's next turns.
void client_origin_close(struct client_origin *o);
bool client_origin_is_closed(const struct client_origin *o);
