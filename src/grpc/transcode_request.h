// transcode_request: an HTTP request as the message of a gRPC call (google.api.http).
//
// Three things make the message: the body, the query and what the path captured. Each is written
// behind the one before, which is how protobuf merges, so that a field that the path binds has the
// path's value whatever the body says; messages within it are joined, for readers that don't merge.
// A query holds fields that neither path nor body do, by names like "book.title"; it may hold
// scalars, enums, wrappers, timestamps, durations and field masks, repeated ones too, but no maps
// and no other messages. google.api.HttpBody, where it is the message or the body's field, takes
// any body as it is. Pure: no allocation but in the arena and the buf.
#pragma once

#include "base/buf.h"
#include "grpc/status.h"
#include "grpc/transcode_routes.h"

enum { TRANSCODE_REQUEST_PARAMETERS_MAX = 512 };

struct transcode_request {
    const struct transcode_found *found;
    str query;               // as sent, without its "?"
    str content_type;        // of the body; google.api.HttpBody keeps it
    str body;                // all of it
    bool ignores_unknown;    // members of the body that are no fields
    bool ignores_parameters; // parameters of the query that are no fields, or not theirs to set
};

// Appends the message. Else `*why` is the status to answer with, whose message says which field or
// parameter is wrong and why: ERR_UNSUPPORTED (UNIMPLEMENTED) for a method that takes a stream of
// messages, any other err INVALID_ARGUMENT. What was written is then worthless.
err transcode_request(const struct transcode_request *r, struct arena *arena, struct buf *out,
                      struct status *why);

// Whether a message is google.api.HttpBody; NULL is none.
bool transcode_request_is_raw(const struct descriptor_message *m);
