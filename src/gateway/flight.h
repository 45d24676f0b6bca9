// flight: the last things that happened to a request, for the log line of one that failed.
//
// A small ring, written without a thought and read only where something went wrong. Belongs to its
// exchange.
#pragma once

#include "base/buf.h"
#include "base/time.h"

enum { FLIGHT_MAX = 24 };

enum flight_event {
    FLIGHT_ROUTED,   // its model was found
    FLIGHT_WAIT,     // value: milliseconds it means to wait
    FLIGHT_SENT,     // value: the attempt, from 1
    FLIGHT_HEAD,     // value: the status
    FLIGHT_TOKEN,    // the first that says something
    FLIGHT_FAILED,   // value: enum failure
    FLIGHT_REPLAY,   // the answer is told again
    FLIGHT_CONTINUE, // the answer is asked to be gone on with
    FLIGHT_SPLICED,  // another stream goes on with the answer
    FLIGHT_DEADLINE,
    FLIGHT_GONE, // the client
    FLIGHT_EVENTS,
};

struct flight_entry {
    usec at;
    uint32_t value;
    uint8_t event;
};

struct flight {
    struct flight_entry entries[FLIGHT_MAX];
    uint32_t count; // so far; the newest FLIGHT_MAX are there
};

static inline void flight_note(struct flight *f, usec at, enum flight_event event, uint32_t value)
{
    f->entries[f->count++ % FLIGHT_MAX] =
        (struct flight_entry){.at = at, .value = value, .event = (uint8_t)event};
}

// Appends it as a JSON array of [milliseconds since `start`, what, value]. ERR_LIMIT.
err flight_write(const struct flight *f, usec start, struct buf *out);
