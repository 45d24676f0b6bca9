// kernels: the arithmetic of vectors, in one row of functions an instruction set.
//
// kernels() is the fastest row that this processor supports. Sums of floats are taken in an order
// that depends on the length and the row alone: dot_rows_f32() and l2_rows_f32() give the very bits
// of dot_f32() and l2_f32(), wherever a row stands among others, and so do two threads that share
// rows. The error of a sum is at most 4 ulp * sqrt(n) of the sum of |a[i] * b[i]| for values that
// do not conspire. NaN and infinity come out as IEEE 754 has it. Pointers need the alignment of
// their type only; lengths may be 0. Safe from any thread, never allocates.
#pragma once

#include "retrieval/vector/isa.h"

#include <stddef.h>
#include <stdint.h>

enum {
    KERNELS_TILE_QUERIES = 6,
    KERNELS_WIDTH_MAX = 32,       // the largest `width` of a row
    KERNELS_I8_LEN_MAX = 131'071, // the longest sum of 128 * 128 that an int32_t holds
};

// A corner of a matrix product: dots of six queries with the `width` rows of a packed panel.
// Each out[i][0..width) gets the sum of queries[i][0..depth) with each row; with `adds`, it is the
// sum that goes on, in the order of one that was never interrupted.
struct kernels_tile {
    const float *queries[KERNELS_TILE_QUERIES];
    float *out[KERNELS_TILE_QUERIES];
    const float *panel; // [depth][width]
    size_t depth;
    bool adds;
};

struct kernels {
    const char *name;
    float (*dot_f32)(const float *a, const float *b, size_t n);
    // The squared Euclidean distance.
    float (*l2_f32)(const float *a, const float *b, size_t n);
    // <a,b>, <a,a> and <b,b> in one pass.
    void (*dots_f32)(const float *a, const float *b, size_t n, float out[3]);
    // One value a row; rows begin `stride` floats apart.
    void (*dot_rows_f32)(const float *query, const float *rows, size_t stride, size_t count,
                         size_t n, float *out);
    void (*l2_rows_f32)(const float *query, const float *rows, size_t stride, size_t count,
                        size_t n, float *out);
    void (*scale_f32)(float *a, size_t n, float factor);

    double (*dot_f64)(const double *a, const double *b, size_t n);
    void (*dots_f64)(const double *a, const double *b, size_t n, double out[3]);
    void (*scale_f64)(double *a, size_t n, double factor);

    // Exact, -128 included, for n up to KERNELS_I8_LEN_MAX.
    int32_t (*dot_i8)(const int8_t *a, const int8_t *b, size_t n);
    void (*dot_rows_i8)(const int8_t *query, const int8_t *rows, size_t stride, size_t count,
                        size_t n, int32_t *out);
    // How many bits differ.
    uint32_t (*hamming)(const uint8_t *a, const uint8_t *b, size_t bytes);

    size_t width; // rows in a panel
    // panel[k][r] = rows[r * stride + k] for k below `depth`; 0 from row `count` on.
    void (*pack)(const float *rows, size_t stride, size_t count, size_t depth, float *panel);
    void (*tile)(const struct kernels_tile *t);
};

const struct kernels *kernels(void);

// The row of an instruction set, NULL where it is not supported here.
const struct kernels *kernels_of(enum isa isa);
