// door: how a client came in, where that is not a vendor's API over HTTP: by gRPC, or by the REST
// that is made of it.
//
// Behind a door the request is a message of our own dialect and the answer is one, or a stream of
// them; the door unwraps the one and wraps the other. Errors are statuses of gRPC. In the call's
// arena; belongs to its exchange.
#pragma once

#include "gateway/services.h"
#include "grpc/grpc_call.h"
#include "grpc/transcode_answer.h"

// What only REST needs.
struct door_rest {
    struct transcode_answer answer;
    struct arena scratch; // of one message
    struct buf request;   // as a message
    struct buf gather;    // a message that lies in several pieces
    struct grpc_frame_reader reader;
    struct status failure; // of a message that could not be shown: the answer ends with it
};

struct door {
    struct transcode_found found;
    struct grpc_call call;  // of gRPC itself
    struct door_rest *rest; // NULL: gRPC
    str message;            // the request, once unwrapped
    struct buf whole;       // the one message of an answer that is no stream
    struct buf out;         // a piece of the answer in its wrapping
    bool is_stream;         // the answer
};
