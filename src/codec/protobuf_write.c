#include "codec/protobuf_write.h"

#include <assert.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "fixed values are copied as they are");

void protobuf_write_init(struct protobuf_writer *w, struct buf *out)
{
    *w = (struct protobuf_writer){.out = out};
}

static size_t encode_varint(char to[PROTOBUF_VARINT_MAX], uint64_t value)
{
    size_t len = 0;

    for (; value >= 0x80; value >>= 7) {
        to[len++] = (char)(value | 0x80);
    }
    to[len++] = (char)value;
    return len;
}

static void write_bare_varint(struct protobuf_writer *w, uint64_t value)
{
    char text[PROTOBUF_VARINT_MAX];

    protobuf_write_raw(w, (str){.ptr = text, .len = encode_varint(text, value)});
}

void protobuf_write_raw(struct protobuf_writer *w, str fields)
{
    if (!w->error) w->error = buf_append(w->out, fields);
}

void protobuf_write_tag(struct protobuf_writer *w, uint32_t number, enum protobuf_wire wire)
{
    assert(number > 0 && number <= PROTOBUF_NUMBER_MAX);
    write_bare_varint(w, (uint64_t)number << 3 | wire);
}

void protobuf_write_value(struct protobuf_writer *w, enum protobuf_wire wire, uint64_t value)
{
    char bytes[sizeof(value)];

    assert(wire == PROTOBUF_VARINT || wire == PROTOBUF_FIXED32 || wire == PROTOBUF_FIXED64);
    if (wire == PROTOBUF_VARINT) {
        write_bare_varint(w, value);
        return;
    }
    memcpy(bytes, &value, sizeof(value));
    size_t len = wire == PROTOBUF_FIXED32 ? sizeof(uint32_t) : sizeof(uint64_t);
    protobuf_write_raw(w, (str){.ptr = bytes, .len = len});
}

void protobuf_write_varint(struct protobuf_writer *w, uint32_t number, uint64_t value)
{
    protobuf_write_tag(w, number, PROTOBUF_VARINT);
    protobuf_write_value(w, PROTOBUF_VARINT, value);
}

void protobuf_write_fixed32(struct protobuf_writer *w, uint32_t number, uint32_t value)
{
    protobuf_write_tag(w, number, PROTOBUF_FIXED32);
    protobuf_write_value(w, PROTOBUF_FIXED32, value);
}

void protobuf_write_fixed64(struct protobuf_writer *w, uint32_t number, uint64_t value)
{
    protobuf_write_tag(w, number, PROTOBUF_FIXED64);
    protobuf_write_value(w, PROTOBUF_FIXED64, value);
}

void protobuf_write_bytes(struct protobuf_writer *w, uint32_t number, str bytes)
{
    protobuf_write_tag(w, number, PROTOBUF_BYTES);
    write_bare_varint(w, bytes.len);
    protobuf_write_raw(w, bytes);
}

size_t protobuf_write_open(struct protobuf_writer *w, uint32_t number)
{
    protobuf_write_tag(w, number, PROTOBUF_BYTES);
    protobuf_write_raw(w, STR("\0")); // the length, where it is below 128
    return buf_len(w->out);
}

void protobuf_write_close(struct protobuf_writer *w, size_t mark)
{
    char length[PROTOBUF_VARINT_MAX];
    char *unused = NULL;

    if (w->error) return;
    assert(mark > 0 && mark <= buf_len(w->out));
    size_t len = buf_len(w->out) - mark;
    size_t more = encode_varint(length, len) - 1;
    w->error = buf_reserve(w->out, more, &unused);
    if (w->error) return;
    char *inside = w->out->bytes + w->out->start + mark;
    if (more) memmove(inside + more, inside, len);
    memcpy(inside - 1, length, 1 + more);
    buf_grew(w->out, more);
}
