#include "retrieval/vector/encoder.h"

#include "base/memory.h"
#include "retrieval/vector/scan_kernels.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

enum { UNIT = 64 };

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
