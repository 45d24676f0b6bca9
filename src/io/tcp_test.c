#include "io/tcp.h"

#include "io/listener.h"
#include "io/socket.h"

#include "support/test.h"

#include <string.h>

// A listener on loopback, a stream that it accepted and the other end, on one loop.
struct bench {
    struct loop loop;
    struct listener listener;
    struct stream *near; // accepted
    struct stream *far;
    struct stream_user user;
    int accepted_count;
    int ready_count;
};

static void on_ready(struct stream_user *user)
{
    container_of(user, struct bench, user)->ready_count++;
}

static void on_accepted(struct listener *l, struct stream *s)
{
    struct bench *b = container_of(l, struct bench, listener);

    b->accepted_count++;
    if (b->near) {
        stream_close(s, STREAM_CLOSE);
        return;
    }
    b->near = s;
    s->user = &b->user;
}

static void turn_until(struct bench *b, const int *count, int wanted)
{
    for (int i = 0; i < 500 && *count < wanted; i++) {
        loop_turn(&b->loop, 10);
    }
    CHECK(*count >= wanted);
}

static void connect_to(struct bench *b, struct stream **out)
{
    int fd = -1;

    CHECK_EQ(socket_connect(&b->listener.address, &fd), OK);
    CHECK_EQ(tcp_open(&b->loop, fd, b->listener.address, out), OK);
}

static void bench_init(struct bench *b)
{
    struct address any;

    *b = (struct bench){.user = {.ready = on_ready}};
    CHECK_EQ(loop_init(&b->loop), OK);
    CHECK_EQ(socket_parse_address(STR("127.0.0.1:0"), &any), OK);
    b->listener.accepted = on_accepted;
    CHECK_EQ(listener_open(&b->listener, &b->loop, &any, false), OK);
    CHECK(listener_is_open(&b->listener));
    connect_to(b, &b->far);
    turn_until(b, &b->accepted_count, 1);
}

static void bench_done(struct bench *b)
{
    if (b->near) stream_close(b->near, STREAM_CLOSE);
    if (b->far) stream_close(b->far, STREAM_CLOSE);
    listener_close(&b->listener);
    listener_close(&b->listener); // harmless
    CHECK(!listener_is_open(&b->listener));
    loop_done(&b->loop);
}

static void say(struct stream *s, str text)
{
    struct iovec iov[2] = {{(void *)(uintptr_t)text.ptr, 1},
                           {(void *)(uintptr_t)(text.ptr + 1), text.len - 1}};
    size_t len = 0;

    CHECK_EQ(stream_write(s, iov, 2, &len), OK);
    CHECK_EQ(len, text.len);
}

TEST(tcp_reads_what_was_written_and_knows_when_that_was_all)
{
    struct bench b;
    char bytes[16];
    size_t len = 0;

    bench_init(&b);
    CHECK(b.near->is_readable); // to be found out
    CHECK_EQ(stream_read(b.near, bytes, sizeof(bytes), &len), ERR_AGAIN);
    CHECK(!b.near->is_readable);
    b.ready_count = 0;
    say(b.far, STR("hello"));
    turn_until(&b, &b.ready_count, 1);
    CHECK(b.near->is_readable);
    CHECK_EQ(stream_read(b.near, bytes, 3, &len), OK);
    CHECK_EQ(len, 3);
    CHECK(b.near->is_readable); // filled: there may be more
    CHECK_EQ(stream_read(b.near, bytes, sizeof(bytes), &len), OK);
    CHECK_EQ(len, 2);
    CHECK(!b.near->is_readable); // short: that was all, without another call
    CHECK_EQ(b.near->peer.is_v6, 0);
    CHECK(b.near->peer.port > 0);
    bench_done(&b);
}

TEST(tcp_reads_to_the_end_behind_a_short_read)
{
    struct bench b;
    char bytes[16];
    size_t len = 0;

    bench_init(&b);
    say(b.far, STR("bye"));
    stream_finish(b.far);
    while (!b.near->is_hung_up) {
        loop_turn(&b.loop, 10);
    }
    CHECK_EQ(stream_read(b.near, bytes, sizeof(bytes), &len), OK);
    CHECK_EQ(len, 3);
    CHECK(b.near->is_readable); // the end is still to be read, and no event will tell
    CHECK_EQ(stream_read(b.near, bytes, sizeof(bytes), &len), ERR_EOF);
    // The other direction goes on.
    say(b.near, STR("too"));
    for (int i = 0; i < 500 && stream_read(b.far, bytes, sizeof(bytes), &len); i++) {
        loop_turn(&b.loop, 10);
    }
    CHECK_EQ(len, 3);
    bench_done(&b);
}

TEST(tcp_abort_is_no_orderly_end)
{
    struct bench b;
    char bytes[16];
    size_t len = 0;

    bench_init(&b);
    b.ready_count = 0;
    stream_close(b.far, STREAM_ABORT);
    b.far = NULL;
    turn_until(&b, &b.ready_count, 1);
    CHECK(b.near->is_hung_up);
    CHECK(b.near->is_readable);
    CHECK_EQ(stream_read(b.near, bytes, sizeof(bytes), &len), ERR_CLOSED);
    bench_done(&b);
}

TEST(tcp_writes_until_nothing_fits_and_tells_when_it_does_again)
{
    static char block[256 * 1024];
    static char bytes[256 * 1024];
    struct bench b;
    struct iovec iov = {block, sizeof(block)};
    size_t sent = 0;
    size_t got = 0;
    size_t len = 0;
    err e = OK;

    bench_init(&b);
    while (!(e = stream_write(b.near, &iov, 1, &len))) {
        sent += len;
    }
    CHECK_EQ(e, ERR_AGAIN);
    CHECK(!b.near->is_writable);
    while (got < sent) {
        e = stream_read(b.far, bytes, sizeof(bytes), &len);
        CHECK(e == OK || e == ERR_AGAIN);
        if (e) {
            loop_turn(&b.loop, 10);
        } else {
            got += len;
        }
    }
    for (int i = 0; i < 500 && !b.near->is_writable; i++) {
        loop_turn(&b.loop, 10);
    }
    CHECK(b.near->is_writable);
    bench_done(&b);
}

TEST(tcp_writing_to_one_who_left_fails_without_a_signal)
{
    struct bench b;
    struct iovec iov = {(void *)(uintptr_t) "x", 1};
    size_t len = 0;
    err e = OK;

    bench_init(&b);
    stream_close(b.far, STREAM_ABORT);
    b.far = NULL;
    for (int i = 0; i < 500 && !e; i++) {
        loop_turn(&b.loop, 1);
        e = stream_write(b.near, &iov, 1, &len);
    }
    CHECK_EQ(e, ERR_CLOSED);
    bench_done(&b);
}

TEST(tcp_can_be_peeked_at)
{
    struct bench b;
    struct stream_security security;
    char bytes[16];
    unsigned char first = 0;
    size_t len = 0;

    bench_init(&b);
    CHECK_EQ(stream_peek(b.near, &first), ERR_AGAIN);
    CHECK(!b.near->is_readable);
    b.ready_count = 0;
    say(b.far, STR("hello"));
    turn_until(&b, &b.ready_count, 1);
    CHECK_EQ(stream_peek(b.near, &first), OK);
    CHECK_EQ(first, 'h');
    CHECK(b.near->is_readable);
    CHECK_EQ(stream_read(b.near, bytes, sizeof(bytes), &len), OK);
    CHECK_EQ(len, 5);
    stream_close(b.far, STREAM_CLOSE);
    b.far = NULL;
    while (!b.near->is_hung_up) {
        loop_turn(&b.loop, 10);
    }
    CHECK_EQ(stream_peek(b.near, &first), ERR_EOF);
    stream_secured(b.near, &security);
    CHECK_EQ(security.version.len, 0);
    bench_done(&b);
}
