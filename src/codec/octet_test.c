#include "codec/octet.h"

#include "base/str.h"

#include "support/test.h"

static bool is_among(str set, int c)
{
    return str_find_char(set, (char)c) < set.len;
}

static bool is_letter_or_digit(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

TEST(octet_classes_follow_the_grammar)
{
    for (int c = 0; c < 256; c++) {
        bool is_visible = c > ' ' && c < 127;

        CHECK_EQ(octet_is((char)c, OCTET_TOKEN),
                 is_letter_or_digit(c) || is_among(STR("!#$%&'*+-.^_`|~"), c));
        CHECK_EQ(octet_is((char)c, OCTET_TEXT), is_visible || c == ' ' || c == '\t' || c > 127);
        CHECK_EQ(octet_is((char)c, OCTET_TARGET), is_visible && c != '#');
        CHECK_EQ(octet_is((char)c, OCTET_HOST), is_letter_or_digit(c) || is_among(STR("-._"), c));
    }
}

TEST(octet_hex_value_knows_both_cases_and_nothing_else)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";

    for (int i = 0; i < 32; i++) {
        CHECK_EQ(octet_hex_value(digits[i]), i % 16);
    }
    for (int c = 0; c < 256; c++) {
        CHECK_EQ(octet_hex_value((char)c) >= 0, is_among(STR("0123456789abcdefABCDEF"), c));
    }
}

// Each byte value at each place of a text of each length up to three words.
TEST(octet_skip_text_stops_at_the_first_control_byte)
{
    for (size_t len = 0; len < 24; len++) {
        char text[24];
        memset(text, 'x', sizeof(text));
        CHECK(octet_skip_text(text, text + len) == text + len);
        for (size_t at = 0; at < len; at++) {
            for (int c = 0; c < 256; c++) {
                text[at] = (char)c;
                const char *want = octet_is((char)c, OCTET_TEXT) ? text + len : text + at;
                CHECK(octet_skip_text(text, text + len) == want);
            }
            text[at] = at % 2 ? 'x' : '\t';
        }
    }
}
