// quantizer: the lists of an index by their centroids, and what codes are relative to.
//
// Every row belongs to the list of its nearest centroid and is coded as its residual, rotated. All
// rotated vectors are relative to `origin`, the mean of the centroids, so that vectors far from
// zero lose no precision. The coarse form holds the rotated centroids in seven bits a coordinate,
// in blocks of sixteen that one pass of a kernel scores; a segment stores it as it is:
//
//     origin      float[padded_dim]; the first dim count
//     blocks      16 lists each: [padded_dim / 4][16 lists][4 coordinates] bytes, 64 for zero;
//                 float step[16], what one level is worth; float offset[16]
//
// The struct borrows all it points at and is never written after it is made: safe from any thread.
#pragma once

#include "retrieval/vector/metric.h"
#include "retrieval/vector/rotation.h"

#include <stddef.h>
#include <stdint.h>

enum {
    QUANTIZER_LISTS_MAX = 65536,
    QUANTIZER_BLOCK_LISTS = 16,
    QUANTIZER_COARSE_ZERO = 64, // the byte that stands for zero in the coarse form
};

struct quantizer {
    uint32_t dim;
    uint32_t padded_dim;
    uint32_t list_count;
    enum metric metric;
    const struct rotation *rotation;
    const float *centroids; // [list_count][dim]
    const uint8_t *coarse;  // quantizer_coarse_bytes() of them; best at a multiple of 64
};

static inline uint32_t quantizer_block_count(uint32_t list_count)
{
    return (list_count + QUANTIZER_BLOCK_LISTS - 1) / QUANTIZER_BLOCK_LISTS;
}

static inline size_t quantizer_block_bytes(uint32_t padded_dim)
{
    return (size_t)QUANTIZER_BLOCK_LISTS * (padded_dim + 2 * sizeof(float));
}

static inline const float *quantizer_origin(const struct quantizer *q)
{
    return (const float *)(const void *)q->coarse;
}

static inline const uint8_t *quantizer_blocks(const struct quantizer *q)
{
    return q->coarse + q->padded_dim * sizeof(float);
}

// What the coarse form takes.
size_t quantizer_coarse_bytes(uint32_t padded_dim, uint32_t list_count);

// Writes the coarse form of q's centroids to `out`; everything of `q` but `coarse` is set.
void quantizer_make_coarse(const struct quantizer *q, uint8_t *out);
