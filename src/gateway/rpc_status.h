// rpc_status: what a gRPC call ends with where its upstream did not say so itself. Pure.
#pragma once

#include "grpc/status.h"

// For a failure of the wire, before or within an answer. `reset_code` is that of a reset by the
// peer, 0 where there was none (gRPC over HTTP/2, "Errors").
struct status rpc_status_of_failure(err why, uint32_t reset_code);

// Whether an answer's head is that of a gRPC answer. Where it is not, `*out` says what it is
// instead; its message lies in the arena.
bool rpc_status_is_grpc(const struct h1_head *head, struct arena *arena, struct status *out);

// What the fields that end an answer say: trailers, or its head where there is nothing else.
struct status rpc_status_read(const struct h1_field *fields, size_t count, struct arena *arena);
