// transcode_error: a status as JSON, for callers who speak HTTP.
//
// A google.rpc.Status with the code's name beside its number:
//
//     {"code":5,"message":"there is no such shelf","status":"NOT_FOUND","details":[...]}
//
// Each detail is the JSON of its Any; one of a type that the pool does not know is told by its type
// and its bytes in base64. In an answer that has begun the object stands in a member "error". Pure.
#pragma once

#include "base/buf.h"
#include "grpc/descriptor.h"
#include "grpc/status.h"

// Appends the object. `pool` is that of the method, NULL where there is none. ERR_LIMIT may leave a
// part of it behind.
err transcode_error_write(const struct status *s, const struct descriptor_pool *pool,
                          struct arena *arena, struct buf *out);
