// h2_server_conn: one client's HTTP/2 connection (RFC 9113); private to the server's files.
//
//     OPEN --> NOTICED --> ENDING --> LINGER --> closed
//      |                     ^
//      +---------------------+
//
// In OPEN streams come and go. NOTICED has told the client that the end is near and waits for its
// word, so that no request is lost on the way; in ENDING, which a GOAWAY announces, no stream
// begins any more. LINGER is as in server_conn.h. The library nghttp2 reads and writes the frames;
// streams are h2_server_stream.h.
#pragma once

#include "codec/h2_head.h"
#include "http/h2_guard.h"
#include "http/h2_past.h"
#include "http/server.h"
#include "http/wire.h"

enum h2_server_conn_step {
    H2_SERVER_CONN_OPEN,
    H2_SERVER_CONN_NOTICED,
    H2_SERVER_CONN_ENDING,
    H2_SERVER_CONN_LINGER,
};

// What the timer bounds.
enum h2_server_conn_watch {
    H2_SERVER_CONN_WATCH_NOTHING,
    H2_SERVER_CONN_WATCH_WRITE,  // a client that takes nothing
    H2_SERVER_CONN_WATCH_BLOCK,  // a header block that is not whole
    H2_SERVER_CONN_WATCH_NOTICE, // the client's word on the end
    H2_SERVER_CONN_WATCH_IDLE,   // no stream
    H2_SERVER_CONN_WATCH_LINGER,
};

struct h2_server_conn {
    struct stream_user user;
    struct wire wire;
    struct server *server;
    struct link link; // in server->h2_conns
    nghttp2_session *session;
    struct link streams;  // all
    struct link ready;    // those with something to tell their handlers
    struct h2_head block; // the header block that is arriving
    struct h2_guard guard;
    struct h2_past past;
    struct task tick;
    struct timer timer;
    msec idle_ms;        // the server's, unless a call has limited it
    size_t unsent;       // when the wait for a client that takes nothing began
    size_t block_excess; // bytes of the block beyond what is allowed
    uint32_t linger_bytes;
    int step;
    enum h2_server_conn_watch watch;
    bool is_in_block;
    bool is_acknowledged; // the notice
    bool is_calmed;       // the client floods
    bool is_broken;       // nghttp2 or the stream failed: the conn is closed at its next visit
    bool is_visited;      // a tick is on the stack
};

// Takes over what the client said so far and its stream. The conn is counted already.
void h2_server_conn_open(struct server *s, struct wire *wire);
// The same for a client whose first request, which has no body, asked for HTTP/2: `head` is that
// request as it came, and `settings` what it said of itself, decoded.
void h2_server_conn_open_upgraded(struct server *s, struct wire *wire, str head, str settings);
// Announces the end and lets the streams finish.
void h2_server_conn_drain(struct h2_server_conn *c);
// Resets the streams and closes; calls are told that they are gone.
void h2_server_conn_stop(struct h2_server_conn *c);
// Frees the conn; calls are told that they are gone.
void h2_server_conn_close(struct h2_server_conn *c, enum stream_end how, err why);
// Goes on with the conn in this turn of the loop, behind everything else.
void h2_server_conn_wake(struct h2_server_conn *c);
// Lets nghttp2 write frames for the end of the turn, as far as the client takes them.
void h2_server_conn_pump(struct h2_server_conn *c);
// Tells the client that it floods, and ends the conn.
void h2_server_conn_calm(struct h2_server_conn *c);
