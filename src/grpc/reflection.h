// reflection: answers grpc.reflection.v1, bytes in and bytes out, from the pools of what is served.
//
// The one method is a stream of questions, each answered by one response in the same order; nothing
// is remembered between them. A file comes with all that it imports, so that a client needs to ask
// once. What can't be answered is an ErrorResponse, and the stream goes on. Pure.
#pragma once

#include "base/buf.h"
#include "grpc/descriptor.h"

struct reflection {
    const struct descriptor_pool *const *pools; // what the first knows, it answers
    size_t pool_count;
};

// Appends the ServerReflectionResponse to a request. ERR_SYNTAX: the request is none; ERR_LIMIT as
// of `out`. The arena holds what the answer needs meanwhile.
err reflection_answer(const struct reflection *r, str request, struct arena *arena,
                      struct buf *out);
