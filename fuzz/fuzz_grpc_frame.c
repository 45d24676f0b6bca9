// Any bytes are the body of a call, however they arrive: its messages and how it ends do not depend
// on the split, what is written anew reads back, and what unpacks stays within its maximum.
#include "base/random.h"
#include "codec/grpc_frame.h"
#include "codec/gzip.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { MESSAGE_MAX = 512, UNPACKED_MAX = 2048 };

static void check(bool is_true)
{
    if (!is_true) __builtin_trap();
}

static void check_unpacking(str message)
{
    struct buf out;
    struct buf again;
    struct buf packed;

    buf_init(&out, UNPACKED_MAX);
    buf_init(&again, UNPACKED_MAX);
    buf_init(&packed, 2 * (size_t)UNPACKED_MAX);
    if (gzip_decompress(message, &out) == OK) {
        check(gzip_compress(buf_view(&out), &packed) == OK);
        check(gzip_decompress(buf_view(&packed), &again) == OK);
        check(str_eq(buf_view(&again), buf_view(&out)));
    }
    check(buf_len(&out) <= UNPACKED_MAX && out.size <= UNPACKED_MAX);
    buf_done(&packed);
    buf_done(&again);
    buf_done(&out);
}

// Appends each message to `told`, framed again, and then how the body ended.
static void tell_body(str body, struct random *r, uint64_t longest, struct buf *told)
{
    struct grpc_frame_reader reader;
    struct buf gather;
    size_t arrived = 0;
    err e = OK;

    buf_init(&gather, MESSAGE_MAX);
    grpc_frame_reader_init(&reader, &gather);
    while (arrived < body.len && (e == OK || e == ERR_AGAIN)) {
        str piece = str_sub(body, arrived, 1 + (size_t)random_below(r, longest));
        struct grpc_frame f;
        arrived += piece.len;
        while ((e = grpc_frame_next(&reader, &piece, &f)) == OK) {
            check(f.message.len <= MESSAGE_MAX);
            check(grpc_frame_append(told, f.message, f.is_compressed) == OK);
            if (f.is_compressed && longest == UINT64_MAX) check_unpacking(f.message);
        }
        check(e != ERR_AGAIN || piece.len == 0);
    }
    check(buf_append_format(told, "%d %d", e, grpc_frame_is_between(&reader)) == OK);
    buf_done(&gather);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    str body = {(const char *)bytes, len};
    struct random r;
    struct buf whole;
    struct buf split;

    if (len == 0 || len > 1 << 14) return 0;
    random_init(&r, len);
    buf_init(&whole, len + 64);
    buf_init(&split, len + 64);
    tell_body(body, &r, UINT64_MAX, &whole);
    for (uint64_t longest = 1; longest <= 64; longest *= 4) {
        buf_clear(&split);
        tell_body(body, &r, longest, &split);
        check(str_eq(buf_view(&split), buf_view(&whole)));
    }
    buf_done(&split);
    buf_done(&whole);
    return 0;
}
