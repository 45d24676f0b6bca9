// relay: the events of an upstream's stream, on their way to a client.
//
// Whole events pass as they came; a part of one is held until the rest arrives, as no client can
// use it sooner and a cut could not be told cleanly behind it. Each event is read to know whether
// the answer is complete, so that a stream that ends too early is never passed on as a whole one.
// Pure; belongs to its exchange.
#pragma once

#include "base/buf.h"
#include "provider/openai.h"

struct relay {
    struct openai_stream stream;
    struct buf hold; // the part of an event that came
    struct buf join; // for events of several data lines
    size_t scanned;  // of what is held
    size_t ready;    // bytes at the front of `hold` that were handed out
    size_t event_bytes_max;
};

// Events may be of `event_bytes_max` bytes.
void relay_init(struct relay *r, enum openai_stream_kind kind, size_t event_bytes_max);
void relay_done(struct relay *r);

// Takes the next piece of the stream. In `*forward` what may be sent on now, maybe nothing: a view
// of the piece or of what is held, valid until the next call. ERR_SYNTAX: the event behind
// `*forward` is malformed; ERR_LIMIT: it is too large. Either ends the relay.
err relay_take(struct relay *r, str piece, str *forward);

// The upstream's stream has ended. OK: the answer is complete; `*tail` is what is still to be
// sent, maybe nothing. ERR_CLOSED: it was cut.
err relay_end(struct relay *r, str *tail);
