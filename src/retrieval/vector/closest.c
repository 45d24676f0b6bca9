#include "retrieval/vector/closest.h"

#include "retrieval/vector/gemm.h"

#include <math.h>
#include <string.h>

enum {
    TILE_FLOATS = 1 << 17, // of products: they stay in the second-level cache
    TILE_ROWS_MIN = 64,    // fewer would not pay for packing the centres
    TILE_ROWS_MAX = 512,
    LANES = 4,
    STEP = 4 * LANES,
};

// Vectors of sixteen bytes, which every processor we build for has without being asked.
typedef float lanes [[gnu::vector_size(LANES * sizeof(float))]];
typedef int32_t marks [[gnu::vector_size(LANES * sizeof(int32_t))]];

void closest_norms(const float *centers, uint32_t count, uint32_t dim, float *out)
{
    for (uint32_t i = 0; i < count; i++) {
        const float *c = centers + (size_t)i * dim;
        double sum = 0;
        for (uint32_t d = 0; d < dim; d++) {
            sum += (double)c[d] * (double)c[d];
        }
        out[i] = (float)sum;
    }
}

static lanes load(const float *from)
{
    lanes v;

    memcpy(&v, from, sizeof v);
    return v;
}

static uint32_t least_of_rest(const float *dots, const float *norms, uint32_t from, uint32_t count,
                              float *score)
{
    uint32_t at = UINT32_MAX;

    for (uint32_t i = from; i < count; i++) {
        float s = norms[i] - 2 * dots[i];
        if (s < *score) {
            *score = s;
            at = i;
        }
    }
    return at;
}

uint32_t closest_least(const float *dots, const float *norms, uint32_t count, float *score)
{
    lanes best[4];
    marks at[4];
    uint32_t whole = count - count % STEP;
    uint32_t result = 0;

    *score = INFINITY;
    for (unsigned k = 0; k < 4; k++) {
        best[k] = (lanes){INFINITY, INFINITY, INFINITY, INFINITY};
        at[k] = (marks){0};
    }
    for (uint32_t i = 0; i < whole; i += STEP) {
        for (unsigned k = 0; k < 4; k++) {
            lanes dot = load(dots + i + k * LANES);
            lanes s = load(norms + i + k * LANES) - (dot + dot);
            marks is_less = s < best[k];
            best[k] = (lanes)(((marks)s & is_less) | ((marks)best[k] & ~is_less));
            at[k] = (((marks){0} + (int32_t)i) & is_less) | (at[k] & ~is_less);
        }
    }
    for (unsigned k = 0; k < 4; k++) {
        for (unsigned l = 0; l < LANES; l++) {
            uint32_t here = (uint32_t)at[k][l] + k * LANES + l;
            if (best[k][l] < *score || (best[k][l] == *score && here < result)) {
                *score = best[k][l];
                result = here;
            }
        }
    }
    uint32_t rest = least_of_rest(dots, norms, whole, count, score);
    return rest == UINT32_MAX ? result : rest;
}

static size_t tile_rows(uint32_t count)
{
    size_t rows = TILE_FLOATS / count;

    if (rows < TILE_ROWS_MIN) return TILE_ROWS_MIN;
    return rows > TILE_ROWS_MAX ? TILE_ROWS_MAX : rows;
}

size_t closest_scratch_floats(uint32_t count)
{
    return tile_rows(count) * count;
}

void closest_find(const struct closest *c, const float *rows, size_t count, float *scratch,
                  uint32_t *centers, float *scores)
{
    size_t tile = tile_rows(c->count);

    for (size_t first = 0; first < count; first += tile) {
        size_t here = count - first < tile ? count - first : tile;
        gemm_dots(rows + first * c->dim, here, c->centers, c->count, c->dim, scratch);
        for (size_t i = 0; i < here; i++) {
            centers[first + i] =
                closest_least(scratch + i * c->count, c->norms, c->count, &scores[first + i]);
        }
    }
}
