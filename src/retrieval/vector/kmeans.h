// kmeans: the centroids of a segment's lists, trained on a sample of its rows.
//
// Two levels: about the square root of the wanted number of cells is found first; each is then
// split on its own rows into lists, in proportion to how many rows it has, which also keeps lists
// of like size; a few iterations over all lists at the end move the borders between cells to where
// they belong. Up to a few hundred lists, one level does. Work is about rows * sqrt(lists) instead
// of rows * lists an iteration.
//
// The same sample, options and seed give the same centroids, however many threads there are.
#pragma once

#include "base/err.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct kmeans_options {
    uint32_t dim;
    uint32_t list_count; // wanted; above 0
    unsigned threads;    // above 0
    uint64_t seed;
    const atomic_bool *cancel; // turns true when nobody wants the outcome any more; may be NULL
};

// Fills `centroids` ([list_count][dim]) and says in `*out` how many there are: fewer than wanted
// where rows are few or equal, none only where there is no row. `sample` ([count][dim], at most
// UINT32_MAX rows) is moved to the origin and stays there. ERR_CANCELED.
err kmeans_train(float *sample, size_t count, const struct kmeans_options *o, float *centroids,
                 uint32_t *out);
