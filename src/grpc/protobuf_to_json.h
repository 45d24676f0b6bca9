// protobuf_to_json: a protobuf message as JSON text, by its descriptor.
//
// The canonical mapping of proto3, for proto2 and editions too: members by their JSON names, in the
// order of declaration, 64-bit numbers in quotes, base64, names of enum values, and the well-known
// types in forms of their own. protobuf.dev/programming-guides/json
// Fields that the descriptor doesn't know have no JSON and are left out. What the wire format
// allows is read as every implementation does: of a field given twice the last counts, messages
// given twice are merged, of a oneof the last member counts, of a map the last value of a key.
// Refused: bytes that are no message, text that isn't UTF-8, required fields that are missing,
// values that have no JSON (a timestamp out of its range, an Any of an unknown type), and more than
// PROTOBUF_TO_JSON_DEPTH_MAX messages in each other. What was written to the buf is then worthless,
// and `why` says what is wrong and where. Pure: no allocation but in the arena and the buf.
#pragma once

#include "base/buf.h"
#include "grpc/descriptor.h"
#include "grpc/message_fault.h"

enum { PROTOBUF_TO_JSON_DEPTH_MAX = 100 };

struct protobuf_to_json_options {
    const struct descriptor_pool *pool; // where Any finds what it holds
    struct arena *arena;                // for what is gathered; nothing of it is needed afterwards
    bool emits_defaults;                // fields without presence too that are zero or empty
    bool keeps_names;                   // members have the names declared instead of JSON's
};

// Appends message `m` as one JSON value.
err protobuf_to_json(const struct protobuf_to_json_options *o, const struct descriptor_message *m,
                     str bytes, struct buf *out, struct message_fault *why);

// Appends the value alone that one field of a message has; what is absent is its zero, [] or {},
// a message null.
err protobuf_to_json_field(const struct protobuf_to_json_options *o,
                           const struct descriptor_field *f, str bytes, struct buf *out,
                           struct message_fault *why);
