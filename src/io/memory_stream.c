// Design: the ends share one pair, freed with the second of them. A pipe holds what has been
// written and not yet read in one direction.
#include "io/memory_stream.h"

#include "base/buf.h"
#include "base/memory.h"
#include "base/random.h"

#include <string.h>

enum { CAPACITY = 64 * 1024 };

struct memory_pair;

struct memory_end {
    struct stream stream;
    struct memory_pair *pair;
    struct memory_end *peer;
    struct task ready;
    struct buf arriving; // written by the peer, not yet read here
    bool is_ended;       // nothing more will be written by this end
    bool is_closed;
    bool is_aborted; // by this end
};

struct memory_pair {
    struct memory_end ends[2];
    size_t capacity;
    struct random random;
    str protocol;
    bool is_cut;
};

static struct memory_end *end_of(struct stream *s)
{
    return container_of(s, struct memory_end, stream);
}

static void tell(struct task *t)
{
    struct memory_end *m = container_of(t, struct memory_end, ready);
    struct stream_user *user = m->stream.user;

    if (user) user->ready(user);
}

static void becomes_readable(struct memory_end *m)
{
    m->stream.is_readable = true;
    loop_later(m->stream.loop, &m->ready, tell);
}

static void becomes_writable(struct memory_end *m)
{
    m->stream.is_writable = true;
    loop_later(m->stream.loop, &m->ready, tell);
}

// At most `size`, at least 1: where the network happened to cut.
static size_t cut(struct memory_pair *p, size_t size)
{
    if (!p->is_cut || size <= 1) return size;
    return 1 + (size_t)random_below(&p->random, size);
}

static err memory_read(struct stream *s, void *bytes, size_t size, size_t *len)
{
    struct memory_end *m = end_of(s);
    str view = buf_view(&m->arriving);

    if (m->peer->is_aborted) return ERR_CLOSED;
    if (view.len == 0) {
        if (m->peer->is_ended) return ERR_EOF;
        s->is_readable = false;
        return ERR_AGAIN;
    }
    size_t want = cut(m->pair, size < view.len ? size : view.len);
    memcpy(bytes, view.ptr, want);
    buf_consume(&m->arriving, want);
    if (want == view.len && want < size && !m->peer->is_ended) s->is_readable = false;
    // A peer that was told to wait may go on.
    if (!m->peer->is_closed && !m->peer->stream.is_writable) becomes_writable(m->peer);
    *len = want;
    return OK;
}

static err memory_peek(struct stream *s, unsigned char *byte)
{
    struct memory_end *m = end_of(s);
    str view = buf_view(&m->arriving);

    if (m->peer->is_aborted) return ERR_CLOSED;
    if (view.len == 0 && m->peer->is_ended) return ERR_EOF;
    if (view.len == 0) {
        s->is_readable = false;
        return ERR_AGAIN;
    }
    *byte = (unsigned char)view.ptr[0];
    return OK;
}

static err memory_write(struct stream *s, const struct iovec *iov, int count, size_t *len)
{
    struct memory_end *m = end_of(s);
    struct buf *to = &m->peer->arriving;
    size_t room = m->pair->capacity - buf_len(to);
    size_t total = 0;

    if (m->peer->is_closed || m->is_ended) return ERR_CLOSED;
    if (room == 0) {
        s->is_writable = false;
        return ERR_AGAIN;
    }
    room = cut(m->pair, room);
    for (int i = 0; i < count && total < room; i++) {
        size_t part = iov[i].iov_len < room - total ? iov[i].iov_len : room - total;
        TRY(buf_append(to, (str){iov[i].iov_base, part}));
        total += part;
    }
    if (total > 0) becomes_readable(m->peer);
    *len = total;
    return OK;
}

static void memory_finish(struct stream *s)
{
    struct memory_end *m = end_of(s);

    m->is_ended = true;
    if (m->peer->is_closed) return;
    m->peer->stream.is_hung_up = true;
    becomes_readable(m->peer);
}

static void memory_close(struct stream *s, enum stream_end how)
{
    struct memory_end *m = end_of(s);

    loop_forget(&m->ready);
    buf_done(&m->arriving);
    m->is_closed = m->is_ended = true;
    m->is_aborted = how == STREAM_ABORT;
    if (m->peer->is_closed) {
        memory_free(m->pair);
        return;
    }
    m->peer->stream.is_hung_up = true;
    m->peer->stream.is_writable = true; // a write would tell
    becomes_readable(m->peer);
}

static str memory_protocol(struct stream *s)
{
    return end_of(s)->pair->protocol;
}

void memory_stream_pair(struct loop *loop, struct memory_stream_options options,
                        struct stream **out_a, struct stream **out_b)
{
    static const struct stream_ops ops = {
        .read = memory_read,
        .write = memory_write,
        .finish = memory_finish,
        .close = memory_close,
        .protocol = memory_protocol,
        .peek = memory_peek,
    };
    struct memory_pair *p = memory_new(struct memory_pair);

    p->capacity = options.capacity ? options.capacity : CAPACITY;
    p->protocol = options.protocol;
    p->is_cut = options.seed != 0;
    random_init(&p->random, options.seed);
    for (int i = 0; i < 2; i++) {
        struct memory_end *m = &p->ends[i];
        m->stream =
            (struct stream){.ops = &ops, .loop = loop, .is_writable = true, .is_readable = true};
        m->pair = p;
        m->peer = &p->ends[!i];
        buf_init(&m->arriving, p->capacity);
    }
    *out_a = &p->ends[0].stream;
    *out_b = &p->ends[1].stream;
}

void memory_stream_hang_up(struct stream *s)
{
    struct memory_end *m = end_of(s);

    m->is_ended = true;
    if (m->peer->is_closed) return;
    m->peer->stream.is_hung_up = true;
    becomes_readable(m->peer);
}
