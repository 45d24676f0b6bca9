// json_scalar: one number, text, truth value or enum value of JSON as protobuf has it.
//
// Numbers may stand in quotes, bytes are base64 of either alphabet, enum values are names or
// numbers. protobuf.dev/programming-guides/json
// Text that is no JSON (a map's key, a part of a URL) is read by the same rules, without quotes.
// Pure: no allocation but in the arena.
#pragma once

#include "codec/json.h"
#include "codec/protobuf.h"
#include "grpc/descriptor.h"

struct json_scalar {
    enum protobuf_wire wire;
    uint64_t value; // as protobuf_write takes it: in zigzag where the type is
    str bytes;      // where the wire type is BYTES; of the JSON text, or in the arena
};

// The wire type of a scalar's values.
enum protobuf_wire json_scalar_wire(enum descriptor_type type);

// The value of a field that is no message, or an element of it; null is none but for NullValue.
// ERR_TYPE: not what the field holds. ERR_RANGE: a number outside. ERR_ABSENT: the enum has no such
// value.
err json_scalar_read(const struct descriptor_field *f, struct json_value v, struct arena *arena,
                     struct json_scalar *out);
err json_scalar_read_text(const struct descriptor_field *f, str text, struct arena *arena,
                          struct json_scalar *out);

// What a field holds, for messages: "a number", "a string".
const char *json_scalar_expected(const struct descriptor_field *f);

// Whether null is a value of this enum: google.protobuf.NullValue.
bool json_scalar_is_null(const struct descriptor_enum *e);
