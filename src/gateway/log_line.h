// log_line: a line of the access log while it is written: one object of JSON a request, whoever
// answered it.
//
// The line is the gateway's `log_line`, so one is written at a time. Keys come with their
// punctuation, so that each costs one copy: ",\"status\":". A line that does not fit loses its
// beginning and is not logged; what it would have told is in the counters.
#pragma once

#include "gateway/gateway.h"
#include "http/server_call.h"

// Begins with what all requests have: the time, the id, the client and its TLS. False where no log
// is wanted.
bool log_line_begin(struct gateway *g, const struct server_call *call, str id, usec ended_us);
void log_line_put(struct buf *out, str text);
// Nothing for an empty value.
void log_line_put_str(struct buf *out, str key, str value);
void log_line_put_u64(struct buf *out, str key, uint64_t value);
// What went either way.
void log_line_put_bytes(struct buf *out, const struct server_call *call);
// The line is whole.
void log_line_end(struct gateway *g);
