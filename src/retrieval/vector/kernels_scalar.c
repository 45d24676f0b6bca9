// The plain row: what the others are compared with, and what runs where there is no other. Four
// sums go side by side, because one alone would wait for each of its additions.
#include "retrieval/vector/kernels_rows.h"

#include <string.h>

enum { WIDTH = 8 };

static float dot_f32(const float *a, const float *b, size_t n)
{
    float sum[4] = {0};
    size_t i = 0;

    for (; i + 4 <= n; i += 4) {
        sum[0] += a[i] * b[i];
        sum[1] += a[i + 1] * b[i + 1];
        sum[2] += a[i + 2] * b[i + 2];
        sum[3] += a[i + 3] * b[i + 3];
    }
    for (; i < n; i++) {
        sum[i % 4] += a[i] * b[i];
    }
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static float square(float x)
{
    return x * x;
}

static float l2_f32(const float *a, const float *b, size_t n)
{
    float sum[4] = {0};
    size_t i = 0;

    for (; i + 4 <= n; i += 4) {
        sum[0] += square(a[i] - b[i]);
        sum[1] += square(a[i + 1] - b[i + 1]);
        sum[2] += square(a[i + 2] - b[i + 2]);
        sum[3] += square(a[i + 3] - b[i + 3]);
    }
    for (; i < n; i++) {
        sum[i % 4] += square(a[i] - b[i]);
    }
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static void dots_f32(const float *a, const float *b, size_t n, float out[3])
{
    out[0] = dot_f32(a, b, n);
    out[1] = dot_f32(a, a, n);
    out[2] = dot_f32(b, b, n);
}

static void dot_rows_f32(const float *query, const float *rows, size_t stride, size_t count,
                         size_t n, float *out)
{
    for (size_t r = 0; r < count; r++) {
        out[r] = dot_f32(query, rows + r * stride, n);
    }
}

static void l2_rows_f32(const float *query, const float *rows, size_t stride, size_t count,
                        size_t n, float *out)
{
    for (size_t r = 0; r < count; r++) {
        out[r] = l2_f32(query, rows + r * stride, n);
    }
}

static void scale_f32(float *a, size_t n, float factor)
{
    for (size_t i = 0; i < n; i++) {
        a[i] *= factor;
    }
}

static double dot_f64(const double *a, const double *b, size_t n)
{
    double sum[4] = {0};
    size_t i = 0;

    for (; i + 4 <= n; i += 4) {
        sum[0] += a[i] * b[i];
        sum[1] += a[i + 1] * b[i + 1];
        sum[2] += a[i + 2] * b[i + 2];
        sum[3] += a[i + 3] * b[i + 3];
    }
    for (; i < n; i++) {
        sum[i % 4] += a[i] * b[i];
    }
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

static void dots_f64(const double *a, const double *b, size_t n, double out[3])
{
    out[0] = dot_f64(a, b, n);
    out[1] = dot_f64(a, a, n);
    out[2] = dot_f64(b, b, n);
}

static void scale_f64(double *a, size_t n, double factor)
{
    for (size_t i = 0; i < n; i++) {
        a[i] *= factor;
    }
}

static int32_t dot_i8(const int8_t *a, const int8_t *b, size_t n)
{
    int32_t sum = 0;

    for (size_t i = 0; i < n; i++) {
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
    uint32_t sum = 0;
    size_t i = 0;

    for (; i + 8 <= bytes; i += 8) {
        uint64_t x;
        uint64_t y;
        memcpy(&x, a + i, 8);
        memcpy(&y, b + i, 8);
        sum += (uint32_t)__builtin_popcountll(x ^ y);
    }
    for (; i < bytes; i++) {
        sum += (uint32_t)__builtin_popcount((unsigned)(a[i] ^ b[i]));
    }
    return sum;
}

static void pack(const float *rows, size_t stride, size_t count, size_t depth, float *panel)
{
    for (size_t k = 0; k < depth; k++) {
        for (size_t r = 0; r < WIDTH; r++) {
            panel[k * WIDTH + r] = r < count ? rows[r * stride + k] : 0;
        }
    }
}

static void tile(const struct kernels_tile *t)
{
    for (size_t q = 0; q < KERNELS_TILE_QUERIES; q++) {
        float sum[WIDTH] = {0};
        if (t->adds) memcpy(sum, t->out[q], sizeof(sum));
        for (size_t k = 0; k < t->depth; k++) {
            for (size_t r = 0; r < WIDTH; r++) {
                sum[r] += t->queries[q][k] * t->panel[k * WIDTH + r];
            }
        }
        memcpy(t->out[q], sum, sizeof(sum));
    }
}

const struct kernels kernels_scalar = {
    .name = "scalar",
    .dot_f32 = dot_f32,
    .l2_f32 = l2_f32,
    .dots_f32 = dots_f32,
    .dot_rows_f32 = dot_rows_f32,
    .l2_rows_f32 = l2_rows_f32,
    .scale_f32 = scale_f32,
    .dot_f64 = dot_f64,
    .dots_f64 = dots_f64,
    .scale_f64 = scale_f64,
    .dot_i8 = dot_i8,
    .dot_rows_i8 = dot_rows_i8,
    .hamming = hamming,
    .width = WIDTH,
    .pack = pack,
    .tile = tile,
};
