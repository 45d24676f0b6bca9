// kernels_lanes: the kernels of floats, written once for lanes of any size.
//
// A row's file says how many bytes its lanes have and for which target its functions are compiled,
// then includes this and puts KERNELS_LANES_ROW into its table. The sizes here are those of every
// x86-64 and arm64. `a * b + sum` becomes a fused multiply-add where the target has one.
#pragma once

#include "retrieval/vector/kernels.h"

#ifndef KERNELS_LANES_BYTES
#define KERNELS_LANES_BYTES 16
#endif
#ifndef KERNELS_LANES_TARGET
#define KERNELS_LANES_TARGET
#endif
#define KERNELS_LANES_INLINE [[gnu::always_inline]] KERNELS_LANES_TARGET static inline

enum { LANES = KERNELS_LANES_BYTES / 4, LANES_F64 = KERNELS_LANES_BYTES / 8 };

typedef float lanes __attribute__((vector_size(KERNELS_LANES_BYTES)));
typedef double lanes_f64 __attribute__((vector_size(KERNELS_LANES_BYTES)));
typedef int32_t lanes_bits __attribute__((vector_size(KERNELS_LANES_BYTES)));
typedef float lanes_four __attribute__((vector_size(16)));
typedef double lanes_two __attribute__((vector_size(16)));

// The same in memory, where they stand anywhere.
typedef float lanes_there __attribute__((vector_size(KERNELS_LANES_BYTES), aligned(4), may_alias));
typedef double lanes_f64_there
    __attribute__((vector_size(KERNELS_LANES_BYTES), aligned(8), may_alias));
typedef int32_t lanes_bits_there
    __attribute__((vector_size(KERNELS_LANES_BYTES), aligned(4), may_alias));
#if KERNELS_LANES_BYTES == 64
typedef float lanes_half __attribute__((vector_size(32)));
typedef float lanes_half_there __attribute__((vector_size(32), aligned(4), may_alias));
#endif
typedef float lanes_four_there __attribute__((vector_size(16), aligned(4), may_alias));

KERNELS_LANES_INLINE lanes lanes_load(const float *at)
{
    return *(const lanes_there *)at;
}

// Whether rows come from memory, one after another, or from a cache.
enum lanes_from { LANES_NEAR, LANES_FAR };

// From memory, 64 bytes are loaded as halves: where each load is a whole cache line, the processor
// (Zen 4 was measured) reads less far ahead, and a scan of long rows has 78 % of the bandwidth
// instead of 94 %.
KERNELS_LANES_INLINE lanes lanes_load_from(const float *at, enum lanes_from from)
{
#if KERNELS_LANES_BYTES == 64
    if (from == LANES_FAR) {
        // What is volatile, compilers don't make one load of.
        lanes_half low = *(const volatile lanes_half_there *)at;
        lanes_half high = *(const volatile lanes_half_there *)(at + 8);
        return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
                                       15);
    }
#else
    (void)from; // there is but one way
#endif
    return lanes_load(at);
}

KERNELS_LANES_INLINE void lanes_store(float *at, lanes v)
{
    *(lanes_there *)at = v;
}

KERNELS_LANES_INLINE lanes_f64 lanes_load_f64(const double *at)
{
    return *(const lanes_f64_there *)at;
}

// What the last lanes of a vector keep: all bits of the last `rest` floats, nothing before them.
KERNELS_LANES_INLINE lanes_bits lanes_mask(size_t rest)
{
    static const int32_t edge[32] = {[16] = -1, -1, -1, -1, -1, -1, -1, -1,
                                     -1,        -1, -1, -1, -1, -1, -1, -1};

    return *(const lanes_bits_there *)(edge + 16 - LANES + rest);
}

// The sum of all lanes, by halves.
KERNELS_LANES_INLINE float lanes_sum(lanes v)
{
#if KERNELS_LANES_BYTES == 64
    lanes_four sum =
        (__builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7)) +
        (__builtin_shufflevector(v, v, 8, 9, 10, 11) +
         __builtin_shufflevector(v, v, 12, 13, 14, 15));
#elif KERNELS_LANES_BYTES == 32
    lanes_four sum =
        __builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7);
#else
    lanes_four sum = v;
#endif
    sum += __builtin_shufflevector(sum, sum, 2, 3, 0, 1);
    return sum[0] + sum[1];
}

KERNELS_LANES_INLINE double lanes_sum_f64(lanes_f64 v)
{
#if KERNELS_LANES_BYTES == 64
    lanes_two sum = (__builtin_shufflevector(v, v, 0, 1) + __builtin_shufflevector(v, v, 2, 3)) +
                    (__builtin_shufflevector(v, v, 4, 5) + __builtin_shufflevector(v, v, 6, 7));
#elif KERNELS_LANES_BYTES == 32
    lanes_two sum = __builtin_shufflevector(v, v, 0, 1) + __builtin_shufflevector(v, v, 2, 3);
#else
    lanes_two sum = v;
#endif
    return sum[0] + sum[1];
}

// Four sums side by side hide the latency of their additions.
struct lanes_sums {
    lanes a, b, c, d;
};

KERNELS_LANES_INLINE lanes lanes_add(lanes sum, lanes x, lanes y, bool is_l2)
{
    lanes difference = x - y;

    return is_l2 ? difference * difference + sum : x * y + sum;
}

// The kind of sum, and where `y` is.
struct lanes_kind {
    bool is_l2;
    enum lanes_from from;
};

KERNELS_LANES_INLINE lanes lanes_next(lanes sum, const float *x, const float *y,
                                      struct lanes_kind kind)
{
    return lanes_add(sum, lanes_load(x), lanes_load_from(y, kind.from), kind.is_l2);
}

KERNELS_LANES_INLINE void lanes_step(struct lanes_sums *s, const float *x, const float *y,
                                     struct lanes_kind kind)
{
    s->a = lanes_next(s->a, x, y, kind);
    s->b = lanes_next(s->b, x + LANES, y + LANES, kind);
    s->c = lanes_next(s->c, x + 2 * LANES, y + 2 * LANES, kind);
    s->d = lanes_next(s->d, x + 3 * LANES, y + 3 * LANES, kind);
}

// Less than one of the lanes: too short for them.
KERNELS_LANES_INLINE float lanes_short(const float *x, const float *y, size_t n, bool is_l2)
{
    float sum = 0;

    for (size_t i = 0; i < n; i++) {
        float difference = x[i] - y[i];
        sum += is_l2 ? difference * difference : x[i] * y[i];
    }
    return sum;
}

// What is left of the n floats after `i` of them, fewer than four lanes; n is at least one of them.
// The last few are read together with some before them, which are masked.
KERNELS_LANES_INLINE float lanes_end(struct lanes_sums *s, const float *x, const float *y, size_t i,
                                     size_t n, struct lanes_kind kind)
{
    if (i + LANES <= n) {
        s->a = lanes_next(s->a, x + i, y + i, kind);
        i += LANES;
    }
    if (i + LANES <= n) {
        s->b = lanes_next(s->b, x + i, y + i, kind);
        i += LANES;
    }
    if (i + LANES <= n) {
        s->c = lanes_next(s->c, x + i, y + i, kind);
        i += LANES;
    }
    if (i < n) {
        lanes_bits mask = lanes_mask(n - i);
        lanes_bits tail_x = (lanes_bits)lanes_load(x + n - LANES) & mask;
        lanes_bits tail_y = (lanes_bits)lanes_load(y + n - LANES) & mask;
        s->d = lanes_add(s->d, (lanes)tail_x, (lanes)tail_y, kind.is_l2);
    }
    return lanes_sum((s->a + s->b) + (s->c + s->d));
}

KERNELS_LANES_INLINE float lanes_one(const float *x, const float *y, size_t n,
                                     struct lanes_kind kind)
{
    struct lanes_sums sums = {0};
    size_t i = 0;

    if (n < LANES) return lanes_short(x, y, n, kind.is_l2);
    for (; i + 4 * LANES <= n; i += 4 * LANES) {
        lanes_step(&sums, x + i, y + i, kind);
    }
    return lanes_end(&sums, x, y, i, n, kind);
}

KERNELS_LANES_TARGET static float lanes_dot_f32(const float *a, const float *b, size_t n)
{
    return lanes_one(a, b, n, (struct lanes_kind){false, LANES_NEAR});
}

KERNELS_LANES_TARGET static float lanes_l2_f32(const float *a, const float *b, size_t n)
{
    return lanes_one(a, b, n, (struct lanes_kind){true, LANES_NEAR});
}

KERNELS_LANES_TARGET static void lanes_dot_rows_f32(const float *query, const float *rows,
                                                    size_t stride, size_t count, size_t n,
                                                    float *out)
{
    for (size_t r = 0; r < count; r++) {
        out[r] = lanes_one(query, rows + r * stride, n, (struct lanes_kind){false, LANES_FAR});
    }
}

KERNELS_LANES_TARGET static void lanes_l2_rows_f32(const float *query, const float *rows,
                                                   size_t stride, size_t count, size_t n,
                                                   float *out)
{
    for (size_t r = 0; r < count; r++) {
        out[r] = lanes_one(query, rows + r * stride, n, (struct lanes_kind){true, LANES_FAR});
    }
}

struct lanes_dots {
    lanes xy, xx, yy;
};

KERNELS_LANES_INLINE void lanes_dots_step(struct lanes_dots *d, lanes x, lanes y)
{
    d->xy = x * y + d->xy;
    d->xx = x * x + d->xx;
    d->yy = y * y + d->yy;
}

KERNELS_LANES_TARGET static void lanes_dots_f32(const float *a, const float *b, size_t n,
                                                float out[3])
{
    struct lanes_dots even = {0};
    struct lanes_dots odd = {0};
    size_t i = 0;

    if (n < LANES) {
        out[0] = lanes_short(a, b, n, false);
        out[1] = lanes_short(a, a, n, false);
        out[2] = lanes_short(b, b, n, false);
        return;
    }
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        lanes_dots_step(&even, lanes_load(a + i), lanes_load(b + i));
        lanes_dots_step(&odd, lanes_load(a + i + LANES), lanes_load(b + i + LANES));
    }
    if (i + LANES <= n) {
        lanes_dots_step(&even, lanes_load(a + i), lanes_load(b + i));
        i += LANES;
    }
    if (i < n) {
        lanes_bits mask = lanes_mask(n - i);
        lanes_dots_step(&odd, (lanes)((lanes_bits)lanes_load(a + n - LANES) & mask),
                        (lanes)((lanes_bits)lanes_load(b + n - LANES) & mask));
    }
    out[0] = lanes_sum(even.xy + odd.xy);
    out[1] = lanes_sum(even.xx + odd.xx);
    out[2] = lanes_sum(even.yy + odd.yy);
}

KERNELS_LANES_TARGET static void lanes_scale_f32(float *a, size_t n, float factor)
{
    size_t i = 0;

    for (; i + LANES <= n; i += LANES) {
        lanes_store(a + i, lanes_load(a + i) * factor);
    }
    for (; i < n; i++) {
        a[i] *= factor;
    }
}

KERNELS_LANES_TARGET static double lanes_dot_f64(const double *a, const double *b, size_t n)
{
    lanes_f64 s[4] = {{0}};
    double rest = 0;
    size_t i = 0;

    for (; i + 4 * LANES_F64 <= n; i += 4 * LANES_F64) {
        s[0] = lanes_load_f64(a + i) * lanes_load_f64(b + i) + s[0];
        s[1] = lanes_load_f64(a + i + LANES_F64) * lanes_load_f64(b + i + LANES_F64) + s[1];
        s[2] = lanes_load_f64(a + i + 2 * LANES_F64) * lanes_load_f64(b + i + 2 * LANES_F64) + s[2];
        s[3] = lanes_load_f64(a + i + 3 * LANES_F64) * lanes_load_f64(b + i + 3 * LANES_F64) + s[3];
    }
    for (; i + LANES_F64 <= n; i += LANES_F64) {
        s[0] = lanes_load_f64(a + i) * lanes_load_f64(b + i) + s[0];
    }
    for (; i < n; i++) {
        rest += a[i] * b[i];
    }
    return lanes_sum_f64((s[0] + s[1]) + (s[2] + s[3])) + rest;
}

struct lanes_dots_f64 {
    lanes_f64 xy, xx, yy;
};

KERNELS_LANES_INLINE void lanes_dots_f64_step(struct lanes_dots_f64 *d, lanes_f64 x, lanes_f64 y)
{
    d->xy = x * y + d->xy;
    d->xx = x * x + d->xx;
    d->yy = y * y + d->yy;
}

KERNELS_LANES_TARGET static void lanes_dots_f64(const double *a, const double *b, size_t n,
                                                double out[3])
{
    struct lanes_dots_f64 even = {0};
    struct lanes_dots_f64 odd = {0};
    double rest[3] = {0};
    size_t i = 0;

    for (; i + 2 * LANES_F64 <= n; i += 2 * LANES_F64) {
        lanes_dots_f64_step(&even, lanes_load_f64(a + i), lanes_load_f64(b + i));
        lanes_dots_f64_step(&odd, lanes_load_f64(a + i + LANES_F64),
                            lanes_load_f64(b + i + LANES_F64));
    }
    for (; i < n; i++) {
        rest[0] += a[i] * b[i];
        rest[1] += a[i] * a[i];
        rest[2] += b[i] * b[i];
    }
    out[0] = lanes_sum_f64(even.xy + odd.xy) + rest[0];
    out[1] = lanes_sum_f64(even.xx + odd.xx) + rest[1];
    out[2] = lanes_sum_f64(even.yy + odd.yy) + rest[2];
}

KERNELS_LANES_TARGET static void lanes_scale_f64(double *a, size_t n, double factor)
{
    size_t i = 0;

    for (; i + LANES_F64 <= n; i += LANES_F64) {
        *(lanes_f64_there *)(a + i) = lanes_load_f64(a + i) * factor;
    }
    for (; i < n; i++) {
        a[i] *= factor;
    }
}

// Four floats of each of four rows, turned so that the four rows' first ones come first.
KERNELS_LANES_INLINE void lanes_turn(const float *rows, size_t stride, float *panel)
{
    lanes_four a = *(const lanes_four_there *)rows;
    lanes_four b = *(const lanes_four_there *)(rows + stride);
    lanes_four c = *(const lanes_four_there *)(rows + 2 * stride);
    lanes_four d = *(const lanes_four_there *)(rows + 3 * stride);
    lanes_four ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    lanes_four ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    lanes_four cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    lanes_four cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);

    *(lanes_four_there *)panel = __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5);
    *(lanes_four_there *)(panel + 2 * LANES) = __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7);
    *(lanes_four_there *)(panel + 4 * LANES) =
        __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);
    *(lanes_four_there *)(panel + 6 * LANES) =
        __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);
}

KERNELS_LANES_TARGET static void lanes_pack(const float *rows, size_t stride, size_t count,
                                            size_t depth, float *panel)
{
    size_t turned_rows = count / 4 * 4;
    size_t turned_depth = depth / 4 * 4;

    for (size_t k = 0; k < turned_depth; k += 4) {
        for (size_t r = 0; r < turned_rows; r += 4) {
            lanes_turn(rows + r * stride + k, stride, panel + k * 2 * LANES + r);
        }
    }
    for (size_t k = 0; k < depth; k++) {
        for (size_t r = k < turned_depth ? turned_rows : 0; r < 2 * LANES; r++) {
            panel[k * 2 * LANES + r] = r < count ? rows[r * stride + k] : 0;
        }
    }
}

struct lanes_line {
    lanes low, high;
};

KERNELS_LANES_INLINE struct lanes_line lanes_line_begin(const float *out, bool adds)
{
    struct lanes_line line = {0};

    if (adds) line = (struct lanes_line){lanes_load(out), lanes_load(out + LANES)};
    return line;
}

KERNELS_LANES_INLINE void lanes_line_step(struct lanes_line *line, float x, lanes low, lanes high)
{
    lanes all = x - (lanes){0};

    line->low = all * low + line->low;
    line->high = all * high + line->high;
}

KERNELS_LANES_INLINE void lanes_line_end(float *out, const struct lanes_line *line)
{
    lanes_store(out, line->low);
    lanes_store(out + LANES, line->high);
}

// Six lines of two vectors leave four of sixteen registers for what is multiplied.
KERNELS_LANES_TARGET static void lanes_tile(const struct kernels_tile *t)
{
    const float *const q[KERNELS_TILE_QUERIES] = {t->queries[0], t->queries[1], t->queries[2],
                                                  t->queries[3], t->queries[4], t->queries[5]};
    struct lanes_line a = lanes_line_begin(t->out[0], t->adds);
    struct lanes_line b = lanes_line_begin(t->out[1], t->adds);
    struct lanes_line c = lanes_line_begin(t->out[2], t->adds);
    struct lanes_line d = lanes_line_begin(t->out[3], t->adds);
    struct lanes_line e = lanes_line_begin(t->out[4], t->adds);
    struct lanes_line f = lanes_line_begin(t->out[5], t->adds);
    const float *panel = t->panel;

    for (size_t k = 0; k < t->depth; k++, panel += 2 * LANES) {
        lanes low = lanes_load(panel);
        lanes high = lanes_load(panel + LANES);
        lanes_line_step(&a, q[0][k], low, high);
        lanes_line_step(&b, q[1][k], low, high);
        lanes_line_step(&c, q[2][k], low, high);
        lanes_line_step(&d, q[3][k], low, high);
        lanes_line_step(&e, q[4][k], low, high);
        lanes_line_step(&f, q[5][k], low, high);
    }
    lanes_line_end(t->out[0], &a);
    lanes_line_end(t->out[1], &b);
    lanes_line_end(t->out[2], &c);
    lanes_line_end(t->out[3], &d);
    lanes_line_end(t->out[4], &e);
    lanes_line_end(t->out[5], &f);
}

#define KERNELS_LANES_ROW                                                                          \
    .dot_f32 = lanes_dot_f32, .l2_f32 = lanes_l2_f32, .dots_f32 = lanes_dots_f32,                  \
    .dot_rows_f32 = lanes_dot_rows_f32, .l2_rows_f32 = lanes_l2_rows_f32,                          \
    .scale_f32 = lanes_scale_f32, .dot_f64 = lanes_dot_f64, .dots_f64 = lanes_dots_f64,            \
    .scale_f64 = lanes_scale_f64, .width = 2 * LANES, .pack = lanes_pack, .tile = lanes_tile
