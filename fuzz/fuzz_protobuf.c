// What must hold of the wire format for any bytes: fields follow each other without a gap, what is
// read and written anew reads the same, a length patched in is the length written at once, and
// packed values end where their bytes do.
#include "codec/protobuf.h"
#include "codec/protobuf_write.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void must(bool holds)
{
    if (!holds) abort();
}

static void write_field(struct protobuf_writer *w, const struct protobuf_field *f)
{
    switch (f->wire) {
    case PROTOBUF_VARINT: protobuf_write_varint(w, f->number, f->value); break;
    case PROTOBUF_FIXED32: protobuf_write_fixed32(w, f->number, (uint32_t)f->value); break;
    case PROTOBUF_FIXED64: protobuf_write_fixed64(w, f->number, f->value); break;
    case PROTOBUF_BYTES: {
        size_t mark = protobuf_write_open(w, f->number);
        protobuf_write_raw(w, f->bytes);
        protobuf_write_close(w, mark);
        break;
    }
    default:
        must(f->wire == PROTOBUF_GROUP);
        protobuf_write_tag(w, f->number, PROTOBUF_GROUP);
        protobuf_write_raw(w, f->bytes);
        protobuf_write_tag(w, f->number, PROTOBUF_GROUP_END);
    }
}

// Whether a field that was written reads the same.
static void check_field(const struct protobuf_field *f, struct buf *out)
{
    struct protobuf_writer w;
    struct protobuf_reader r;
    struct protobuf_field again;

    buf_clear(out);
    protobuf_write_init(&w, out);
    write_field(&w, f);
    must(w.error == OK && buf_len(out) <= f->whole.len);
    protobuf_reader_init(&r, buf_view(out));
    must(protobuf_next(&r, &again) == OK && r.at == r.end);
    must(again.number == f->number && again.wire == f->wire && again.value == f->value);
    must(str_eq(again.bytes, f->bytes));
    if (f->wire != PROTOBUF_BYTES) return;
    protobuf_write_bytes(&w, f->number, f->bytes);
    str both = buf_view(out);
    must(w.error == OK && both.len % 2 == 0);
    must(str_eq(str_sub(both, 0, both.len / 2), str_sub(both, both.len / 2, both.len)));
}

static void check_packed(str bytes, enum protobuf_wire wire)
{
    struct protobuf_reader r;
    uint64_t value;
    err e;

    protobuf_reader_init(&r, bytes);
    while ((e = protobuf_next_packed(&r, wire, &value)) == OK) {
        must(r.at <= r.end);
    }
    must(e == (r.at == r.end ? ERR_EOF : ERR_SYNTAX));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct protobuf_reader r;
    struct protobuf_field f;
    struct buf out;
    str all = {.ptr = (const char *)bytes, .len = len};
    size_t passed = 0;
    err e;

    buf_init(&out, 4 * len + 64);
    protobuf_reader_init(&r, all);
    while ((e = protobuf_next(&r, &f)) == OK) {
        must(f.whole.ptr == all.ptr + passed && f.whole.len > 0);
        must(f.number > 0 && f.number <= PROTOBUF_NUMBER_MAX);
        passed += f.whole.len;
        check_field(&f, &out);
        if (f.wire == PROTOBUF_BYTES) {
            check_packed(f.bytes, PROTOBUF_VARINT);
            check_packed(f.bytes, PROTOBUF_FIXED32);
            check_packed(f.bytes, PROTOBUF_FIXED64);
        }
    }
    must(e == ERR_EOF ? passed == len : e == ERR_SYNTAX || e == ERR_LIMIT);
    buf_done(&out);
    return 0;
}
