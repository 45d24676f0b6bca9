// protobuf_write: the wire format of protocol buffers into a buf.
//
// The caller writes fields in the order it likes; what it nests it opens and closes. The length in
// front of a nested message is known only at its end: one byte is kept for it, which is enough for
// most, and a longer length moves the message up, so nothing is measured beforehand.
// The first failure, a full buf, is kept in `error`; calls after it do nothing, so that callers
// check once at the end, and what was written until then is worthless. Nothing may be consumed from
// the front of the buf while a message is open.
#pragma once

#include "base/buf.h"
#include "codec/protobuf.h"

struct protobuf_writer {
    struct buf *out;
    err error;
};

void protobuf_write_init(struct protobuf_writer *w, struct buf *out);

void protobuf_write_tag(struct protobuf_writer *w, uint32_t number, enum protobuf_wire wire);

// A field with its tag. Of a signed number the cast to uint64_t is what goes on the wire.
void protobuf_write_varint(struct protobuf_writer *w, uint32_t number, uint64_t value);
void protobuf_write_fixed32(struct protobuf_writer *w, uint32_t number, uint32_t value);
void protobuf_write_fixed64(struct protobuf_writer *w, uint32_t number, uint64_t value);
void protobuf_write_bytes(struct protobuf_writer *w, uint32_t number, str bytes);

// A value without a tag, behind one or among packed ones. `wire` is VARINT, FIXED32 or FIXED64.
void protobuf_write_value(struct protobuf_writer *w, enum protobuf_wire wire, uint64_t value);

// A nested message, or packed values: what is written between open and close is in it. The mark
// that opening returns is for closing; what is open closes in the reverse order.
size_t protobuf_write_open(struct protobuf_writer *w, uint32_t number);
void protobuf_write_close(struct protobuf_writer *w, size_t mark);

// Fields that are written already go in as they are: unknown ones, or a message to merge with.
void protobuf_write_raw(struct protobuf_writer *w, str fields);
