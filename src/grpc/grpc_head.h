// grpc_head: what the head of a request says about a gRPC call, or why it is none (gRPC over
// HTTP/2, "Requests"). Pure; nothing is kept of the head.
#pragma once

#include "base/time.h"
#include "grpc/status.h"

enum grpc_encoding {
    GRPC_IDENTITY,
    GRPC_GZIP,
};

// What we read, as grpc-accept-encoding tells it.
#define GRPC_HEAD_ENCODINGS "identity,gzip"

struct grpc_head {
    usec timeout_us;             // from the head's arrival; TIME_NEVER where there is none
    enum grpc_encoding encoding; // of compressed request messages
    bool accepts_gzip;           // in the answer
};

// Why a request is not served. Where `http` is not 200 it was not even gRPC, and plain HTTP says
// so; else the answer is a head that holds the status.
struct grpc_refusal {
    unsigned http;
    struct status status;
};

// Whether the content type is gRPC's own: "application/grpc", with a suffix or parameters behind.
// grpc-web is another protocol.
bool grpc_head_is_grpc(const struct h1_head *head);

// Whether the content type is application/json, in which the paths of gRPC may be called too.
bool grpc_head_is_json(const struct h1_head *head);

// Reads the head of a call; its path is the caller's to look up. ERR_UNSUPPORTED, and `*why`, where
// it can't be served: another method than POST, another content type or message format, no
// "te: trailers", an unknown compression, or a timeout that is none.
err grpc_head_read(const struct h1_head *head, struct grpc_head *out, struct grpc_refusal *why);
