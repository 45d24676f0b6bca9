#include "retrieval/vector/normalize.h"

#include "retrieval/vector/kernels.h"

#include <float.h>
#include <math.h>

enum { PIECE = 256 }; // what is scaled at a time

// Squares below the smallest normal number lose bits. A sum of at least as many such numbers as it
// has terms can't notice; above the largest there is infinity, and NaN is in no order.
static bool is_safe_f32(float squares, size_t n)
{
    return squares >= (float)n * FLT_MIN && squares <= FLT_MAX && squares > 0;
}

static bool is_safe_f64(double squares, size_t n)
{
    return squares >= (double)n * DBL_MIN && squares <= DBL_MAX && squares > 0;
}

// Squares of floats are far from the ends of a double. Infinite or NaN where a component is.
static double dot_wide(const float *a, const float *b, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        sum += (double)a[i] * (double)b[i];
    }
    return sum;
}

static enum normalize_flag normalize_wide(float *v, size_t n, float *norm)
{
    double squares = dot_wide(v, v, n);

    if (!isfinite(squares)) return NORMALIZE_NOT_FINITE;
    double length = sqrt(squares);
    *norm = length > (double)FLT_MAX ? INFINITY : (float)length;
    if (length == 0) return NORMALIZE_ZERO;
    for (size_t i = 0; i < n; i++) {
        v[i] = (float)((double)v[i] / length);
    }
    return NORMALIZE_OK;
}

enum normalize_flag normalize_f32(float *v, size_t n, float *norm)
{
    const struct kernels *k = kernels();
    float squares = k->dot_f32(v, v, n);

    if (!is_safe_f32(squares, n)) return normalize_wide(v, n, norm);
    float length = sqrtf(squares);
    k->scale_f32(v, n, 1 / length);
    *norm = length;
    return NORMALIZE_OK;
}

// The power of two by which all components are between -1 and 1, and one is at least a half.
static enum normalize_flag find_exponent(const double *v, size_t n, int *exponent)
{
    double largest = 0;

    for (size_t i = 0; i < n; i++) {
        if (!isfinite(v[i])) return NORMALIZE_NOT_FINITE;
        largest = fmax(largest, fabs(v[i]));
    }
    if (largest == 0) return NORMALIZE_ZERO;
    frexp(largest, exponent);
    return NORMALIZE_OK;
}

static void scale_into(const double *v, size_t n, int exponent, double *out)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = ldexp(v[i], -exponent);
    }
}

static size_t piece_len(size_t n, size_t done)
{
    return n - done < PIECE ? n - done : PIECE;
}

static enum normalize_flag normalize_scaled(double *v, size_t n, double *norm)
{
    int exponent;
    double piece[PIECE];
    double squares = 0;
    enum normalize_flag flag = find_exponent(v, n, &exponent);

    if (flag == NORMALIZE_ZERO) *norm = 0;
    if (flag) return flag;
    for (size_t done = 0; done < n; done += PIECE) {
        size_t len = piece_len(n, done);
        scale_into(v + done, len, exponent, piece);
        squares += kernels()->dot_f64(piece, piece, len);
    }
    double length = sqrt(squares);
    for (size_t i = 0; i < n; i++) {
        v[i] = ldexp(v[i], -exponent) / length;
    }
    *norm = ldexp(length, exponent);
    return NORMALIZE_OK;
}

enum normalize_flag normalize_f64(double *v, size_t n, double *norm)
{
    const struct kernels *k = kernels();
    double squares = k->dot_f64(v, v, n);

    if (!is_safe_f64(squares, n)) return normalize_scaled(v, n, norm);
    double length = sqrt(squares);
    k->scale_f64(v, n, 1 / length);
    *norm = length;
    return NORMALIZE_OK;
}

// Rounding may lead beyond what a cosine can be. Two roots, because the product of two squares may
// be out of range where neither of them is.
static double quotient(double ab, double aa, double bb)
{
    return fmin(fmax(ab / (sqrt(aa) * sqrt(bb)), -1), 1);
}

static enum normalize_flag cosine_wide(const float *a, const float *b, size_t n, float *cosine)
{
    double aa = dot_wide(a, a, n);
    double bb = dot_wide(b, b, n);

    if (!isfinite(aa) || !isfinite(bb)) return NORMALIZE_NOT_FINITE;
    if (aa == 0 || bb == 0) {
        *cosine = 0;
        return NORMALIZE_ZERO;
    }
    *cosine = (float)quotient(dot_wide(a, b, n), aa, bb);
    return NORMALIZE_OK;
}

enum normalize_flag normalize_cosine_f32(const float *a, const float *b, size_t n, float *cosine)
{
    float dots[3];

    kernels()->dots_f32(a, b, n, dots);
    if (!is_safe_f32(dots[1], n) || !is_safe_f32(dots[2], n)) return cosine_wide(a, b, n, cosine);
    *cosine = (float)quotient((double)dots[0], (double)dots[1], (double)dots[2]);
    return NORMALIZE_OK;
}

static double cosine_of_scaled(const double *a, int exponent_a, const double *b, int exponent_b,
                               size_t n)
{
    double piece_a[PIECE];
    double piece_b[PIECE];
    double sum[3] = {0};

    for (size_t done = 0; done < n; done += PIECE) {
        size_t len = piece_len(n, done);
        double dots[3];
        scale_into(a + done, len, exponent_a, piece_a);
        scale_into(b + done, len, exponent_b, piece_b);
        kernels()->dots_f64(piece_a, piece_b, len, dots);
        for (size_t i = 0; i < 3; i++) {
            sum[i] += dots[i];
        }
    }
    return quotient(sum[0], sum[1], sum[2]);
}

static enum normalize_flag cosine_scaled(const double *a, const double *b, size_t n, double *cosine)
{
    int exponent_a;
    int exponent_b;
    enum normalize_flag flag_a = find_exponent(a, n, &exponent_a);
    enum normalize_flag flag_b = find_exponent(b, n, &exponent_b);

    if (flag_a == NORMALIZE_NOT_FINITE || flag_b == NORMALIZE_NOT_FINITE) {
        return NORMALIZE_NOT_FINITE;
    }
    if (flag_a == NORMALIZE_ZERO || flag_b == NORMALIZE_ZERO) {
        *cosine = 0;
        return NORMALIZE_ZERO;
    }
    *cosine = cosine_of_scaled(a, exponent_a, b, exponent_b, n);
    return NORMALIZE_OK;
}

enum normalize_flag normalize_cosine_f64(const double *a, const double *b, size_t n, double *cosine)
{
    double dots[3];

    kernels()->dots_f64(a, b, n, dots);
    if (!is_safe_f64(dots[1], n) || !is_safe_f64(dots[2], n)) return cosine_scaled(a, b, n, cosine);
    *cosine = quotient(dots[0], dots[1], dots[2]);
    return NORMALIZE_OK;
}
