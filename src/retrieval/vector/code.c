#include "retrieval/vector/code.h"

#include "base/memory.h"
#include "retrieval/vector/half.h"
#include "retrieval/vector/scan_kernels.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

enum { ROWS = CODE_BLOCK_ROWS, UNIT = 64 };

void encoder_init(struct encoder *e, const struct quantizer *q)
{
    size_t n = q->padded_dim;

    *e = (struct encoder){.quantizer = q};
    e->center = memory_alloc(3 * n * sizeof(float) + 2 * n);
    e->rotated = e->center + n;
    e->residual = e->rotated + n;
    e->levels[0] = (uint8_t *)(e->residual + n);
    e->levels[1] = e->levels[0] + n;
}

void encoder_done(struct encoder *e)
{
    memory_free(e->center);
    *e = (struct encoder){0};
}

// Rotates `row` relative to the origin into `out`.
static void rotate(struct encoder *e, const float *row, float *out)
{
    const struct quantizer *q = e->quantizer;
    const float *origin = quantizer_origin(q);

    for (uint32_t i = 0; i < q->dim; i++) {
        e->residual[i] = row[i] - origin[i];
    }
    rotation_apply(q->rotation, e->residual, out);
}

void encoder_list(struct encoder *e, uint32_t list)
{
    assert(list < e->quantizer->list_count);
    e->centroid = e->quantizer->centroids + (size_t)list * e->quantizer->dim;
    rotate(e, e->centroid, e->center);
}

// Signs to bits; returns the sum of |r|, and in `*center` that of the centroid by the signs.
static float take_signs(const struct encoder *e, uint8_t *bits, float *center)
{
    float length = 0;
    float sum = 0;

    for (uint32_t i = 0; i < e->quantizer->padded_dim; i += 8) {
        unsigned byte = 0;
        for (unsigned k = 0; k < 8; k++) {
            bool is_set = e->residual[i + k] >= 0;
            byte |= (unsigned)is_set << k;
            length += fabsf(e->residual[i + k]);
            sum += is_set ? e->center[i + k] : -e->center[i + k];
        }
        bits[i / 8] = (uint8_t)byte;
    }
    *center = sum;
    return length;
}

// Leaves the levels that resemble the residual most in levels[0], and returns the product of both.
static float round_best(struct encoder *e, float deviation)
{
    // Steps around the best for a normal variable; which one it is depends on the row's extremes.
    static const float steps[] = {0.335F, 0.26F, 0.30F, 0.37F, 0.41F};
    const struct scan_kernels *k = scan_kernels();
    float best = -1;
    float product = 0;

    for (unsigned i = 0; i < sizeof steps / sizeof *steps; i++) {
        float sums[2];
        k->round4(e->residual, e->quantizer->padded_dim, 1 / (steps[i] * deviation), e->levels[1],
                  sums);
        float cosine = sums[0] / sqrtf(sums[1]);
        if (!(cosine > best)) continue;
        best = cosine;
        product = sums[0];
        uint8_t *better = e->levels[1];
        e->levels[1] = e->levels[0];
        e->levels[0] = better;
    }
    return product;
}

static void pack_nibbles(const uint8_t *levels, uint32_t n, uint8_t *out)
{
    for (uint32_t i = 0; i < n; i += UNIT) {
        for (uint32_t j = 0; j < UNIT / 2; j++) {
            out[i / 2 + j] = (uint8_t)(levels[i + j] | levels[i + UNIT / 2 + j] << 4);
        }
    }
}

// What the metric adds to an estimate for the residual alone, besides what its product with the
// query adds: |r|^2, or -<c, r>.
static float own_part(const struct encoder *e, const float *row, float norm2)
{
    float product = 0;

    if (e->quantizer->metric != METRIC_IP) return norm2;
    for (uint32_t i = 0; i < e->quantizer->dim; i++) {
        product += e->centroid[i] * (row[i] - e->centroid[i]);
    }
    return -product;
}

static void code_stage1(const struct encoder *e, float norm2, struct row_code *out)
{
    float n = (float)e->quantizer->padded_dim;
    float times = e->quantizer->metric == METRIC_IP ? 1 : 2;
    float center;
    float length = take_signs(e, out->bits, &center);
    float cosine2 = fminf(length * length / (norm2 * n), 1);

    out->f1 = times * norm2 / length;
    out->a1 = out->f1 * center;
    out->e1 = times * sqrtf(norm2 * (1 - cosine2) / (cosine2 * (n - 1)));
}

static void code_stage2(struct encoder *e, float norm2, struct row_code *out)
{
    uint32_t n = e->quantizer->padded_dim;
    float product = round_best(e, sqrtf(norm2 / (float)n));
    float center = 0;

    for (uint32_t i = 0; i < n; i++) {
        center += ((float)e->levels[0][i] - 7.5F) * e->center[i];
    }
    out->f4 = (e->quantizer->metric == METRIC_IP ? 1 : 2) * norm2 / product;
    out->a4 = out->f4 * center;
    pack_nibbles(e->levels[0], n, out->nibbles);
}

void encoder_row(struct encoder *e, const float *row, struct row_code *out)
{
    uint32_t n = e->quantizer->padded_dim;
    float norm2 = 0;

    rotate(e, row, e->rotated);
    for (uint32_t i = 0; i < n; i++) {
        e->residual[i] = e->rotated[i] - e->center[i];
        norm2 += e->residual[i] * e->residual[i];
    }
    float own = own_part(e, row, norm2);
    if (!(norm2 > FLT_MIN) || !isfinite(norm2)) { // the centroid itself: any code estimates it
        memset(out->bits, 0, n / 8);
        memset(out->nibbles, 0, n / 2);
        out->a1 = out->a4 = own;
        out->f1 = out->e1 = out->f4 = 0;
        return;
    }
    code_stage1(e, norm2, out);
    code_stage2(e, norm2, out);
    out->a1 += own;
    out->a4 += own;
}

float code_scale(float radius)
{
    float scale = radius / 16;

    return isfinite(radius) && scale * scale > FLT_MIN ? scale : 1;
}

// To what a half can hold: an infinite factor would make its row unfindable.
static uint16_t to_half(float value)
{
    return half_from_float(fminf(fmaxf(value, -65504), 65504));
}

static uint8_t *factors_of(uint8_t *block, uint32_t padded_dim, uint32_t index)
{
    return block + (size_t)padded_dim * 4 + index * sizeof(uint16_t);
}

static void write_factors(uint8_t *at, const float factors[3])
{
    for (unsigned k = 0; k < 3; k++) {
        uint16_t half = to_half(factors[k]);
        memcpy(at + k * ROWS * sizeof half, &half, sizeof half);
    }
}

// Replaces the half of `byte` that `shift` says.
static void put_nibble(uint8_t *byte, unsigned shift, unsigned nibble)
{
    *byte = (uint8_t)((*byte & ~(15U << shift)) | (nibble & 15) << shift);
}

void code_block_put(uint8_t *block, uint32_t padded_dim, uint32_t index, const struct row_code *row,
                    float scale)
{
    unsigned shift = index < 16 ? 0 : 4;
    uint8_t *at = block + index % 16;

    for (size_t g = 0; g < padded_dim / 4; g++) {
        put_nibble(at + 16 * g, shift, (unsigned)row->bits[g / 2] >> (g % 2 * 4));
    }
    const float factors[3] = {row->a1 / scale / scale, row->f1 / scale, row->e1 / scale};
    write_factors(factors_of(block, padded_dim, index), factors);
}

void code_fact4_put(uint16_t *fact4, const struct row_code *row, float scale)
{
    fact4[0] = to_half(row->a4 / scale / scale);
    fact4[1] = to_half(row->f4 / scale);
}

void code_block_move(uint8_t *block, uint32_t index, const uint8_t *from, uint32_t from_index,
                     uint32_t padded_dim, float rescale)
{
    unsigned shift = index < 16 ? 0 : 4;
    unsigned from_shift = from_index < 16 ? 0 : 4;
    uint8_t *at = block + index % 16;
    const uint8_t *from_at = from + from_index % 16;
    const uint8_t *halves = from + (size_t)padded_dim * 4 + from_index * sizeof(uint16_t);
    float factors[3];

    for (size_t g = 0; g < padded_dim / 4; g++) {
        put_nibble(at + 16 * g, shift, (unsigned)from_at[16 * g] >> from_shift);
    }
    for (unsigned k = 0; k < 3; k++) {
        uint16_t half;
        memcpy(&half, halves + k * ROWS * sizeof half, sizeof half);
        factors[k] = half_to_float(half) * rescale * (k == 0 ? rescale : 1);
    }
    write_factors(factors_of(block, padded_dim, index), factors);
}

void code_fact4_move(uint16_t *fact4, const uint16_t *from, float rescale)
{
    fact4[0] = to_half(half_to_float(from[0]) * rescale * rescale);
    fact4[1] = to_half(half_to_float(from[1]) * rescale);
}
