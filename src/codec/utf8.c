#include "codec/utf8.h"

#include <assert.h>
#include <string.h>

// Design
//
// A sequence is read as one little-endian word and told valid by masks: the marker bits of all
// its bytes at once, then the bits that make it overlong, a surrogate or too large. Text in one
// script keeps taking the same branch, so that a run costs little more than its loads.

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the masks are of little-endian words");

// Marker bits of a sequence and what they must be: 110xxxxx 10xxxxxx and so on.
#define MARKERS_2 UINT32_C(0x0000c0e0)
#define MARKED_2 UINT32_C(0x000080c0)
#define MARKERS_3 UINT32_C(0x00c0c0f0)
#define MARKED_3 UINT32_C(0x008080e0)
#define MARKERS_4 UINT32_C(0xc0c0c0f8)
#define MARKED_4 UINT32_C(0x808080f0)
// Of a code point, the bits of which one must be set lest a shorter form would do.
#define LONG_ENOUGH_2 UINT32_C(0x0000001e)
#define LONG_ENOUGH_3 UINT32_C(0x0000200f)
#define LONG_ENOUGH_4 UINT32_C(0x00003007)
// In the bits of LONG_ENOUGH_3: U+D800 to U+DFFF.
#define SURROGATE UINT32_C(0x0000200d)
// In the bits of LONG_ENOUGH_4: from U+100000 on, and what of it passes U+10FFFF.
#define LAST_PLANE UINT32_C(0x00000004)
#define ABOVE_LAST UINT32_C(0x00003003)

static inline bool is_two(uint32_t word)
{
    return (word & MARKERS_2) == MARKED_2 && (word & LONG_ENOUGH_2);
}

static inline bool is_three(uint32_t word)
{
    uint32_t bits = word & LONG_ENOUGH_3;

    return (word & MARKERS_3) == MARKED_3 && bits && bits != SURROGATE;
}

static inline bool is_four(uint32_t word)
{
    uint32_t bits = word & LONG_ENOUGH_4;

    return (word & MARKERS_4) == MARKED_4 && bits && (!(bits & LAST_PLANE) || !(bits & ABOVE_LAST));
}

// The length of the sequence of two bytes and more that begins a word; 0 where it is invalid.
static inline size_t high_sequence(uint32_t word)
{
    if (is_three(word)) return 3;
    if (is_two(word)) return 2;
    return is_four(word) ? 4 : 0;
}

// Up to four bytes as a word, filled up by zeros, which end a sequence.
static uint32_t load_short(const char *at, size_t len)
{
    uint32_t word = 0;

    if (len >= sizeof(word)) {
        memcpy(&word, at, sizeof(word));
    } else {
        memcpy(&word, at, len);
    }
    return word;
}

size_t utf8_sequence(str s)
{
    if (s.len == 0) return 0;
    if ((unsigned char)s.ptr[0] < 0x80) return 1;
    return high_sequence(load_short(s.ptr, s.len));
}

// Whether a sequence may begin with these two bytes (Unicode 15, table 3-7).
static bool may_begin(unsigned char first, unsigned char second)
{
    if ((second & 0xc0) != 0x80) return false;
    switch (first) {
    case 0xe0: return second >= 0xa0;
    case 0xed: return second < 0xa0;
    case 0xf0: return second >= 0x90;
    case 0xf4: return second < 0x90;
    default: return first >= 0xe1 && first <= 0xf3;
    }
}

size_t utf8_bad_sequence(str s)
{
    unsigned char first = (unsigned char)s.ptr[0];

    if (s.len < 2 || !may_begin(first, (unsigned char)s.ptr[1])) return 1;
    if (first < 0xf0 || s.len < 3 || ((unsigned char)s.ptr[2] & 0xc0) != 0x80) return 2;
    return 3;
}

const char *utf8_pass_high(const char *at, const char *end)
{
    while (end - at >= (ptrdiff_t)sizeof(uint32_t)) {
        uint32_t word;
        memcpy(&word, at, sizeof(word));
        size_t len = high_sequence(word);
        if (!len) return at;
        at += len;
    }
    while (at < end) {
        size_t len = high_sequence(load_short(at, (size_t)(end - at)));
        if (!len) break;
        at += len;
    }
    return at;
}

bool utf8_is_valid(str s)
{
    while (s.len) {
        size_t len = utf8_sequence(s);
        if (!len) return false;
        s = str_sub(s, len, s.len);
    }
    return true;
}

size_t utf8_encode(char out[UTF8_SEQUENCE_MAX], uint32_t code_point)
{
    size_t len = code_point < 0x80 ? 1 : code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
    static const unsigned char marks[] = {0, 0, 0xc0, 0xe0, 0xf0};

    assert(code_point <= 0x10ffff && (code_point < 0xd800 || code_point > 0xdfff));
    for (size_t i = len - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code_point & 0x3f));
        code_point >>= 6;
    }
    out[0] = (char)(marks[len] | code_point);
    return len;
}
