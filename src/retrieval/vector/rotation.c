#include "retrieval/vector/rotation.h"

#include "base/memory.h"
#include "base/random.h"
#include "retrieval/vector/scan_kernels.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { TURNS = 3 }; // three suffice (Andoni et al., 2015, on cross-polytope hashes)

uint32_t rotation_padded_dim(uint32_t dim)
{
    assert(dim > 0 && dim <= ROTATION_DIM_MAX);
    return (dim + ROTATION_STEP - 1) / ROTATION_STEP * ROTATION_STEP;
}

// The largest power of two that fits.
static uint32_t part_of(uint32_t padded_dim)
{
    uint32_t part = ROTATION_STEP;

    while (2 * part <= padded_dim) {
        part *= 2;
    }
    return part;
}

// A turn transforms all, or the first and the last part by turns.
static uint32_t turns_of(uint32_t padded_dim)
{
    return part_of(padded_dim) == padded_dim ? TURNS : 2 * TURNS;
}

void rotation_init(struct rotation *r, uint32_t dim, uint64_t seed)
{
    uint32_t padded_dim = rotation_padded_dim(dim);
    uint32_t count = turns_of(padded_dim) * padded_dim;
    struct random random;

    *r = (struct rotation){.dim = dim, .padded_dim = padded_dim, .seed = seed};
    r->signs = memory_alloc_raw(count * sizeof(float));
    random_init(&random, seed);
    for (uint32_t i = 0; i < count; i++) {
        r->signs[i] = random_u64(&random) >> 63 ? 1.0F : -1.0F;
    }
}

void rotation_done(struct rotation *r)
{
    memory_free(r->signs);
    r->signs = NULL;
}

// The signs of a turn; where it transforms, with the scale that keeps lengths.
static void multiply(float *out, const float *in, const float *signs, uint32_t n, float by)
{
    for (uint32_t i = 0; i < n; i++) {
        out[i] = in[i] * (signs[i] * by);
    }
}

void rotation_apply(const struct rotation *r, const float *in, float *out)
{
    const struct scan_kernels *k = scan_kernels();
    uint32_t n = r->padded_dim;
    uint32_t part = part_of(n);
    uint32_t turns = turns_of(n);
    float by = 1 / sqrtf((float)part);

    memcpy(out, in, r->dim * sizeof(float));
    memset(out + r->dim, 0, (n - r->dim) * sizeof(float));
    for (uint32_t turn = 0; turn < turns; turn++) {
        const float *signs = r->signs + turn * n;
        uint32_t at = turn % 2 ? n - part : 0;
        multiply(out, out, signs, at, 1);
        multiply(out + at, out + at, signs + at, part, by);
        multiply(out + at + part, out + at + part, signs + at + part, n - part - at, 1);
        k->hadamard(out + at, part);
    }
}
