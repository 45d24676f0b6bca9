// closest: which of many centres is nearest to a row.
//
// Distances are squared Euclidean ones, less the row's own squared length, which doesn't matter to
// the question: a `score` is |c|^2 - 2 <x, c>, so that a tile of rows is one matrix product. Rows
// and centres should lie around the origin, or that difference loses digits. Pure; the memory is
// the caller's.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct closest {
    const float *centers; // [count][dim]
    const float *norms;   // squared lengths, by closest_norms()
    uint32_t count;       // above 0
    uint32_t dim;
};

void closest_norms(const float *centers, uint32_t count, uint32_t dim, float *out);

// How many floats of scratch memory closest_find() wants.
size_t closest_scratch_floats(uint32_t count);

// The nearest centre of each of `count` rows, the first of equals; its scores go to `scores`.
void closest_find(const struct closest *c, const float *rows, size_t count, float *scratch,
                  uint32_t *centers, float *scores);

// The least of norms[i] - 2 * dots[i], the first of equals, and where it stands. A NaN is never
// the least; where all are, infinity at 0.
uint32_t closest_least(const float *dots, const float *norms, uint32_t count, float *score);
