#include "retrieval/vector/kernels_rows.h"

#if defined(__x86_64__)
#include "retrieval/vector/kernels_lanes.h"

#include <emmintrin.h>

static inline __m128i load(const void *at)
{
    return _mm_loadu_si128(at);
}

static inline int32_t sum_i32(__m128i v)
{
    v = _mm_add_epi32(v, _mm_shuffle_epi32(v, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(v, _mm_shuffle_epi32(v, 0xb1)));
}

// A byte that stands twice in a word is widened by a shift that keeps its sign.
static inline __m128i dot_sixteen(__m128i a, __m128i b)
{
    __m128i a_low = _mm_srai_epi16(_mm_unpacklo_epi8(a, a), 8);
    __m128i b_low = _mm_srai_epi16(_mm_unpacklo_epi8(b, b), 8);
    __m128i a_high = _mm_srai_epi16(_mm_unpackhi_epi8(a, a), 8);
    __m128i b_high = _mm_srai_epi16(_mm_unpackhi_epi8(b, b), 8);

    return _mm_add_epi32(_mm_madd_epi16(a_low, b_low), _mm_madd_epi16(a_high, b_high));
}

static int32_t dot_i8(const int8_t *a, const int8_t *b, size_t n)
{
    __m128i wide = _mm_setzero_si128();
    size_t i = 0;

    for (; i + 16 <= n; i += 16) {
        wide = _mm_add_epi32(wide, dot_sixteen(load(a + i), load(b + i)));
    }
    int32_t sum = sum_i32(wide);
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

// Pairs of bits, then fours, then bytes are summed within their byte, and bytes into 64 bits.
static inline __m128i count_bits(__m128i v)
{
    const __m128i ones = _mm_set1_epi8(0x55);
    const __m128i twos = _mm_set1_epi8(0x33);
    const __m128i fours = _mm_set1_epi8(0x0f);

    v = _mm_sub_epi8(v, _mm_and_si128(_mm_srli_epi16(v, 1), ones));
    v = _mm_add_epi8(_mm_and_si128(v, twos), _mm_and_si128(_mm_srli_epi16(v, 2), twos));
    v = _mm_and_si128(_mm_add_epi8(v, _mm_srli_epi16(v, 4)), fours);
    return _mm_sad_epu8(v, _mm_setzero_si128());
}

static uint32_t hamming(const uint8_t *a, const uint8_t *b, size_t bytes)
{
    __m128i wide = _mm_setzero_si128();
    size_t i = 0;

    for (; i + 16 <= bytes; i += 16) {
        wide = _mm_add_epi64(wide, count_bits(_mm_xor_si128(load(a + i), load(b + i))));
    }
    // Sums below 2^32 leave the odd words of 32 bits empty.
    uint32_t sum = (uint32_t)sum_i32(wide);
    for (; i < bytes; i++) {
        sum += (uint32_t)__builtin_popcount((unsigned)(a[i] ^ b[i]));
    }
    return sum;
}

const struct kernels kernels_sse2 = {
    .name = "sse2",
    KERNELS_LANES_ROW,
    .dot_i8 = dot_i8,
    .dot_rows_i8 = dot_rows_i8,
    .hamming = hamming,
};
#endif
