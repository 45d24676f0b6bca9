// client_conn: one connection to an origin; private to the client's files.
//
//     DIAL --> BUSY <--> IDLE --> closed
//
// DIAL waits for the dialer; in BUSY a call is under way; IDLE waits in the origin's list, where
// anything the peer sends, its end included, closes the conn.
#pragma once

#include "http/client_call.h"
#include "http/wire.h"

enum client_conn_step {
    CLIENT_CONN_DIAL,
    CLIENT_CONN_BUSY,
    CLIENT_CONN_IDLE,
};

struct client_conn {
    struct stream_user user;
    struct wire wire;
    struct client_origin *origin;
    struct client_call *call; // NULL in IDLE, and in DIAL when it was given up
    struct link link;         // in origin->conns
    struct link idle_link;    // in origin->idle
    struct task tick;
    struct timer timer; // of IDLE
    struct dial dial;
    int step;
    uint32_t head_scanned;
    uint32_t interim_count; // answers 1xx of this call
    size_t sent_bytes;      // of a request given whole
    bool is_visited;        // a tick is on the stack
    bool is_closed;         // the tick on the stack frees it
};

// Gives `call` a conn: a kept one, or with `must_be_fresh` or in want of one a new one.
void client_conn_acquire(struct client_call *call, bool must_be_fresh);
// The call is over; the conn is kept if `is_reusable`.
void client_conn_release(struct client_conn *c, bool is_reusable);
void client_conn_close(struct client_conn *c);
void client_conn_wake(struct client_conn *c);
// Goes on with it in the next turn, after the others.
void client_conn_yield(struct client_conn *c);
