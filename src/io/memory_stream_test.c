#include "io/memory_stream.h"

#include "base/random.h"

#include "support/test.h"

#include <string.h>

struct reader {
    struct stream_user user;
    int ready_count;
};

static void note_ready(struct stream_user *user)
{
    container_of(user, struct reader, user)->ready_count++;
}

static err send_text(struct stream *s, str text, size_t *len)
{
    char copy[64];

    memcpy(copy, text.ptr, text.len);
    struct iovec iov = {copy, text.len};
    return stream_write(s, &iov, 1, len);
}

TEST(memory_stream_carries_bytes_both_ways_and_tells_later)
{
    struct loop l;
    struct stream *a = NULL;
    struct stream *b = NULL;
    struct reader r = {.user = {note_ready}};
    char bytes[64];
    size_t len = 0;

    loop_init_virtual(&l, 0);
    memory_stream_pair(&l, (struct memory_stream_options){0}, &a, &b);
    b->user = &r.user;
    CHECK_EQ(stream_read(b, bytes, sizeof(bytes), &len), ERR_AGAIN);
    CHECK(!b->is_readable);
    CHECK_EQ(send_text(a, STR("ping"), &len), OK);
    CHECK_EQ(r.ready_count, 0);
    (void)loop_turn(&l, 0);
    CHECK_EQ(r.ready_count, 1);
    CHECK(b->is_readable);
    CHECK_EQ(stream_read(b, bytes, sizeof(bytes), &len), OK);
    CHECK_SAME(((str){bytes, len}), STR("ping"));
    CHECK(!b->is_readable);
    CHECK_EQ(send_text(b, STR("pong"), &len), OK);
    CHECK_EQ(stream_read(a, bytes, 2, &len), OK);
    CHECK_SAME(((str){bytes, len}), STR("po"));
    stream_close(a, STREAM_CLOSE);
    stream_close(b, STREAM_CLOSE);
    loop_done(&l);
}

TEST(memory_stream_close_delivers_then_ends)
{
    struct loop l;
    struct stream *a = NULL;
    struct stream *b = NULL;
    struct reader r = {.user = {note_ready}};
    char bytes[64];
    size_t len = 0;

    loop_init_virtual(&l, 0);
    memory_stream_pair(&l, (struct memory_stream_options){0}, &a, &b);
    b->user = &r.user;
    CHECK_EQ(send_text(a, STR("last"), &len), OK);
    stream_close(a, STREAM_CLOSE);
    (void)loop_turn(&l, 0);
    CHECK_EQ(r.ready_count, 1);
    CHECK(b->is_hung_up);
    CHECK_EQ(stream_read(b, bytes, sizeof(bytes), &len), OK);
    CHECK_EQ(len, 4);
    CHECK_EQ(stream_read(b, bytes, sizeof(bytes), &len), ERR_EOF);
    CHECK_EQ(send_text(b, STR("x"), &len), ERR_CLOSED);
    stream_close(b, STREAM_CLOSE);
    loop_done(&l);
}

TEST(memory_stream_abort_is_no_end)
{
    struct loop l;
    struct stream *a = NULL;
    struct stream *b = NULL;
    char bytes[64];
    size_t len = 0;

    loop_init_virtual(&l, 0);
    memory_stream_pair(&l, (struct memory_stream_options){0}, &a, &b);
    CHECK_EQ(send_text(a, STR("lost"), &len), OK);
    stream_close(a, STREAM_ABORT);
    CHECK_EQ(stream_read(b, bytes, sizeof(bytes), &len), ERR_CLOSED);
    CHECK_EQ(send_text(b, STR("x"), &len), ERR_CLOSED);
    stream_close(b, STREAM_CLOSE);
    (void)loop_turn(&l, 0);
    loop_done(&l);
}

TEST(memory_stream_full_asks_to_wait_and_tells_when_there_is_room)
{
    struct loop l;
    struct stream *a = NULL;
    struct stream *b = NULL;
    struct reader w = {.user = {note_ready}};
    char bytes[64];
    size_t len = 0;

    loop_init_virtual(&l, 0);
    memory_stream_pair(&l, (struct memory_stream_options){.capacity = 6}, &a, &b);
    a->user = &w.user;
    CHECK_EQ(send_text(a, STR("12345678"), &len), OK);
    CHECK_EQ(len, 6);
    CHECK_EQ(send_text(a, STR("78"), &len), ERR_AGAIN);
    CHECK(!a->is_writable);
    CHECK_EQ(stream_read(b, bytes, 1, &len), OK);
    (void)loop_turn(&l, 0);
    CHECK_EQ(w.ready_count, 1);
    CHECK(a->is_writable);
    stream_close(a, STREAM_CLOSE);
    stream_close(b, STREAM_CLOSE);
    loop_done(&l);
}

TEST(memory_stream_cut_at_random_loses_nothing)
{
    static char sent[20'000];
    static char got[sizeof(sent)];
    struct loop l;
    struct stream *a = NULL;
    struct stream *b = NULL;
    struct random r;
    size_t out = 0;
    size_t in = 0;
    size_t len = 0;
    int short_count = 0;

    random_init(&r, test_seed());
    for (size_t i = 0; i < sizeof(sent); i++) {
        sent[i] = (char)random_u64(&r);
    }
    loop_init_virtual(&l, 0);
    memory_stream_pair(&l, (struct memory_stream_options){.capacity = 1000, .seed = test_seed()},
                       &a, &b);
    while (in < sizeof(sent)) {
        size_t half = (sizeof(sent) - out) / 2;
        struct iovec iov[2] = {{sent + out, half}, {sent + out + half, sizeof(sent) - out - half}};
        if (out < sizeof(sent) && stream_write(a, iov, 2, &len) == OK) out += len;
        if (stream_read(b, got + in, sizeof(got) - in, &len) == OK) {
            in += len;
            short_count += len < 1000;
        }
    }
    CHECK(short_count > 10);
    CHECK(memcmp(sent, got, sizeof(sent)) == 0);
    stream_close(a, STREAM_CLOSE);
    stream_close(b, STREAM_ABORT);
    loop_done(&l);
}

TEST(memory_stream_hung_up_ends_one_way_only)
{
    struct loop l;
    struct stream *a = NULL;
    struct stream *b = NULL;
    char bytes[64];
    size_t len = 0;

    loop_init_virtual(&l, 0);
    memory_stream_pair(&l, (struct memory_stream_options){0}, &a, &b);
    CHECK_EQ(send_text(a, STR("last"), &len), OK);
    memory_stream_hang_up(a);
    CHECK_EQ(send_text(a, STR("more"), &len), ERR_CLOSED);
    CHECK_EQ(stream_read(b, bytes, sizeof(bytes), &len), OK);
    CHECK_EQ(stream_read(b, bytes, sizeof(bytes), &len), ERR_EOF);
    CHECK_EQ(send_text(b, STR("still"), &len), OK);
    CHECK_EQ(stream_read(a, bytes, sizeof(bytes), &len), OK);
    CHECK_EQ(len, 5);
    stream_close(a, STREAM_CLOSE);
    stream_close(b, STREAM_CLOSE);
    loop_done(&l);
}

TEST(memory_stream_can_be_peeked_at)
{
    struct loop l;
    struct stream *a = NULL;
    struct stream *b = NULL;
    char bytes[8];
    unsigned char first = 0;
    size_t len = 0;

    loop_init_virtual(&l, 0);
    memory_stream_pair(&l, (struct memory_stream_options){0}, &a, &b);
    CHECK_EQ(stream_peek(b, &first), ERR_AGAIN);
    CHECK(!b->is_readable);
    CHECK_EQ(send_text(a, STR("xy"), &len), OK);
    CHECK_EQ(stream_peek(b, &first), OK);
    CHECK_EQ(stream_peek(b, &first), OK);
    CHECK_EQ(first, 'x');
    CHECK_EQ(stream_read(b, bytes, sizeof(bytes), &len), OK);
    CHECK_SAME(((str){bytes, len}), STR("xy"));
    stream_close(a, STREAM_CLOSE);
    CHECK_EQ(stream_peek(b, &first), ERR_EOF);
    stream_close(b, STREAM_CLOSE);
    memory_stream_pair(&l, (struct memory_stream_options){0}, &a, &b);
    stream_close(a, STREAM_ABORT);
    CHECK_EQ(stream_peek(b, &first), ERR_CLOSED);
    stream_close(b, STREAM_CLOSE);
    loop_done(&l);
}
