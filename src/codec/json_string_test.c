#include "codec/json_string.h"

#include "base/arena.h"
#include "base/random.h"

#include "support/test.h"

#include <string.h>

enum { PLACES = 140, TEXT_MAX = 400 };

static struct json_string_end pass(str s)
{
    struct json_string_end want = json_string_pass_plain(s.ptr, s.ptr + s.len);
    struct json_string_end got = json_string_pass(s.ptr, s.ptr + s.len);

    CHECK_EQ(got.at - s.ptr, want.at - s.ptr);
    CHECK_EQ(got.is_valid, want.is_valid);
#if JSON_STRING_HAS_SSE2
    got = json_string_pass_sse2(s.ptr, s.ptr + s.len);
    CHECK_EQ(got.at - s.ptr, want.at - s.ptr);
    CHECK_EQ(got.is_valid, want.is_valid);
#endif
    return want;
}

static size_t place(char *text, size_t at, str piece)
{
    memcpy(text + at, piece.ptr, piece.len);
    return at + piece.len;
}

static const str good[] = {
    STR_INIT("\\\""),
    STR_INIT("\\\\"),
    STR_INIT("\\\\\\\""),
    STR_INIT("\\/"),
    STR_INIT("\\b\\f\\n"),
    STR_INIT("\\r\\t"),
    STR_INIT("\\u0000"),
    STR_INIT("\\uD83d\\uDE00"),
    STR_INIT("\\uDEAD"),
    STR_INIT("\\\\u12"),
    STR_INIT("\x7f"),
    STR_INIT("\xc2\x80"),
    STR_INIT("\xdf\xbf"),
    STR_INIT("\xe0\xa0\x80"),
    STR_INIT("\xed\x9f\xbf"),
    STR_INIT("\xee\x80\x80"),
    STR_INIT("\xef\xbf\xbf"),
    STR_INIT("\xf0\x90\x80\x80"),
    STR_INIT("\xf4\x8f\xbf\xbf"),
    STR_INIT("\xd0\xb0 \xe5\xa4\xa9\xf0\x9f\x98\x80\xc3\xa9"),
    STR_INIT("\\\\\\\\\\\\\\\\\\n"),
    STR_INIT("\xe5\xa4\xa9\\\"\xd0\xb0"),
};

// Each is offensive at its first byte.
static const str bad[] = {
    STR_INIT("\\a"),
    STR_INIT("\\x41"),
    STR_INIT("\\U0041"),
    STR_INIT("\\0"),
    STR_INIT("\\ "),
    STR_INIT("\\\n"),
    STR_INIT("\\u"),
    STR_INIT("\\u12"),
    STR_INIT("\\u123"),
    STR_INIT("\\u12g4"),
    STR_INIT("\\u 123"),
    STR_INIT("\\u-123"),
    STR_INIT("\\\xc3\xa9"),
    STR_INIT("\n"),
    STR_INIT("\t"),
    STR_INIT("\x1f"),
    STR_INIT("\0"),
    STR_INIT("\x80"),
    STR_INIT("\xbf"),
    STR_INIT("\xc0\x80"),
    STR_INIT("\xc1\xbf"),
    STR_INIT("\xc3"),
    STR_INIT("\xc3("),
    STR_INIT("\xe0\x9f\xbf"),
    STR_INIT("\xed\xa0\x80"),
    STR_INIT("\xed\xbf\xbf"),
    STR_INIT("\xe2\x82"),
    STR_INIT("\xe2("),
    STR_INIT("\xf0\x8f\xbf\xbf"),
    STR_INIT("\xf0\x9f\x98"),
    STR_INIT("\xf4\x90\x80\x80"),
    STR_INIT("\xf5\x80\x80\x80"),
    STR_INIT("\xf8\x88\x80\x80\x80"),
    STR_INIT("\xfe"),
    STR_INIT("\xff"),
    STR_INIT("\xe2\xc3\xa9"),
};

TEST(json_string_passes_every_escape_and_sequence_at_every_place)
{
    char text[TEXT_MAX];

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        for (size_t at = 0; at < PLACES; at++) {
            memset(text, 'a', sizeof(text));
            size_t end = place(text, at, good[i]);
            text[end + at % 3] = '"';
            str s = {.ptr = text, .len = end + at % 3 + 1 + at};
            struct json_string_end got = pass(s);
            CHECK(got.is_valid);
            CHECK_EQ(got.at - text, end + at % 3 + 1);
        }
    }
}

TEST(json_string_stops_at_what_is_broken_at_every_place)
{
    char text[TEXT_MAX];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        for (size_t at = 0; at < PLACES; at++) {
            memset(text, 'z', sizeof(text));
            size_t end = place(text, at, bad[i]);
            for (size_t more = 81; more-- > 0; more -= more % 9) {
                text[end + more] = '"';
                struct json_string_end got = pass((str){.ptr = text, .len = end + more + 1});
                CHECK(!got.is_valid);
                CHECK_EQ(got.at - text, at);
            }
        }
    }
}

TEST(json_string_without_its_quote_fails_at_the_end)
{
    char text[PLACES];

    memset(text, 'a', sizeof(text));
    for (size_t len = 0; len < PLACES; len++) {
        struct json_string_end got = pass((str){.ptr = text, .len = len});
        CHECK(!got.is_valid);
        CHECK_EQ(got.at - text, len);
    }
    CHECK(!pass(STR("\\")).is_valid);
    CHECK(!pass(STR("\\\"")).is_valid);
}

// In memory of the text's very size, so that AddressSanitizer sees a read behind it.
TEST(json_string_does_not_read_behind_the_end)
{
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        for (size_t before = 0; before < PLACES; before++) {
            for (size_t kept = 1; kept <= good[i].len; kept++) {
                struct arena arena;
                arena_init(&arena, 64);
                char *text = arena_alloc_raw(&arena, before + kept);
                memset(text, 'a', before);
                memcpy(text + before, good[i].ptr, kept);
                struct json_string_end got = pass((str){.ptr = text, .len = before + kept});
                CHECK(!got.is_valid && got.at >= text + before);
                arena_reset(&arena);
            }
        }
    }
}

TEST(json_string_ignores_what_is_behind_the_quote)
{
    char text[TEXT_MAX];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        memset(text, 'a', sizeof(text));
        text[40] = '"';
        (void)place(text, 41, bad[i]);
        struct json_string_end got = pass((str){.ptr = text, .len = 200});
        CHECK(got.is_valid);
        CHECK_EQ(got.at - text, 41);
    }
}

TEST(json_string_rows_agree_on_random_pieces)
{
    struct random random;
    char text[TEXT_MAX + 16];

    random_init(&random, test_seed());
    for (int round = 0; round < 60'000; round++) {
        size_t len = 0;
        uint64_t bad_one_in = 5 + random_below(&random, 200);
        while (len < TEXT_MAX && random_below(&random, 60)) {
            if (!random_below(&random, bad_one_in)) {
                len = place(text, len, bad[random_below(&random, sizeof(bad) / sizeof(bad[0]))]);
            } else if (random_below(&random, 3)) {
                len = place(text, len, good[random_below(&random, sizeof(good) / sizeof(good[0]))]);
            } else {
                text[len++] = 'u';
            }
        }
        if (random_below(&random, 4)) text[len++] = '"';
        (void)pass((str){.ptr = text, .len = len});
    }
}

TEST(json_string_hex_takes_either_case_and_nothing_else)
{
    CHECK_EQ(json_string_hex("00ff"), 0xff);
    CHECK_EQ(json_string_hex("AbCd"), 0xabcd);
    CHECK_EQ(json_string_hex("000g"), UINT32_MAX);
    CHECK_EQ(json_string_hex("0x12"), UINT32_MAX);
    CHECK_EQ(json_string_hex("@123"), UINT32_MAX);
    CHECK_EQ(json_string_hex("12`3"), UINT32_MAX);
    CHECK_EQ(json_string_escape('n'), '\n');
    CHECK_EQ(json_string_escape('u'), 0);
    CHECK_EQ(json_string_escape('\0'), 0);
}
