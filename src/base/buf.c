#include "base/buf.h"

#include "base/memory.h"
#include "base/number.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { BUF_SMALLEST = 256 };

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void buf_done(struct buf *b)
{
    memory_free(b->bytes);
    buf_init(b, b->max);
}

str buf_view(const struct buf *b)
{
    return (str){.ptr = b->bytes ? b->bytes + b->start : "", .len = b->end - b->start};
}

err buf_reserve(struct buf *b, size_t more, char **out)
{
    size_t len = buf_len(b);

    if (more > b->max || len > b->max - more) return ERR_LIMIT;
    if (b->size - b->end < more) {
        if (b->start && b->size - len >= more) {
            memmove(b->bytes, b->bytes + b->start, len);
        } else {
            size_t size = b->size * 2 > BUF_SMALLEST ? b->size * 2 : BUF_SMALLEST;
            if (size < len + more) size = len + more;
            if (size > b->max) size = b->max;
            char *bytes = memory_alloc_raw(size);
            if (len) memcpy(bytes, b->bytes + b->start, len);
            memory_free(b->bytes);
            b->bytes = bytes;
            b->size = size;
        }
        b->start = 0;
        b->end = len;
    }
    *out = b->bytes ? b->bytes + b->end : NULL; // where nothing was asked for, and nothing is there
    return OK;
}

void buf_grew(struct buf *b, size_t more)
{
    assert(more <= b->size - b->end);
    b->end += more;
}

err buf_append_growing(struct buf *b, str s)
{
    char *room = NULL;

    TRY(buf_reserve(b, s.len, &room));
    memcpy(room, s.ptr, s.len);
    b->end += s.len;
    return OK;
}

err buf_append_char(struct buf *b, char c)
{
    return buf_append(b, (str){.ptr = &c, .len = 1});
}

err buf_append_format(struct buf *b, const char *format, ...)
{
    va_list args;
    va_list again;
    char *room = NULL;

    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(len >= 0);
    // vsnprintf writes a NUL behind the text, which is not kept but needs its place.
    err e = buf_reserve(b, (size_t)len + 1, &room);
    if (!e) {
        (void)vsnprintf(room, (size_t)len + 1, format, again); // measured just above
        b->end += (size_t)len;
    }
    va_end(again);
    return e;
}

err buf_append_u64(struct buf *b, uint64_t value)
{
    char digits[NUMBER_U64_DIGITS_MAX];

    return buf_append(b, (str){.ptr = digits, .len = number_from_u64(digits, value)});
}

void buf_consume(struct buf *b, size_t len)
{
    assert(len <= buf_len(b));
    b->start += len;
    if (b->start == b->end) buf_clear(b);
}

void buf_cut(struct buf *b, size_t len)
{
    assert(len <= buf_len(b));
    b->end = b->start + len;
}

void buf_clear(struct buf *b)
{
    b->start = 0;
    b->end = 0;
}
