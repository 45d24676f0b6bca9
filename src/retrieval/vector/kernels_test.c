#include "retrieval/vector/kernels.h"

#include "base/random.h"

#include "support/test.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LEN_MAX = 4096, SHIFT_MAX = 17 };

// Room for the longest vector at every shift from a boundary of lanes, and a guard behind it.
static float a32[LEN_MAX + SHIFT_MAX];
static float b32[LEN_MAX + SHIFT_MAX];
static double a64[LEN_MAX + SHIFT_MAX];
static double b64[LEN_MAX + SHIFT_MAX];
static int8_t a8[LEN_MAX + SHIFT_MAX];
static int8_t b8[LEN_MAX + SHIFT_MAX];

// All small lengths, then a spread.
static size_t next_len(size_t n)
{
    return n < 300 ? n + 1 : n + 97 + n / 7;
}

static void fill(struct random *r, double size)
{
    for (size_t i = 0; i < LEN_MAX + SHIFT_MAX; i++) {
        a64[i] = random_normal(r) * size;
        b64[i] = random_normal(r) * size;
        a32[i] = (float)a64[i];
        b32[i] = (float)b64[i];
        a8[i] = (int8_t)random_below(r, 256);
        b8[i] = (int8_t)random_below(r, 256);
    }
}

static const struct kernels *row_at(enum isa isa)
{
    return kernels_of(isa);
}

// Runs `check` for every row that the processor supports.
static void for_rows(void (*check)(const struct kernels *k))
{
    for (enum isa isa = ISA_SCALAR; isa < ISA_COUNT; isa++) {
        if (row_at(isa)) check(row_at(isa));
    }
}

// A sum, that of its terms' magnitudes, and the distance of two numbers of its type at 1.
struct wanted {
    long double value, scale;
    double ulp;
};

static void must_be_near(const struct kernels *k, const char *what, size_t n, double got,
                         struct wanted w)
{
    long double bound = 4 * (long double)w.ulp * sqrtl((long double)n) * w.scale;

    if (fabsl((long double)got - w.value) <= bound) return;
    test_fail(__FILE__, __LINE__, "%s %s of %zu: %.17g, not %.17Lg", k->name, what, n, got,
              w.value);
}

struct oracle {
    long double ab, aa, bb, l2, magnitude;
};

static struct oracle oracle_f32(const float *a, const float *b, size_t n)
{
    struct oracle o = {0};

    for (size_t i = 0; i < n; i++) {
        long double x = (long double)a[i];
        long double y = (long double)b[i];
        o.ab += x * y;
        o.aa += x * x;
        o.bb += y * y;
        o.l2 += (x - y) * (x - y);
        o.magnitude += fabsl(x * y);
    }
    return o;
}

static struct oracle oracle_f64(const double *a, const double *b, size_t n)
{
    struct oracle o = {0};

    for (size_t i = 0; i < n; i++) {
        long double x = (long double)a[i];
        long double y = (long double)b[i];
        o.ab += x * y;
        o.aa += x * x;
        o.bb += y * y;
        o.magnitude += fabsl(x * y);
    }
    return o;
}

static void check_f32(const struct kernels *k, const float *a, const float *b, size_t n)
{
    struct oracle o = oracle_f32(a, b, n);
    float three[3];

    must_be_near(k, "dot_f32", n, (double)k->dot_f32(a, b, n),
                 (struct wanted){o.ab, o.magnitude, (double)FLT_EPSILON});
    must_be_near(k, "l2_f32", n, (double)k->l2_f32(a, b, n),
                 (struct wanted){o.l2, o.l2, (double)FLT_EPSILON});
    k->dots_f32(a, b, n, three);
    must_be_near(k, "dots_f32", n, (double)three[0],
                 (struct wanted){o.ab, o.magnitude, (double)FLT_EPSILON});
    must_be_near(k, "dots_f32", n, (double)three[1],
                 (struct wanted){o.aa, o.aa, (double)FLT_EPSILON});
    must_be_near(k, "dots_f32", n, (double)three[2],
                 (struct wanted){o.bb, o.bb, (double)FLT_EPSILON});
}

static void check_f64(const struct kernels *k, const double *a, const double *b, size_t n)
{
    struct oracle o = oracle_f64(a, b, n);
    double three[3];

    must_be_near(k, "dot_f64", n, k->dot_f64(a, b, n),
                 (struct wanted){o.ab, o.magnitude, DBL_EPSILON});
    k->dots_f64(a, b, n, three);
    must_be_near(k, "dots_f64", n, three[0], (struct wanted){o.ab, o.magnitude, DBL_EPSILON});
    must_be_near(k, "dots_f64", n, three[1], (struct wanted){o.aa, o.aa, DBL_EPSILON});
    must_be_near(k, "dots_f64", n, three[2], (struct wanted){o.bb, o.bb, DBL_EPSILON});
}

static void check_floats(const struct kernels *k)
{
    for (size_t n = 0; n <= LEN_MAX; n = next_len(n)) {
        check_f32(k, a32 + n % SHIFT_MAX, b32 + n / 3 % SHIFT_MAX, n);
        check_f64(k, a64 + n % SHIFT_MAX, b64 + n / 3 % SHIFT_MAX, n);
    }
}

TEST(kernels_floats_are_as_near_to_the_truth_as_promised)
{
    struct random r;

    random_init(&r, test_seed());
    fill(&r, 1);
    for_rows(check_floats);
}

static void check_f32_only(const struct kernels *k)
{
    for (size_t n = 0; n <= LEN_MAX; n = next_len(n)) {
        check_f32(k, a32 + n % SHIFT_MAX, b32 + n / 3 % SHIFT_MAX, n);
    }
}

// Squares of 1e16 and 1e-16 are near the ends of what a float holds, as 1e150 and 1e-150 are of a
// double.
TEST(kernels_floats_keep_their_bound_at_both_ends)
{
    struct random r;

    random_init(&r, 1);
    fill(&r, 1e16);
    for_rows(check_f32_only);
    fill(&r, 1e-16);
    for_rows(check_f32_only);
    fill(&r, 1e150);
    memset(a32, 0, sizeof(a32));
    memset(b32, 0, sizeof(b32));
    for_rows(check_floats);
    fill(&r, 1e-140);
    for_rows(check_floats);
}

static void check_huge(const struct kernels *k)
{
    float three[3];
    double wide[3];

    // Products beyond the type are infinite, products below it vanish.
    for (size_t n = 1; n < 200; n++) {
        CHECK(isinf(k->dot_f32(a32, a32, n)) && isinf(k->dot_f64(a64, a64, n)));
        CHECK(k->l2_f32(a32, a32, n) == 0);
        k->dots_f32(a32, b32, n, three);
        CHECK(isinf(three[1]) && three[2] == 0);
        k->dots_f64(a64, b64, n, wide);
        CHECK(isinf(wide[1]) && wide[2] == 0);
        // A large and a small factor give what both agree on.
        CHECK(fabs((double)three[0] - (double)n) <= (double)n * 1e-5);
        CHECK(fabs(wide[0] - (double)n) <= (double)n * 1e-14);
    }
}

TEST(kernels_of_huge_and_tiny_values_do_as_ieee_754)
{
    for (size_t i = 0; i < LEN_MAX; i++) {
        a32[i] = 1e30F;
        b32[i] = 1e-30F;
        a64[i] = 1e200;
        b64[i] = 1e-200;
    }
    for_rows(check_huge);
}

static void check_subnormals(const struct kernels *k)
{
    for (size_t n = 1; n < 200; n++) {
        CHECK(k->dot_f32(a32, b32, n) == (float)n * FLT_TRUE_MIN);
        CHECK(k->dot_f64(a64, b64, n) == (double)n * DBL_TRUE_MIN);
    }
}

TEST(kernels_do_not_flush_subnormals)
{
    for (size_t i = 0; i < LEN_MAX; i++) {
        a32[i] = FLT_TRUE_MIN;
        b32[i] = 1;
        a64[i] = DBL_TRUE_MIN;
        b64[i] = 1;
    }
    for_rows(check_subnormals);
}

static void check_one_nan(const struct kernels *k, size_t n, size_t at)
{
    float three[3];
    double wide[3];

    a32[at] = NAN;
    a64[at] = (double)NAN;
    CHECK(isnan(k->dot_f32(a32, b32, n)) && isnan(k->l2_f32(a32, b32, n)));
    CHECK(isnan(k->dot_f64(a64, b64, n)));
    k->dots_f32(a32, b32, n, three);
    CHECK(isnan(three[0]) && isnan(three[1]) && !isnan(three[2]));
    k->dots_f64(a64, b64, n, wide);
    CHECK(isnan(wide[0]) && isnan(wide[1]) && !isnan(wide[2]));
    a32[at] = INFINITY;
    a64[at] = (double)INFINITY;
    CHECK(isinf(k->dot_f32(a32, b32, n)) && isinf(k->l2_f32(a32, b32, n)));
    CHECK(isinf(k->dot_f64(a64, b64, n)));
    a32[at] = 1;
    a64[at] = 1;
}

// A NaN or an infinity beyond the end or before the start must not be seen; inside it must.
static void check_nan(const struct kernels *k)
{
    for (size_t n = 1; n < 140; n++) {
        for (size_t at = 0; at < n; at++) {
            check_one_nan(k, n, at);
        }
        a32[n] = b32[n] = NAN;
        a64[n] = b64[n] = (double)NAN;
        CHECK(k->dot_f32(a32, b32, n) == (float)n && k->l2_f32(a32, b32, n) == 0);
        CHECK(k->dot_f64(a64, b64, n) == (double)n);
        a32[n] = b32[n] = 1;
        a64[n] = b64[n] = 1;
    }
}

TEST(kernels_pass_nan_and_infinity_on_from_inside_alone)
{
    for (size_t i = 0; i < LEN_MAX; i++) {
        a32[i] = b32[i] = 1;
        a64[i] = b64[i] = 1;
    }
    for_rows(check_nan);
}

static void check_rows(const struct kernels *k)
{
    float dots[9];
    float distances[9];

    for (size_t n = 0; n < 400; n += n < 140 ? 1 : 13) {
        for (size_t count = 0; count <= 9; count++) {
            size_t stride = n + count % 3;
            k->dot_rows_f32(a32, b32 + 1, stride, count, n, dots);
            k->l2_rows_f32(a32, b32 + 1, stride, count, n, distances);
            for (size_t r = 0; r < count; r++) {
                float dot = k->dot_f32(a32, b32 + 1 + r * stride, n);
                float distance = k->l2_f32(a32, b32 + 1 + r * stride, n);
                CHECK(!memcmp(&dots[r], &dot, sizeof(dot)));
                CHECK(!memcmp(&distances[r], &distance, sizeof(distance)));
            }
        }
    }
}

TEST(kernels_rows_have_the_bits_of_rows_alone)
{
    struct random r;

    random_init(&r, 2);
    fill(&r, 1);
    for_rows(check_rows);
}

static void check_scale(const struct kernels *k)
{
    for (size_t n = 0; n < 200; n++) {
        float x[200];
        double y[200];
        memcpy(x, a32, sizeof(x));
        memcpy(y, a64, sizeof(y));
        k->scale_f32(x, n, 1.1F);
        k->scale_f64(y, n, 1.1);
        for (size_t i = 0; i < 200; i++) {
            CHECK(x[i] == (i < n ? a32[i] * 1.1F : a32[i]));
            CHECK(y[i] == (i < n ? a64[i] * 1.1 : a64[i]));
        }
    }
}

TEST(kernels_scale_all_and_nothing_beyond)
{
    struct random r;

    random_init(&r, 3);
    fill(&r, 1);
    for_rows(check_scale);
}

static int64_t exact_i8(const int8_t *a, const int8_t *b, size_t n)
{
    int64_t sum = 0;

    for (size_t i = 0; i < n; i++) {
        sum += (int64_t)a[i] * b[i];
    }
    return sum;
}

static void check_bytes(const struct kernels *k)
{
    int32_t out[5];

    for (size_t n = 0; n <= LEN_MAX; n = next_len(n)) {
        const int8_t *a = a8 + n % SHIFT_MAX;
        const int8_t *b = b8 + n / 3 % SHIFT_MAX;
        uint32_t bits = 0;
        for (size_t i = 0; i < n; i++) {
            bits += (uint32_t)__builtin_popcount((uint8_t)a[i] ^ (uint8_t)b[i]);
        }
        CHECK_EQ(k->hamming((const uint8_t *)a, (const uint8_t *)b, n), bits);
        CHECK_EQ(k->dot_i8(a, b, n), exact_i8(a, b, n));
        size_t count = n * 5 <= LEN_MAX ? 5 : 1;
        k->dot_rows_i8(a, b, n, count, n, out);
        for (size_t r = 0; r < count; r++) {
            CHECK_EQ(out[r], exact_i8(a, b + r * n, n));
        }
    }
}

TEST(kernels_of_bytes_are_exact)
{
    struct random r;

    random_init(&r, 4);
    fill(&r, 1);
    for_rows(check_bytes);
}

static int8_t long_a[KERNELS_I8_LEN_MAX];
static int8_t long_b[KERNELS_I8_LEN_MAX];

static void check_longest(const struct kernels *k)
{
    static const int8_t pairs[][2] = {{-128, -128}, {-128, 127}, {127, 127}, {127, -128}};

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        memset(long_a, pairs[i][0], sizeof(long_a));
        memset(long_b, pairs[i][1], sizeof(long_b));
        CHECK_EQ(k->dot_i8(long_a, long_b, KERNELS_I8_LEN_MAX),
                 (int64_t)pairs[i][0] * pairs[i][1] * KERNELS_I8_LEN_MAX);
    }
}

TEST(kernels_of_bytes_are_exact_at_their_longest_and_largest)
{
    for_rows(check_longest);
}

static void check_pack(const struct kernels *k)
{
    float panel[KERNELS_WIDTH_MAX * 19];
    enum { STRIDE = 23 };

    CHECK(k->width <= KERNELS_WIDTH_MAX);
    for (size_t count = 1; count <= k->width; count++) {
        for (size_t depth = 0; depth <= 19; depth++) {
            k->pack(b32, STRIDE, count, depth, panel);
            for (size_t i = 0; i < depth * k->width; i++) {
                size_t r = i % k->width;
                CHECK(panel[i] == (r < count ? b32[r * STRIDE + i / k->width] : 0));
            }
        }
    }
}

TEST(kernels_pack_rows_side_by_side)
{
    struct random r;

    random_init(&r, 5);
    fill(&r, 1);
    for_rows(check_pack);
}

static void tile_of(const struct kernels *k, size_t from, size_t depth, float *out)
{
    float panel[KERNELS_WIDTH_MAX * 64];
    struct kernels_tile t = {.panel = panel, .depth = depth, .adds = from > 0};

    for (size_t q = 0; q < KERNELS_TILE_QUERIES; q++) {
        t.queries[q] = a32 + q * 64 + from;
        t.out[q] = out + q * k->width;
    }
    k->pack(b32 + from, 64, k->width, depth, panel);
    k->tile(&t);
}

static void check_tile(const struct kernels *k)
{
    float whole[KERNELS_TILE_QUERIES * KERNELS_WIDTH_MAX];
    float parts[KERNELS_TILE_QUERIES * KERNELS_WIDTH_MAX];

    tile_of(k, 0, 64, whole);
    tile_of(k, 0, 37, parts);
    tile_of(k, 37, 27, parts);
    for (size_t i = 0; i < KERNELS_TILE_QUERIES * k->width; i++) {
        struct oracle o = oracle_f32(a32 + i / k->width * 64, b32 + i % k->width * 64, 64);
        must_be_near(k, "tile", 64, (double)whole[i],
                     (struct wanted){o.ab, o.magnitude, (double)FLT_EPSILON});
        CHECK(!memcmp(&whole[i], &parts[i], sizeof(float)));
    }
}

TEST(kernels_tile_goes_on_as_if_never_interrupted)
{
    struct random r;

    random_init(&r, 6);
    fill(&r, 1);
    for_rows(check_tile);
}

TEST(kernels_best_is_a_row_that_is_supported)
{
    CHECK(kernels() == kernels_of(isa_best()));
    CHECK_STR(str_from_c(kernels_of(ISA_SCALAR)->name), "scalar");
#if defined(__x86_64__)
    CHECK(!kernels_of(ISA_NEON));
#endif
}
