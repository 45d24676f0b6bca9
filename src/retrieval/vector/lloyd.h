// lloyd: plain k-means over rows in memory, by Lloyd's iterations.
//
// A step of `kmeans`, which trains a segment's lists, and of `assign`, which groups many centres.
// Rows should lie around the origin (closest.h says why). The same rows, options and seed give the
// same centres, however many threads there are.
#pragma once

#include "base/err.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct lloyd_options {
    uint32_t dim;
    uint32_t center_count; // wanted; above 0
    unsigned iterations;   // above 0
    unsigned threads;      // above 0
    uint64_t seed;
    const atomic_bool *cancel; // turns true when nobody wants the outcome any more; may be NULL
};

// Fills `centers` ([center_count][dim]) and says in `*out` how many there are: fewer than wanted
// where rows are few or equal, none only where there is no row. ERR_CANCELED. Rows are at most
// UINT32_MAX.
err lloyd_train(const float *rows, size_t count, const struct lloyd_options *o, float *centers,
                uint32_t *out);

// Moves each of `center_count` centres to the mean of the rows whose `lists` name it, in the order
// of the rows, and counts these in `sizes`. A centre without rows stays where it is.
err lloyd_move(const float *rows, const uint32_t *lists, size_t count,
               const struct lloyd_options *o, float *centers, uint32_t *sizes);
