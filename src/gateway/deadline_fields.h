// deadline_fields: how long a client waits, as its header fields say, and what is said of it to the
// next hop.
//
// Official SDKs tell their own timeouts with every request, each in a way of its own:
//   x-stainless-timeout       seconds until the answer's head (JavaScript: its timer stops there,
//                             so a stream that has begun may go on)
//   x-stainless-read-timeout  seconds of silence, before the head and within the body (Python)
//   x-server-timeout          seconds for the whole (Gemini)
//   grpc-timeout              at most eight digits and a unit, for the whole (gRPC over HTTP/2)
//   x-sluice-deadline-ms      milliseconds for the whole
// A field that can't be read counts as absent: a stray one must not fail a request. Pure.
#pragma once

#include "base/buf.h"
#include "base/time.h"
#include "codec/h1.h"

// From the head's arrival; TIME_NEVER where the client said nothing.
struct deadline_fields {
    msec whole_ms; // to the end of the answer
    msec start_ms; // to its beginning
    msec idle_ms;  // between two signs of life
};

void deadline_fields_read(const struct h1_head *head, struct deadline_fields *out);

// What is left of a request's time.
struct deadline_left {
    msec whole_ms;
    msec start_ms; // TIME_NEVER: no bound of its own
};

// Appends the field `name`, one of the above, with what is left of its time in its own unit and
// spelling; "\r\n" behind it. What is not known, or not longer, stays as it was sent.
err deadline_fields_write(struct buf *out, str name, str value, struct deadline_left left);
