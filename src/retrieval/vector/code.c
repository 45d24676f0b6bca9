#include "retrieval/vector/code.h"

#include "retrieval/vector/half.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { ROWS = CODE_BLOCK_ROWS };

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
