// rotation: an orthogonal map that spreads every vector evenly over its coordinates.
//
// Codes of one bit a coordinate are good where no coordinate matters more than another. Random
// signs and fast Hadamard transforms, in turns, see to that in n log n steps (the structured
// rotations of Ailon and Chazelle, 2006). A vector of `dim` is padded with zeros to `padded_dim`, a
// multiple of 64; where that is no power of two, each turn transforms a first and a last part that
// overlap. Lengths and inner products stay as they are. Immutable once made: safe from any thread.
#pragma once

#include <stdint.h>

enum { ROTATION_DIM_MAX = 4096, ROTATION_STEP = 64 };

struct rotation {
    uint32_t dim;
    uint32_t padded_dim;
    uint64_t seed;
    float *signs; // [turns][padded_dim], 1 or -1
};

// `dim`, which is 1 to ROTATION_DIM_MAX, rounded up to a multiple of ROTATION_STEP.
uint32_t rotation_padded_dim(uint32_t dim);

// The same seed gives the same map on every machine.
void rotation_init(struct rotation *r, uint32_t dim, uint64_t seed);
void rotation_done(struct rotation *r);

// `in` has dim floats, `out` padded_dim; they don't overlap.
void rotation_apply(const struct rotation *r, const float *in, float *out);
