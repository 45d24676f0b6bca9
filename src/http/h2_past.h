// h2_past: what became of a client's latest streams on one HTTP/2 connection, for frames that come
// too late.
//
// nghttp2 overlooks frames of streams that it has forgotten. RFC 9113 wants them overlooked only
// where this side has reset the stream, so that the client may not know yet. The last 64 streams
// are remembered, two bits each; of older ones frames are overlooked. Pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct h2_past {
    int32_t last;    // the highest stream that was opened
    uint64_t opened; // bit 0 is `last`, bit n the stream 2n below it
    uint64_t reset;  // by this side
};

enum h2_past_verdict {
    H2_PAST_FINE,
    H2_PAST_CLOSED, // the stream was there and is over
    H2_PAST_UNUSED, // a higher one was opened instead
};

// A stream of an odd number begins, if it is higher than the others.
void h2_past_open(struct h2_past *p, int32_t id);
void h2_past_reset(struct h2_past *p, int32_t id);
// Of a stream that is not open: what a frame means that may only come on one that is.
enum h2_past_verdict h2_past_judge(const struct h2_past *p, int32_t id);
