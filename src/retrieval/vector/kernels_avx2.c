#include "retrieval/vector/kernels_rows.h"

#if defined(__x86_64__)
#define KERNELS_LANES_BYTES 32
#define KERNELS_LANES_TARGET [[gnu::target("avx2,fma,f16c,popcnt")]]
#include "retrieval/vector/kernels_lanes.h"

#include <immintrin.h>

// Sixteen bytes are widened, so that pairs of products fit whatever the bytes are.
KERNELS_LANES_INLINE __m256i widen(const int8_t *at)
{
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)at));
}

KERNELS_LANES_INLINE int32_t sum_i32(__m256i v)
{
    __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));

    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1)));
}

KERNELS_LANES_INLINE int32_t dot_bytes(const int8_t *a, const int8_t *b, size_t n)
{
    __m256i even = _mm256_setzero_si256();
    __m256i odd = _mm256_setzero_si256();
    size_t i = 0;

    for (; i + 32 <= n; i += 32) {
        even = _mm256_add_epi32(even, _mm256_madd_epi16(widen(a + i), widen(b + i)));
        odd = _mm256_add_epi32(odd, _mm256_madd_epi16(widen(a + i + 16), widen(b + i + 16)));
    }
    if (i + 16 <= n) {
        even = _mm256_add_epi32(even, _mm256_madd_epi16(widen(a + i), widen(b + i)));
        i += 16;
    }
    int32_t sum = sum_i32(_mm256_add_epi32(even, odd));
    for (; i < n; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

KERNELS_LANES_TARGET static int32_t dot_i8(const int8_t *a, const int8_t *b, size_t n)
{
    return dot_bytes(a, b, n);
}

KERNELS_LANES_TARGET static void dot_rows_i8(const int8_t *query, const int8_t *rows, size_t stride,
                                             size_t count, size_t n, int32_t *out)
{
    for (size_t r = 0; r < count; r++) {
        out[r] = dot_bytes(query, rows + r * stride, n);
    }
}

// The bits of each byte are looked up by halves, and bytes are summed into words of 64 bits.
KERNELS_LANES_INLINE __m256i count_bits(__m256i v)
{
    const __m256i bits_of = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1,
                                             1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    const __m256i half = _mm256_set1_epi8(0x0f);
    __m256i low = _mm256_shuffle_epi8(bits_of, _mm256_and_si256(v, half));
    __m256i high = _mm256_shuffle_epi8(bits_of, _mm256_and_si256(_mm256_srli_epi16(v, 4), half));

    return _mm256_sad_epu8(_mm256_add_epi8(low, high), _mm256_setzero_si256());
}

KERNELS_LANES_TARGET static uint32_t hamming(const uint8_t *a, const uint8_t *b, size_t bytes)
{
    __m256i wide = _mm256_setzero_si256();
    size_t i = 0;

    for (; i + 32 <= bytes; i += 32) {
        __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)(a + i));
        __m256i y = _mm256_loadu_si256((const __m256i *)(const void *)(b + i));
        wide = _mm256_add_epi64(wide, count_bits(_mm256_xor_si256(x, y)));
    }
    // Sums below 2^32 leave the odd words of 32 bits empty.
    uint32_t sum = (uint32_t)sum_i32(wide);
    for (; i < bytes; i++) {
        sum += (uint32_t)__builtin_popcount((unsigned)(a[i] ^ b[i]));
    }
    return sum;
}

const struct kernels kernels_avx2 = {
    .name = "avx2",
    KERNELS_LANES_ROW,
    .dot_i8 = dot_i8,
    .dot_rows_i8 = dot_rows_i8,
    .hamming = hamming,
};
#endif
