// Design: as in scan_kernels_avx512.c, one group of a block a register. Sums stay in the order of
// rows, because widening adds are as cheap here as others.
#include "retrieval/vector/scan_kernels_rows.h"

#if defined(__aarch64__)

#include <arm_neon.h>
#include <string.h>

enum { LISTS = 16, ROWS = 32, GROUP = 16, UNIT = 32 };

static float32x4_t flip(float32x4_t x, uint32x4_t signs)
{
    return vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(x), signs));
}

// The stages of the transform inside a register: where the sign is set, swapped minus own.
static float32x4_t hadamard4(float32x4_t x)
{
    static const uint32_t odd[4] = {0, UINT32_C(1) << 31, 0, UINT32_C(1) << 31};
    static const uint32_t upper[4] = {0, 0, UINT32_C(1) << 31, UINT32_C(1) << 31};

    x = vaddq_f32(vrev64q_f32(x), flip(x, vld1q_u32(odd)));
    return vaddq_f32(vextq_f32(x, x, 2), flip(x, vld1q_u32(upper)));
}

static void hadamard(float *x, size_t n)
{
    for (size_t i = 0; i < n; i += 8) {
        float32x4_t a = hadamard4(vld1q_f32(x + i));
        float32x4_t b = hadamard4(vld1q_f32(x + i + 4));
        vst1q_f32(x + i, vaddq_f32(a, b));
        vst1q_f32(x + i + 4, vsubq_f32(a, b));
    }
    for (size_t half = 8; half < n; half *= 2) {
        for (size_t i = 0; i < n; i += 2 * half) {
            for (size_t j = i; j < i + half; j += 4) {
                float32x4_t a = vld1q_f32(x + j);
                float32x4_t b = vld1q_f32(x + j + half);
                vst1q_f32(x + j, vaddq_f32(a, b));
                vst1q_f32(x + j + half, vsubq_f32(a, b));
            }
        }
    }
}

// Turns the sums of four lists into scores; returns these.
static float32x4_t coarse_scores(const struct coarse_scan *s, const uint8_t *tail, int32x4_t sums,
                                 float *scores)
{
    const float *steps = (const float *)(const void *)tail;
    float32x4_t dots = vcvtq_f32_s32(vsubq_s32(sums, vdupq_n_s32(s->level_bias)));
    float32x4_t products = vmulq_f32(vld1q_f32(steps), dots);
    float32x4_t result = vfmsq_n_f32(vld1q_f32(steps + LISTS), products, s->weight);

    vst1q_f32(scores, result);
    return result;
}

// Bytes are below 128, so that two products fit 16 bits.
static int32x4_t add_products(int32x4_t sums, const uint8_t *bytes, int8x16_t levels)
{
    int8x16_t x = vreinterpretq_s8_u8(vld1q_u8(bytes));
    int16x8_t low = vmull_s8(vget_low_s8(x), vget_low_s8(levels));
    int16x8_t high = vmull_high_s8(x, levels);

    return vpadalq_s16(sums, vpaddq_s16(low, high));
}

static void coarse(const struct coarse_scan *s)
{
    size_t code_bytes = (size_t)s->padded_dim * LISTS;
    size_t block_bytes = code_bytes + 2 * LISTS * sizeof(float);

    for (uint32_t b = 0; b < s->block_count; b++) {
        const uint8_t *block = s->blocks + b * block_bytes;
        float *scores = s->scores + (size_t)b * LISTS;
        float32x4_t least = vdupq_n_f32(__builtin_inff());
        int32x4_t sums[4] = {vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)};
        for (size_t i = 0; i < s->padded_dim; i += 4) {
            int32_t four;
            memcpy(&four, s->levels + i, sizeof four);
            int8x16_t levels = vreinterpretq_s8_s32(vdupq_n_s32(four));
            for (unsigned k = 0; k < 4; k++) {
                sums[k] = add_products(sums[k], block + i * LISTS + 16 * k, levels);
            }
        }
        for (unsigned k = 0; k < 4; k++) {
            const uint8_t *tail = block + code_bytes + 4 * k * sizeof(float);
            least = vminnmq_f32(least, coarse_scores(s, tail, sums[k], scores + 4 * k));
        }
        s->block_scores[b] = vminnmvq_f32(least);
    }
}

// Adds |x| to the entries of `mask`, or to all others where x is negative.
static float32x4_t add_chosen(float32x4_t sums, float x, uint32x4_t mask)
{
    uint32x4_t chosen = x < 0 ? vmvnq_u32(mask) : mask;
    uint32x4_t size = vreinterpretq_u32_f32(vabsq_f32(vdupq_n_f32(x)));

    return vaddq_f32(sums, vreinterpretq_f32_u32(vandq_u32(chosen, size)));
}

static uint16x4_t levels_of(float32x4_t sums, float inverse)
{
    return vmovn_u32(vcvtnq_u32_f32(vmulq_n_f32(sums, inverse)));
}

static void table1(const float *x, size_t n, float inverse, uint8_t *table)
{
    static const uint32_t odd[4] = {0, UINT32_MAX, 0, UINT32_MAX};
    static const uint32_t upper[4] = {0, 0, UINT32_MAX, UINT32_MAX};
    const uint32x4_t none = vdupq_n_u32(0);
    const uint32x4_t all = vmvnq_u32(none);

    for (size_t i = 0; i < n; i += 4) {
        float32x4_t two = add_chosen(vdupq_n_f32(0), x[i], vld1q_u32(odd));
        two = add_chosen(two, x[i + 1], vld1q_u32(upper));
        float32x4_t without = add_chosen(two, x[i + 2], none);
        float32x4_t with = add_chosen(two, x[i + 2], all);
        uint16x8_t low = vcombine_u16(levels_of(add_chosen(without, x[i + 3], none), inverse),
                                      levels_of(add_chosen(with, x[i + 3], none), inverse));
        uint16x8_t high = vcombine_u16(levels_of(add_chosen(without, x[i + 3], all), inverse),
                                       levels_of(add_chosen(with, x[i + 3], all), inverse));
        vst1q_u8(table + 4 * i, vcombine_u8(vmovn_u16(low), vmovn_u16(high)));
    }
}

static float32x4_t four_factors(const uint8_t *halves)
{
    return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(halves)));
}

// The bounds of four rows by their sums and factors; stores them and returns who survives.
static uint32_t judge(const struct code1_scan *s, const uint8_t *factors, uint16x4_t sums,
                      float *bounds)
{
    static const uint32_t weights[4] = {1, 2, 4, 8};
    float32x4_t sum = vcvtq_f32_u32(vmovl_u16(sums));
    float32x4_t product = vfmaq_n_f32(vdupq_n_f32(s->offset), sum, s->step);
    float32x4_t a = four_factors(factors);
    float32x4_t f = four_factors(factors + ROWS * sizeof(uint16_t));
    float32x4_t e = four_factors(factors + 2 * ROWS * sizeof(uint16_t));
    float32x4_t bound = vfmsq_n_f32(vfmsq_f32(a, f, product), e, s->error);
    uint32x4_t is_below = vcltq_f32(bound, vdupq_n_f32(s->limit));

    vst1q_f32(bounds, bound);
    return vaddvq_u32(vandq_u32(is_below, vld1q_u32(weights)));
}

// Sums of the entries of all rows of a block, eight rows each.
struct row_sums {
    uint16x8_t eight[4];
};

static struct row_sums sum_entries(const struct code1_scan *s, const uint8_t *codes)
{
    struct row_sums sums = {{vdupq_n_u16(0), vdupq_n_u16(0), vdupq_n_u16(0), vdupq_n_u16(0)}};
    size_t bytes = (size_t)s->padded_dim * 4;

    for (size_t i = 0; i < bytes; i += 4 * GROUP) {
        uint8x16_t low = vdupq_n_u8(0);
        uint8x16_t high = low;
        for (size_t g = i; g < i + 4 * GROUP; g += GROUP) {
            uint8x16_t code = vld1q_u8(codes + g);
            uint8x16_t entries = vld1q_u8(s->table + g);
            low = vaddq_u8(low, vqtbl1q_u8(entries, vandq_u8(code, vdupq_n_u8(15))));
            high = vaddq_u8(high, vqtbl1q_u8(entries, vshrq_n_u8(code, 4)));
        }
        sums.eight[0] = vaddw_u8(sums.eight[0], vget_low_u8(low));
        sums.eight[1] = vaddw_high_u8(sums.eight[1], low);
        sums.eight[2] = vaddw_u8(sums.eight[2], vget_low_u8(high));
        sums.eight[3] = vaddw_high_u8(sums.eight[3], high);
    }
    return sums;
}

static uint32_t code1(const struct code1_scan *s, uint32_t block, uint32_t end,
                      struct code1_hit *hit)
{
    size_t code_bytes = (size_t)s->padded_dim * 4;
    size_t block_bytes = code_bytes + 3 * ROWS * sizeof(uint16_t);

    for (; block < end; block++) {
        const uint8_t *codes = s->blocks + block * block_bytes;
        const uint8_t *factors = codes + code_bytes;
        struct row_sums sums = sum_entries(s, codes);
        hit->rows = 0;
        for (unsigned row = 0; row < ROWS; row += 8) {
            const uint8_t *at = factors + row * sizeof(uint16_t);
            uint16x8_t eight = sums.eight[row / 8];
            uint32_t low = judge(s, at, vget_low_u16(eight), hit->bounds + row);
            uint32_t high =
                judge(s, at + 4 * sizeof(uint16_t), vget_high_u16(eight), hit->bounds + row + 4);
            hit->rows |= (high << 4 | low) << row;
        }
        if (hit->rows) break;
    }
    return block;
}

// Four products of nibbles and levels fit 16 bits well.
static int16x8_t multiply16(int16x8_t sums, uint8x16_t nibbles, const int8_t *levels)
{
    int8x16_t x = vreinterpretq_s8_u8(nibbles);
    int8x16_t y = vld1q_s8(levels);

    return vmlal_high_s8(vmlal_s8(sums, vget_low_s8(x), vget_low_s8(y)), x, y);
}

static int32_t code4_row(const struct code4_scan *s, const uint8_t *code)
{
    int32x4_t sums = vdupq_n_s32(0);

    for (size_t i = 0; i < s->padded_dim / 2; i += UNIT) {
        const int8_t *levels = s->levels + 2 * i;
        int16x8_t words[2] = {vdupq_n_s16(0), vdupq_n_s16(0)};
        for (unsigned k = 0; k < 2; k++) {
            uint8x16_t codes = vld1q_u8(code + i + 16 * k);
            words[k] = multiply16(words[k], vandq_u8(codes, vdupq_n_u8(15)), levels + 16 * k);
            words[k] = multiply16(words[k], vshrq_n_u8(codes, 4), levels + UNIT + 16 * k);
        }
        sums = vpadalq_s16(vpadalq_s16(sums, words[0]), words[1]);
    }
    return vaddvq_s32(sums);
}

static void code4(const struct code4_scan *s, const uint32_t *rows, uint32_t count, int32_t *sums)
{
    for (uint32_t i = 0; i < count; i++) {
        sums[i] = code4_row(s, s->codes + (size_t)rows[i] * (s->padded_dim / 2));
    }
}

static void round4(const float *x, size_t n, float inverse, uint8_t *levels, float sums[2])
{
    float32x4_t products = vdupq_n_f32(0);
    float32x4_t squares = products;

    for (size_t i = 0; i < n; i += 8) {
        uint16x4_t words[2];
        for (unsigned k = 0; k < 2; k++) {
            float32x4_t value = vld1q_f32(x + i + 4 * k);
            float32x4_t level = vrndmq_f32(vmulq_n_f32(value, inverse));
            level = vaddq_f32(level, vdupq_n_f32(8));
            level = vmaxnmq_f32(level, vdupq_n_f32(0)); // the number where one is NaN
            level = vminnmq_f32(level, vdupq_n_f32(15));
            words[k] = vmovn_u32(vcvtq_u32_f32(level));
            level = vsubq_f32(level, vdupq_n_f32(7.5F));
            products = vfmaq_f32(products, level, value);
            squares = vfmaq_f32(squares, level, level);
        }
        vst1_u8(levels + i, vmovn_u16(vcombine_u16(words[0], words[1])));
    }
    sums[0] = vaddvq_f32(products);
    sums[1] = vaddvq_f32(squares);
}

const struct scan_kernels scan_kernels_neon = {
    .name = "neon",
    .hadamard = hadamard,
    .coarse = coarse,
    .table1 = table1,
    .code1 = code1,
    .code4 = code4,
    .round4 = round4,
};

#endif
