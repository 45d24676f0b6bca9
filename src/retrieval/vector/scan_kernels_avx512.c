// Design: codes of one bit are sums by table lookup inside registers (after Andre, Kermarrec and Le
// Scouarnec, VLDB 2015). Four groups of a block lie in one register, whose quarters each look up
// in a table of their own. Entries of four registers fit a byte; then they are added to sums of two
// bytes: `pairs` gets even and odd rows mixed, `odds` the odd ones, of which the even ones follow.
#include "retrieval/vector/scan_kernels_rows.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <stdbool.h>
#include <string.h>

#define TARGET                                                                                     \
    [[gnu::target("avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni,avx2,fma,f16c")]]

enum { LISTS = 16, ROWS = 32, LINE = 64 };

// The first stages of the transform, inside a register: neighbours `lane` apart.
TARGET static __m512 butterfly(__m512 x, __m512 swapped, __mmask16 upper)
{
    return _mm512_add_ps(swapped, _mm512_mask_sub_ps(x, upper, _mm512_setzero_ps(), x));
}

TARGET static __m512 hadamard16(__m512 x)
{
    x = butterfly(x, _mm512_permute_ps(x, 0xb1), 0xaaaa);
    x = butterfly(x, _mm512_permute_ps(x, 0x4e), 0xcccc);
    x = butterfly(x, _mm512_shuffle_f32x4(x, x, 0xb1), 0xf0f0);
    return butterfly(x, _mm512_shuffle_f32x4(x, x, 0x4e), 0xff00);
}

TARGET static void hadamard(float *x, size_t n)
{
    for (size_t i = 0; i < n; i += 64) {
        __m512 a = hadamard16(_mm512_loadu_ps(x + i));
        __m512 b = hadamard16(_mm512_loadu_ps(x + i + 16));
        __m512 c = hadamard16(_mm512_loadu_ps(x + i + 32));
        __m512 d = hadamard16(_mm512_loadu_ps(x + i + 48));
        __m512 ab = _mm512_add_ps(a, b);
        __m512 cd = _mm512_add_ps(c, d);
        __m512 a_b = _mm512_sub_ps(a, b);
        __m512 c_d = _mm512_sub_ps(c, d);
        _mm512_storeu_ps(x + i, _mm512_add_ps(ab, cd));
        _mm512_storeu_ps(x + i + 16, _mm512_add_ps(a_b, c_d));
        _mm512_storeu_ps(x + i + 32, _mm512_sub_ps(ab, cd));
        _mm512_storeu_ps(x + i + 48, _mm512_sub_ps(a_b, c_d));
    }
    for (size_t half = 64; half < n; half *= 2) {
        for (size_t i = 0; i < n; i += 2 * half) {
            for (size_t j = i; j < i + half; j += 16) {
                __m512 a = _mm512_loadu_ps(x + j);
                __m512 b = _mm512_loadu_ps(x + j + half);
                _mm512_storeu_ps(x + j, _mm512_add_ps(a, b));
                _mm512_storeu_ps(x + j + half, _mm512_sub_ps(a, b));
            }
        }
    }
}

// Turns the sums of a block's lists into scores; returns the least.
TARGET static float coarse_scores(const struct coarse_scan *s, const uint8_t *block, __m512i sums,
                                  float *scores)
{
    const uint8_t *tail = block + (size_t)s->padded_dim * LISTS;
    __m512 steps = _mm512_loadu_ps(tail);
    __m512 offsets = _mm512_loadu_ps(tail + LISTS * sizeof(float));
    __m512 dots = _mm512_cvtepi32_ps(_mm512_sub_epi32(sums, _mm512_set1_epi32(s->level_bias)));
    __m512 result =
        _mm512_fnmadd_ps(_mm512_set1_ps(s->weight), _mm512_mul_ps(steps, dots), offsets);

    _mm512_storeu_ps(scores, result);
    return _mm512_reduce_min_ps(result);
}

TARGET static __m512i four_levels(const int8_t *levels)
{
    int four;

    memcpy(&four, levels, sizeof four);
    return _mm512_set1_epi32(four);
}

TARGET static __m512i add_product(__m512i sum, const uint8_t *bytes, __m512i levels)
{
    return _mm512_dpbusd_epi32(sum, _mm512_loadu_si512(bytes), levels);
}

// Four blocks at a time share what is read of the query.
TARGET static void coarse4(const struct coarse_scan *s, uint32_t b, size_t block_bytes)
{
    const uint8_t *block = s->blocks + b * block_bytes;
    float *scores = s->scores + (size_t)b * LISTS;
    __m512i sum0 = _mm512_setzero_si512();
    __m512i sum1 = sum0;
    __m512i sum2 = sum0;
    __m512i sum3 = sum0;

    for (size_t i = 0; i < s->padded_dim; i += 4) {
        __m512i levels = four_levels(s->levels + i);
        const uint8_t *bytes = block + i * LISTS;
        sum0 = add_product(sum0, bytes, levels);
        sum1 = add_product(sum1, bytes + block_bytes, levels);
        sum2 = add_product(sum2, bytes + 2 * block_bytes, levels);
        sum3 = add_product(sum3, bytes + 3 * block_bytes, levels);
    }
    s->block_scores[b] = coarse_scores(s, block, sum0, scores);
    s->block_scores[b + 1] = coarse_scores(s, block + block_bytes, sum1, scores + LISTS);
    s->block_scores[b + 2] = coarse_scores(s, block + 2 * block_bytes, sum2, scores + 2 * LISTS);
    s->block_scores[b + 3] = coarse_scores(s, block + 3 * block_bytes, sum3, scores + 3 * LISTS);
}

TARGET static void coarse(const struct coarse_scan *s)
{
    size_t block_bytes = (size_t)s->padded_dim * LISTS + 2 * LISTS * sizeof(float);
    uint32_t b = 0;

    for (; b + 4 <= s->block_count; b += 4) {
        coarse4(s, b, block_bytes);
    }
    for (; b < s->block_count; b++) {
        const uint8_t *block = s->blocks + b * block_bytes;
        __m512i sum = _mm512_setzero_si512();
        for (size_t i = 0; i < s->padded_dim; i += 4) {
            sum = add_product(sum, block + i * LISTS, four_levels(s->levels + i));
        }
        s->block_scores[b] = coarse_scores(s, block, sum, s->scores + (size_t)b * LISTS);
    }
}

TARGET static void table1(const float *x, size_t n, float inverse, uint8_t *table)
{
    static const __mmask16 entries_with[4] = {0xaaaa, 0xcccc, 0xf0f0, 0xff00};

    for (size_t i = 0; i < n; i += 4) {
        __m512 sum = _mm512_setzero_ps();
        for (unsigned k = 0; k < 4; k++) {
            __mmask16 chosen = x[i + k] < 0 ? (__mmask16)~entries_with[k] : entries_with[k];
            __m512 size = _mm512_abs_ps(_mm512_set1_ps(x[i + k]));
            sum = _mm512_mask_add_ps(sum, chosen, sum, size);
        }
        __m512i levels = _mm512_cvtps_epi32(_mm512_mul_ps(sum, _mm512_set1_ps(inverse)));
        _mm_storeu_si128((__m128i *)(void *)(table + 4 * i), _mm512_cvtepi32_epi8(levels));
    }
}

// Entries of four groups for rows 0 to 15 and for rows 16 to 31.
struct lookups {
    __m512i low;
    __m512i high;
};

TARGET static struct lookups look_up(const uint8_t *codes, const uint8_t *table)
{
    const __m512i half = _mm512_set1_epi8(15);
    __m512i code = _mm512_loadu_si512(codes);
    __m512i entries = _mm512_loadu_si512(table);
    __m512i upper = _mm512_and_si512(_mm512_srli_epi16(code, 4), half);

    return (struct lookups){
        .low = _mm512_shuffle_epi8(entries, _mm512_and_si512(code, half)),
        .high = _mm512_shuffle_epi8(entries, upper),
    };
}

TARGET static struct lookups add_bytes(struct lookups a, struct lookups b)
{
    return (struct lookups){
        .low = _mm512_add_epi8(a.low, b.low),
        .high = _mm512_add_epi8(a.high, b.high),
    };
}

TARGET static struct lookups look_up_16_groups(const uint8_t *codes, const uint8_t *table)
{
    struct lookups a = look_up(codes, table);
    struct lookups b = look_up(codes + LINE, table + LINE);
    struct lookups c = look_up(codes + 2 * LINE, table + 2 * LINE);
    struct lookups d = look_up(codes + 3 * LINE, table + 3 * LINE);

    return add_bytes(add_bytes(a, b), add_bytes(c, d));
}

// Adds the quarters of a register.
TARGET static __m128i fold(__m512i x)
{
    __m256i y = _mm256_add_epi16(_mm512_castsi512_si256(x), _mm512_extracti64x4_epi64(x, 1));

    return _mm_add_epi16(_mm256_castsi256_si128(y), _mm256_extracti128_si256(y, 1));
}

// Sixteen sums of two bytes in the order of rows.
TARGET static __m256i in_order(__m512i pairs, __m512i odds)
{
    __m128i odd = fold(odds);
    __m128i even = fold(_mm512_sub_epi16(pairs, _mm512_slli_epi16(odds, 8)));

    return _mm256_set_m128i(_mm_unpackhi_epi16(even, odd), _mm_unpacklo_epi16(even, odd));
}

// The bounds of sixteen rows by their sums and factors; stores them and returns who survives.
TARGET static __mmask16 judge(const struct code1_scan *s, const uint8_t *factors, __m256i sums,
                              float *bounds)
{
    __m512 sum = _mm512_cvtepi32_ps(_mm512_cvtepu16_epi32(sums));
    __m512 product = _mm512_fmadd_ps(sum, _mm512_set1_ps(s->step), _mm512_set1_ps(s->offset));
    const __m256i *half = (const __m256i *)(const void *)factors; // sixteen halves each
    __m512 a = _mm512_cvtph_ps(_mm256_loadu_si256(half));
    __m512 f = _mm512_cvtph_ps(_mm256_loadu_si256(half + 2));
    __m512 e = _mm512_cvtph_ps(_mm256_loadu_si256(half + 4));
    __m512 bound = _mm512_fnmadd_ps(e, _mm512_set1_ps(s->error), _mm512_fnmadd_ps(f, product, a));

    _mm512_storeu_ps(bounds, bound);
    return _mm512_cmp_ps_mask(bound, _mm512_set1_ps(s->limit), _CMP_LT_OQ);
}

TARGET static uint32_t code1(const struct code1_scan *s, uint32_t block, uint32_t end,
                             struct code1_hit *hit)
{
    size_t code_bytes = (size_t)s->padded_dim * 4;
    size_t block_bytes = code_bytes + 3 * ROWS * sizeof(uint16_t);

    for (; block < end; block++) {
        const uint8_t *codes = s->blocks + block * block_bytes;
        const uint8_t *factors = codes + code_bytes;
        __m512i low_pairs = _mm512_setzero_si512();
        __m512i low_odds = low_pairs;
        __m512i high_pairs = low_pairs;
        __m512i high_odds = low_pairs;
        for (size_t i = 0; i < code_bytes; i += 4 * LINE) {
            struct lookups sum = look_up_16_groups(codes + i, s->table + i);
            low_pairs = _mm512_add_epi16(low_pairs, sum.low);
            low_odds = _mm512_add_epi16(low_odds, _mm512_srli_epi16(sum.low, 8));
            high_pairs = _mm512_add_epi16(high_pairs, sum.high);
            high_odds = _mm512_add_epi16(high_odds, _mm512_srli_epi16(sum.high, 8));
        }
        __mmask16 low = judge(s, factors, in_order(low_pairs, low_odds), hit->bounds);
        __mmask16 high = judge(s, factors + 16 * sizeof(uint16_t), in_order(high_pairs, high_odds),
                               hit->bounds + 16);
        hit->rows = (uint32_t)high << 16 | low;
        if (hit->rows) break;
    }
    return block;
}

// Sixteen partial sums of one row.
TARGET static __m512i code4_parts(const struct code4_scan *s, const uint8_t *code)
{
    const __m512i half = _mm512_set1_epi8(15);
    __m512i sum = _mm512_setzero_si512();
    size_t bytes = s->padded_dim / 2;

    for (size_t i = 0; i < bytes; i += LINE) {
        // Of an odd number of units the last one is half a register.
        bool is_half = bytes - i < LINE;
        __m512i codes = _mm512_maskz_loadu_epi8(is_half ? UINT32_MAX : UINT64_MAX, code + i);
        __m512i first = _mm512_loadu_si512(s->levels + 2 * i);
        __m512i second =
            _mm512_maskz_loadu_epi8(is_half ? 0 : UINT64_MAX, s->levels + 2 * i + LINE);
        __m512i low = _mm512_shuffle_i64x2(first, second, 0x44);
        __m512i high = _mm512_shuffle_i64x2(first, second, 0xee);
        __m512i upper = _mm512_and_si512(_mm512_srli_epi16(codes, 4), half);
        sum = _mm512_dpbusd_epi32(sum, _mm512_and_si512(codes, half), low);
        sum = _mm512_dpbusd_epi32(sum, upper, high);
    }
    return sum;
}

TARGET static __m256i halve(__m512i x)
{
    return _mm256_add_epi32(_mm512_castsi512_si256(x), _mm512_extracti64x4_epi64(x, 1));
}

TARGET static void code4(const struct code4_scan *s, const uint32_t *rows, uint32_t count,
                         int32_t *sums)
{
    size_t bytes = s->padded_dim / 2;
    uint32_t i = 0;

    for (; i + 4 <= count; i += 4) {
        __m256i a = halve(code4_parts(s, s->codes + rows[i] * bytes));
        __m256i b = halve(code4_parts(s, s->codes + rows[i + 1] * bytes));
        __m256i c = halve(code4_parts(s, s->codes + rows[i + 2] * bytes));
        __m256i d = halve(code4_parts(s, s->codes + rows[i + 3] * bytes));
        a = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
        __m128i four = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
        _mm_storeu_si128((__m128i *)(void *)(sums + i), four);
    }
    for (; i < count; i++) {
        sums[i] = _mm512_reduce_add_epi32(code4_parts(s, s->codes + rows[i] * bytes));
    }
}

TARGET static void round4(const float *x, size_t n, float inverse, uint8_t *levels, float sums[2])
{
    const __m512 middle = _mm512_set1_ps(7.5F);
    __m512 products = _mm512_setzero_ps();
    __m512 squares = products;

    for (size_t i = 0; i < n; i += 16) {
        __m512 value = _mm512_loadu_ps(x + i);
        __m512 level = _mm512_floor_ps(_mm512_mul_ps(value, _mm512_set1_ps(inverse)));
        level = _mm512_add_ps(level, _mm512_set1_ps(8));
        level = _mm512_max_ps(level, _mm512_setzero_ps()); // the second where one is NaN
        level = _mm512_min_ps(level, _mm512_set1_ps(15));
        __m128i bytes = _mm512_cvtepi32_epi8(_mm512_cvttps_epi32(level));
        _mm_storeu_si128((__m128i *)(void *)(levels + i), bytes);
        level = _mm512_sub_ps(level, middle);
        products = _mm512_fmadd_ps(level, value, products);
        squares = _mm512_fmadd_ps(level, level, squares);
    }
    sums[0] = _mm512_reduce_add_ps(products);
    sums[1] = _mm512_reduce_add_ps(squares);
}

const struct scan_kernels scan_kernels_avx512 = {
    .name = "avx512",
    .hadamard = hadamard,
    .coarse = coarse,
    .table1 = table1,
    .code1 = code1,
    .code4 = code4,
    .round4 = round4,
};

#endif
