// message_join: a message of which each single message field stands in one place.
//
// Protobuf lets a single message field stand several times, each merged into the one before, and
// whoever puts a message together of parts makes use of it. Some readers, protobuf.js among them,
// take the last one for all, so for them the parts are joined. Pure: no allocation but in the arena
// and the bufs.
#pragma once

#include "base/buf.h"
#include "grpc/field_path.h"

// Appends the message with every field that lies on one of the paths, but for the last of each,
// joined behind all others. All paths begin in the same message, and there is at least one. Errors
// of protobuf_next().
err message_join(const struct field_path *const *paths, size_t count, str message,
                 struct arena *arena, struct buf *out);
