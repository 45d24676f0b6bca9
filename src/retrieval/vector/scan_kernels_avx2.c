// Design: as in scan_kernels_avx512.c, with registers of half the width: two groups of a block a
// register, and eight groups before bytes are widened.
#include "retrieval/vector/scan_kernels_rows.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#define TARGET [[gnu::target("avx2,fma,f16c,popcnt")]]

enum { LISTS = 16, ROWS = 32, LANE = 32 };

TARGET static __m256i load(const void *at)
{
    return _mm256_loadu_si256((const __m256i *)at);
}

// The stages of the transform inside a register: where the sign is set, swapped minus own.
TARGET static __m256 hadamard8(__m256 x)
{
    const __m256 odd = _mm256_setr_ps(0.0F, -0.0F, 0.0F, -0.0F, 0.0F, -0.0F, 0.0F, -0.0F);
    const __m256 upper2 = _mm256_setr_ps(0.0F, 0.0F, -0.0F, -0.0F, 0.0F, 0.0F, -0.0F, -0.0F);
    const __m256 upper4 = _mm256_setr_ps(0.0F, 0.0F, 0.0F, 0.0F, -0.0F, -0.0F, -0.0F, -0.0F);

    x = _mm256_add_ps(_mm256_permute_ps(x, 0xb1), _mm256_xor_ps(x, odd));
    x = _mm256_add_ps(_mm256_permute_ps(x, 0x4e), _mm256_xor_ps(x, upper2));
    return _mm256_add_ps(_mm256_permute2f128_ps(x, x, 0x01), _mm256_xor_ps(x, upper4));
}

TARGET static void hadamard(float *x, size_t n)
{
    for (size_t i = 0; i < n; i += 16) {
        __m256 a = hadamard8(_mm256_loadu_ps(x + i));
        __m256 b = hadamard8(_mm256_loadu_ps(x + i + 8));
        _mm256_storeu_ps(x + i, _mm256_add_ps(a, b));
        _mm256_storeu_ps(x + i + 8, _mm256_sub_ps(a, b));
    }
    for (size_t half = 16; half < n; half *= 2) {
        for (size_t i = 0; i < n; i += 2 * half) {
            for (size_t j = i; j < i + half; j += 8) {
                __m256 a = _mm256_loadu_ps(x + j);
                __m256 b = _mm256_loadu_ps(x + j + half);
                _mm256_storeu_ps(x + j, _mm256_add_ps(a, b));
                _mm256_storeu_ps(x + j + half, _mm256_sub_ps(a, b));
            }
        }
    }
}

// Turns the sums of eight lists into scores; returns these.
TARGET static __m256 coarse_scores(const struct coarse_scan *s, const uint8_t *tail, __m256i sums,
                                   float *scores)
{
    __m256 steps = _mm256_loadu_ps((const float *)(const void *)tail);
    __m256 offsets = _mm256_loadu_ps((const float *)(const void *)(tail + LISTS * sizeof(float)));
    __m256 dots = _mm256_cvtepi32_ps(_mm256_sub_epi32(sums, _mm256_set1_epi32(s->level_bias)));
    __m256 result =
        _mm256_fnmadd_ps(_mm256_set1_ps(s->weight), _mm256_mul_ps(steps, dots), offsets);

    _mm256_storeu_ps(scores, result);
    return result;
}

// The least of eight that is not NaN, by the second operand's right where one is.
TARGET static float least_of(__m256 a, __m256 b)
{
    float lanes[8];
    float least = __builtin_inff();

    _mm256_storeu_ps(lanes, _mm256_min_ps(a, b));
    for (unsigned i = 0; i < 8; i++) {
        least = lanes[i] < least ? lanes[i] : least;
    }
    return least;
}

// Bytes are below 128, so that two products fit 16 bits.
TARGET static __m256i add_product(__m256i sum, const uint8_t *bytes, __m256i levels)
{
    __m256i products = _mm256_maddubs_epi16(load(bytes), levels);

    return _mm256_add_epi32(sum, _mm256_madd_epi16(products, _mm256_set1_epi16(1)));
}

TARGET static void coarse(const struct coarse_scan *s)
{
    size_t code_bytes = (size_t)s->padded_dim * LISTS;
    size_t block_bytes = code_bytes + 2 * LISTS * sizeof(float);

    for (uint32_t b = 0; b < s->block_count; b++) {
        const uint8_t *block = s->blocks + b * block_bytes;
        const uint8_t *tail = block + code_bytes;
        float *scores = s->scores + (size_t)b * LISTS;
        __m256i low = _mm256_setzero_si256();
        __m256i high = low;
        for (size_t i = 0; i < s->padded_dim; i += 4) {
            int four;
            memcpy(&four, s->levels + i, sizeof four);
            __m256i levels = _mm256_set1_epi32(four);
            low = add_product(low, block + i * LISTS, levels);
            high = add_product(high, block + i * LISTS + LANE, levels);
        }
        __m256 first = coarse_scores(s, tail, low, scores);
        __m256 second = coarse_scores(s, tail + 8 * sizeof(float), high, scores + 8);
        s->block_scores[b] = least_of(first, second);
    }
}

// The levels of eight entries: those that have bit k of their number set where `set` is ones.
TARGET static __m256i eight_entries(const float *x, __m256 inverse, unsigned upper)
{
    const __m256 bits[3] = {
        _mm256_castsi256_ps(_mm256_setr_epi32(0, -1, 0, -1, 0, -1, 0, -1)),
        _mm256_castsi256_ps(_mm256_setr_epi32(0, 0, -1, -1, 0, 0, -1, -1)),
        _mm256_castsi256_ps(_mm256_setr_epi32(0, 0, 0, 0, -1, -1, -1, -1)),
    };
    __m256 sum = _mm256_setzero_ps();

    for (unsigned k = 0; k < 3; k++) {
        __m256 size = _mm256_set1_ps(__builtin_fabsf(x[k]));
        __m256 chosen = x[k] < 0 ? _mm256_andnot_ps(bits[k], size) : _mm256_and_ps(bits[k], size);
        sum = _mm256_add_ps(sum, chosen);
    }
    if (upper != (x[3] < 0)) sum = _mm256_add_ps(sum, _mm256_set1_ps(__builtin_fabsf(x[3])));
    return _mm256_cvtps_epi32(_mm256_mul_ps(sum, inverse));
}

TARGET static void table1(const float *x, size_t n, float inverse, uint8_t *table)
{
    __m256 factor = _mm256_set1_ps(inverse);

    for (size_t i = 0; i < n; i += 4) {
        __m256i low = eight_entries(x + i, factor, 0);
        __m256i high = eight_entries(x + i, factor, 1);
        __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xd8);
        __m128i bytes =
            _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
        _mm_storeu_si128((__m128i *)(void *)(table + 4 * i), bytes);
    }
}

// Entries of two groups for rows 0 to 15 and for rows 16 to 31.
struct lookups {
    __m256i low;
    __m256i high;
};

TARGET static struct lookups look_up(const uint8_t *codes, const uint8_t *table)
{
    const __m256i half = _mm256_set1_epi8(15);
    __m256i code = load(codes);
    __m256i entries = load(table);
    __m256i upper = _mm256_and_si256(_mm256_srli_epi16(code, 4), half);

    return (struct lookups){
        .low = _mm256_shuffle_epi8(entries, _mm256_and_si256(code, half)),
        .high = _mm256_shuffle_epi8(entries, upper),
    };
}

TARGET static struct lookups add_bytes(struct lookups a, struct lookups b)
{
    return (struct lookups){
        .low = _mm256_add_epi8(a.low, b.low),
        .high = _mm256_add_epi8(a.high, b.high),
    };
}

TARGET static struct lookups look_up_8_groups(const uint8_t *codes, const uint8_t *table)
{
    struct lookups a = look_up(codes, table);
    struct lookups b = look_up(codes + LANE, table + LANE);
    struct lookups c = look_up(codes + 2 * LANE, table + 2 * LANE);
    struct lookups d = look_up(codes + 3 * LANE, table + 3 * LANE);

    return add_bytes(add_bytes(a, b), add_bytes(c, d));
}

TARGET static __m128i fold(__m256i x)
{
    return _mm_add_epi16(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
}

// Sixteen sums of two bytes in the order of rows, out of mixed and odd ones.
TARGET static __m256i in_order(__m256i pairs, __m256i odds)
{
    __m128i odd = fold(odds);
    __m128i even = fold(_mm256_sub_epi16(pairs, _mm256_slli_epi16(odds, 8)));

    return _mm256_set_m128i(_mm_unpackhi_epi16(even, odd), _mm_unpacklo_epi16(even, odd));
}

TARGET static __m256 eight_factors(const uint8_t *halves)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)halves));
}

// The bounds of eight rows by their sums and factors; stores them and returns who survives.
TARGET static uint32_t judge(const struct code1_scan *s, const uint8_t *factors, __m128i sums,
                             float *bounds)
{
    __m256 sum = _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(sums));
    __m256 product = _mm256_fmadd_ps(sum, _mm256_set1_ps(s->step), _mm256_set1_ps(s->offset));
    __m256 a = eight_factors(factors);
    __m256 f = eight_factors(factors + ROWS * sizeof(uint16_t));
    __m256 e = eight_factors(factors + 2 * ROWS * sizeof(uint16_t));
    __m256 bound = _mm256_fnmadd_ps(e, _mm256_set1_ps(s->error), _mm256_fnmadd_ps(f, product, a));

    _mm256_storeu_ps(bounds, bound);
    return (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(bound, _mm256_set1_ps(s->limit), _CMP_LT_OQ));
}

TARGET static uint32_t judge16(const struct code1_scan *s, const uint8_t *factors, __m256i sums,
                               float *bounds)
{
    uint32_t low = judge(s, factors, _mm256_castsi256_si128(sums), bounds);
    uint32_t high =
        judge(s, factors + 8 * sizeof(uint16_t), _mm256_extracti128_si256(sums, 1), bounds + 8);

    return low | high << 8;
}

TARGET static uint32_t code1(const struct code1_scan *s, uint32_t block, uint32_t end,
                             struct code1_hit *hit)
{
    size_t code_bytes = (size_t)s->padded_dim * 4;
    size_t block_bytes = code_bytes + 3 * ROWS * sizeof(uint16_t);

    for (; block < end; block++) {
        const uint8_t *codes = s->blocks + block * block_bytes;
        const uint8_t *factors = codes + code_bytes;
        __m256i low_pairs = _mm256_setzero_si256();
        __m256i low_odds = low_pairs;
        __m256i high_pairs = low_pairs;
        __m256i high_odds = low_pairs;
        for (size_t i = 0; i < code_bytes; i += 4 * LANE) {
            struct lookups sum = look_up_8_groups(codes + i, s->table + i);
            low_pairs = _mm256_add_epi16(low_pairs, sum.low);
            low_odds = _mm256_add_epi16(low_odds, _mm256_srli_epi16(sum.low, 8));
            high_pairs = _mm256_add_epi16(high_pairs, sum.high);
            high_odds = _mm256_add_epi16(high_odds, _mm256_srli_epi16(sum.high, 8));
        }
        uint32_t low = judge16(s, factors, in_order(low_pairs, low_odds), hit->bounds);
        uint32_t high = judge16(s, factors + 16 * sizeof(uint16_t), in_order(high_pairs, high_odds),
                                hit->bounds + 16);
        hit->rows = high << 16 | low;
        if (hit->rows) break;
    }
    return block;
}

// Eight partial sums of one row. Four units of products fit 16 bits; then they are widened.
TARGET static __m256i code4_parts(const struct code4_scan *s, const uint8_t *code)
{
    const __m256i half = _mm256_set1_epi8(15);
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i sum = _mm256_setzero_si256();
    size_t bytes = s->padded_dim / 2;

    for (size_t i = 0; i < bytes;) {
        size_t end = bytes - i < 4 * LANE ? bytes : i + 4 * LANE;
        __m256i words = _mm256_setzero_si256();
        for (; i < end; i += LANE) {
            __m256i codes = load(code + i);
            __m256i upper = _mm256_and_si256(_mm256_srli_epi16(codes, 4), half);
            __m256i low =
                _mm256_maddubs_epi16(_mm256_and_si256(codes, half), load(s->levels + 2 * i));
            __m256i high = _mm256_maddubs_epi16(upper, load(s->levels + 2 * i + LANE));
            words = _mm256_add_epi16(words, _mm256_add_epi16(low, high));
        }
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(words, ones));
    }
    return sum;
}

TARGET static void code4(const struct code4_scan *s, const uint32_t *rows, uint32_t count,
                         int32_t *sums)
{
    size_t bytes = s->padded_dim / 2;
    uint32_t i = 0;

    for (; i + 4 <= count; i += 4) {
        __m256i a = code4_parts(s, s->codes + rows[i] * bytes);
        __m256i b = code4_parts(s, s->codes + rows[i + 1] * bytes);
        __m256i c = code4_parts(s, s->codes + rows[i + 2] * bytes);
        __m256i d = code4_parts(s, s->codes + rows[i + 3] * bytes);
        a = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
        __m128i four = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
        _mm_storeu_si128((__m128i *)(void *)(sums + i), four);
    }
    for (; i < count; i++) {
        __m256i a = code4_parts(s, s->codes + rows[i] * bytes);
        __m128i four = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
        four = _mm_hadd_epi32(four, four);
        sums[i] = _mm_cvtsi128_si32(_mm_hadd_epi32(four, four));
    }
}

TARGET static float sum_of(__m256 x)
{
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));

    four = _mm_hadd_ps(four, four);
    return _mm_cvtss_f32(_mm_hadd_ps(four, four));
}

TARGET static __m256 round8(const float *x, __m256 inverse)
{
    __m256 level = _mm256_floor_ps(_mm256_mul_ps(_mm256_loadu_ps(x), inverse));

    level = _mm256_add_ps(level, _mm256_set1_ps(8));
    level = _mm256_max_ps(level, _mm256_setzero_ps()); // the second where one is NaN
    return _mm256_min_ps(level, _mm256_set1_ps(15));
}

TARGET static void round4(const float *x, size_t n, float inverse, uint8_t *levels, float sums[2])
{
    const __m256 middle = _mm256_set1_ps(7.5F);
    const __m256 factor = _mm256_set1_ps(inverse);
    __m256 products = _mm256_setzero_ps();
    __m256 squares = products;

    for (size_t i = 0; i < n; i += 16) {
        __m256 a = round8(x + i, factor);
        __m256 b = round8(x + i + 8, factor);
        __m256i words = _mm256_packs_epi32(_mm256_cvttps_epi32(a), _mm256_cvttps_epi32(b));
        words = _mm256_permute4x64_epi64(words, 0xd8);
        __m128i bytes =
            _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
        _mm_storeu_si128((__m128i *)(void *)(levels + i), bytes);
        a = _mm256_sub_ps(a, middle);
        b = _mm256_sub_ps(b, middle);
        products = _mm256_fmadd_ps(a, _mm256_loadu_ps(x + i), products);
        products = _mm256_fmadd_ps(b, _mm256_loadu_ps(x + i + 8), products);
        squares = _mm256_fmadd_ps(a, a, _mm256_fmadd_ps(b, b, squares));
    }
    sums[0] = sum_of(products);
    sums[1] = sum_of(squares);
}

const struct scan_kernels scan_kernels_avx2 = {
    .name = "avx2",
    .hadamard = hadamard,
    .coarse = coarse,
    .table1 = table1,
    .code1 = code1,
    .code4 = code4,
    .round4 = round4,
};

#endif
