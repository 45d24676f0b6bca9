#include "support/fake_client.h"

#include "support/test.h"

enum { SEEN_MAX = 64 << 20 };

static void say_rest(struct fake_client *c)
{
    while (buf_len(&c->out) && c->stream->is_writable) {
        str rest = buf_view(&c->out);
        struct iovec iov = {.iov_base = (void *)(uintptr_t)rest.ptr, .iov_len = rest.len};
        size_t len = 0;
        err e = stream_write(c->stream, &iov, 1, &len);
        if (e == ERR_AGAIN) return;
        if (e) {
            buf_clear(&c->out); // nobody listens any more
            return;
        }
        buf_consume(&c->out, len);
    }
}

static void hear(struct fake_client *c)
{
    char bytes[4096];
    size_t len = 0;

    while (!c->is_deaf && !c->end) {
        err e = stream_read(c->stream, bytes, sizeof(bytes), &len);
        if (e == ERR_AGAIN) return;
        c->end = e;
        if (!e) CHECK_EQ(buf_append(&c->seen, (str){.ptr = bytes, .len = len}), OK);
    }
}

static void on_ready(struct stream_user *user)
{
    struct fake_client *c = container_of(user, struct fake_client, user);

    say_rest(c);
    hear(c);
}

struct stream *fake_client_connect(struct fake_client *c, struct loop *loop,
                                   struct memory_stream_options options)
{
    struct stream *far = NULL;

    *c = (struct fake_client){.user = {.ready = on_ready}};
    buf_init(&c->seen, SEEN_MAX);
    buf_init(&c->out, SEEN_MAX);
    memory_stream_pair(loop, options, &c->stream, &far);
    c->stream->user = &c->user;
    return far;
}

void fake_client_say(struct fake_client *c, str text)
{
    CHECK_EQ(buf_append(&c->out, text), OK);
    say_rest(c);
}

void fake_client_listen(struct fake_client *c)
{
    c->is_deaf = false;
    if (c->stream) hear(c);
}

void fake_client_leave(struct fake_client *c, enum stream_end how)
{
    if (!c->stream) return;
    stream_close(c->stream, how);
    c->stream = NULL;
}

void fake_client_done(struct fake_client *c)
{
    fake_client_leave(c, STREAM_CLOSE);
    buf_done(&c->seen);
    buf_done(&c->out);
}
