// normalize: vectors of length one, and the cosine of two vectors of any length.
//
// One fast pass takes the sum of squares. Where that is not to be trusted, because it is beyond the
// type or so small that squares may have lost bits, a second pass scales what it sums. Components
// of 1e-200 or 1e200, and subnormal ones, are as exact as any. Safe from any thread,
// never allocates.
#pragma once

#include <stddef.h>

enum normalize_flag {
    NORMALIZE_OK,
    NORMALIZE_ZERO,       // a vector of zeros, or of none, has no direction
    NORMALIZE_NOT_FINITE, // a component is infinite or NaN
};

// Divides `v` by its length, which is `*norm`; infinity where the type can't hold it. A vector of
// zeros stays as it is, of norm 0. With NORMALIZE_NOT_FINITE neither is touched.
[[nodiscard]] enum normalize_flag normalize_f32(float *v, size_t n, float *norm);
[[nodiscard]] enum normalize_flag normalize_f64(double *v, size_t n, double *norm);

// The cosine of the angle between `a` and `b`, from -1 to 1. It is 0 where either is zero, flagged
// as such; with NORMALIZE_NOT_FINITE nothing is written. For vectors that are of length one, the
// dot of kernels.h is enough.
[[nodiscard]] enum normalize_flag normalize_cosine_f32(const float *a, const float *b, size_t n,
                                                       float *cosine);
[[nodiscard]] enum normalize_flag normalize_cosine_f64(const double *a, const double *b, size_t n,
                                                       double *cosine);
