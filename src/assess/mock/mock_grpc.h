// mock_grpc: messages of gRPC as the mock reads and writes them: through the descriptors of proto/,
// as JSON.
//
// So what is judged is judged by the schema alone, and a dialect over gRPC is written like one over
// HTTP. One for each mock; immutable once made.
#pragma once

#include "base/buf.h"
#include "codec/h1.h"
#include "grpc/descriptor.h"
#include "grpc/status.h"

struct mock_grpc {
    struct arena arena;
    const struct descriptor_pool *pool;
};

// A call that is under way, or refused.
struct mock_grpc_call {
    const struct mock_grpc *grpc;
    const struct descriptor_method *method; // NULL: there is none of that path
    unsigned http;                          // of a request that isn't gRPC at all; else 200
    struct status refusal;                  // STATUS_OK: none
    str message;                            // of the request
};

// Fails only where what was built into the program is broken.
err mock_grpc_init(struct mock_grpc *g);
void mock_grpc_done(struct mock_grpc *g);

// Looks at the head of a request to `path`.
void mock_grpc_begin(const struct mock_grpc *g, const struct h1_head *head, str path,
                     struct mock_grpc_call *out);
// The one message of the request's body as JSON, in the arena; empty, and the refusal is set, where
// it is none.
str mock_grpc_read(struct mock_grpc_call *c, str body, struct arena *arena);
// The path of the first field that the schema does not have, or has otherwise, in the arena; empty
// where it has all.
str mock_grpc_unknown(const struct mock_grpc_call *c, struct arena *arena);
// Appends JSON as a message of the answer, behind its prefix. ERR_LIMIT as of `out`; any other
// error: it is no such message.
err mock_grpc_write(const struct mock_grpc_call *c, str json, struct buf *out);
