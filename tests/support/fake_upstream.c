#include "support/fake_upstream.h"

#include "base/memory.h"

#include "support/test.h"

enum { BYTES_MAX = 64 << 20 };

static void close_conn(struct fake_upstream_conn *c, enum stream_end how)
{
    if (!c->stream) return;
    stream_close(c->stream, how);
    c->stream = NULL;
    c->upstream->open_count--;
    buf_done(&c->seen);
    buf_done(&c->out);
}

static void say_rest(struct fake_upstream_conn *c)
{
    while (c->stream && buf_len(&c->out) && c->stream->is_writable) {
        str rest = buf_view(&c->out);
        struct iovec iov = {.iov_base = (void *)(uintptr_t)rest.ptr, .iov_len = rest.len};
        size_t len = 0;
        err e = stream_write(c->stream, &iov, 1, &len);
        if (e == ERR_AGAIN) return;
        if (e) {
            close_conn(c, STREAM_CLOSE);
            return;
        }
        buf_consume(&c->out, len);
    }
    if (c->stream && !buf_len(&c->out) && c->ending != FAKE_UPSTREAM_STAYS)
        close_conn(c, c->ending == FAKE_UPSTREAM_ABORTS ? STREAM_ABORT : STREAM_CLOSE);
}

static uint64_t length_in(str head)
{
    const str name = STR("\r\ncontent-length: ");
    size_t at = str_find(head, name);
    uint64_t len = 0;

    if (at == head.len) return 0;
    str rest = str_sub(head, at + name.len, head.len);
    CHECK(str_to_u64(str_cut(&rest, '\r'), UINT64_MAX, &len));
    return len;
}

// The bytes of the whole request at the front of `seen`; 0 while it isn't whole.
static size_t whole_request(str seen)
{
    const str blank = STR("\r\n\r\n");
    const str last = STR("0\r\n\r\n");
    size_t head_len = str_find(seen, blank) + blank.len;

    if (head_len > seen.len) return 0;
    str head = str_sub(seen, 0, head_len);
    str body = str_sub(seen, head_len, seen.len);
    if (str_find(head, STR("\r\ntransfer-encoding: chunked")) < head.len)
        return str_ends(body, last) ? seen.len : 0;
    uint64_t len = length_in(head);
    return body.len >= len ? head_len + (size_t)len : 0;
}

static void take_request(struct fake_upstream_conn *c, size_t len)
{
    struct fake_upstream *u = c->upstream;

    c->request_count++;
    u->request_count++;
    buf_clear(&u->request);
    CHECK_EQ(buf_append(&u->request, str_sub(buf_view(&c->seen), 0, len)), OK);
    if (u->requested) {
        u->requested(u, c);
    } else if (u->script.len || u->ending != FAKE_UPSTREAM_STAYS) {
        fake_upstream_say(c, u->script);
        if (c->stream) fake_upstream_end(c, u->ending);
    }
    if (c->stream) buf_consume(&c->seen, len);
}

static void hear(struct fake_upstream_conn *c)
{
    char bytes[4096];
    size_t len = 0;

    while (c->stream && !c->is_deaf && !c->end) {
        err e = stream_read(c->stream, bytes, sizeof(bytes), &len);
        if (e == ERR_AGAIN) return;
        if (e) {
            c->end = e;
            close_conn(c, STREAM_CLOSE);
            return;
        }
        CHECK_EQ(buf_append(&c->seen, (str){.ptr = bytes, .len = len}), OK);
        size_t whole = whole_request(buf_view(&c->seen));
        if (whole) take_request(c, whole);
    }
}

static void on_ready(struct stream_user *user)
{
    struct fake_upstream_conn *c = container_of(user, struct fake_upstream_conn, user);

    say_rest(c);
    hear(c);
}

static void on_accepted(struct memory_dialer *m, const struct dial_target *target, struct stream *s)
{
    struct fake_upstream *u = container_of(m, struct fake_upstream, dialer);
    struct fake_upstream_conn *c = memory_alloc(u->conn_size);

    (void)target;
    c->user.ready = on_ready;
    c->upstream = u;
    c->stream = s;
    c->is_deaf = u->is_deaf;
    buf_init(&c->seen, BYTES_MAX);
    buf_init(&c->out, BYTES_MAX);
    s->user = &c->user;
    list_push_back(&u->conns, &c->link);
    u->conn_count++;
    u->open_count++;
}

void fake_upstream_init(struct fake_upstream *u, struct loop *loop)
{
    *u = (struct fake_upstream){.loop = loop, .conn_size = sizeof(struct fake_upstream_conn)};
    memory_dialer_init(&u->dialer);
    u->dialer.accepted = on_accepted;
    list_init(&u->conns);
    buf_init(&u->request, BYTES_MAX);
}

void fake_upstream_done(struct fake_upstream *u)
{
    struct link *l = NULL;

    while ((l = list_pop_front(&u->conns))) {
        struct fake_upstream_conn *c = container_of(l, struct fake_upstream_conn, link);
        close_conn(c, STREAM_CLOSE);
        memory_free(c);
    }
    buf_done(&u->request);
}

struct fake_upstream_conn *fake_upstream_conn(struct fake_upstream *u)
{
    if (list_is_empty(&u->conns)) return NULL;
    return container_of(u->conns.prev, struct fake_upstream_conn, link);
}

void fake_upstream_say(struct fake_upstream_conn *c, str text)
{
    if (!c->stream) return;
    CHECK_EQ(buf_append(&c->out, text), OK);
    say_rest(c);
}

void fake_upstream_end(struct fake_upstream_conn *c, enum fake_upstream_end how)
{
    c->ending = how;
    say_rest(c);
}

void fake_upstream_listen(struct fake_upstream_conn *c)
{
    c->is_deaf = false;
    hear(c);
}
