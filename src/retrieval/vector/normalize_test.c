#include "retrieval/vector/normalize.h"

#include "base/random.h"

#include "support/test.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { LEN_MAX = 1000 };

static float a32[LEN_MAX];
static float b32[LEN_MAX];
static double a64[LEN_MAX];
static double b64[LEN_MAX];

static void fill(struct random *r, double size_a, double size_b)
{
    for (size_t i = 0; i < LEN_MAX; i++) {
        a64[i] = random_normal(r) * size_a;
        b64[i] = random_normal(r) * size_b;
        a32[i] = (float)a64[i];
        b32[i] = (float)b64[i];
    }
}

// The length of what a double holds fits a long double on x86-64 and arm64.
static long double length_f64(const double *v, size_t n)
{
    long double squares = 0;

    for (size_t i = 0; i < n; i++) {
        squares += (long double)v[i] * (long double)v[i];
    }
    return sqrtl(squares);
}

static long double length_f32(const float *v, size_t n)
{
    long double squares = 0;

    for (size_t i = 0; i < n; i++) {
        squares += (long double)v[i] * (long double)v[i];
    }
    return sqrtl(squares);
}

static void must_be_near(long double got, long double want, long double relative, long double least)
{
    if (fabsl(got - want) <= relative * fabsl(want) + least) return;
    test_fail(__FILE__, __LINE__, "%.20Lg, not %.20Lg", got, want);
}

static void check_f64(size_t n)
{
    double unit[LEN_MAX];
    double norm;
    long double want = length_f64(a64, n);
    long double relative = 4 * (long double)DBL_EPSILON * sqrtl((long double)n);

    memcpy(unit, a64, n * sizeof(double));
    CHECK_EQ(normalize_f64(unit, n, &norm), NORMALIZE_OK);
    must_be_near((long double)norm, want, relative, (long double)DBL_TRUE_MIN);
    for (size_t i = 0; i < n; i++) {
        must_be_near((long double)unit[i], (long double)a64[i] / want, relative,
                     (long double)DBL_TRUE_MIN);
    }
}

static void check_f32(size_t n)
{
    float unit[LEN_MAX];
    float norm;
    long double want = length_f32(a32, n);
    long double relative = 4 * (long double)FLT_EPSILON * sqrtl((long double)n);

    memcpy(unit, a32, n * sizeof(float));
    CHECK_EQ(normalize_f32(unit, n, &norm), NORMALIZE_OK);
    if (want < (long double)FLT_MAX)
        must_be_near((long double)norm, want, relative, (long double)FLT_TRUE_MIN);
    for (size_t i = 0; i < n; i++) {
        must_be_near((long double)unit[i], (long double)a32[i] / want, relative,
                     (long double)FLT_TRUE_MIN);
    }
}

TEST(normalize_is_as_exact_at_any_size)
{
    static const double sizes[] = {1,     1e10,  1e18,  1e19,  1e37,  1e-10,
                                   1e-18, 1e-19, 1e-22, 1e-23, 1e-30, 1e-38};
    struct random r;

    random_init(&r, test_seed());
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        for (size_t n = 1; n <= LEN_MAX; n += 1 + n / 8) {
            fill(&r, sizes[s], 1);
            check_f32(n);
        }
    }
}

TEST(normalize_of_doubles_is_as_exact_at_any_size)
{
    static const double sizes[] = {1,      1e153,  1e154,  1e200,  1e307,
                                   1e-152, 1e-154, 1e-158, 1e-200, 1e-307};
    struct random r;

    random_init(&r, test_seed());
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        for (size_t n = 1; n <= LEN_MAX; n += 1 + n / 8) {
            fill(&r, sizes[s] / 6, 1);
            check_f64(n);
        }
    }
}

TEST(normalize_of_subnormals_has_length_one)
{
    float norm;
    double wide;

    for (size_t i = 0; i < LEN_MAX; i++) {
        a32[i] = FLT_TRUE_MIN;
        a64[i] = DBL_TRUE_MIN;
    }
    CHECK_EQ(normalize_f32(a32, 100, &norm), NORMALIZE_OK);
    CHECK_EQ(normalize_f64(a64, 100, &wide), NORMALIZE_OK);
    CHECK(norm == 10 * FLT_TRUE_MIN && wide == 10 * DBL_TRUE_MIN);
    CHECK(a32[99] == 0.1F && a64[99] == 0.1);
}

// Each square is subnormal and has lost most of its bits, though their sum is a normal number.
TEST(normalize_sees_squares_that_lost_their_bits)
{
    enum { MANY = 60'000 };
    static float small[MANY];
    static double small_wide[MANY];
    float norm;
    double norm_wide;

    for (size_t i = 0; i < MANY; i++) {
        small[i] = 4.49e-22F;
        small_wide[i] = 6.2e-157;
    }
    long double want = length_f32(small, MANY);
    long double want_wide = length_f64(small_wide, MANY);
    CHECK_EQ(normalize_f32(small, MANY, &norm), NORMALIZE_OK);
    CHECK_EQ(normalize_f64(small_wide, MANY, &norm_wide), NORMALIZE_OK);
    must_be_near((long double)norm, want, 4 * (long double)FLT_EPSILON, 0);
    must_be_near((long double)norm_wide, want_wide, 60 * (long double)DBL_EPSILON, 0);
}

TEST(normalize_of_a_length_beyond_the_type_is_a_unit_vector_still)
{
    float norm;
    double wide;

    for (size_t i = 0; i < 4; i++) {
        a32[i] = FLT_MAX;
        a64[i] = DBL_MAX;
    }
    CHECK_EQ(normalize_f32(a32, 4, &norm), NORMALIZE_OK);
    CHECK_EQ(normalize_f64(a64, 4, &wide), NORMALIZE_OK);
    CHECK(isinf(norm) && isinf(wide));
    CHECK(a32[0] == 0.5F && fabs(a64[0] - 0.5) < DBL_EPSILON);
}

TEST(normalize_leaves_zero_as_it_is)
{
    float zero[40] = {[3] = -0.0F};
    double wide[40] = {[5] = -0.0};
    float norm = 7;
    double norm_wide = 7;

    for (size_t n = 0; n <= 40; n++) {
        CHECK_EQ(normalize_f32(zero, n, &norm), NORMALIZE_ZERO);
        CHECK_EQ(normalize_f64(wide, n, &norm_wide), NORMALIZE_ZERO);
        CHECK(norm == 0 && norm_wide == 0);
    }
    CHECK(zero[3] == 0 && wide[5] == 0 && zero[39] == 0 && wide[39] == 0);
}

// One component is not finite, the others would overflow, vanish, or neither.
static void check_not_finite(double others, double bad)
{
    float v[40];
    double w[40];
    float norm = 7;
    double norm_wide = 7;

    for (size_t at = 0; at < 40; at++) {
        for (size_t i = 0; i < 40; i++) {
            w[i] = i == at ? bad : others;
            v[i] = i == at ? (float)bad : others > 1 ? 1e30F : (float)others;
        }
        CHECK_EQ(normalize_f32(v, 40, &norm), NORMALIZE_NOT_FINITE);
        CHECK_EQ(normalize_f64(w, 40, &norm_wide), NORMALIZE_NOT_FINITE);
        CHECK(norm == 7 && norm_wide == 7);
        CHECK(w[(at + 1) % 40] == others);
        CHECK(isnan(bad) ? isnan(v[at]) && isnan(w[at]) : isinf(v[at]) && isinf(w[at]));
        CHECK_EQ(normalize_cosine_f32(v, a32, 40, &norm), NORMALIZE_NOT_FINITE);
        CHECK_EQ(normalize_cosine_f32(a32, v, 40, &norm), NORMALIZE_NOT_FINITE);
        CHECK_EQ(normalize_cosine_f64(w, a64, 40, &norm_wide), NORMALIZE_NOT_FINITE);
        CHECK_EQ(normalize_cosine_f64(a64, w, 40, &norm_wide), NORMALIZE_NOT_FINITE);
        CHECK(norm == 7 && norm_wide == 7);
    }
}

TEST(normalize_touches_nothing_that_is_not_finite)
{
    static const double bad[] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
    struct random r;

    random_init(&r, 1);
    fill(&r, 1, 1);
    for (size_t i = 0; i < 3; i++) {
        check_not_finite(1, bad[i]);
        check_not_finite(0, bad[i]);
        check_not_finite(1e200, bad[i]);
        check_not_finite(1e-200, bad[i]);
    }
}

static void check_cosines(size_t n)
{
    long double ab = 0;
    long double ab32 = 0;
    float cosine;
    double wide;

    for (size_t i = 0; i < n; i++) {
        ab += (long double)a64[i] * (long double)b64[i];
        ab32 += (long double)a32[i] * (long double)b32[i];
    }
    CHECK_EQ(normalize_cosine_f64(a64, b64, n, &wide), NORMALIZE_OK);
    must_be_near((long double)wide, ab / (length_f64(a64, n) * length_f64(b64, n)), 0,
                 4 * (long double)DBL_EPSILON * sqrtl((long double)n));
    if (length_f32(a32, n) == 0 || length_f32(b32, n) == 0 || !isfinite(length_f32(a32, n))) return;
    CHECK_EQ(normalize_cosine_f32(a32, b32, n, &cosine), NORMALIZE_OK);
    must_be_near((long double)cosine, ab32 / (length_f32(a32, n) * length_f32(b32, n)), 0,
                 4 * (long double)FLT_EPSILON * sqrtl((long double)n));
}

TEST(normalize_cosine_is_as_exact_at_any_size)
{
    static const double sizes[][2] = {
        {1, 1},         {1e10, 1e-10},   {1e30, 1},   {1e30, 1e-30},   {1e-30, 1e-30}, {1e-22, 1e3},
        {1e200, 1e200}, {1e200, 1e-200}, {1e-200, 1}, {1e-307, 1e307}, {1e154, 1e154}};
    struct random r;

    random_init(&r, test_seed());
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        for (size_t n = 1; n <= LEN_MAX; n += 1 + n / 8) {
            fill(&r, sizes[s][0] / 6, sizes[s][1] / 6);
            check_cosines(n);
        }
    }
}

TEST(normalize_cosine_of_a_vector_with_itself_is_at_most_one)
{
    struct random r;

    random_init(&r, test_seed());
    for (int round = 0; round < 300; round++) {
        float cosine;
        double wide;
        fill(&r, 1, 1);
        CHECK_EQ(normalize_cosine_f32(a32, a32, 99, &cosine), NORMALIZE_OK);
        CHECK_EQ(normalize_cosine_f64(a64, a64, 99, &wide), NORMALIZE_OK);
        CHECK(cosine <= 1 && cosine > 1 - 1e-6F && wide <= 1 && wide > 1 - 1e-14);
    }
}

TEST(normalize_cosine_with_zero_is_zero_and_flagged)
{
    const float zero[40] = {0};
    const double wide_zero[40] = {0};
    struct random r;
    float cosine = 7;
    double wide = 7;

    random_init(&r, 2);
    fill(&r, 1, 1);
    CHECK_EQ(normalize_cosine_f32(zero, a32, 40, &cosine), NORMALIZE_ZERO);
    CHECK(cosine == 0);
    CHECK_EQ(normalize_cosine_f32(a32, zero, 40, &cosine), NORMALIZE_ZERO);
    CHECK_EQ(normalize_cosine_f32(a32, a32, 0, &cosine), NORMALIZE_ZERO);
    CHECK_EQ(normalize_cosine_f64(wide_zero, a64, 40, &wide), NORMALIZE_ZERO);
    CHECK(wide == 0);
    CHECK_EQ(normalize_cosine_f64(a64, wide_zero, 40, &wide), NORMALIZE_ZERO);
    CHECK_EQ(normalize_cosine_f64(a64, a64, 0, &wide), NORMALIZE_ZERO);
}
