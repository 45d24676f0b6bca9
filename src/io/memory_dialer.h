// memory_dialer: a dialer whose connections are memory streams, for tests.
//
// The test sets `accepted`, which is given the far end of each connection and owns it. How a dial
// fares may be changed between dials. Streams are plain, whatever target->tls says. Belongs to one
// loop, mostly one on virtual time.
#pragma once

#include "io/dial.h"
#include "io/memory_stream.h"

enum memory_dialer_mood {
    MEMORY_DIALER_ACCEPTS,
    MEMORY_DIALER_REFUSES,  // ERR_REFUSED
    MEMORY_DIALER_IS_SILENT // no answer until the deadline
};

struct memory_dialer {
    struct dialer dialer; // what dial_start() takes
    void (*accepted)(struct memory_dialer *m, const struct dial_target *target, struct stream *s);
    struct memory_stream_options options;
    enum memory_dialer_mood mood;
    msec delay;        // before the answer
    size_t dial_count; // of all dials so far
    size_t live_count; // of those not answered yet
};

void memory_dialer_init(struct memory_dialer *m);
