#include "retrieval/vector/quantizer.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

enum { LISTS = QUANTIZER_BLOCK_LISTS, LEVEL_MAX = 63 };

size_t quantizer_coarse_bytes(uint32_t padded_dim, uint32_t list_count)
{
    return padded_dim * sizeof(float) +
           quantizer_block_count(list_count) * quantizer_block_bytes(padded_dim);
}

static void write_origin(const struct quantizer *q, uint8_t *out)
{
    double *sums = memory_alloc(q->padded_dim * sizeof(double));

    for (uint32_t list = 0; list < q->list_count; list++) {
        const float *centroid = q->centroids + (size_t)list * q->dim;
        for (uint32_t i = 0; i < q->dim; i++) {
            sums[i] += (double)centroid[i];
        }
    }
    for (uint32_t i = 0; i < q->padded_dim; i++) {
        float mean = (float)(sums[i] / q->list_count);
        memcpy(out + i * sizeof mean, &mean, sizeof mean);
    }
    memory_free(sums);
}

// What a list's score begins with: half of the metric that depends on its centroid alone, where
// `relative` is the centroid less the origin.
static float offset_of(const struct quantizer *q, const float *origin, const float *relative)
{
    double square = 0;
    double product = 0;

    for (uint32_t i = 0; i < q->dim; i++) {
        square += (double)relative[i] * (double)relative[i];
        product += (double)relative[i] * (double)origin[i];
    }
    return (float)(q->metric == METRIC_IP ? -product : square);
}

// Writes the bytes of one list into its block and returns what a level is worth.
static float write_levels(const float *rotated, uint32_t padded_dim, uint8_t *block, unsigned slot)
{
    float largest = 0;

    for (uint32_t i = 0; i < padded_dim; i++) {
        largest = fmaxf(largest, fabsf(rotated[i]));
    }
    float step = largest / LEVEL_MAX;
    float inverse = step > 0 ? 1 / step : 0;
    if (!isfinite(inverse)) inverse = 0;
    for (uint32_t i = 0; i < padded_dim; i++) {
        uint8_t *byte = block + (size_t)(i / 4) * (4 * LISTS) + slot * 4 + i % 4;
        *byte = (uint8_t)(QUANTIZER_COARSE_ZERO + (int)lrintf(rotated[i] * inverse));
    }
    return step;
}

void quantizer_make_coarse(const struct quantizer *q, uint8_t *out)
{
    uint32_t blocks = quantizer_block_count(q->list_count);
    float *relative = memory_alloc(2 * q->padded_dim * sizeof(float));
    float *rotated = relative + q->padded_dim;

    memset(out, 0, quantizer_coarse_bytes(q->padded_dim, q->list_count));
    write_origin(q, out);
    const float *origin = (const float *)(const void *)out;
    for (uint32_t b = 0; b < blocks; b++) {
        uint8_t *block =
            out + q->padded_dim * sizeof(float) + b * quantizer_block_bytes(q->padded_dim);
        float steps[LISTS] = {0};
        float offsets[LISTS];
        for (unsigned slot = 0; slot < LISTS; slot++) {
            uint32_t list = b * LISTS + slot;
            offsets[slot] = INFINITY; // where there is no list, so that nobody chooses it
            if (list >= q->list_count) continue;
            const float *centroid = q->centroids + (size_t)list * q->dim;
            for (uint32_t i = 0; i < q->dim; i++) {
                relative[i] = centroid[i] - origin[i];
            }
            rotation_apply(q->rotation, relative, rotated);
            steps[slot] = write_levels(rotated, q->padded_dim, block, slot);
            offsets[slot] = offset_of(q, origin, relative);
        }
        uint8_t *tail = block + (size_t)LISTS * q->padded_dim;
        memcpy(tail, steps, sizeof steps);
        memcpy(tail + sizeof steps, offsets, sizeof offsets);
    }
    memory_free(relative);
}
