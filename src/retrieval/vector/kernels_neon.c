#include "retrieval/vector/kernels_rows.h"

#if defined(__aarch64__)
#include "retrieval/vector/kernels_lanes.h"

#include <arm_neon.h>

// Products of bytes fit 16 bits; pairs of them are added into 32.
static int32_t dot_i8(const int8_t *a, const int8_t *b, size_t n)
{
    int32x4_t even = vdupq_n_s32(0);
    int32x4_t odd = vdupq_n_s32(0);
    size_t i = 0;

    for (; i + 16 <= n; i += 16) {
        int8x16_t x = vld1q_s8(a + i);
        int8x16_t y = vld1q_s8(b + i);
        even = vpadalq_s16(even, vmull_s8(vget_low_s8(x), vget_low_s8(y)));
        odd = vpadalq_s16(odd, vmull_high_s8(x, y));
    }
    int32_t sum = vaddvq_s32(vaddq_s32(even, odd));
    for (; i < n; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

static void dot_rows_i8(const int8_t *query, const int8_t *rows, size_t stride, size_t count,
                        size_t n, int32_t *out)
{
    for (size_t r = 0; r < count; r++) {
        out[r] = dot_i8(query, rows + r * stride, n);
    }
}

static uint32_t hamming(const uint8_t *a, const uint8_t *b, size_t bytes)
{
    uint32x4_t wide = vdupq_n_u32(0);
    size_t i = 0;

    for (; i + 16 <= bytes; i += 16) {
        uint8x16_t bits = vcntq_u8(veorq_u8(vld1q_u8(a + i), vld1q_u8(b + i)));
        wide = vpadalq_u16(wide, vpaddlq_u8(bits));
    }
    uint32_t sum = vaddvq_u32(wide);
    for (; i < bytes; i++) {
        sum += (uint32_t)__builtin_popcount((unsigned)(a[i] ^ b[i]));
    }
    return sum;
}

const struct kernels kernels_neon = {
    .name = "neon",
    KERNELS_LANES_ROW,
    .dot_i8 = dot_i8,
    .dot_rows_i8 = dot_rows_i8,
    .hamming = hamming,
};
#endif
