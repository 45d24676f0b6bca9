// fake_upstream: an origin in memory: takes connections from a memory dialer and answers with the
// bytes a test gives it.
//
// A request is whole when its body is, by its Content-Length or its last chunk; `requested` is
// called then, or the script said. Conns are kept until fake_upstream_done(), so that a test may
// ask how they ended. Belongs to one loop, mostly one on virtual time.
#pragma once

#include "base/buf.h"
#include "io/memory_dialer.h"

enum fake_upstream_end {
    FAKE_UPSTREAM_STAYS, // keeps the conn open behind the script
    FAKE_UPSTREAM_ENDS,  // closes it in order
    FAKE_UPSTREAM_ABORTS,
};

struct fake_upstream;

struct fake_upstream_conn {
    struct stream_user user;
    struct link link; // in upstream->conns
    struct fake_upstream *upstream;
    struct stream *stream;         // NULL once closed, by either side
    struct buf seen;               // the bytes of the request under way
    struct buf out;                // to say as soon as it fits
    err end;                       // how the peer ended; OK while it hasn't
    enum fake_upstream_end ending; // once `out` is empty
    size_t request_count;
    bool is_deaf;
};

struct fake_upstream {
    struct memory_dialer dialer;
    struct loop *loop;
    struct link conns; // newest last
    size_t conn_count; // so far
    size_t open_count;
    size_t request_count;
    struct buf request; // the newest whole one, as it came
    str script;         // said after every whole request; nothing where empty
    enum fake_upstream_end ending;
    bool is_deaf; // new conns are
    // Called after every whole request instead; conn->seen is the request.
    void (*requested)(struct fake_upstream *u, struct fake_upstream_conn *c);
    // Bytes of a conn; larger where tests put it at the front of a struct of their own.
    size_t conn_size;
};

void fake_upstream_init(struct fake_upstream *u, struct loop *loop);
void fake_upstream_done(struct fake_upstream *u);

// The newest conn; NULL before the first.
struct fake_upstream_conn *fake_upstream_conn(struct fake_upstream *u);
void fake_upstream_say(struct fake_upstream_conn *c, str text);
// Ends the conn when all has been said.
void fake_upstream_end(struct fake_upstream_conn *c, enum fake_upstream_end how);
// Hears again.
void fake_upstream_listen(struct fake_upstream_conn *c);
