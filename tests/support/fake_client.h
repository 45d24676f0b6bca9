// fake_client: one end of a connection in memory, for tests of what serves the other.
//
// Says what it is told as the stream takes it, and keeps what it hears. With `is_deaf` it stops
// reading. Belongs to one loop, mostly one on virtual time.
#pragma once

#include "base/buf.h"
#include "io/memory_stream.h"

struct fake_client {
    struct stream_user user;
    struct stream *stream; // NULL once left
    struct buf seen;
    struct buf out; // to say as soon as it fits
    err end;        // of what the peer said; OK before
    bool is_deaf;
};

// Connects; the far end of the stream is the caller's to serve.
struct stream *fake_client_connect(struct fake_client *c, struct loop *loop,
                                   struct memory_stream_options options);
void fake_client_say(struct fake_client *c, str text);
// Hears again.
void fake_client_listen(struct fake_client *c);
// Closes its end. Harmless when done already.
void fake_client_leave(struct fake_client *c, enum stream_end how);
// Leaves and frees what was kept.
void fake_client_done(struct fake_client *c);
