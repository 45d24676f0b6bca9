// protobuf: reads the wire format of protocol buffers, field by field.
//
// A message is a sequence of fields, each with its number and the form its value has on the wire;
// what the value means, a schema tells, which this reader does without. Values are numbers or views
// of the bytes, so nested messages are read by a reader of their own, and what a caller doesn't
// know it passes on as it came (`whole`). protobuf.dev/programming-guides/encoding
// Refused: numbers of more than 64 bits, field numbers outside 1 to 2^29-1, the two wire types that
// mean nothing, groups that are not closed or nest deeper than PROTOBUF_GROUPS_MAX.
// Pure: no allocation; the bytes outlive the reader.
#pragma once

#include "base/err.h"
#include "base/str.h"

enum {
    PROTOBUF_GROUPS_MAX = 100,
    PROTOBUF_NUMBER_MAX = (1 << 29) - 1,
    PROTOBUF_VARINT_MAX = 10, // bytes
};

// As a tag has them.
enum protobuf_wire {
    PROTOBUF_VARINT = 0,
    PROTOBUF_FIXED64 = 1,
    PROTOBUF_BYTES = 2, // with a length in front: bytes, strings, messages, packed values
    PROTOBUF_GROUP = 3,
    PROTOBUF_GROUP_END = 4, // never the wire type of a field
    PROTOBUF_FIXED32 = 5,
};

struct protobuf_field {
    uint32_t number;
    enum protobuf_wire wire;
    uint64_t value; // of VARINT, FIXED64 and FIXED32
    str bytes;      // of BYTES, and of GROUP what is between its tags
    str whole;      // all of it, tags included
};

struct protobuf_reader {
    const char *at;
    const char *end;
};

void protobuf_reader_init(struct protobuf_reader *r, str bytes);

// The next field. ERR_EOF: the message ends here. ERR_SYNTAX, ERR_LIMIT (groups in groups): it is
// broken; the reader stays before the broken field.
err protobuf_next(struct protobuf_reader *r, struct protobuf_field *out);

// The next of packed values, which have no tags and are all VARINT, FIXED64 or FIXED32. Errors as
// above.
err protobuf_next_packed(struct protobuf_reader *r, enum protobuf_wire wire, uint64_t *out);

// The signed number that a zigzag varint stands for (sint32, sint64), and the way back.
static inline int64_t protobuf_from_zigzag(uint64_t value)
{
    return (int64_t)(value >> 1 ^ (0 - (value & 1)));
}

static inline uint64_t protobuf_to_zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
}
