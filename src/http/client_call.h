// client_call: one request to an origin and its answer, from the caller's side; of HTTP/1.1 or
// HTTP/2, which look the same from here.
//
// Embedded in the caller's struct. After client_call_start() its events are called from the loop;
// the answer's body is pulled with client_call_next(). The call is over, and its memory the
// caller's again, after `failed`, after client_call_next() returned ERR_EOF or an error other than
// ERR_AGAIN, and after client_call_cancel(). Belongs to its client's loop.
#pragma once

#include "base/arena.h"
#include "codec/h1.h"
#include "http/client.h"
#include "http/client_trailers.h"

#include <sys/uio.h>

struct client_call;

struct client_call_events {
    // The answer's head is in call->head; client_call_next() may be called at once.
    void (*head)(struct client_call *call);
    // After client_call_next() said ERR_AGAIN: there may be more.
    void (*body)(struct client_call *call);
    // A streamed request: what was given has gone out.
    void (*drained)(struct client_call *call);
    // No whole head came. Nothing else is called after it.
    void (*failed)(struct client_call *call, err why);
};

// How the request goes out.
enum client_body {
    CLIENT_BODY_WHOLE,   // given at the start; its length stands in the head
    CLIENT_BODY_LENGTH,  // follows by client_call_send(); its length stands in the head
    CLIENT_BODY_CHUNKED, // follows by client_call_send(); the head says so
};

enum { CLIENT_BODY_PIECES_MAX = 33 };

struct client_request {
    str head;                 // request line, fields and blank line; lives until the answer's head
    const struct iovec *body; // with CLIENT_BODY_WHOLE, at most CLIENT_BODY_PIECES_MAX; the array
    int body_count;           // and what it points to live until is_request_done
    enum client_body framing;
    bool is_head_request; // HEAD: the answer has no body
    // May be sent again on another connection where a kept one turns out to have been closed
    // before a byte of the answer came (RFC 9112 section 9.3.1), or where HTTP/2 says that it was
    // not looked at. Only for CLIENT_BODY_WHOLE.
    bool is_repeatable;
    msec connect_ms; // for a new connection, TLS included
};

struct client_call {
    const struct client_call_events *events;
    struct client_origin *origin;
    struct client_conn *conn;        // NULL once over
    struct h2_client_stream *stream; // of HTTP/2, as soon as there is a connection
    struct link link;                // among those that wait for one
    struct client_request request;
    struct arena *arena; // for the answer's head
    struct h1_head head;
    struct h1_body body;
    struct client_trailers trailers; // what came behind the body; complete with ERR_EOF
    uint32_t reset_code; // of HTTP/2 (RFC 9113 section 7), where the answer was cut by a reset
    uint8_t repeat_count;
    usec sent_us; // when the request went out, or its head
    bool is_conn_reused;
    bool has_head;
    bool is_request_done;
};

// Starts; set `events`, `origin`, `request` and `arena` before, zero the rest.
void client_call_start(struct client_call *call);
// Gives up: the connection, or with HTTP/2 the stream, is closed unless the call is over. No event
// follows.
void client_call_cancel(struct client_call *call);

// The next piece of the answer's body, valid until the callback returns. ERR_EOF behind the last:
// the connection is kept for reuse where it can be. ERR_AGAIN: `body` will be called. ERR_CLOSED
// where the connection or stream ended inside the body, ERR_SYNTAX where its framing is broken.
err client_call_next(struct client_call *call, str *piece);

// More of a streamed request's body; with `is_last` the end of it. While congested, give no more
// until `drained`. A failure is told by `failed`.
void client_call_send(struct client_call *call, str piece, bool is_last);
bool client_call_is_congested(const struct client_call *call);
