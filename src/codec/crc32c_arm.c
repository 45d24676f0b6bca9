// Design: three neighbouring stretches at once, as in crc32c_sse42.c. They are joined by a
// multiplication in plain C, for not every processor with this instruction has a carry-less
// product; the stretches are long enough for that to cost little.
#include "codec/crc32c.h"

#if defined(__aarch64__)
#include <arm_acle.h>
#include <string.h>

#if defined(__clang__)
#define ARM_CRC [[gnu::target("crc")]]
#else
#define ARM_CRC [[gnu::target("+crc")]]
#endif

enum { STRETCH = 4096 };

// x^8n modulo the polynomial, reflected, for one and two stretches of n bytes.
static const uint32_t over_one = 0x35d73a62;
static const uint32_t over_two = 0x28461564;

// The product of two polynomials modulo 0x1edc6f41, bits reflected.
static uint32_t multiply(uint32_t a, uint32_t b)
{
    uint32_t product = 0;

    for (unsigned bit = 0; bit < 32; bit++) {
        product ^= a & (0 - (b >> (31 - bit) & 1));
        a = a >> 1 ^ (0x82f63b78 & (0 - (a & 1)));
    }
    return product;
}

ARM_CRC static inline uint32_t add_word(uint32_t crc, const uint8_t *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
    return __crc32cd(crc, word);
}

ARM_CRC static inline uint32_t add_three(uint32_t crc, const uint8_t *at)
{
    uint32_t b = 0;
    uint32_t c = 0;

    for (size_t i = 0; i < STRETCH; i += 8) {
        crc = add_word(crc, at + i);
        b = add_word(b, at + STRETCH + i);
        c = add_word(c, at + 2 * (size_t)STRETCH + i);
    }
    return multiply(crc, over_two) ^ multiply(b, over_one) ^ c;
}

ARM_CRC uint32_t crc32c_arm(uint32_t crc, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;

    crc = ~crc;
    for (; len >= 3 * (size_t)STRETCH; at += 3 * (size_t)STRETCH, len -= 3 * (size_t)STRETCH) {
        crc = add_three(crc, at);
    }
    for (; len >= 8; at += 8, len -= 8) {
        crc = add_word(crc, at);
    }
    for (; len; at++, len--) {
        crc = __crc32cb(crc, *at);
    }
    return ~crc;
}
#endif
