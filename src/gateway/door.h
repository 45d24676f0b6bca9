// door: how a client came in, where that is not a vendor's API over HTTP: by gRPC, or by the REST
// that is made of it.
//
// Behind a door the request is a message of our own dialect and the answer is one, or a stream of
// them; the door unwraps the one and wraps the other. Errors are statuses of gRPC. In the call's
// arena; belongs to its exchange.
#pragma once

#include "gateway/services.h"
#include "grpc/grpc_call.h"

struct door {
    const struct transcode_route *route;
    struct transcode_found found;
    struct grpc_call call; // of gRPC itself
    str message;           // the request, once unwrapped
    struct buf rest;       // of REST: the request as a message, then each piece of the answer
    struct buf out;        // a piece of the answer in its wrapping
    bool is_stream;        // the answer
    bool wants_events;     // of REST: a stream as server-sent events, else as lines of JSON
};
