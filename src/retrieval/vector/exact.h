// exact: the true nearest rows, by looking at every one.
//
// A single query reads rows at the speed of memory, a batch shares what is read among its queries
// through a matrix product. That only says which rows can't be near enough; each distance that is
// kept is taken by kernels.h alone. So a batch finds the bits that single queries find, with or
// without OpenBLAS, in tiles of any size, and whichever threads share the rows. Distances are those
// of metric.h; for METRIC_COSINE rows and queries are of length one already. A row whose distance
// is NaN is never found. Safe from any thread; nothing is allocated.
#pragma once

#include "retrieval/vector/metric.h"
#include "retrieval/vector/nearest.h"

#include <stddef.h>
#include <stdint.h>

enum { EXACT_QUERIES_MAX = 64, EXACT_TILE_ROWS_MAX = 256 };

struct exact_rows {
    const float *rows; // [count][dim]; a row's number is its key
    uint64_t count;
    size_t dim;
    enum metric metric;
};

// The rows from `first` up to `end`, so that threads may share them.
struct exact_range {
    uint64_t first, end;
};

// What a batch works in; large, so it is the caller's, one a thread.
struct exact_scratch {
    float dots[EXACT_QUERIES_MAX * EXACT_TILE_ROWS_MAX];
    float row_terms[EXACT_TILE_ROWS_MAX];
    float query_terms[EXACT_QUERIES_MAX];
};

float exact_distance(enum metric metric, const float *query, const float *row, size_t dim);

// The same of `count` rows that lie one behind another, which is faster; rows[count][dim].
struct exact_run {
    const float *rows;
    size_t count;
    size_t dim;
    enum metric metric;
};
void exact_distances(const struct exact_run *run, const float *query, float *out);

// Asks the memory for a row that is wanted soon.
static inline void exact_expect(const float *row, size_t dim)
{
    enum { LINE_FLOATS = 16 };

    for (size_t i = 0; i < dim; i += LINE_FLOATS) {
        __builtin_prefetch(row + i);
    }
}

// queries[count][dim], and one `nearest` each.
struct exact_batch {
    const float *queries;
    struct nearest *nearest;
    size_t count;
};

void exact_scan_batch(const struct exact_rows *r, struct exact_range range,
                      const struct exact_batch *batch, struct exact_scratch *s);
