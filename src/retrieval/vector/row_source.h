// row_source: rows of vectors, wherever they are: an array, a file, segments that become one.
//
// Who builds a segment reads its rows through one, several times and in an order of its own. Rows
// are ready to be stored: finite, and of length one where the metric is cosine.
#pragma once

#include "base/err.h"

#include <stdint.h>

struct row_source {
    uint64_t count;
    uint32_t dim;
    // Copies rows `first` to `first` + `count` - 1 to `out` ([count][dim]) and what users call them
    // to `keys`. Either may be NULL. Called by several threads at once, and for the same row each
    // time with the same outcome; an error ends whatever the rows were for.
    err (*fetch)(struct row_source *s, uint64_t first, uint32_t count, float *out, uint64_t *keys);
};

// Rows that lie in memory, [count][dim]. Where `keys` is NULL, a row's number is its key.
struct row_source_array {
    struct row_source source;
    const float *rows;
    const uint64_t *keys;
};

void row_source_array_init(struct row_source_array *a, const float *rows, uint64_t count,
                           uint32_t dim);
