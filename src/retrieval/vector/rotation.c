#include "retrieval/vector/rotation.h"

#include "base/memory.h"
#include "base/random.h"
#include "retrieval/vector/scan_kernels.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { TURNS = 3 };

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

void rotation_init(struct rotation *r, uint32_t dim, uint64_t seed)
{
    uint32_t padded_dim = rotation_padded_dim(dim);
    struct random random;

    *r = (struct rotation){.dim = dim, .padded_dim = padded_dim, .seed = seed};
    r->signs = memory_alloc_raw(TURNS * padded_dim * sizeof(float));
    random_init(&random, seed);
    for (uint32_t i = 0; i < TURNS * padded_dim; i++) {
        r->signs[i] = random_u64(&random) >> 63 ? 1.0F : -1.0F;
    }
}

void rotation_done(struct rotation *r)
{
    memory_free(r->signs);
    r->signs = NULL;
}

static void flip(float *out, const float *in, const float *signs, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        out[i] = in[i] * signs[i];
    }
}

static void scale(float *x, uint32_t n, float by)
{
    for (uint32_t i = 0; i < n; i++) {
        x[i] *= by;
    }
}

// One transform of a part of `part` floats, to scale.
static void transform(const struct scan_kernels *k, float *x, uint32_t part)
{
    k->hadamard(x, part);
    scale(x, part, 1 / sqrtf((float)part));
}

void rotation_apply(const struct rotation *r, const float *in, float *out)
{
    const struct scan_kernels *k = scan_kernels();
    uint32_t part = part_of(r->padded_dim);

    flip(out, in, r->signs, r->dim);
    memset(out + r->dim, 0, (r->padded_dim - r->dim) * sizeof(float));
    for (unsigned turn = 0; turn < TURNS; turn++) {
        if (turn > 0) flip(out, out, r->signs + turn * r->padded_dim, r->padded_dim);
        transform(k, out, part);
        if (part < r->padded_dim) transform(k, out + (r->padded_dim - part), part);
    }
}
