// Design: the instruction takes 8 bytes a cycle but answers after three, so three neighbouring
// stretches are summed at once. The sum of A B C is that of A carried over the length of B and C,
// that of B carried over C, and that of C, together. Carrying over n bytes multiplies by x^8n:
// PCLMULQDQ multiplies by x^(8n - 33), and the instruction itself, of 64 bits, reduces and supplies
// the other 33.
#include "codec/crc32c.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#include <string.h>
#include <wmmintrin.h>

#define SSE42 [[gnu::target("sse4.2,pclmul")]]

enum { LONG = 1024, SHORT = 128 };

// x^(8n - 33) modulo the polynomial, reflected, for one and two stretches of n bytes.
struct carry {
    uint32_t one;
    uint32_t two;
};

static const struct carry carry_long = {0x170076fa, 0xa51b6135};
static const struct carry carry_short = {0x0d3b6092, 0xb9e02b86};

SSE42 static inline uint64_t add_word(uint64_t crc, const uint8_t *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
    return _mm_crc32_u64(crc, word);
}

SSE42 static inline uint64_t carry_over(uint64_t crc, uint32_t factor)
{
    __m128i product =
        _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)crc), _mm_cvtsi32_si128((int)factor), 0);

    return _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

// Three stretches of `len` bytes.
SSE42 static inline uint64_t add_three(uint64_t crc, const uint8_t *at, size_t len,
                                       struct carry carry)
{
    uint64_t b = 0;
    uint64_t c = 0;

    for (size_t i = 0; i < len; i += 8) {
        crc = add_word(crc, at + i);
        b = add_word(b, at + len + i);
        c = add_word(c, at + 2 * len + i);
    }
    return carry_over(crc, carry.two) ^ carry_over(b, carry.one) ^ c;
}

SSE42 uint32_t crc32c_sse42(uint32_t crc, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    uint64_t sum = ~crc;

    for (; len >= 3 * (size_t)LONG; at += 3 * (size_t)LONG, len -= 3 * (size_t)LONG) {
        sum = add_three(sum, at, LONG, carry_long);
    }
    for (; len >= 3 * (size_t)SHORT; at += 3 * (size_t)SHORT, len -= 3 * (size_t)SHORT) {
        sum = add_three(sum, at, SHORT, carry_short);
    }
    for (; len >= 8; at += 8, len -= 8) {
        sum = add_word(sum, at);
    }
    uint32_t rest = (uint32_t)sum;
    for (; len; at++, len--) {
        rest = _mm_crc32_u8(rest, *at);
    }
    return ~rest;
}
#endif
