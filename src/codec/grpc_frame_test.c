#include "codec/grpc_frame.h"

#include "base/random.h"

#include "support/test.h"

enum { MESSAGE_MAX = 300, ROUNDS = 60 };
enum split { WHOLE, BYTE_BY_BYTE, AT_RANDOM };

static size_t next_step(enum split split, struct random *r, size_t left)
{
    if (split == WHOLE) return left;
    if (split == BYTE_BY_BYTE) return 1;
    return 1 + (size_t)random_below(r, left < 9 ? left : 9);
}

// Reads a body as it arrives and tells each message as "flag:message;", then how it ended.
static err tell_body(str body, enum split split, struct random *r, struct buf *told)
{
    struct grpc_frame_reader reader;
    struct buf gather;
    size_t arrived = 0;
    err e = OK;

    buf_init(&gather, MESSAGE_MAX);
    grpc_frame_reader_init(&reader, &gather);
    while (arrived < body.len && (!e || e == ERR_AGAIN)) {
        size_t step = next_step(split, r, body.len - arrived);
        str piece = str_sub(body, arrived, step);
        struct grpc_frame f;
        while (!(e = grpc_frame_next(&reader, &piece, &f))) {
            CHECK_EQ(
                buf_append_format(told, "%d:%" STR_FMT ";", f.is_compressed, STR_ARG(f.message)),
                OK);
        }
        arrived += step;
    }
    if (e == ERR_AGAIN || !e) e = grpc_frame_is_between(&reader) ? OK : ERR_EOF;
    buf_done(&gather);
    return e;
}

struct sample {
    const char *name;
    str body;
    str want;
    err end; // ERR_EOF: cut
};

#define S(text) STR_INIT(text)

static const struct sample samples[] = {
    {"one message", S("\0\0\0\0\3abc"), S("0:abc;"), OK},
    {"a compressed one", S("\1\0\0\0\2zz"), S("1:zz;"), OK},
    {"an empty one", S("\0\0\0\0\0"), S("0:;"), OK},
    {"several", S("\0\0\0\0\1a\0\0\0\0\0\1\0\0\0\3bcd"), S("0:a;0:;1:bcd;"), OK},
    {"two that are gathered", S("\0\0\0\0\3abc\0\0\0\0\3def"), S("0:abc;0:def;"), OK},
    {"none", S(""), S(""), OK},
    {"a message that looks like a prefix", S("\0\0\0\0\6\1\2\3\4\5\6"), S("0:\1\2\3\4\5\6;"), OK},

    {"cut in the prefix", S("\0\0\0"), S(""), ERR_EOF},
    {"cut behind the prefix", S("\0\0\0\0\1"), S(""), ERR_EOF},
    {"cut in the message", S("\0\0\0\0\1a\0\0\0\0\3bc"), S("0:a;"), ERR_EOF},
    {"another flag", S("\2\0\0\0\1a"), S(""), ERR_SYNTAX},
    {"a high flag alone", S("\x80"), S(""), ERR_SYNTAX},
    {"text", S("HTTP/1.1"), S(""), ERR_SYNTAX},
    {"another flag behind a message", S("\0\0\0\0\1a\3"), S("0:a;"), ERR_SYNTAX},
    {"longer than allowed", S("\0\0\0\1\x2d"), S(""), ERR_LIMIT},
    {"as long as can be", S("\0\xff\xff\xff\xff"), S(""), ERR_LIMIT},
    {"longer behind a message", S("\0\0\0\0\1a\1\x7f\0\0\0xyz"), S("0:a;"), ERR_LIMIT},
};

TEST(grpc_frame_reads_bodies_alike_however_they_arrive)
{
    struct random r;
    struct buf told;

    random_init(&r, test_seed());
    buf_init(&told, 4096);
    for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
        for (int round = 0; round < ROUNDS; round++) {
            buf_clear(&told);
            enum split split = round < AT_RANDOM ? (enum split)round : AT_RANDOM;
            err e = tell_body(samples[i].body, split, &r, &told);
            if (e != samples[i].end || !str_eq(buf_view(&told), samples[i].want))
                test_fail(__FILE__, __LINE__, "%s: %s, \"%" STR_FMT "\"", samples[i].name,
                          err_name(e), STR_ARG(buf_view(&told)));
        }
    }
    buf_done(&told);
}

TEST(grpc_frame_views_a_message_that_lies_in_one_piece)
{
    struct grpc_frame_reader r;
    struct buf gather;
    struct grpc_frame f;
    str body = STR("\0\0\0\0\3abc\0\0\0\0\2de");
    str piece = body;

    buf_init(&gather, MESSAGE_MAX);
    grpc_frame_reader_init(&r, &gather);
    CHECK_EQ(grpc_frame_next(&r, &piece, &f), OK);
    CHECK(f.message.ptr == body.ptr + 5);
    CHECK_EQ(grpc_frame_next(&r, &piece, &f), OK);
    CHECK(f.message.ptr == body.ptr + 13);
    CHECK_EQ(grpc_frame_next(&r, &piece, &f), ERR_AGAIN);
    CHECK_EQ(gather.size, 0);

    // The prefix alone in a piece of its own gathers nothing either.
    piece = str_sub(body, 0, 5);
    CHECK_EQ(grpc_frame_next(&r, &piece, &f), ERR_AGAIN);
    piece = str_sub(body, 5, 3);
    CHECK_EQ(grpc_frame_next(&r, &piece, &f), OK);
    CHECK(f.message.ptr == body.ptr + 5);
    CHECK_EQ(gather.size, 0);
    buf_done(&gather);
}

// A peer that announces much and sends little holds little.
TEST(grpc_frame_gathers_only_what_came)
{
    struct grpc_frame_reader r;
    struct buf gather;
    struct grpc_frame f;
    str piece = STR("\0\0\x40\0\0abc");

    buf_init(&gather, (size_t)4 << 20);
    grpc_frame_reader_init(&r, &gather);
    CHECK_EQ(grpc_frame_next(&r, &piece, &f), ERR_AGAIN);
    CHECK_EQ(buf_len(&gather), 3);
    CHECK(gather.size < 4096);
    CHECK(!grpc_frame_is_between(&r));
    buf_done(&gather);
}

TEST(grpc_frame_takes_a_message_of_exactly_the_maximum)
{
    struct grpc_frame_reader r;
    struct buf gather;
    struct buf body;
    struct grpc_frame f = {0};
    char message[MESSAGE_MAX] = {0};

    buf_init(&gather, MESSAGE_MAX);
    buf_init(&body, 1024);
    grpc_frame_reader_init(&r, &gather);
    CHECK_EQ(grpc_frame_append(&body, (str){message, sizeof(message)}, false), OK);
    str piece = str_sub(buf_view(&body), 0, 100);
    CHECK_EQ(grpc_frame_next(&r, &piece, &f), ERR_AGAIN);
    piece = str_sub(buf_view(&body), 100, MESSAGE_MAX);
    CHECK_EQ(grpc_frame_next(&r, &piece, &f), OK);
    CHECK_EQ(f.message.len, MESSAGE_MAX);
    buf_done(&body);
    buf_done(&gather);
}

TEST(grpc_frame_writes_what_it_reads)
{
    struct buf body;
    struct buf told;

    buf_init(&body, 64);
    buf_init(&told, 64);
    CHECK_EQ(grpc_frame_append(&body, STR("hello"), false), OK);
    CHECK_EQ(grpc_frame_append(&body, STR(""), false), OK);
    CHECK_EQ(grpc_frame_append(&body, STR("zip"), true), OK);
    CHECK_EQ(tell_body(buf_view(&body), WHOLE, NULL, &told), OK);
    CHECK_STR(buf_view(&told), "0:hello;0:;1:zip;");
    buf_done(&told);
    buf_done(&body);
}

TEST(grpc_frame_append_leaves_nothing_of_what_does_not_fit)
{
    struct buf body;

    buf_init(&body, 9);
    CHECK_EQ(grpc_frame_append(&body, STR("hello"), false), ERR_LIMIT);
    CHECK_EQ(buf_len(&body), 0);
    CHECK_EQ(grpc_frame_append(&body, STR("hell"), false), OK);
    buf_done(&body);
}

TEST(grpc_frame_write_prefix_refuses_what_four_bytes_cannot_tell)
{
    char prefix[GRPC_FRAME_PREFIX_BYTES] = "....";

    CHECK_EQ(grpc_frame_write_prefix(prefix, (size_t)UINT32_MAX + 1, false), ERR_LIMIT);
    CHECK_EQ(prefix[0], '.');
    CHECK_EQ(grpc_frame_write_prefix(prefix, UINT32_MAX, true), OK);
    CHECK_SAME(((str){prefix, sizeof(prefix)}), STR("\1\xff\xff\xff\xff"));
    CHECK_EQ(grpc_frame_write_prefix(prefix, 0x01020304, false), OK);
    CHECK_SAME(((str){prefix, sizeof(prefix)}), STR("\0\1\2\3\4"));
}
