// half: floats of 16 bits (IEEE 754 binary16), as factors of codes are stored.
//
// Plain C for what has no instruction for it; rounds to nearest, ties to even, as F16C and NEON do.
#pragma once

#include <stdint.h>
#include <string.h>

static inline uint32_t half_bits_of(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float half_float_of(uint32_t bits)
{
    float value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline float half_to_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    uint32_t rest = (uint32_t)(half & 0x7fff) << 13;

    if (rest >= UINT32_C(0x7c00) << 13) return half_float_of(sign | rest | 0x7f800000); // Inf, NaN
    // The product moves the exponent's bias by 112 and makes subnormal halves normal floats.
    return half_float_of(sign | half_bits_of(half_float_of(rest) * 0x1p112F));
}

// Too large a value becomes infinity, NaN stays NaN.
static inline uint16_t half_from_float(float value)
{
    uint32_t bits = half_bits_of(value);
    uint32_t sign = bits >> 16 & 0x8000;
    uint32_t rest = bits & 0x7fffffff;

    if (rest > 0x7f800000) return (uint16_t)(sign | 0x7e00);
    if (rest >= 0x477ff000) return (uint16_t)(sign | 0x7c00); // 65520, where rounding leaves range
    if (rest < 0x38800000) { // below 2^-14: adding 0.5 has the sum's last bit weigh 2^-24
        uint32_t sum = half_bits_of(half_float_of(rest) + 0.5F);
        return (uint16_t)(sign | (sum - half_bits_of(0.5F)));
    }
    rest += 0xfff + (rest >> 13 & 1) - (UINT32_C(112) << 23);
    return (uint16_t)(sign | rest >> 13);
}
