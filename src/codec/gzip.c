#include "codec/gzip.h"

#include "base/memory.h"

#include <assert.h>
#include <zlib.h>

enum {
    LEVEL = 3,
    WINDOW_BITS = 15 + 16, // the largest window, and gzip's header and trailer
    MEMORY_LEVEL = 8,
    STEP_LEAST = 4096, // room asked for at a time
    STEP_MOST = 1024 * 1024,
    TAKEN_MOST = 1024 * 1024 * 1024, // handed to zlib at a time, whose counts have 32 bits
};

static voidpf take_memory(voidpf opaque, uInt count, uInt size)
{
    (void)opaque;
    return memory_alloc_raw((size_t)count * size);
}

static void give_memory(voidpf opaque, voidpf ptr)
{
    (void)opaque;
    memory_free(ptr);
}

static void stream_init(z_stream *z)
{
    *z = (z_stream){.zalloc = take_memory, .zfree = give_memory};
}

// Shows zlib the next bytes of `*in`, which it takes from there.
static void show_input(z_stream *z, str *in)
{
    str part = str_sub(*in, 0, TAKEN_MOST);

    z->next_in = (Bytef *)(uintptr_t)part.ptr; // zlib does not write there
    z->avail_in = (uInt)part.len;
    *in = str_sub(*in, part.len, in->len);
}

// Room for as much again as there is, at least a little; less where the maximum is near.
static err show_room(z_stream *z, struct buf *out)
{
    size_t len = buf_len(out);
    size_t step = len < STEP_LEAST ? STEP_LEAST : len > STEP_MOST ? STEP_MOST : len;
    char *room = NULL;

    if (step > out->max - len) step = out->max - len;
    if (step == 0) return ERR_LIMIT;
    TRY(buf_reserve(out, step, &room));
    z->next_out = (Bytef *)room;
    z->avail_out = (uInt)step;
    return OK;
}

// One step of zlib, `turn`, into fresh room.
static err run(z_stream *z, int (*turn)(z_stream *), struct buf *out, int *said)
{
    TRY(show_room(z, out));
    uInt room = z->avail_out;
    *said = turn(z);
    buf_grew(out, room - z->avail_out);
    return OK;
}

static int turn_inflate(z_stream *z)
{
    return inflate(z, Z_NO_FLUSH);
}

static int turn_deflate(z_stream *z)
{
    return deflate(z, Z_NO_FLUSH);
}

static int turn_finish(z_stream *z)
{
    return deflate(z, Z_FINISH);
}

// A buf that is exactly full still has to see the trailer, for which zlib wants room it won't use.
static int finish_when_full(z_stream *z)
{
    Bytef spare = 0;

    z->next_out = &spare;
    z->avail_out = 1;
    int said = inflate(z, Z_NO_FLUSH);
    return z->avail_out ? said : Z_BUF_ERROR;
}

static err inflate_members(z_stream *z, str in, struct buf *out)
{
    bool is_at_end = false;

    show_input(z, &in);
    for (;;) {
        int said = Z_OK;
        if (z->avail_in == 0) show_input(z, &in);
        if (z->avail_in == 0) return is_at_end ? OK : ERR_SYNTAX;
        if (is_at_end && inflateReset(z) != Z_OK) return ERR_SYNTAX;
        if (buf_len(out) < out->max) {
            TRY(run(z, turn_inflate, out, &said));
        } else {
            said = finish_when_full(z);
            if (said == Z_BUF_ERROR) return ERR_LIMIT;
        }
        if (said != Z_OK && said != Z_STREAM_END && said != Z_BUF_ERROR) return ERR_SYNTAX;
        is_at_end = said == Z_STREAM_END;
    }
}

err gzip_decompress(str in, struct buf *out)
{
    z_stream z;

    stream_init(&z);
    int said = inflateInit2(&z, WINDOW_BITS);
    assert(said == Z_OK); // it fails for want of memory alone, and there is none
    err e = inflate_members(&z, in, out);
    (void)inflateEnd(&z); // cannot fail for a stream that was made
    return e;
}

static err deflate_all(z_stream *z, str in, struct buf *out)
{
    int said = Z_OK;

    while (said != Z_STREAM_END) {
        if (z->avail_in == 0) show_input(z, &in);
        TRY(run(z, in.len ? turn_deflate : turn_finish, out, &said));
        assert(said == Z_OK || said == Z_STREAM_END || said == Z_BUF_ERROR);
    }
    return OK;
}

err gzip_compress(str in, struct buf *out)
{
    z_stream z;

    stream_init(&z);
    int said = deflateInit2(&z, LEVEL, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY);
    assert(said == Z_OK);
    err e = deflate_all(&z, in, out);
    (void)deflateEnd(&z); // says only whether it was cut short
    return e;
}
