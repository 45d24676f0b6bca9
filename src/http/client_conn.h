// client_conn: one connection to an origin; private to the client's files.
//
//     DIAL --> BUSY <--> IDLE --> closed
//       |
//       +--> SHARED --> LEAVING --> closed
//
// DIAL waits for the dialer; in BUSY a call is under way; IDLE waits in the origin's list, where
// anything the peer sends, its end included, closes the conn. SHARED is HTTP/2 and takes calls;
// LEAVING takes no more and goes when those it has are over (h2_client_conn.h). To an origin that
// may speak HTTP/2, calls wait for a dial under way and share what comes of it.
#pragma once

#include "http/client_call.h"
#include "http/wire.h"

enum client_conn_step {
    CLIENT_CONN_DIAL,
    CLIENT_CONN_BUSY,
    CLIENT_CONN_IDLE,
    CLIENT_CONN_SHARED,
    CLIENT_CONN_LEAVING,
};

enum { CLIENT_CONN_FIELDS_MAX = 256, CLIENT_CONN_INTERIM_MAX = 16 }; // of one answer

struct h2_client_conn;

struct client_conn {
    struct stream_user user;
    struct wire wire;
    struct client_origin *origin;
    struct client_call *call;  // NULL in IDLE, of HTTP/2, and in DIAL when it was given up
    struct link link;          // in origin->conns
    struct link idle_link;     // in origin->idle, or in origin->shared
    struct link waiting;       // other calls that wait for the dial
    uint32_t waiting_max;      // so many may still join them
    struct h2_client_conn *h2; // of SHARED and LEAVING
    struct task tick;
    struct timer timer; // of IDLE and of HTTP/2
    struct dial dial;
    int step;
    uint32_t head_scanned;
    uint32_t interim_count; // answers 1xx of this call
    size_t sent_bytes;      // of a request given whole
    bool is_visited;        // a tick is on the stack
    bool is_closed;         // the tick on the stack frees it
};

// Gives `call` a conn: a kept or shared one, or with `must_be_fresh` or in want of one a new one.
void client_conn_acquire(struct client_call *call, bool must_be_fresh);
// The call is over; the conn is kept if `is_reusable`.
void client_conn_release(struct client_conn *c, bool is_reusable);
void client_conn_close(struct client_conn *c);
// Closes it; its calls fail with ERR_CANCELED.
void client_conn_abandon(struct client_conn *c);
// Goes from one declared step to the next.
void client_conn_move(struct client_conn *c, enum client_conn_step to);
// Gives the memory back, of one that is closed.
void client_conn_free(struct client_conn *c);
void client_conn_wake(struct client_conn *c);
// How many calls may share a new conn of HTTP/2, as far as is known: sending more than its origin
// bears, before its settings arrive, would only have them refused.
uint32_t client_conn_streams_max(const struct client_origin *o);
// Counts one less that is idle.
void client_conn_leave_idle(struct client_conn *c);
// Goes on with it in the next turn, after the others.
void client_conn_yield(struct client_conn *c);
