#include "retrieval/vector/kernels_rows.h"

#if defined(__x86_64__)
#define KERNELS_LANES_BYTES 64
#define KERNELS_LANES_TARGET                                                                       \
    [[gnu::target("avx2,fma,f16c,popcnt,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,"            \
                  "avx512vnni")]]
#include "retrieval/vector/kernels_lanes.h"

#include <immintrin.h>

KERNELS_LANES_INLINE __m512i load(const void *at)
{
    return _mm512_loadu_si512(at);
}

// The first `rest` bytes, below 64; zero from there on, and nothing beyond them is touched.
KERNELS_LANES_INLINE __m512i load_rest(const void *at, size_t rest)
{
    return _mm512_maskz_loadu_epi8((UINT64_C(1) << rest) - 1, at);
}

// Wraps, which _mm512_reduce_add_epi32() is not written to do.
KERNELS_LANES_INLINE uint32_t sum_u32(__m512i v)
{
    __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
    __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));

    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
    return (uint32_t)_mm_cvtsi128_si32(_mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1)));
}

// VNNI multiplies bytes without a sign by bytes with one. The first are moved up by 128, so that
// the sum is too large by 128 times that of the second, which is taken off again: exact for every
// byte, because sums that pass 32 bits on the way come back.
KERNELS_LANES_INLINE uint32_t dot_moved(const int8_t *moved, const int8_t *b, size_t n)
{
    const __m512i up = _mm512_set1_epi8(-128);
    __m512i even = _mm512_setzero_si512();
    __m512i odd = _mm512_setzero_si512();
    size_t i = 0;

    for (; i + 128 <= n; i += 128) {
        even = _mm512_dpbusd_epi32(even, _mm512_xor_si512(load(moved + i), up), load(b + i));
        odd =
            _mm512_dpbusd_epi32(odd, _mm512_xor_si512(load(moved + i + 64), up), load(b + i + 64));
    }
    if (i + 64 <= n) {
        even = _mm512_dpbusd_epi32(even, _mm512_xor_si512(load(moved + i), up), load(b + i));
        i += 64;
    }
    if (i < n) {
        odd = _mm512_dpbusd_epi32(odd, _mm512_xor_si512(load_rest(moved + i, n - i), up),
                                  load_rest(b + i, n - i));
    }
    return sum_u32(_mm512_add_epi32(even, odd));
}

// 128 times the sum of bytes.
KERNELS_LANES_INLINE uint32_t excess(const int8_t *b, size_t n)
{
    const __m512i up = _mm512_set1_epi8(-128);
    __m512i sum = _mm512_setzero_si512();
    size_t i = 0;

    for (; i + 64 <= n; i += 64) {
        sum = _mm512_dpbusd_epi32(sum, up, load(b + i));
    }
    if (i < n) sum = _mm512_dpbusd_epi32(sum, up, load_rest(b + i, n - i));
    return sum_u32(sum);
}

KERNELS_LANES_TARGET static int32_t dot_i8(const int8_t *a, const int8_t *b, size_t n)
{
    return (int32_t)(dot_moved(a, b, n) - excess(b, n));
}

KERNELS_LANES_TARGET static void dot_rows_i8(const int8_t *query, const int8_t *rows, size_t stride,
                                             size_t count, size_t n, int32_t *out)
{
    uint32_t too_much = excess(query, n);

    for (size_t r = 0; r < count; r++) {
        out[r] = (int32_t)(dot_moved(rows + r * stride, query, n) - too_much);
    }
}

// The bits of each byte are looked up by halves, and bytes are summed into words of 64 bits.
KERNELS_LANES_INLINE __m512i count_bits(__m512i v)
{
    const __m512i bits_of =
        _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
    const __m512i half = _mm512_set1_epi8(0x0f);
    __m512i low = _mm512_shuffle_epi8(bits_of, _mm512_and_si512(v, half));
    __m512i high = _mm512_shuffle_epi8(bits_of, _mm512_and_si512(_mm512_srli_epi16(v, 4), half));

    return _mm512_sad_epu8(_mm512_add_epi8(low, high), _mm512_setzero_si512());
}

KERNELS_LANES_TARGET static uint32_t hamming(const uint8_t *a, const uint8_t *b, size_t bytes)
{
    __m512i sum = _mm512_setzero_si512();
    size_t i = 0;

    for (; i + 64 <= bytes; i += 64) {
        sum = _mm512_add_epi64(sum, count_bits(_mm512_xor_si512(load(a + i), load(b + i))));
    }
    if (i < bytes) {
        __m512i rest = _mm512_xor_si512(load_rest(a + i, bytes - i), load_rest(b + i, bytes - i));
        sum = _mm512_add_epi64(sum, count_bits(rest));
    }
    return (uint32_t)_mm512_reduce_add_epi64(sum);
}

const struct kernels kernels_avx512 = {
    .name = "avx512",
    KERNELS_LANES_ROW,
    .dot_i8 = dot_i8,
    .dot_rows_i8 = dot_rows_i8,
    .hamming = hamming,
};
#endif
