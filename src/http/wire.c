#include "http/wire.h"

#include <assert.h>

enum { FILL_BYTES = 16 * 1024 }; // of one read behind bytes that were kept

void wire_init(struct wire *w, struct stream *s)
{
    *w = (struct wire){.stream = s};
    buf_init(&w->in, WIRE_IN_MAX);
    buf_init(&w->out, WIRE_OUT_MAX);
}

void wire_close(struct wire *w, enum stream_end how)
{
    if (!w->stream) return;
    stream_close(w->stream, how);
    w->stream = NULL;
    buf_done(&w->in);
    buf_done(&w->out);
    w->pending = STR("");
}

err wire_fill(struct wire *w)
{
    char *room = w->stream->loop->scratch;
    size_t size = LOOP_SCRATCH_BYTES;
    size_t len = 0;

    if (w->pending.len) {
        wire_settle(w);
        size = FILL_BYTES;
        TRY(buf_reserve(&w->in, size, &room));
        // Growing may have moved what is pending.
        w->pending = buf_view(&w->in);
        TRY(stream_read(w->stream, room, size, &len));
        buf_grew(&w->in, len);
        w->pending = buf_view(&w->in);
        return OK;
    }
    TRY(stream_read(w->stream, room, size, &len));
    w->pending = (str){.ptr = room, .len = len};
    w->is_in_scratch = true;
    return OK;
}

void wire_consume(struct wire *w, size_t len)
{
    assert(len <= w->pending.len);
    w->pending = str_sub(w->pending, len, w->pending.len);
    if (!w->is_in_scratch) buf_consume(&w->in, len);
}

void wire_settle(struct wire *w)
{
    if (!w->stream) return;
    if (w->pending.len == 0) {
        if (w->in.bytes) buf_done(&w->in);
        w->is_in_scratch = false;
        return;
    }
    if (!w->is_in_scratch) return;
    assert(buf_len(&w->in) == 0);
    // The scratch is smaller than the maximum.
    (void)buf_append(&w->in, w->pending);
    w->pending = buf_view(&w->in);
    w->is_in_scratch = false;
}

static err keep_rest(struct wire *w, const struct iovec *iov, int count, size_t sent)
{
    for (int i = 0; i < count; i++) {
        size_t len = iov[i].iov_len;
        if (sent >= len) {
            sent -= len;
            continue;
        }
        TRY(buf_append(&w->out,
                       (str){.ptr = (const char *)iov[i].iov_base + sent, .len = len - sent}));
        sent = 0;
    }
    return OK;
}

err wire_write(struct wire *w, const struct iovec *iov, int count)
{
    size_t total = 0;
    size_t sent = 0;

    for (int i = 0; i < count; i++) {
        total += iov[i].iov_len;
    }
    if (total == 0) return OK;
    if (!wire_is_congested(w) && w->stream->is_writable) {
        err e = stream_write(w->stream, iov, count, &sent);
        if (e && e != ERR_AGAIN) return e;
        if (sent == total) return OK;
        // Less than all means that the kernel is full: the next edge says when it isn't.
        w->stream->is_writable = false;
    }
    return keep_rest(w, iov, count, sent);
}

err wire_flush(struct wire *w)
{
    while (wire_is_congested(w) && w->stream->is_writable) {
        str rest = buf_view(&w->out);
        struct iovec iov = {.iov_base = (void *)(uintptr_t)rest.ptr, .iov_len = rest.len};
        size_t sent = 0;
        err e = stream_write(w->stream, &iov, 1, &sent);
        if (e == ERR_AGAIN) return OK;
        if (e) return e;
        buf_consume(&w->out, sent);
    }
    if (!wire_is_congested(w) && w->out.bytes) buf_done(&w->out);
    return OK;
}
