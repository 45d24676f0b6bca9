#include "retrieval/vector/half.h"
#include "retrieval/vector/scan_kernels_rows.h"

#include <math.h>

enum { LISTS = 16, ROWS = 32, UNIT = 32 };

static void hadamard(float *x, size_t n)
{
    for (size_t half = 1; half < n; half *= 2) {
        for (size_t i = 0; i < n; i += 2 * half) {
            for (size_t j = i; j < i + half; j++) {
                float a = x[j];
                float b = x[j + half];

                x[j] = a + b;
                x[j + half] = a - b;
            }
        }
    }
}

static void coarse_block(const struct coarse_scan *s, const uint8_t *block, float *scores)
{
    int32_t sums[LISTS] = {0};
    float tail[2 * LISTS];

    for (size_t i = 0; i < s->padded_dim; i += 4) {
        const uint8_t *bytes = block + i * LISTS;
        for (unsigned list = 0; list < LISTS; list++) {
            for (unsigned k = 0; k < 4; k++) {
                sums[list] += bytes[4 * list + k] * s->levels[i + k];
            }
        }
    }
    memcpy(tail, block + (size_t)s->padded_dim * LISTS, sizeof tail);
    for (unsigned list = 0; list < LISTS; list++) {
        float dot = tail[list] * (float)(sums[list] - s->level_bias);
        scores[list] = tail[LISTS + list] - s->weight * dot;
    }
}

static void coarse(const struct coarse_scan *s)
{
    size_t block_bytes = (size_t)s->padded_dim * LISTS + 2 * LISTS * sizeof(float);

    for (uint32_t b = 0; b < s->block_count; b++) {
        float *scores = s->scores + (size_t)b * LISTS;
        float least = INFINITY;

        coarse_block(s, s->blocks + b * block_bytes, scores);
        for (unsigned list = 0; list < LISTS; list++) {
            if (scores[list] < least) least = scores[list];
        }
        s->block_scores[b] = least;
    }
}

static void table1(const float *x, size_t n, float inverse, uint8_t *table)
{
    for (size_t i = 0; i < n; i += 4) {
        for (unsigned entry = 0; entry < 16; entry++) {
            float sum = 0;
            for (unsigned k = 0; k < 4; k++) {
                bool is_set = entry >> k & 1;
                if (is_set != (x[i + k] < 0)) sum += fabsf(x[i + k]);
            }
            table[4 * i + entry] = (uint8_t)lrintf(sum * inverse);
        }
    }
}

static void code1_block(const struct code1_scan *s, const uint8_t *block, struct code1_hit *hit)
{
    size_t groups = s->padded_dim / 4;
    uint32_t sums[ROWS] = {0};
    uint16_t factors[3][ROWS];

    for (size_t g = 0; g < groups; g++) {
        for (unsigned j = 0; j < 16; j++) {
            uint8_t code = block[16 * g + j];
            sums[j] += s->table[16 * g + (code & 15)];
            sums[j + 16] += s->table[16 * g + (code >> 4)];
        }
    }
    memcpy(factors, block + 16 * groups, sizeof factors);
    hit->rows = 0;
    for (unsigned j = 0; j < ROWS; j++) {
        float product = s->step * (float)sums[j] + s->offset;
        float bound = half_to_float(factors[0][j]) - half_to_float(factors[1][j]) * product -
                      half_to_float(factors[2][j]) * s->error;
        hit->bounds[j] = bound;
        hit->rows |= (uint32_t)(bound < s->limit) << j;
    }
}

static uint32_t code1(const struct code1_scan *s, uint32_t block, uint32_t end,
                      struct code1_hit *hit)
{
    size_t block_bytes = (size_t)s->padded_dim * 4 + 3 * ROWS * sizeof(uint16_t);

    for (; block < end; block++) {
        code1_block(s, s->blocks + block * block_bytes, hit);
        if (hit->rows) break;
    }
    return block;
}

static int32_t code4_row(const struct code4_scan *s, const uint8_t *code)
{
    int32_t sum = 0;

    for (size_t i = 0; i < s->padded_dim / 2; i += UNIT) {
        const int8_t *levels = s->levels + 2 * i;
        for (unsigned j = 0; j < UNIT; j++) {
            sum += (code[i + j] & 15) * levels[j] + (code[i + j] >> 4) * levels[UNIT + j];
        }
    }
    return sum;
}

static void code4(const struct code4_scan *s, const uint32_t *rows, uint32_t count, int32_t *sums)
{
    for (uint32_t i = 0; i < count; i++) {
        sums[i] = code4_row(s, s->codes + (size_t)rows[i] * (s->padded_dim / 2));
    }
}

static void round4(const float *x, size_t n, float inverse, uint8_t *levels, float sums[2])
{
    float products = 0;
    float squares = 0;

    for (size_t i = 0; i < n; i++) {
        float level = floorf(x[i] * inverse) + 8;
        level = level > 0 ? level < 15 ? level : 15 : 0; // NaN becomes 0
        levels[i] = (uint8_t)level;
        products += (level - 7.5F) * x[i];
        squares += (level - 7.5F) * (level - 7.5F);
    }
    sums[0] = products;
    sums[1] = squares;
}

const struct scan_kernels scan_kernels_scalar = {
    .name = "scalar",
    .hadamard = hadamard,
    .coarse = coarse,
    .table1 = table1,
    .code1 = code1,
    .code4 = code4,
    .round4 = round4,
};
