#include "codec/gzip.h"

#include "base/memory.h"
#include "base/random.h"

#include "support/test.h"

enum { ROOM = 1 << 20 };

// "hello" as gzip(1) writes it, without a name or a time.
static const str hello = STR_INIT("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9\xc9\x07"
                                  "\x00\x86\xa6\x10\x36\x05\x00\x00\x00");

static err decompress(str in, size_t max, struct buf *out)
{
    buf_init(out, max);
    return gzip_decompress(in, out);
}

TEST(gzip_reads_what_gzip_wrote)
{
    struct buf out;

    CHECK_EQ(decompress(hello, ROOM, &out), OK);
    CHECK_STR(buf_view(&out), "hello");
    buf_done(&out);
}

TEST(gzip_reads_back_what_it_writes)
{
    static const size_t lengths[] = {0, 1, 255, 4096, 4097, 100'000, 700'000};
    char *bytes = memory_alloc(ROOM);
    struct random r;

    random_init(&r, test_seed());
    for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        struct buf packed;
        struct buf out;
        str in = {bytes, lengths[i]};
        for (size_t k = 0; k < in.len; k++) {
            bytes[k] = (char)random_below(&r, i % 2 ? 256 : 4);
        }
        buf_init(&packed, ROOM);
        CHECK_EQ(gzip_compress(in, &packed), OK);
        CHECK_EQ(decompress(buf_view(&packed), in.len, &out), OK);
        CHECK_SAME(buf_view(&out), in);
        buf_done(&out);
        buf_done(&packed);
    }
    memory_free(bytes);
}

TEST(gzip_appends_to_what_is_there)
{
    struct buf out;

    buf_init(&out, ROOM);
    CHECK_EQ(buf_append(&out, STR("say ")), OK);
    CHECK_EQ(gzip_decompress(hello, &out), OK);
    CHECK_STR(buf_view(&out), "say hello");
    buf_done(&out);
}

TEST(gzip_reads_members_in_a_row)
{
    struct buf two;
    struct buf out;

    buf_init(&two, ROOM);
    CHECK_EQ(buf_append(&two, hello), OK);
    CHECK_EQ(buf_append(&two, hello), OK);
    CHECK_EQ(decompress(buf_view(&two), 10, &out), OK);
    CHECK_STR(buf_view(&out), "hellohello");
    buf_done(&out);
    CHECK_EQ(decompress(buf_view(&two), 9, &out), ERR_LIMIT);
    buf_done(&out);
    buf_done(&two);
}

TEST(gzip_refuses_what_does_not_fit)
{
    struct buf out;

    CHECK_EQ(decompress(hello, 5, &out), OK);
    buf_done(&out);
    for (size_t max = 0; max < 5; max++) {
        CHECK_EQ(decompress(hello, max, &out), ERR_LIMIT);
        CHECK(buf_len(&out) <= max);
        buf_done(&out);
    }
}

// A megabyte of zeros in about a kilobyte: the buf never grows beyond its maximum.
TEST(gzip_stops_a_bomb_at_the_maximum)
{
    char *zeros = memory_alloc(ROOM);
    struct buf bomb;
    struct buf out;

    buf_init(&bomb, 16'384);
    CHECK_EQ(gzip_compress((str){zeros, ROOM}, &bomb), OK);
    CHECK_EQ(decompress(buf_view(&bomb), 10'000, &out), ERR_LIMIT);
    CHECK(out.size <= 10'000);
    buf_done(&out);
    buf_done(&bomb);
    memory_free(zeros);
}

TEST(gzip_refuses_a_message_cut_anywhere)
{
    struct buf out;

    for (size_t len = 0; len < hello.len; len++) {
        CHECK_EQ(decompress(str_sub(hello, 0, len), ROOM, &out), ERR_SYNTAX);
        buf_done(&out);
    }
}

// The header's time, system and hints may be anything; whatever else differs is found.
TEST(gzip_refuses_a_wrong_byte_in_method_content_and_checksums)
{
    char bytes[64];
    struct buf out;

    for (size_t at = 0; at < hello.len; at++) {
        bool may_differ = at >= 3 && at < 10;
        memcpy(bytes, hello.ptr, hello.len);
        bytes[at] = (char)(bytes[at] ^ 1);
        err e = decompress((str){bytes, hello.len}, ROOM, &out);
        if (!may_differ) CHECK_EQ(e, ERR_SYNTAX);
        buf_done(&out);
    }
}

TEST(gzip_refuses_what_is_something_else)
{
    static const str others[] = {STR_INIT("hello"),
                                 STR_INIT("\x78\x9c\xcb\x48\xcd\xc9\xc9\x07\x00"), STR_INIT("\x1f"),
                                 STR_INIT("\x1f\x8b\x09")};
    struct buf out;
    struct buf more;

    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        CHECK_EQ(decompress(others[i], ROOM, &out), ERR_SYNTAX);
        buf_done(&out);
    }
    buf_init(&more, ROOM);
    CHECK_EQ(buf_append(&more, hello), OK);
    CHECK_EQ(buf_append(&more, STR("tail")), OK);
    CHECK_EQ(decompress(buf_view(&more), ROOM, &out), ERR_SYNTAX);
    buf_done(&out);
    buf_done(&more);
}

TEST(gzip_compress_stays_within_its_maximum)
{
    struct buf out;

    for (size_t max = 0; max <= hello.len; max++) {
        buf_init(&out, max);
        err e = gzip_compress(STR("hello"), &out);
        CHECK(buf_len(&out) <= max);
        CHECK_EQ(e, max < hello.len ? ERR_LIMIT : OK);
        buf_done(&out);
    }
}
