#include "http/wire.h"

#include <assert.h>
#include <string.h>

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
    // What was deferred counts as written, so it leaves before the end; a failure is one more end.
    if (w->is_deferred) (void)wire_flush(w);
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

int wire_skip(struct iovec *iov, int count, size_t len)
{
    int first = 0;

    while (first < count && len >= iov[first].iov_len) {
        len -= iov[first++].iov_len;
    }
    if (first == count) return 0;
    iov[first].iov_base = (char *)iov[first].iov_base + len;
    iov[first].iov_len -= len;
    if (first) memmove(iov, iov + first, sizeof(*iov) * (size_t)(count - first));
    return count - first;
}

static err keep(struct wire *w, const struct iovec *iov, int count)
{
    for (int i = 0; i < count; i++) {
        TRY(buf_append(&w->out, (str){.ptr = iov[i].iov_base, .len = iov[i].iov_len}));
    }
    return OK;
}

err wire_write(struct wire *w, struct iovec *iov, int count)
{
    count = wire_skip(iov, count, 0);
    while (count && !buf_len(&w->out) && w->stream->is_writable) {
        size_t sent = 0;
        err e = stream_write(w->stream, iov, count, &sent);
        if (e == ERR_AGAIN) break;
        if (e) return e;
        count = wire_skip(iov, count, sent);
    }
    return keep(w, iov, count);
}

err wire_defer(struct wire *w, const struct iovec *iov, int count)
{
    // Behind what the stream did not take there is nothing to gain.
    w->is_deferred = w->is_deferred || !buf_len(&w->out);
    return keep(w, iov, count);
}

err wire_flush(struct wire *w)
{
    w->is_deferred = false;
    while (wire_is_congested(w) && w->stream->is_writable) {
        str rest = buf_view(&w->out);
        struct iovec iov = stream_piece(rest);
        size_t sent = 0;
        err e = stream_write(w->stream, &iov, 1, &sent);
        if (e == ERR_AGAIN) return OK;
        if (e) return e;
        buf_consume(&w->out, sent);
    }
    if (!wire_is_congested(w) && w->out.bytes) buf_done(&w->out);
    return OK;
}
