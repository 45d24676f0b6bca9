// buf: bytes it owns, up to a stated maximum.
//
// Appending past the maximum fails with ERR_LIMIT and changes nothing, so a peer can't make one
// grow without bound. Bytes are consumed from the front; the space comes back when all are gone or
// when room is needed. Belongs to one loop.
#pragma once

#include "base/err.h"
#include "base/str.h"

#include <string.h>

struct buf {
    char *bytes;
    size_t start; // of what is still to consume
    size_t end;
    size_t size; // allocated; never above max
    size_t max;
};

// Allocates nothing yet.
void buf_init(struct buf *b, size_t max);
// Frees the bytes; the buf is empty and usable again.
void buf_done(struct buf *b);

static inline size_t buf_len(const struct buf *b)
{
    return b->end - b->start;
}

// What is there to consume; valid until the buf changes.
str buf_view(const struct buf *b);

// Makes room for `more` bytes behind the end and returns it in `*out`; buf_grew() then counts
// what was written there. ERR_LIMIT where the maximum would be passed.
err buf_reserve(struct buf *b, size_t more, char **out);
void buf_grew(struct buf *b, size_t more);

// Where there is no room yet.
err buf_append_growing(struct buf *b, str s);

static inline err buf_append(struct buf *b, str s)
{
    if (s.len > b->size - b->end) return buf_append_growing(b, s);
    if (s.len) memcpy(b->bytes + b->end, s.ptr, s.len);
    b->end += s.len;
    return OK;
}

err buf_append_char(struct buf *b, char c);
[[gnu::format(printf, 2, 3)]] err buf_append_format(struct buf *b, const char *format, ...);
err buf_append_u64(struct buf *b, uint64_t value);

// Drops `len` bytes from the front.
void buf_consume(struct buf *b, size_t len);
// Drops what stands behind the first `len` bytes, of which there are as many.
void buf_cut(struct buf *b, size_t len);
void buf_clear(struct buf *b);
