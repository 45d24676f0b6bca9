// grpc_call: the server's side of one gRPC call: messages in, messages out, a status at the end.
//
// Pure: pieces of the request's body go in and messages come out, messages and a status go in and
// what is to be sent comes out; who moves the bytes and who owns the clock is the caller's affair.
// It holds the call to its method: how many messages either side may send, and in which order.
//
//     OPEN ---grpc_call_begin---> ANSWERING ---grpc_call_end---> DONE
//       \_________________________grpc_call_end_________________/^    (an answer of fields alone)
//
// Messages may be asked for in OPEN and ANSWERING. Belongs to the loop of its call.
#pragma once

#include "codec/grpc_frame.h"
#include "grpc/descriptor.h"
#include "grpc/grpc_head.h"

enum grpc_call_step { GRPC_CALL_OPEN, GRPC_CALL_ANSWERING, GRPC_CALL_DONE };

struct grpc_call {
    const struct descriptor_method *method;
    struct grpc_head head;
    struct grpc_frame_reader reader;
    struct buf gather;   // a request message that came in pieces
    struct buf unpacked; // one that was compressed
    int step;
    bool has_request;  // at least one message came
    bool has_response; // at least one was written
};

// `message_bytes_max` bounds a request message, packed and unpacked.
void grpc_call_init(struct grpc_call *c, const struct grpc_head *head,
                    const struct descriptor_method *method, size_t message_bytes_max);
void grpc_call_done(struct grpc_call *c);

// The next request message, from the front of `*piece`; valid until the next call or as long as the
// piece is. ERR_AGAIN: the piece is used up. Any other error is the end of the call, and `*why` the
// status to end it with: too long, broken, or more messages than the method takes.
err grpc_call_next(struct grpc_call *c, str *piece, str *message, struct status *why);
// The request's body has ended: OK if it may end here, else ERR_SYNTAX and `*why`.
err grpc_call_request_end(struct grpc_call *c, struct status *why);

// Appends the header fields of the answer; its HTTP status is 200.
err grpc_call_begin(struct grpc_call *c, struct buf *fields);
// Appends a response message to the answer's body, compressed where the client compresses too and
// it is worth it. ERR_RANGE: the method has only one, which was written; ERR_LIMIT as of `body`.
err grpc_call_write(struct grpc_call *c, str message, struct buf *body);
// Appends the fields that end the answer: trailers, or where nothing was begun the header fields of
// an answer without a body. A method's one response that was not written makes OK an INTERNAL.
err grpc_call_end(struct grpc_call *c, struct status s, struct buf *fields);

// The same for a request that was refused with HTTP status 200: the fields of an answer without a
// body.
err grpc_call_refuse(const struct status *s, struct buf *fields);
