// h2_server_stream: one call on an HTTP/2 connection; private to the server's files.
//
// nghttp2's callbacks note here what came; handlers hear of it in h2_server_stream_visit(), outside
// of those callbacks. Of the request's body at most a window is kept (flow control); of the answer
// what one write left.
#pragma once

#include "http/h2_server_conn.h"
#include "http/server_call.h"

enum { H2_SERVER_STREAM_WINDOW = 256 * 1024 };

struct h2_server_stream {
    struct h2_server_conn *conn;
    struct link link;       // in conn->streams
    struct link ready_link; // in conn->ready
    struct timer timer; // bounds the wait for a piece of the body, or for the client to take one
    int32_t id;
    struct buf in;       // of the body, not taken yet
    struct buf out;      // of the answer: a length, then so many bytes, for each frame
    size_t out_left;     // of the piece that `out` begins with, where its length was read
    struct iovec *given; // of the answer, while a write is on the stack
    int given_count;     //
    str trailers;        // of the answer
    err failure;         // why the client gave it up
    uint16_t refusal;    // the status of an answer of the server's own
    bool is_new;         // its handler does not know it yet
    bool is_started;     // and counted
    bool has_ended;      // the client has sent its last byte
    bool is_last;        // the handler has given the last of the answer
    bool is_deferred;    // nghttp2 waits for more of the answer
    bool owes_drained;   // the handler was left congested
    bool is_closed;      // nghttp2 knows it no more
    struct server_call call;
};

struct h2_server_stream *h2_server_stream_new(struct h2_server_conn *c, int32_t id);
void h2_server_stream_free(struct h2_server_stream *st);
// Something happened that a visit tells.
void h2_server_stream_ready(struct h2_server_stream *st);
// Tells the handler what happened; frees a stream that is over. Outside of nghttp2's callbacks.
void h2_server_stream_visit(struct h2_server_stream *st);
// The call is gone for its handler, if that is not done with it.
void h2_server_stream_tell_gone(struct h2_server_stream *st, err why);

// The stream is given up; what is left of the answer does not go out any more.
void h2_server_stream_reset(struct h2_server_stream *st, uint32_t code);
// (Re)arms or stops the timer that bounds what the stream waits for.
void h2_server_stream_watch(struct h2_server_stream *st);
// So many bytes of the body need no place any more, so the client may send more.
void h2_server_stream_consume(struct h2_server_stream *st, size_t len);

// What nghttp2's callbacks need. The head is whole.
void h2_server_stream_begin(struct h2_server_stream *st, const struct h1_head *head);
// A piece of the body. ERR_LIMIT where the window was passed.
err h2_server_stream_receive(struct h2_server_stream *st, str bytes);
void h2_server_stream_end_body(struct h2_server_stream *st);
