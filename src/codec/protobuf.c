#include "codec/protobuf.h"

#include <assert.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "fixed values are copied as they are");

enum { VARINT_LAST_SHIFT = 63, VARINT_BITS = 7 };

void protobuf_reader_init(struct protobuf_reader *r, str bytes)
{
    *r = (struct protobuf_reader){.at = bytes.len ? bytes.ptr : ""};
    r->end = r->at + bytes.len;
}

// Passes a varint. Needless zeros at its top are allowed, bits past the 64th are not.
static err pass_varint(const char **at, const char *end, uint64_t *out)
{
    const char *p = *at;
    uint64_t value = 0;

    for (unsigned shift = 0; p < end && shift <= VARINT_LAST_SHIFT; shift += VARINT_BITS, p++) {
        uint64_t bits = (unsigned char)*p & 0x7f;
        if (shift == VARINT_LAST_SHIFT && bits > 1) return ERR_SYNTAX;
        value |= bits << shift;
        if ((unsigned char)*p < 0x80) {
            *at = p + 1;
            *out = value;
            return OK;
        }
    }
    return ERR_SYNTAX;
}

static err pass_fixed(const char **at, const char *end, size_t size, uint64_t *out)
{
    uint64_t value = 0;

    if ((size_t)(end - *at) < size) return ERR_SYNTAX;
    memcpy(&value, *at, size);
    *at += size;
    *out = value;
    return OK;
}

static err pass_bytes(const char **at, const char *end, str *out)
{
    uint64_t len = 0;

    TRY(pass_varint(at, end, &len));
    if (len > (size_t)(end - *at)) return ERR_SYNTAX;
    *out = (str){.ptr = *at, .len = len};
    *at += len;
    return OK;
}

static err pass_tag(const char **at, const char *end, struct protobuf_field *f)
{
    uint64_t tag = 0;

    TRY(pass_varint(at, end, &tag));
    uint64_t number = tag >> 3;
    if (number == 0 || number > PROTOBUF_NUMBER_MAX || (tag & 7) > PROTOBUF_FIXED32)
        return ERR_SYNTAX;
    f->number = (uint32_t)number;
    f->wire = (enum protobuf_wire)(tag & 7);
    return OK;
}

// A value that nests no tags.
static err pass_value(const char **at, const char *end, struct protobuf_field *f)
{
    switch (f->wire) {
    case PROTOBUF_VARINT: return pass_varint(at, end, &f->value);
    case PROTOBUF_FIXED64: return pass_fixed(at, end, sizeof(uint64_t), &f->value);
    case PROTOBUF_FIXED32: return pass_fixed(at, end, sizeof(uint32_t), &f->value);
    case PROTOBUF_BYTES: return pass_bytes(at, end, &f->bytes);
    case PROTOBUF_GROUP:
    case PROTOBUF_GROUP_END: break;
    }
    return ERR_SYNTAX;
}

// Passes a group through its closing tag, and the groups in it, whose numbers are kept on a stack.
static err pass_group(const char **at, const char *end, struct protobuf_field *group)
{
    uint32_t open[PROTOBUF_GROUPS_MAX];
    size_t depth = 0;
    const char *inside = *at;
    const char *tag = *at;

    open[depth++] = group->number;
    while (depth > 0) {
        struct protobuf_field f = {0};
        tag = *at;
        TRY(pass_tag(at, end, &f));
        if (f.wire == PROTOBUF_GROUP) {
            if (depth == PROTOBUF_GROUPS_MAX) return ERR_LIMIT;
            open[depth++] = f.number;
        } else if (f.wire == PROTOBUF_GROUP_END) {
            if (open[--depth] != f.number) return ERR_SYNTAX;
        } else {
            TRY(pass_value(at, end, &f));
        }
    }
    group->bytes = (str){.ptr = inside, .len = (size_t)(tag - inside)};
    return OK;
}

err protobuf_next(struct protobuf_reader *r, struct protobuf_field *out)
{
    struct protobuf_field f = {0};
    const char *at = r->at;

    if (at == r->end) return ERR_EOF;
    TRY(pass_tag(&at, r->end, &f));
    if (f.wire == PROTOBUF_GROUP) {
        TRY(pass_group(&at, r->end, &f));
    } else {
        TRY(pass_value(&at, r->end, &f));
    }
    f.whole = (str){.ptr = r->at, .len = (size_t)(at - r->at)};
    r->at = at;
    *out = f;
    return OK;
}

err protobuf_next_packed(struct protobuf_reader *r, enum protobuf_wire wire, uint64_t *out)
{
    struct protobuf_field f = {.wire = wire};
    const char *at = r->at;

    assert(wire == PROTOBUF_VARINT || wire == PROTOBUF_FIXED32 || wire == PROTOBUF_FIXED64);
    if (at == r->end) return ERR_EOF;
    TRY(pass_value(&at, r->end, &f));
    r->at = at;
    *out = f.value;
    return OK;
}
