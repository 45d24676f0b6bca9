// json_to_protobuf: JSON text as a protobuf message, by its descriptor.
//
// The canonical mapping of proto3, for proto2 and editions too: members by their JSON names or the
// declared ones, 64-bit numbers in quotes or not, base64, enums by name or number, null for what is
// absent, and the well-known types in forms of their own. protobuf.dev/programming-guides/json
// Refused: members that nobody knows (unless told to ignore them), keys given twice, several
// members of one oneof, required fields that are missing, more than JSON_TO_PROTOBUF_DEPTH_MAX
// messages in each other.
// ERR_SYNTAX: the text is no JSON. ERR_LIMIT: too deep, or more than the buf takes. Any other
// err: it is no such message. What was written to the buf is then worthless, and `why` says what is
// wrong and where. Pure: no allocation but in the arena and the buf.
#pragma once

#include "base/buf.h"
#include "grpc/descriptor.h"
#include "grpc/message_fault.h"

enum { JSON_TO_PROTOBUF_DEPTH_MAX = 100 };

struct json_to_protobuf_options {
    const struct descriptor_pool *pool; // where Any finds what it holds
    struct arena *arena;                // for what is decoded; nothing of it is needed afterwards
    bool ignores_unknown;               // members and names of enum values
};

// Appends the fields of message `m`.
err json_to_protobuf(const struct json_to_protobuf_options *o, const struct descriptor_message *m,
                     str json, struct buf *out, struct message_fault *why);

// Appends one field, tag included, whose value the text is: of a repeated one all elements.
err json_to_protobuf_field(const struct json_to_protobuf_options *o,
                           const struct descriptor_field *f, str json, struct buf *out,
                           struct message_fault *why);

// The same of text that is no JSON, such as a part of a URL; of a repeated field one element.
// Messages have no such text, but for timestamps, durations, field masks and wrappers.
err json_to_protobuf_text(const struct json_to_protobuf_options *o,
                          const struct descriptor_field *f, str text, struct buf *out,
                          struct message_fault *why);
