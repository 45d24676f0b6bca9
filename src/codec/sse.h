// sse: server-sent events (WHATWG HTML, section "Server-sent events"), as bytes.
//
// A stream is cut into events, each ending with its blank line; lines end with LF, CR or CRLF, at
// will. Events are views, so a relay forwards them as they came. A byte order mark at the start of
// the stream belongs to the first event's bytes and not to its meaning.
// Pure: no I/O, no clock, no allocation but in the buf that joins data lines.
#pragma once

#include "base/buf.h"
#include "base/err.h"

// Looks for the end of the first event in `bytes`, which begin with it. `*scanned` carries on
// from call to call, 0 for a new event. OK: `*len` bytes are the event, its blank line included.
// ERR_AGAIN: more is needed; the bytes so far must come again with more behind them.
// A CR that ends the bytes ends the line; an LF that follows it in the next event's bytes is the
// rest of that line ending and is tolerated at the start of an event. Events of blank lines alone
// have no data; whether there are any may depend on how the stream was split, all else does not.
err sse_find_event(str bytes, size_t *scanned, size_t *len);

struct sse_event {
    str type; // of "event:", empty where there is none
    str data; // the "data:" lines, joined by LF
    str id;
    bool has_data; // false for comments alone
    bool has_retry;
    uint64_t retry_ms;
};

// Reads one event cut by sse_find_event(), or a last one that lacks its blank line. One data line
// is a view of `event`; several are joined in `join`, which is cleared first; ERR_LIMIT where they
// don't fit. A byte order mark is skipped at the start of any event, as none knows to be the first.
err sse_parse_event(str event, struct buf *join, struct sse_event *out);
