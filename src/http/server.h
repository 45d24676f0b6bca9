// server: connections of clients on one loop, and the calls that come on them: HTTP/1.1 and HTTP/2
// on one port. A conn speaks HTTP/2 when TLS agreed on it (ALPN), when it begins with the preface
// of HTTP/2, or when its first request asks for it (Upgrade: h2c).
//
// Vocabulary: a *conn* is a connection of a client; a *call* is one request and its answer
// (server_call.h). The server reads heads, hands each call to its handler and keeps conns alive
// between calls. It answers by itself only what never becomes a call: malformed, oversize or late
// heads, and conns past the limit; the shape of those answers is the handler's (`describe`).
// Embedded in its owner; belongs to one loop.
#pragma once

#include "base/buf.h"
#include "base/pool.h"
#include "http/server_door.h"
#include "io/listener.h"

struct server;
struct server_call;

struct server_limits {
    size_t head_bytes_max;
    size_t head_fields_max; // beyond SERVER_FIELDS_MAX it is that
    uint32_t conns_max;
    msec header_ms;       // from a head's first byte to its last
    msec idle_ms;         // between calls
    msec body_ms;         // between two pieces of a request's body
    msec write_ms;        // between two pieces taken by a client
    uint32_t streams_max; // calls at once on a conn of HTTP/2; 0 for SERVER_STREAMS_MAX
};

enum {
    SERVER_FIELDS_MAX = 1000,
    SERVER_STREAMS_MAX = 100,
    SERVER_REFUSED_MAX = 64, // conns past the limit that are told so; more are dropped
};

struct server_handler {
    // A head has arrived. Must set call->user, or answer at once.
    void (*call)(struct server *s, struct server_call *call);
    // Appends the body of an answer that the server makes by itself and returns its content type.
    str (*describe)(struct server *s, unsigned status, const char *what, struct buf *out);
    // The server was told to drain and its last conn has gone. May be NULL.
    void (*drained)(struct server *s);
};

struct server_counts {
    uint64_t conns_opened;
    uint64_t conns_refused; // past conns_max
    uint64_t conns_open;
    uint64_t heads_rejected; // malformed, oversize or late
    uint64_t calls_started;
    uint64_t calls_open;
    uint64_t h2_conns_opened; // of conns_opened
    uint64_t h2_calls;        // of calls_started
    uint64_t h2_resets;       // streams that clients gave up
    uint64_t h2_calmed;       // conns that were ended because they flooded
    uint64_t handshakes_1_2;  // of TLS, by version
    uint64_t handshakes_1_3;
    uint64_t resumptions_1_2; // handshakes that a ticket made short
    uint64_t resumptions_1_3;
    uint64_t handshakes_failed;
    uint64_t handshakes_late;
    uint64_t clients_unproven; // no certificate, or none that counts
    uint64_t guests_displaced; // by newer ones
    uint64_t plain_refused;
};

struct server {
    struct loop *loop;
    struct listener listener;
    struct server_limits limits;
    const struct server_handler *handler;
    struct server_counts counts;
    struct link conns; // of HTTP/1.1, or not yet known
    struct link h2_conns;
    struct pool conn_pool;
    struct pool call_pool;
    struct pool h2_conn_pool;
    struct pool h2_stream_pool;
    struct server_door door;
    bool is_draining;
};

// What the server speaks, best first, for ALPN to offer; returns how many that are.
size_t server_protocols(const str **out);

void server_init(struct server *s, struct loop *loop, const struct server_limits *limits,
                 const struct server_handler *handler);
// Begins to accept; see listener_open().
err server_listen(struct server *s, const struct address *a, bool is_shared);
// From now on conns that are accepted speak TLS, or with `allows_plain` either; NULL: none does.
// The server takes a reference of its own. Conns that are there are not touched.
void server_set_tls(struct server *s, struct tls_server *tls, bool allows_plain);
// Takes over a stream accepted elsewhere, whose handshake is over.
void server_accept(struct server *s, struct stream *stream);

// Stops accepting, closes idle conns and those that are shaking hands, lets calls finish: each
// answer says "connection: close", or a GOAWAY that no further call is taken.
void server_drain(struct server *s);
// Closes every conn, aborting those with a call or an answer under way; calls are told they are
// gone. The server is then as after server_init().
void server_close(struct server *s);
// After server_close(): frees what is kept for reuse.
void server_done(struct server *s);

// For conns: one has gone.
void server_forget_conn(struct server *s);
