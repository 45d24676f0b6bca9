#include "base/random.h"
#include "codec/h1.h"

#include "support/test.h"

#include <string.h>

enum { ROOM = 1 << 15, ROUNDS = 20 };
enum split { WHOLE, BYTE_BY_BYTE, AT_RANDOM, SPLITS };

// What became of a body.
struct outcome {
    err e;
    bool is_done;
    size_t used;
    size_t len;
    char payload[ROOM];
};

static size_t next_step(enum split split, struct random *r, size_t left)
{
    if (split == WHOLE) return left;
    if (split == BYTE_BY_BYTE) return 1;
    return 1 + (size_t)random_below(r, left < 9 ? left : 9);
}

static void decode(struct h1_body *b, str bytes, enum split split, struct random *r,
                   struct outcome *o)
{
    char room[ROOM];

    o->e = OK;
    o->used = 0;
    o->len = 0;
    while (o->used < bytes.len && !b->is_done && !o->e) {
        size_t len = next_step(split, r, bytes.len - o->used);
        size_t used = 0;
        str payload = {0};
        memcpy(room, bytes.ptr + o->used, len);
        o->e = h1_body_decode(b, room, len, &payload, &used);
        if (o->e) break;
        CHECK(used <= len && payload.ptr >= room && payload.ptr + payload.len <= room + used);
        CHECK(used == len || b->is_done);
        CHECK(memcmp(room + used, bytes.ptr + o->used + used, len - used) == 0);
        memcpy(o->payload + o->len, payload.ptr, payload.len);
        o->len += payload.len;
        o->used += used;
    }
    o->is_done = b->is_done;
}

struct sample {
    const char *name;
    str bytes;
    err want;
    str payload;
    size_t rest; // bytes of the next message
    bool is_open;
};

#define S(text) STR_INIT(text)

static const struct sample samples[] = {
    {"one chunk", S("5\r\nhello\r\n0\r\n\r\n"), OK, S("hello"), 0, false},
    {"several chunks", S("1\r\na\r\n02\r\nbc\r\n003\r\ndef\r\n0\r\n\r\n"), OK, S("abcdef"), 0,
     false},
    {"no payload", S("0\r\n\r\n"), OK, S(""), 0, false},
    {"zero of many digits", S("0000000000000000\r\n\r\n"), OK, S(""), 0, false},
    {"hex in both cases", S("a\r\n0123456789\r\nA\r\nabcdefghij\r\n0\r\n\r\n"), OK,
     S("0123456789abcdefghij"), 0, false},
    {"payload of line ends", S("6\r\n\r\n0\r\n\r\r\n0\r\n\r\n"), OK, S("\r\n0\r\n\r"), 0, false},
    {"extensions", S("1;a=b;c=\"d;e\"\r\nx\r\n0 \t;f\r\n\r\n"), OK, S("x"), 0, false},
    {"trailers", S("1\r\nx\r\n0\r\nA: b\r\nC:\r\n\r\n"), OK, S("x"), 0, false},
    {"a pipelined request", S("1\r\nx\r\n0\r\n\r\nGET / HTTP/1.1"), OK, S("x"), 14, false},
    {"more digits than one size may have",
     S("000000001\r\na\r\n000000001\r\nb\r\n000000000\r\n\r\n"), OK, S("ab"), 0, false},
    {"a pipelined CRLF", S("0\r\n\r\n\r\n"), OK, S(""), 2, false},
    {"cut in the payload", S("5\r\nhel"), OK, S("hel"), 0, true},
    {"cut before the last line", S("1\r\nx\r\n0\r\n"), OK, S("x"), 0, true},
    {"cut before the last byte", S("1\r\nx\r\n0\r\n\r"), OK, S("x"), 0, true},

    {"no size", S("\r\nhello"), ERR_SYNTAX, S(""), 0, false},
    {"size of no hex", S("g\r\n"), ERR_SYNTAX, S(""), 0, false},
    {"size with a sign", S("+1\r\nx"), ERR_SYNTAX, S(""), 0, false},
    {"size below zero", S("-1\r\nx"), ERR_SYNTAX, S(""), 0, false},
    {"size with 0x", S("0x1\r\nx"), ERR_SYNTAX, S(""), 0, false},
    {"size with an underscore", S("1_0\r\nx"), ERR_SYNTAX, S(""), 0, false},
    {"space before the size", S(" 1\r\nx"), ERR_SYNTAX, S(""), 0, false},
    {"space after the size", S("1 \r\nx\r\n"), ERR_SYNTAX, S(""), 0, false},
    {"digits after a space", S("1 1\r\nx\r\n"), ERR_SYNTAX, S(""), 0, false},
    {"bare LF after the size", S("1\nx\r\n"), ERR_SYNTAX, S(""), 0, false},
    {"bare CR after the size", S("1\rx\r\n"), ERR_SYNTAX, S(""), 0, false},
    {"smuggling by LF in an extension", S("2;\nxx\r\n0\r\n\r\n"), ERR_SYNTAX, S(""), 0, false},
    {"smuggling by CR in an extension", S("2;\rxx\r\n0\r\n\r\n"), ERR_SYNTAX, S(""), 0, false},
    {"NUL in an extension", S("2;\0\r\nxx\r\n"), ERR_SYNTAX, S(""), 0, false},
    {"extension without a size", S(";a\r\n"), ERR_SYNTAX, S(""), 0, false},
    {"size too small", S("3\r\nhello\r\n"), ERR_SYNTAX, S(""), 0, false},
    {"bare LF after the payload", S("1\r\nx\n0\r\n\r\n"), ERR_SYNTAX, S(""), 0, false},
    {"bare CR after the payload", S("1\r\nx\r0\r\n\r\n"), ERR_SYNTAX, S(""), 0, false},
    {"nothing after the payload", S("1\r\nx0\r\n\r\n"), ERR_SYNTAX, S(""), 0, false},
    {"17 digits", S("00000000000000001\r\nx"), ERR_LIMIT, S(""), 0, false},
    {"size past 64 bits", S("10000000000000001\r\nx"), ERR_LIMIT, S(""), 0, false},
    {"size of 2^64-1", S("ffffffffffffffff\r\nx"), ERR_LIMIT, S(""), 0, false},
    {"size of 2^63", S("8000000000000000\r\nx"), ERR_LIMIT, S(""), 0, false},
    {"payload in place of the last line", S("0\r\nx\r\n"), ERR_SYNTAX, S(""), 0, false},
    {"bare LF as the last line", S("0\r\n\n"), ERR_SYNTAX, S(""), 0, false},
    {"bare CR as the last line", S("0\r\n\rx"), ERR_SYNTAX, S(""), 0, false},
    {"trailer without a colon", S("0\r\nA\r\n\r\n"), ERR_SYNTAX, S(""), 0, false},
    {"trailer without a name", S("0\r\n: b\r\n\r\n"), ERR_SYNTAX, S(""), 0, false},
    {"trailer with a space in its name", S("0\r\nA : b\r\n\r\n"), ERR_SYNTAX, S(""), 0, false},
    {"trailer folded", S("0\r\nA: b\r\n c\r\n\r\n"), ERR_SYNTAX, S(""), 0, false},
    {"trailer with a control byte", S("0\r\nA: \1\r\n\r\n"), ERR_SYNTAX, S(""), 0, false},
    {"trailer with a bare LF", S("0\r\nA: b\n\r\n"), ERR_SYNTAX, S(""), 0, false},
    {"trailer with a bare CR", S("0\r\nA: b\rC: d\r\n\r\n"), ERR_SYNTAX, S(""), 0, false},
};

static void check_sample(const struct sample *s, enum split split, struct random *r)
{
    static struct outcome o;
    struct h1_body b;

    h1_body_init(&b, H1_CHUNKED, 0);
    decode(&b, s->bytes, split, r, &o);
    if (o.e != s->want)
        test_fail(__FILE__, __LINE__, "%s, split %d: %s", s->name, split, err_name(o.e));
    if (o.e) return;
    CHECK_SAME(((str){o.payload, o.len}), s->payload);
    CHECK_EQ(o.used, s->bytes.len - s->rest);
    CHECK_EQ(o.is_done, !s->is_open);
    CHECK_EQ(h1_body_end(&b), s->is_open ? ERR_CLOSED : OK);
}

TEST(h1_body_decodes_chunks_alike_however_they_arrive)
{
    struct random r;

    random_init(&r, test_seed());
    for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
        check_sample(&samples[i], WHOLE, &r);
        check_sample(&samples[i], BYTE_BY_BYTE, &r);
        for (int round = 0; round < ROUNDS; round++) {
            check_sample(&samples[i], AT_RANDOM, &r);
        }
    }
}

TEST(h1_body_does_not_move_a_single_chunk)
{
    char bytes[] = "5;x\r\nhello\r\n0\r\nA: b\r\n\r\nrest";
    struct h1_body b;
    str payload;
    size_t used = 0;

    h1_body_init(&b, H1_CHUNKED, 0);
    CHECK_EQ(h1_body_decode(&b, bytes, sizeof(bytes) - 1, &payload, &used), OK);
    CHECK(payload.ptr == bytes + 5 && b.is_done);
    CHECK_EQ(h1_body_decode(&b, bytes + used, 4, &payload, &used), OK);
    CHECK_EQ(payload.len, 0);
    CHECK_EQ(used, 0);
}

// As many bytes of extension and trailers as allowed, and one more.
TEST(h1_body_bounds_extensions_and_trailers_together)
{
    for (size_t spare = 0; spare < 2; spare++) {
        static char bytes[ROOM];
        static struct outcome o;
        size_t extension = H1_BODY_OVERHEAD_MAX / 2;
        size_t trailer = H1_BODY_OVERHEAD_MAX - extension + spare;
        size_t len = 0;
        struct random r;
        struct h1_body b;

        bytes[len++] = '0';
        memset(bytes + len, ';', extension);
        len += extension;
        memcpy(bytes + len, "\r\n", 2);
        len += 2;
        memset(bytes + len, 'a', trailer);
        bytes[len + 1] = ':';
        len += trailer;
        memcpy(bytes + len, "\r\n\r\n", 4);
        len += 4;
        for (int split = 0; split < SPLITS; split++) {
            random_init(&r, test_seed());
            h1_body_init(&b, H1_CHUNKED, 0);
            decode(&b, (str){bytes, len}, (enum split)split, &r, &o);
            CHECK_EQ(o.e, spare ? ERR_LIMIT : OK);
            CHECK_EQ(o.is_done, !spare);
        }
    }
}

TEST(h1_body_with_a_length_leaves_what_follows)
{
    static struct outcome o;
    struct random r;
    struct h1_body b;

    random_init(&r, test_seed());
    for (int split = 0; split < SPLITS; split++) {
        h1_body_init(&b, H1_LENGTH, 5);
        CHECK_EQ(h1_body_end(&b), ERR_CLOSED);
        decode(&b, STR("helloGET /"), (enum split)split, &r, &o);
        CHECK_STR(((str){o.payload, o.len}), "hello");
        CHECK_EQ(o.used, 5);
        CHECK(o.is_done);
        CHECK_EQ(h1_body_end(&b), OK);
    }
}

TEST(h1_body_cut_short_of_its_length_is_an_error)
{
    static struct outcome o;
    struct random r;
    struct h1_body b;

    random_init(&r, test_seed());
    h1_body_init(&b, H1_LENGTH, 6);
    decode(&b, STR("hello"), AT_RANDOM, &r, &o);
    CHECK_EQ(o.len, 5);
    CHECK(!o.is_done);
    CHECK_EQ(h1_body_end(&b), ERR_CLOSED);
}

TEST(h1_body_without_bytes_is_done_at_once)
{
    char bytes[] = "next";
    struct h1_body b;
    str payload;
    size_t used = 9;

    h1_body_init(&b, H1_NO_BODY, 0);
    CHECK(b.is_done);
    CHECK_EQ(h1_body_decode(&b, bytes, 4, &payload, &used), OK);
    CHECK_EQ(used + payload.len, 0);
    h1_body_init(&b, H1_LENGTH, 0);
    CHECK(b.is_done);
    CHECK_EQ(h1_body_decode(&b, bytes, 4, &payload, &used), OK);
    CHECK_EQ(used + payload.len, 0);
    CHECK_EQ(h1_body_end(&b), OK);
}

TEST(h1_body_until_close_ends_with_the_connection)
{
    static struct outcome o;
    char more[] = "more";
    struct random r;
    str payload;
    size_t used = 9;
    struct h1_body b;

    random_init(&r, test_seed());
    h1_body_init(&b, H1_UNTIL_CLOSE, 0);
    decode(&b, STR("0\r\n\r\nall of it"), AT_RANDOM, &r, &o);
    CHECK_STR(((str){o.payload, o.len}), "0\r\n\r\nall of it");
    CHECK(!o.is_done);
    CHECK_EQ(h1_body_end(&b), OK);
    CHECK(b.is_done);
    CHECK_EQ(h1_body_decode(&b, more, 4, &payload, &used), OK);
    CHECK_EQ(used + payload.len, 0);
}

TEST(h1_body_counts_the_bytes_of_the_trailer_section_however_it_is_cut)
{
    const str body = STR("3\r\nabc\r\n0\r\nA: b\r\nC:\r\n\r\nnext");
    const str section = STR("A: b\r\nC:\r\n\r\n");

    for (size_t step = 1; step <= body.len; step++) {
        struct h1_body b;
        char bytes[64];
        char got[64];
        size_t got_len = 0;
        h1_body_init(&b, H1_CHUNKED, 0);
        memcpy(bytes, body.ptr, body.len);
        for (size_t at = 0; !b.is_done;) {
            str payload;
            size_t used = 0;
            uint32_t known = b.trailer_bytes;
            size_t len = step < body.len - at ? step : body.len - at;
            CHECK_EQ(h1_body_decode(&b, bytes + at, len, &payload, &used), OK);
            size_t more = b.trailer_bytes - known;
            memcpy(got + got_len, bytes + at + used - more, more);
            got_len += more;
            at += used;
        }
        CHECK_SAME(((str){got, got_len}), section);
    }
}
