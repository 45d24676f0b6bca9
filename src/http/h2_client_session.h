// h2_client_session: between an HTTP/2 connection and nghttp2; private to the client's files.
//
// What a rude origin may make us do is bounded here: frames that bring no call further, the frames
// of a header block, the size of a head, interim answers, bytes ahead of the window. Pushes are
// refused. Belongs to its client's loop.
#pragma once

#include "http/h2_client_stream.h"

enum { H2_CLIENT_BATCH_PIECES = 64 };

// What leaves in one write: frames copied to `room`, and payload where its owner keeps it.
struct h2_client_batch {
    struct iovec iov[H2_CLIENT_BATCH_PIECES];
    int count;
    size_t len;
    char *room;
    size_t room_used;
    bool is_full;
};

// A session that has its preface and settings to send.
void h2_client_session_open(struct h2_client_conn *h);
// Reads what came. An error is final.
err h2_client_session_read(struct h2_client_conn *h, const char *bytes, size_t len);
// Fills an empty batch with what may be sent now; nothing where there is none. `room` has
// LOOP_SCRATCH_BYTES and holds the frames until the batch is written.
err h2_client_session_fill(struct h2_client_conn *h, struct h2_client_batch *batch, char *room);
void h2_client_session_add(struct h2_client_batch *batch, str piece);
// Begins the request of s->call; it leaves with the next batch.
err h2_client_session_submit(struct h2_client_stream *s);
