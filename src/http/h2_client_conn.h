// h2_client_conn: what an HTTP/2 connection to an origin has beside its client_conn (RFC 9113);
// private to the client's files.
//
// Calls share it, a *stream* each (h2_client_stream.h). It reads as long as something comes, for
// what a caller does not take waits in its stream, up to the stream's window. All that is to be
// sent leaves at the end of the loop's turn, in one write where it fits. nghttp2's session is never
// freed inside one of its callbacks: these take notes and list the streams that have news, and
// h2_client_conn.c acts on them. A connection with calls that has long been silent is asked for a
// sign of life. Belongs to its client's loop.
#pragma once

#include "codec/h2_head.h"
#include "http/client_conn.h"

enum {
    H2_CLIENT_CONN_WINDOW = 256 * 1024,    // bytes of one stream that may wait for its caller
    H2_CLIENT_CONN_SILENT_MS = 15'000,     // until a ping; longer after each that was answered
    H2_CLIENT_CONN_ANSWER_MS = 10'000,     // to a ping
    H2_CLIENT_CONN_CONTROL_MAX = 1000,     // frames at once that bring no call further
    H2_CLIENT_CONN_CONTROL_A_SECOND = 50,  // of them, in the long run
    H2_CLIENT_CONN_CONTINUATIONS_MAX = 16, // frames behind the first of one header block
};

struct h2_client_stream;
struct h2_client_batch;

struct h2_client_conn {
    struct client_conn *conn;
    nghttp2_session *session;             // NULL once lost
    struct link streams;                  // those with a call, and those nghttp2 still knows
    struct link news;                     // those to visit
    uint32_t open_count;                  // streams nghttp2 knows
    uint32_t sent_count;                  // of them, that the peer has heard of
    uint32_t stream_bound;                // of those, by both sides' settings
    uint32_t stream_max;                  // what it has borne lately; never above
    struct h2_head head;                  // the header block that is coming
    struct h2_client_stream *head_stream; // whose it is; NULL: nobody's
    struct h2_client_batch *batch;        // while one is being filled
    uint64_t heard_bytes;                 // so far
    msec heard_at;
    msec silent_ms; // that are borne before the next ping
    size_t unsent;  // when the ping was sent
    uint32_t control_left;
    msec control_at; // when that was last filled up
    uint32_t continuation_count;
    err failure; // why nghttp2 ended the session, or was told to
    bool cannot_send;
    bool is_pinged;
    bool is_idle; // without a stream, and counted as such
};

// Makes `c`, just dialed, one of HTTP/2.
void h2_client_conn_open(struct client_conn *c);
bool h2_client_conn_has_room(const struct client_conn *c);
// Goes on with it at the end of this turn: to send, and to look after its streams.
void h2_client_conn_wake(struct client_conn *c);
// One more stream begins.
void h2_client_conn_leave_idle(struct client_conn *c);
// An answer has come further: silence counts from here again.
void h2_client_conn_note_progress(struct client_conn *c);
// Takes no more calls; goes when those it has are over.
void h2_client_conn_leave(struct client_conn *c);
// Tells its calls that their origin closes.
void h2_client_conn_abandon(struct client_conn *c);
// Says goodbye and frees what is its own. No stream may have a call.
void h2_client_conn_close(struct client_conn *c);
