// fake_h2: an origin in memory that speaks HTTP/2: takes connections from a memory dialer and does
// to their streams what a test says.
//
// A request is told by `requested` when it is whole, or answered by `script`. Conns and streams are
// kept until fake_h2_done(), so that a test may ask how they ended. Belongs to one loop, mostly one
// on virtual time.
#pragma once

#include "base/buf.h"
#include "io/memory_dialer.h"

#include <nghttp2/nghttp2.h>

struct fake_h2;

struct fake_h2_conn {
    struct stream_user user;
    struct link link; // in fake->conns
    struct link streams;
    struct fake_h2 *fake;
    struct stream *stream; // NULL once closed, by either side
    nghttp2_session *session;
    struct buf out;       // to say as soon as it fits
    err end;              // how the peer ended; OK while it hasn't
    uint32_t goaway_code; // of the peer's
    size_t stream_count;  // so far
    size_t open_count;
    size_t open_most;
    size_t ping_count;
    size_t write_count; // reads that brought something
    bool has_goaway;
    bool is_deaf;
};

struct fake_h2_stream {
    struct link link; // in conn->streams
    struct fake_h2_conn *conn;
    int32_t id;
    struct buf head; // "name: value\n" each
    struct buf body;
    struct buf out; // to say as the peer's window allows
    str trailers;   // behind it; they outlive the stream
    uint32_t reset_code;
    bool is_whole;
    bool is_closed;
    bool ends; // after `out`
};

struct fake_h2 {
    struct memory_dialer dialer;
    struct loop *loop;
    struct link conns; // newest last
    size_t conn_count;
    size_t open_count;
    size_t request_count;
    nghttp2_settings_entry settings[4];
    size_t settings_count;
    str script;     // the body of every answer; nothing is said where `requested` is set
    bool is_silent; // new conns say nothing, not even their settings, and hear nothing
    bool is_slow;   // windows are not given back
    void (*requested)(struct fake_h2 *f, struct fake_h2_stream *s);
};

void fake_h2_init(struct fake_h2 *f, struct loop *loop);
void fake_h2_done(struct fake_h2 *f);

// The newest of each; NULL before the first.
struct fake_h2_conn *fake_h2_conn(struct fake_h2 *f);
struct fake_h2_stream *fake_h2_stream(struct fake_h2 *f);

// Begins an answer, or sends an interim one: `fields` as "name: value\r\n" each.
void fake_h2_head(struct fake_h2_stream *s, const char *status, str fields, bool is_last);
void fake_h2_say(struct fake_h2_stream *s, str text, bool is_last);
// Ends it behind what was said; `fields` outlive the stream.
void fake_h2_end(struct fake_h2_stream *s, str fields);
void fake_h2_reset(struct fake_h2_stream *s, uint32_t code);

void fake_h2_goaway(struct fake_h2_conn *c, int32_t last_id, uint32_t code);
void fake_h2_set(struct fake_h2_conn *c, int32_t id, uint32_t value);
// Bytes outside of what the session knows of.
void fake_h2_raw(struct fake_h2_conn *c, str bytes);
void fake_h2_close(struct fake_h2_conn *c, enum stream_end how);
