// server_call: one request and its answer, from the handler's side.
//
// The handler gets it when the head is complete, sets `user` and pulls the body; it answers with
// one server_call_respond() and any number of server_call_write(), the last of which ends the
// call: nothing is called any more, and its memory goes when the callback returns to the loop.
// After an abort, or `gone`, it goes at once. What lives as long as the call comes from its arena.
// Belongs to its server's loop.
#pragma once

#include "base/arena.h"
#include "codec/h1.h"
#include "http/server.h"

#include <stdalign.h>
#include <stddef.h>
#include <sys/uio.h>

struct server_call_user;

struct server_call_events {
    // After server_call_next() said ERR_AGAIN: there may be more of the body.
    void (*body)(struct server_call_user *user);
    // After a write left the call congested: everything has gone out.
    void (*drained)(struct server_call_user *user);
    // The client has gone, or was too slow: the call is over.
    void (*gone)(struct server_call_user *user, err why);
};

// Embedded in the handler's own struct for a call.
struct server_call_user {
    const struct server_call_events *events;
};

enum { SERVER_CALL_ROOM = 3072 };

struct server_call {
    struct arena arena;            // begins in `room`
    struct h1_head head;           // in the arena
    struct server_call_user *user; // NULL once over
    struct server_conn *conn;
    struct h1_body body;
    usec started_us;         // when the head was complete
    uint64_t received_bytes; // of the body
    uint64_t sent_bytes;     // of the answer, head and framing included
    unsigned status;         // of the answer; 0 before
    bool is_chunked;         // the answer
    bool has_no_body;        // the answer: to HEAD, 204, 304
    bool owes_continue;      // "100 Continue" before the body is read
    bool awaits_body;        // the handler has taken all that came
    alignas(max_align_t) char room[SERVER_CALL_ROOM];
};

// The next piece of the request's body, valid until the callback returns. ERR_EOF behind the last;
// ERR_AGAIN: `body` will be called. ERR_SYNTAX and ERR_LIMIT: the framing is broken; answer and
// finish. ERR_CLOSED: `gone` follows.
err server_call_next(struct server_call *call, str *piece);

// The same, copied to the `size` bytes at `room`; of a body with a Content-Length straight from
// the stream. OK with *len > 0.
err server_call_read(struct server_call *call, char *room, size_t size, size_t *len);

struct server_answer {
    unsigned status;
    str fields; // "name: value\r\n" each; framing and Connection are added
    bool has_length;
    uint64_t length; // of the body, even where none is sent (HEAD, 304); without one it is chunked,
                     // or ends with the conn
};

// Starts the answer, with the first part of its body, in one write. With `is_last` that is all.
void server_call_respond(struct server_call *call, const struct server_answer *answer,
                         const struct iovec *body, int count, bool is_last);
void server_call_write(struct server_call *call, const struct iovec *body, int count, bool is_last);
// Resets the conn, so that the client can't take what it has for the whole.
void server_call_abort(struct server_call *call);

// For servers that test clients: what a correct one never does.
// Sends bytes outside of any framing: interim answers, half a chunk.
void server_call_write_raw(struct server_call *call, const struct iovec *bytes, int count);
// Ends the call where it is: what was written goes out, then the conn is closed (FIN) without
// anything that would say that the body is whole. server_call_abort() is the other way.
void server_call_end_early(struct server_call *call);
// The conn is closed, unannounced, when it rests for `idle` after this answer.
void server_call_limit_idle(struct server_call *call, msec idle);

// Something is still to go out: write no more until `drained`.
bool server_call_is_congested(const struct server_call *call);
bool server_call_body_is_done(const struct server_call *call);
struct address server_call_peer(const struct server_call *call);
