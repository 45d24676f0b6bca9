#include "http/wire.h"

#include "base/random.h"
#include "io/memory_stream.h"

#include "support/test.h"

#include <string.h>

// A wire, and the far end of its stream.
struct bench {
    struct loop loop;
    struct wire wire;
    struct stream *far;
};

static void bench_init(struct bench *b, struct memory_stream_options options)
{
    struct stream *near = NULL;

    loop_init_virtual(&b->loop, 0);
    memory_stream_pair(&b->loop, options, &near, &b->far);
    wire_init(&b->wire, near);
}

static void bench_done(struct bench *b)
{
    wire_close(&b->wire, STREAM_CLOSE);
    wire_close(&b->wire, STREAM_CLOSE); // harmless
    CHECK(!wire_is_open(&b->wire));
    if (b->far) stream_close(b->far, STREAM_CLOSE);
    loop_done(&b->loop);
}

static struct iovec piece(str s)
{
    return (struct iovec){.iov_base = (void *)(uintptr_t)s.ptr, .iov_len = s.len};
}

static void far_says(struct bench *b, str text)
{
    struct iovec iov = piece(text);
    size_t len = 0;

    CHECK_EQ(stream_write(b->far, &iov, 1, &len), OK);
    CHECK_EQ(len, text.len);
}

// Appends what the far end can read.
static void far_hears(struct bench *b, struct buf *out)
{
    char bytes[256];
    size_t len = 0;

    while (!stream_read(b->far, bytes, sizeof(bytes), &len)) {
        CHECK_EQ(buf_append(out, (str){bytes, len}), OK);
    }
    b->far->is_readable = true;
}

static const struct memory_stream_options plain;

TEST(wire_holds_no_memory_at_rest)
{
    struct bench b;

    bench_init(&b, plain);
    far_says(&b, STR("hello"));
    CHECK_EQ(wire_fill(&b.wire), OK);
    CHECK_STR(b.wire.pending, "hello");
    CHECK(b.wire.pending.ptr == b.loop.scratch);
    wire_consume(&b.wire, 5);
    wire_settle(&b.wire);
    CHECK(!b.wire.in.bytes);
    CHECK(!b.wire.out.bytes);
    CHECK_EQ(wire_fill(&b.wire), ERR_AGAIN);
    CHECK_EQ(b.wire.pending.len, 0);
    bench_done(&b);
}

TEST(wire_keeps_what_was_not_consumed)
{
    struct bench b;

    bench_init(&b, plain);
    far_says(&b, STR("hello, "));
    CHECK_EQ(wire_fill(&b.wire), OK);
    wire_consume(&b.wire, 2);
    wire_settle(&b.wire);
    memset(b.loop.scratch, 'x', LOOP_SCRATCH_BYTES); // another's visit
    CHECK_STR(b.wire.pending, "llo, ");
    far_says(&b, STR("world"));
    CHECK_EQ(wire_fill(&b.wire), OK);
    CHECK_STR(b.wire.pending, "llo, world");
    wire_consume(&b.wire, 5);
    CHECK_STR(b.wire.pending, "world");
    wire_settle(&b.wire);
    CHECK_STR(b.wire.pending, "world");
    wire_consume(&b.wire, 5);
    wire_settle(&b.wire);
    CHECK(!b.wire.in.bytes);
    bench_done(&b);
}

TEST(wire_reads_the_same_however_it_is_split_and_consumed)
{
    static char text[20'000];
    struct random random;

    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = (char)('a' + i % 23);
    }
    random_init(&random, test_seed());
    for (int run = 0; run < 30; run++) {
        struct bench b;
        struct buf seen;
        size_t said = 0;
        bench_init(&b, (struct memory_stream_options){.seed = 1 + random_u64(&random) % 1000});
        buf_init(&seen, sizeof(text));
        while (buf_len(&seen) < sizeof(text)) {
            struct iovec iov = {text + said, 1 + random_below(&random, 3000)};
            if (iov.iov_len > sizeof(text) - said) iov.iov_len = sizeof(text) - said;
            size_t len = 0;
            if (iov.iov_len && !stream_write(b.far, &iov, 1, &len)) said += len;
            err e = wire_fill(&b.wire);
            CHECK(e == OK || e == ERR_AGAIN);
            size_t used = random_below(&random, b.wire.pending.len + 1);
            CHECK_EQ(buf_append(&seen, str_sub(b.wire.pending, 0, used)), OK);
            wire_consume(&b.wire, used);
            if (random_below(&random, 2)) {
                wire_settle(&b.wire);
                memset(b.loop.scratch, 'X', LOOP_SCRATCH_BYTES);
            }
        }
        CHECK_SAME(buf_view(&seen), ((str){text, sizeof(text)}));
        buf_done(&seen);
        bench_done(&b);
    }
}

TEST(wire_bounds_what_nobody_consumes)
{
    static char block[32 * 1024];
    struct bench b;
    err e = OK;
    int rounds = 0;

    memset(block, 'x', sizeof(block));
    bench_init(&b, plain);
    while (!e && rounds++ < 1000) {
        far_says(&b, (str){block, sizeof(block)});
        while (!(e = wire_fill(&b.wire))) {
        }
        if (e == ERR_AGAIN) e = OK;
        wire_settle(&b.wire);
    }
    CHECK_EQ(e, ERR_LIMIT);
    CHECK(b.wire.pending.len <= WIRE_IN_MAX);
    bench_done(&b);
}

TEST(wire_tells_how_the_peer_ended)
{
    struct bench b;

    bench_init(&b, plain);
    far_says(&b, STR("bye"));
    stream_close(b.far, STREAM_CLOSE);
    b.far = NULL;
    CHECK_EQ(wire_fill(&b.wire), OK);
    CHECK_STR(b.wire.pending, "bye");
    CHECK_EQ(wire_fill(&b.wire), ERR_EOF);
    CHECK_STR(b.wire.pending, "bye"); // still there
    bench_done(&b);
    bench_init(&b, plain);
    stream_close(b.far, STREAM_ABORT);
    b.far = NULL;
    CHECK_EQ(wire_fill(&b.wire), ERR_CLOSED);
    struct iovec iov = piece(STR("x"));
    CHECK_EQ(wire_write(&b.wire, &iov, 1), ERR_CLOSED);
    bench_done(&b);
}

TEST(wire_sends_at_once_what_fits_and_the_rest_later)
{
    struct bench b;
    struct buf heard;
    struct iovec iov[3] = {piece(STR("head")), piece(STR("")), piece(STR(" and body"))};

    buf_init(&heard, 100);
    bench_init(&b, (struct memory_stream_options){.capacity = 6});
    CHECK_EQ(wire_write(&b.wire, iov, 3), OK);
    CHECK(wire_is_congested(&b.wire));
    CHECK_EQ(buf_len(&b.wire.out), 7);
    // More goes behind what waits, also where there would be room now.
    far_hears(&b, &heard);
    iov[0] = piece(STR("!"));
    CHECK_EQ(wire_write(&b.wire, iov, 1), OK);
    CHECK_EQ(buf_len(&b.wire.out), 8);
    CHECK_EQ(wire_flush(&b.wire), OK);
    CHECK_EQ(buf_len(&b.wire.out), 2);
    far_hears(&b, &heard);
    CHECK_EQ(wire_flush(&b.wire), OK);
    CHECK(!wire_is_congested(&b.wire));
    CHECK(!b.wire.out.bytes);
    far_hears(&b, &heard);
    CHECK_STR(buf_view(&heard), "head and body!");
    buf_done(&heard);
    bench_done(&b);
}

TEST(wire_bounds_what_nobody_takes)
{
    static char block[WIRE_OUT_MAX];
    struct bench b;
    struct iovec iov = {block, sizeof(block)};

    bench_init(&b, (struct memory_stream_options){.capacity = 10});
    CHECK_EQ(wire_write(&b.wire, &iov, 1), OK);
    iov = (struct iovec){block, 11};
    CHECK_EQ(wire_write(&b.wire, &iov, 1), ERR_LIMIT);
    bench_done(&b);
}

TEST(wire_skip_takes_bytes_off_the_front)
{
    for (size_t skip = 0; skip <= 6; skip++) {
        struct iovec iov[4] = {piece(STR("ab")), piece(STR("")), piece(STR("c")),
                               piece(STR("def"))};
        struct buf rest;
        int count = wire_skip(iov, 4, skip);
        buf_init(&rest, 10);
        for (int i = 0; i < count; i++) {
            CHECK_EQ(buf_append(&rest, (str){iov[i].iov_base, iov[i].iov_len}), OK);
        }
        CHECK_SAME(buf_view(&rest), str_sub(STR("abcdef"), skip, 6));
        if (skip == 6) CHECK_EQ(count, 0);
        if (count) CHECK(iov[0].iov_len > 0);
        buf_done(&rest);
    }
    CHECK_EQ(wire_skip(NULL, 0, 0), 0);
}

TEST(wire_defer_keeps_order_and_leaves_at_the_flush_or_before_the_end)
{
    struct bench b;
    struct buf heard;
    struct iovec one = piece(STR("one "));
    struct iovec two = piece(STR("two "));
    struct iovec three = piece(STR("three"));

    bench_init(&b, (struct memory_stream_options){.seed = 0});
    buf_init(&heard, 1000);
    CHECK_EQ(wire_defer(&b.wire, &one, 1), OK);
    CHECK(!wire_is_congested(&b.wire));
    CHECK_EQ(wire_write(&b.wire, &two, 1), OK); // behind it, so not at once
    far_hears(&b, &heard);
    CHECK_EQ(buf_len(&heard), 0);
    CHECK_EQ(wire_flush(&b.wire), OK);
    far_hears(&b, &heard);
    CHECK_STR(buf_view(&heard), "one two ");
    CHECK_EQ(wire_defer(&b.wire, &three, 1), OK);
    wire_close(&b.wire, STREAM_CLOSE);
    far_hears(&b, &heard);
    CHECK_STR(buf_view(&heard), "one two three");
    buf_done(&heard);
    bench_done(&b);
}

TEST(wire_defer_behind_congestion_stays_congestion)
{
    struct bench b;
    struct iovec large = piece(STR("0123456789"));
    struct iovec more = piece(STR("x"));

    bench_init(&b, (struct memory_stream_options){.capacity = 4});
    CHECK_EQ(wire_write(&b.wire, &large, 1), OK);
    CHECK(wire_is_congested(&b.wire));
    CHECK_EQ(wire_defer(&b.wire, &more, 1), OK);
    CHECK(wire_is_congested(&b.wire));
    bench_done(&b);
}
