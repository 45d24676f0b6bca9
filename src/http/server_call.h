// server_call: one request and its answer, from the handler's side, the same for HTTP/1.1 and
// HTTP/2.
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
    // After the call was congested: everything has gone out.
    void (*drained)(struct server_call_user *user);
    // The client has gone, or was too slow: the call is over.
    void (*gone)(struct server_call_user *user, err why);
};

// Embedded in the handler's own struct for a call.
struct server_call_user {
    const struct server_call_events *events;
};

struct server_answer {
    unsigned status;
    str fields; // "name: value\r\n" each; framing and Connection are added
    bool has_length;
    uint64_t length; // of the body, even where none is sent (HEAD, 304); without one its end tells
};

// What the functions below do, by protocol.
struct server_call_ops {
    err (*next)(struct server_call *call, str *piece);
    err (*read)(struct server_call *call, char *room, size_t size, size_t *len);
    void (*inform)(struct server_call *call, unsigned status, str fields);
    void (*respond)(struct server_call *call, const struct server_answer *answer,
                    const struct iovec *body, int count, bool is_last);
    void (*write)(struct server_call *call, const struct iovec *body, int count, bool is_last);
    void (*finish)(struct server_call *call, str trailers);
    void (*abort)(struct server_call *call);
    void (*write_raw)(struct server_call *call, const struct iovec *bytes, int count);
    void (*end_early)(struct server_call *call);
    void (*limit_idle)(struct server_call *call, msec idle);
    bool (*is_congested)(const struct server_call *call);
    struct stream *(*stream)(const struct server_call *call);
    bool is_framed;
};

enum { SERVER_CALL_ROOM = 3072, SERVER_CALL_PIECES_MAX = 7 };

struct server_call {
    const struct server_call_ops *ops;
    struct arena arena;            // begins in `room`
    struct h1_head head;           // in the arena
    struct server_call_user *user; // NULL once over
    struct server_conn *conn;      // HTTP/1.1 only
    struct h1_body body;           // HTTP/2: `is_done` alone counts
    struct h1_field *trailers;     // of the request, behind its body; HTTP/2 only
    size_t trailer_count;
    usec started_us;         // when the head was complete
    uint64_t received_bytes; // of the body
    uint64_t sent_bytes;     // of the answer, head and framing included
    unsigned status;         // of the answer; 0 before
    bool is_chunked;         // the answer; HTTP/1.1 only
    bool has_no_body;        // the answer: to HEAD, 204, 304
    bool owes_continue;      // "100 Continue" before the body is read
    bool awaits_body;        // the handler has taken all that came
    bool is_patient;         // set by the handler: it bounds the time of the request's body itself
    alignas(max_align_t) char room[SERVER_CALL_ROOM];
};

// The next piece of the request's body, valid until the callback returns. ERR_EOF behind the last;
// ERR_AGAIN: `body` will be called. ERR_SYNTAX and ERR_LIMIT: the framing is broken; answer and
// finish. ERR_CLOSED: `gone` follows.
static inline err server_call_next(struct server_call *call, str *piece)
{
    return call->ops->next(call, piece);
}

// The same, copied to the `size` bytes at `room`; of a body with a Content-Length straight from
// the stream, where that is HTTP/1.1. OK with *len > 0.
static inline err server_call_read(struct server_call *call, char *room, size_t size, size_t *len)
{
    return call->ops->read(call, room, size, len);
}

static inline bool server_call_body_is_done(const struct server_call *call)
{
    return call->body.is_done;
}

// An interim answer (1xx), before the answer; any number of them.
static inline void server_call_inform(struct server_call *call, unsigned status, str fields)
{
    call->ops->inform(call, status, fields);
}

// Starts the answer, with the first part of its body, in one write. With `is_last` that is all.
// In HTTP/2 each entry of `body` that isn't empty begins a DATA frame, so a caller who gives one
// event an entry sends one event a frame; in an answer without a body the head ends the stream.
// At most SERVER_CALL_PIECES_MAX entries, here and below.
static inline void server_call_respond(struct server_call *call, const struct server_answer *answer,
                                       const struct iovec *body, int count, bool is_last)
{
    call->ops->respond(call, answer, body, count, is_last);
}

static inline void server_call_write(struct server_call *call, const struct iovec *body, int count,
                                     bool is_last)
{
    call->ops->write(call, body, count, is_last);
}

// Ends an answer that has begun with trailers, "name: value\r\n" each. In HTTP/1.1 they go where
// the answer is chunked; elsewhere there is no room for them and they are dropped.
static inline void server_call_finish(struct server_call *call, str trailers)
{
    call->ops->finish(call, trailers);
}

// Resets the call, so that the client can't take what it has for the whole: in HTTP/1.1 with its
// conn.
static inline void server_call_abort(struct server_call *call)
{
    call->ops->abort(call);
}

// For servers that test clients: what a correct one never does.
// Sends bytes outside of any framing, such as half a chunk; nothing in HTTP/2.
static inline void server_call_write_raw(struct server_call *call, const struct iovec *bytes,
                                         int count)
{
    call->ops->write_raw(call, bytes, count);
}

// Ends the call where it is: what was written goes out, then the conn is closed (FIN) without
// anything that would say that the body is whole. In HTTP/2 the stream is reset without an error,
// which some clients take for an end. server_call_abort() is the other way.
static inline void server_call_end_early(struct server_call *call)
{
    call->ops->end_early(call);
}

// The conn is closed, unannounced in HTTP/1.1, when it rests for `idle` after this answer.
static inline void server_call_limit_idle(struct server_call *call, msec idle)
{
    call->ops->limit_idle(call, idle);
}

// Something is still to go out: write no more until `drained`.
static inline bool server_call_is_congested(const struct server_call *call)
{
    return call->ops->is_congested(call);
}

// Whether each entry of a write begins a frame, so that they are worth keeping apart.
static inline bool server_call_is_framed(const struct server_call *call)
{
    return call->ops->is_framed;
}

static inline struct address server_call_peer(const struct server_call *call)
{
    return call->ops->stream(call)->peer;
}

// What protects the client's connection.
static inline void server_call_secured(const struct server_call *call,
                                       struct stream_security *security)
{
    stream_secured(call->ops->stream(call), security);
}
