// server: HTTP/1.1 connections on one loop, and the calls that come on them.
//
// Vocabulary: a *conn* is a connection of a client; a *call* is one request and its answer
// (server_call.h). The server reads heads, hands each call to its handler and keeps conns alive
// between calls. It answers by itself only what never becomes a call: malformed, oversize or late
// heads, and conns past the limit; the shape of those answers is the handler's (`describe`).
// Embedded in its owner; belongs to one loop.
#pragma once

#include "base/buf.h"
#include "base/pool.h"
#include "io/listener.h"

struct server;
struct server_call;

struct server_limits {
    size_t head_bytes_max;
    size_t head_fields_max; // beyond SERVER_FIELDS_MAX it is that
    uint32_t conns_max;
    msec header_ms; // from a head's first byte to its last
    msec idle_ms;   // between calls
    msec body_ms;   // between two pieces of a request's body
    msec write_ms;  // between two pieces taken by a client
};

enum { SERVER_FIELDS_MAX = 1000 };

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
};

struct server {
    struct loop *loop;
    struct listener listener;
    struct server_limits limits;
    const struct server_handler *handler;
    struct server_counts counts;
    struct link conns;
    struct pool conn_pool;
    struct pool call_pool;
    bool is_draining;
};

void server_init(struct server *s, struct loop *loop, const struct server_limits *limits,
                 const struct server_handler *handler);
// Begins to accept; see listener_open().
err server_listen(struct server *s, const struct address *a, bool is_shared);
// Takes over a stream accepted elsewhere.
void server_accept(struct server *s, struct stream *stream);

// Stops accepting, closes idle conns, lets calls finish: each answer says "connection: close".
void server_drain(struct server *s);
// Closes every conn, aborting those with a call or an answer under way; calls are told they are
// gone. The server is then as after server_init().
void server_close(struct server *s);
// After server_close(): frees what is kept for reuse.
void server_done(struct server *s);
