// json_scan: where a JSON string stops being plain text.
//
// The inner loop of reading and writing strings, inline because most strings are short. A byte
// is special if it is a quote, a backslash, below 0x20 (a control character) or above 0x7f (UTF-8
// to be checked). Each row below does the same; json_scan() is the fastest that the target always
// has. The plain row looks at eight bytes a step, in an ordinary register. Pure.
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the first byte is the lowest");

static inline bool json_scan_is_special(char c)
{
    return c == '"' || c == '\\' || (unsigned char)c < 0x20 || (unsigned char)c >= 0x80;
}

// Marks the special bytes of a word by their top bits. A borrow may mark bytes above a special
// one by mistake, hence only the lowest mark is to be trusted (Warren, Hacker's Delight, 6-1).
static inline uint64_t json_scan_marks(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t quote = word ^ (ones * '"');
    uint64_t backslash = word ^ (ones * '\\');
    uint64_t below = (quote - ones) | (backslash - ones) | (word - ones * 0x20);

    return (below | word) & (ones * 0x80);
}

// All rows: the first special byte from `at` on, `end` where there is none.
static inline const char *json_scan_plain(const char *at, const char *end)
{
    for (; end - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        uint64_t marks = json_scan_marks(word);
        if (marks) return at + (__builtin_ctzll(marks) >> 3);
    }
    while (at < end && !json_scan_is_special(*at)) {
        at++;
    }
    return at;
}

#ifdef __SSE2__
static inline unsigned json_scan_mask_sse2(const char *at)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
    __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    __m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    // The comparison is signed, so that bytes above 0x7f are below 0x20 as well.
    __m128i outside = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20));

    return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), outside));
}

static inline const char *json_scan_sse2(const char *at, const char *end)
{
    for (; end - at >= 16; at += 16) {
        unsigned mask = json_scan_mask_sse2(at);
        if (mask) return at + __builtin_ctz(mask);
    }
    return json_scan_plain(at, end);
}
#endif

static inline const char *json_scan(const char *at, const char *end)
{
#ifdef __SSE2__
    return json_scan_sse2(at, end);
#else
    return json_scan_plain(at, end);
#endif
}
