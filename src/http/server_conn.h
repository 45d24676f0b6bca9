// server_conn: one client's connection of HTTP/1.1, or one of which that is not known yet; private
// to the server's files.
//
//     IDLE --> HEAD --> CALL --> FLUSH --> IDLE (kept alive)
//                |                 |
//                +---> FLUSH ------+-----> LINGER --> closed
//
// From HEAD it may become an h2_server_conn, which takes over all but this struct.
//
// IDLE waits for a first byte, HEAD for the rest of a head; in CALL the handler is in charge; FLUSH
// sends what is left of an answer. LINGER reads and drops what a client still sends, for a moment,
// because closing with unread bytes would reset the connection and take the answer with it.
#pragma once

#include "http/server_call.h"
#include "http/wire.h"

enum server_conn_step {
    SERVER_CONN_IDLE,
    SERVER_CONN_HEAD,
    SERVER_CONN_CALL,
    SERVER_CONN_FLUSH,
    SERVER_CONN_LINGER,
};

struct server_conn {
    struct stream_user user;
    struct wire wire;
    struct server *server;
    struct server_call *call; // in CALL, and until FLUSH begins
    struct link link;         // in server->conns
    struct task tick;
    struct timer timer; // what it means depends on the step
    msec idle_ms;       // the server's, unless a call has limited it
    int step;
    uint32_t head_scanned;
    uint32_t linger_bytes;
    size_t unsent; // when the wait for a client that takes nothing began
    bool is_persistent;
    bool is_visited; // a tick is on the stack
};

// The conn is counted already.
void server_conn_open(struct server *s, struct stream *stream);
// A conn that is answered by the server at once, whatever it sends, and then closed.
void server_conn_refuse(struct server *s, struct stream *stream, unsigned status, const char *what);
// Frees the conn; a call on it is told that it is gone.
void server_conn_close(struct server_conn *c, enum stream_end how, err why);
// Goes on with the conn in this turn of the loop.
void server_conn_wake(struct server_conn *c);
// Goes on with it in the next turn, after the others.
void server_conn_yield(struct server_conn *c);
// The handler is done with the call.
void server_conn_end_call(struct server_conn *c);
// (Re)arms or stops the timer that bounds what the conn waits for in a call.
void server_conn_watch_call(struct server_conn *c);
