// event_framing: where an event of a stream begins and ends, whatever carries it: server-sent
// events, or the frames of gRPC.
//
// Pure; what is found are views of the bytes.
#pragma once

#include "codec/sse.h"

enum event_framing { EVENT_FRAMING_SSE, EVENT_FRAMING_GRPC };

// The first whole event of `bytes`: its length with what frames it. ERR_AGAIN: a part of it is
// there; `*scanned`, 0 at first, is what needn't be looked at again. ERR_SYNTAX: it is none.
err event_framing_find(enum event_framing framing, str bytes, size_t *scanned, size_t *len);

// The data of one whole event; `join` is for those that came in several lines.
err event_framing_parse(enum event_framing framing, str event, struct buf *join,
                        struct sse_event *out);
