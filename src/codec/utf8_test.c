#include "codec/utf8.h"

#include "support/test.h"

static str bytes_of(const unsigned char *bytes, size_t len)
{
    return (str){.ptr = (const char *)bytes, .len = len};
}

// A decoder of another kind than the one under test: it computes the code point and judges that.
static size_t expected_sequence(const unsigned char *bytes, size_t len)
{
    static const uint32_t lowest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t need = bytes[0] >= 0xf0 ? 4 : bytes[0] >= 0xe0 ? 3 : 2;
    uint32_t code_point = bytes[0] & (0x7f >> need);

    if (bytes[0] < 0x80) return 1;
    if (bytes[0] < 0xc0 || bytes[0] > 0xf7 || len < need) return 0;
    for (size_t i = 1; i < need; i++) {
        if (bytes[i] >> 6 != 2) return 0;
        code_point = code_point << 6 | (bytes[i] & 0x3f);
    }
    if (code_point < lowest[need] || code_point > 0x10ffff) return 0;
    return code_point >= 0xd800 && code_point <= 0xdfff ? 0 : need;
}

TEST(utf8_sequence_is_right_for_every_beginning)
{
    unsigned char bytes[5] = {0};

    for (unsigned first = 0; first < 0x100; first++) {
        for (unsigned rest = 0; rest < 0x10000; rest++) {
            bytes[0] = (unsigned char)first;
            bytes[1] = (unsigned char)(rest >> 8);
            bytes[2] = (unsigned char)rest;
            bytes[3] = rest % 7 ? 0xbf : 0xc0;
            for (size_t len = 3; len <= 4; len++) {
                if (utf8_sequence(bytes_of(bytes, len)) != expected_sequence(bytes, len))
                    test_fail(__FILE__, __LINE__, "%02x %02x %02x %02x of %zu", bytes[0], bytes[1],
                              bytes[2], bytes[3], len);
            }
        }
    }
}

TEST(utf8_sequence_does_not_look_behind_the_end)
{
    CHECK_EQ(utf8_sequence(STR("")), 0);
    CHECK_EQ(utf8_sequence(str_sub(STR("\xc3\xa9"), 0, 1)), 0);
    CHECK_EQ(utf8_sequence(str_sub(STR("\xe2\x82\xac"), 0, 2)), 0);
    CHECK_EQ(utf8_sequence(str_sub(STR("\xf0\x9f\x98\x80"), 0, 3)), 0);
    CHECK_EQ(utf8_sequence(STR("\xf0\x9f\x98\x80")), 4);
}

TEST(utf8_encode_gives_what_utf8_sequence_takes)
{
    char out[UTF8_SEQUENCE_MAX];

    for (uint32_t code_point = 0; code_point <= 0x10ffff; code_point++) {
        if (code_point == 0xd800) code_point = 0xe000;
        size_t len = utf8_encode(out, code_point);
        CHECK_EQ(utf8_sequence((str){.ptr = out, .len = len}), len);
    }
    CHECK_EQ(utf8_encode(out, 0x20ac), 3);
    CHECK_SAME(((str){.ptr = out, .len = 3}), STR("\xe2\x82\xac"));
}

TEST(utf8_bad_sequence_is_the_longest_start_of_a_valid_one)
{
    CHECK_EQ(utf8_bad_sequence(STR("\x80")), 1);
    CHECK_EQ(utf8_bad_sequence(STR("\xc0\xaf")), 1);
    CHECK_EQ(utf8_bad_sequence(STR("\xc3")), 1);
    CHECK_EQ(utf8_bad_sequence(STR("\xc3(")), 1);
    CHECK_EQ(utf8_bad_sequence(STR("\xe2\x82")), 2);
    CHECK_EQ(utf8_bad_sequence(STR("\xe2\x82(")), 2);
    CHECK_EQ(utf8_bad_sequence(STR("\xe0\x9f\xbf")), 1);
    CHECK_EQ(utf8_bad_sequence(STR("\xed\xa0\x80")), 1);
    CHECK_EQ(utf8_bad_sequence(STR("\xf0\x9f\x98")), 3);
    CHECK_EQ(utf8_bad_sequence(STR("\xf0\x9f(")), 2);
    CHECK_EQ(utf8_bad_sequence(STR("\xf0\x8f\xbf\xbf")), 1);
    CHECK_EQ(utf8_bad_sequence(STR("\xf4\x90\x80\x80")), 1);
    CHECK_EQ(utf8_bad_sequence(STR("\xf4\x8f\xbf")), 3);
    CHECK_EQ(utf8_bad_sequence(STR("\xf5\x80\x80\x80")), 1);
    CHECK_EQ(utf8_bad_sequence(STR("\xff")), 1);
}

TEST(utf8_pass_high_stops_at_ascii_and_at_what_is_invalid)
{
    str s = STR("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z");

    CHECK_EQ(utf8_pass_high(s.ptr, s.ptr + s.len) - s.ptr, 9);
    CHECK_EQ(utf8_pass_high(s.ptr, s.ptr + 8) - s.ptr, 5);
    CHECK_EQ(utf8_pass_high(s.ptr + 9, s.ptr + 10) - s.ptr, 9);
}

TEST(utf8_is_valid_judges_the_whole)
{
    CHECK(utf8_is_valid(STR("")));
    CHECK(utf8_is_valid(STR("caf\xc3\xa9 \xe2\x82\xac")));
    CHECK(!utf8_is_valid(STR("caf\xc3")));
    CHECK(!utf8_is_valid(STR("\xed\xa0\x80")));
}
