// code: what the scan reads of a row instead of its floats: one bit, then four bits a coordinate.
//
// With r the rotated residual of a row and q' the query's, the codes give estimates of <q', r>: by
// b, the signs of r (stage 1, after RaBitQ, Gao and Long, SIGMOD 2024), and by h, r rounded to
// sixteen levels (stage 2). What belongs to the row alone is folded into factors, of which an
// estimate of the distance is `base + a - f <R q, code>`; base is the query's distance to the
// centroid. e bounds the error of the first estimate: it exceeds e |q'| as seldom as a normal
// variable its deviation.
//
// Where they lie: code1 blocks of 32 rows, code4 rows of padded_dim / 2 bytes, fact4 pairs.
//     block   [padded_dim / 4][16] bytes: byte j of group g has in its low half the bits of
//             coordinates 4g..4g+3 of row j, in its high half those of row j + 16;
//             half a1[32], f1[32], e1[32]
//     row4    per 64 coordinates 32 bytes: byte j has coordinate j low and j + 32 high
//     fact4   half a4, f4
// Factors are stored relative to the list's `scale`, a length: f and e by scale, a by its square.
// encoder.h makes codes. Safe from any thread.
#pragma once

#include "retrieval/vector/quantizer.h"

#include <stdbool.h>

enum { CODE_BLOCK_ROWS = 32 };

struct row_code {
    float a1, f1, e1;
    float a4, f4;
    uint8_t *bits;    // [padded_dim / 8], coordinate i is bit i % 8 of byte i / 8
    uint8_t *nibbles; // [padded_dim / 2], a row4
};

static inline size_t code_block_bytes(uint32_t padded_dim)
{
    return (size_t)padded_dim * 4 + 3 * CODE_BLOCK_ROWS * sizeof(uint16_t);
}

static inline size_t code_row4_bytes(uint32_t padded_dim)
{
    return padded_dim / 2;
}

// The scale for a list whose farthest row is `radius` from its centroid; rows up to sixteen times
// as far still fit.
float code_scale(float radius);

// Puts a row at `index` of a block. A new block is all zeros.
void code_block_put(uint8_t *block, uint32_t padded_dim, uint32_t index, const struct row_code *row,
                    float scale);
// The pair of a row, likewise.
void code_fact4_put(uint16_t *fact4, const struct row_code *row, float scale);
