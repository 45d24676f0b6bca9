// h2_client_stream: one call on an HTTP/2 connection; private to the client's files.
//
// A stream outlives its call until nghttp2 has forgotten it, and the connection as long as its call
// has not taken what came. The window grows again only as the caller takes, which is the
// back-pressure. Belongs to its client's loop.
#pragma once

#include "http/h2_client_conn.h"

struct h2_client_stream {
    struct h2_client_conn *h2;
    struct client_call *call; // NULL once it is over
    struct link link;         // in h2->streams
    struct link news_link;    // in h2->news, while there are any
    int32_t id;
    struct buf in;         // came and is not taken yet
    size_t lent;           // of it, handed out by the last h2_client_stream_next()
    struct buf out;        // of a streamed request, not sent yet
    size_t piece_sent;     // of request.body[piece]
    int piece;             // of a request given whole, the first that is not sent yet
    uint64_t heard_before; // h2->heard_bytes when it began
    uint32_t interim_count;
    err failure;       // why there will be no more of the answer; OK: nothing is wrong
    bool is_known;     // to nghttp2
    bool is_sent;      // its head
    bool is_conn_lost; // and its failure is that
    bool is_refused;   // unseen by the origin
    bool is_reset_by_peer;
    bool has_answer; // something of the answer came
    bool has_head;   // the final head is in the call
    bool is_ended;   // the answer is whole
    bool is_drained; // and the call does not know yet
    bool *was_freed; // by the visit under way
};

struct h2_client_batch;

// Sends `call` on `c`, which has room.
void h2_client_stream_start(struct client_conn *c, struct client_call *call, bool is_conn_reused);
// Tells the call of what has happened, by one event or two.
void h2_client_stream_visit(struct h2_client_stream *s);
// Takes the call off; it is over, or goes elsewhere. The stream is reset unless it is at its end.
struct client_call *h2_client_stream_detach(struct h2_client_stream *s);
void h2_client_stream_free(struct h2_client_stream *s);
// There is something to visit it for.
void h2_client_stream_note(struct h2_client_stream *s);

// More of the answer's body came. ERR_LIMIT where that is more than may wait.
err h2_client_stream_hear(struct h2_client_stream *s, str bytes);
// How many bytes of the request could be sent, and whether they are its last.
size_t h2_client_stream_unsent(const struct h2_client_stream *s, bool *is_last);
// Adds the next `len` of them to what is sent.
void h2_client_stream_give(struct h2_client_stream *s, size_t len, struct h2_client_batch *batch);

// What client_call.h says of its namesakes.
err h2_client_stream_next(struct client_call *call, str *piece);
void h2_client_stream_send(struct client_call *call, str piece, bool is_last);
