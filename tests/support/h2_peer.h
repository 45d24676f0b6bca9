// h2_peer: one end of an HTTP/2 connection in memory that says any frame it is told, right or
// wrong, and tells in words what it hears.
//
// Blocks of fields are encoded and decoded with nghttp2's HPACK; all else is bytes. What is heard
// is one line a frame: "SETTINGS 3=100", "HEADERS 1 END :status=200", "DATA 1 END hello",
// "RST_STREAM 1 CANCEL", "GOAWAY 3 NO_ERROR", "PING ack 12345678", "WINDOW_UPDATE 0 5". Belongs to
// one loop.
#pragma once

#include "support/fake_client.h"

#include <nghttp2/nghttp2.h>

enum { H2_PEER_END_STREAM = 1, H2_PEER_END_HEADERS = 4, H2_PEER_ACK = 1 };

struct h2_peer {
    struct fake_client client;
    nghttp2_hd_deflater *deflater;
    nghttp2_hd_inflater *inflater;
    struct buf told; // the lines
    struct buf text; // of the header block that is arriving
    struct buf body; // what DATA frames held, joined
    size_t frames;   // heard
};

// Connects; the far end is the caller's to serve.
struct stream *h2_peer_connect(struct h2_peer *p, struct loop *loop,
                               struct memory_stream_options options);
void h2_peer_done(struct h2_peer *p);

void h2_peer_say(struct h2_peer *p, str bytes);
// The preface and empty settings.
void h2_peer_begin(struct h2_peer *p);
void h2_peer_frame(struct h2_peer *p, unsigned type, unsigned flags, uint32_t id, str payload);
// A frame whose head announces `len` bytes, whatever follows it.
void h2_peer_frame_head(struct h2_peer *p, unsigned type, unsigned flags, uint32_t id, size_t len);
// Fields written as "name: value|", encoded to `out`, of `size` bytes; returns the length.
size_t h2_peer_encode(struct h2_peer *p, str fields, char *out, size_t size);
// A whole block in one HEADERS frame.
void h2_peer_headers(struct h2_peer *p, unsigned flags, uint32_t id, str fields);
// A number of four bytes as a frame's payload: WINDOW_UPDATE and RST_STREAM.
void h2_peer_number(struct h2_peer *p, unsigned type, uint32_t id, uint32_t number);

// The lines of what has been heard since h2_peer_forget(); valid until more is heard.
str h2_peer_told(struct h2_peer *p);
void h2_peer_forget(struct h2_peer *p);
