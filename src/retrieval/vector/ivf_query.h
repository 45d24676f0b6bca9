// ivf_query: a query prepared for the lists and codes of one quantizer.
//
// Made once a query and quantizer, not once a list: the vector relative to the origin, rotated; its
// int8 form for the coarse scan and the four-bit codes; tables of sums for the one-bit codes. All
// room is allocated by ivf_query_init(), so a thread keeps one and sets it again for each search.
// Values must be finite, the caller refuses others; nothing else is asked of them.
#pragma once

#include "retrieval/vector/quantizer.h"
#include "retrieval/vector/scan_kernels.h"

struct ivf_query {
    const struct scan_kernels *kernels;
    const struct quantizer *quantizer;
    const float *vector; // borrowed until the next ivf_query_set()

    float *relative;      // to the origin
    float *rotated;       // that, rotated
    int8_t *levels;       // the rotated coordinates in 8 bits
    uint8_t *table;       // [padded_dim / 4][16], sums of chosen coordinates less the least
    float level_step;     // what one level is worth
    int32_t level_sum;    // of all levels
    float table_step;     // what one of the table is worth in <R q, b>
    float table_sum;      // what completes it
    float *scores;        // coarse scores of lists
    float *block_scores;  // the least of each block
    uint64_t *samples;    // scores of some lists, as keys
    uint64_t *keys;       // of lists that were measured, by distance
    uint32_t sample_rank; // how many of the samples were within what was collected
    uint32_t named;       // of the keys, those that ivf_query_next() gave
    uint32_t measured;
    uint64_t collected; // all lists with scores up to this key were measured
    void *memory;
    uint32_t padded_dim_max;
    uint32_t list_count_max;
};

// A list to scan.
struct probe {
    float distance; // of the query to the centroid, by the metric
    float reach;    // the Euclidean distance
    uint32_t list;
};

// Room for quantizers of up to so many dimensions and lists.
void ivf_query_init(struct ivf_query *q, uint32_t dim_max, uint32_t list_count_max);
void ivf_query_done(struct ivf_query *q);

// Prepares for `vector`, of the quantizer's dim. Both are borrowed.
void ivf_query_set(struct ivf_query *q, const struct quantizer *quantizer, const float *vector);

// Begins to name lists by their distance.
void ivf_query_rank(struct ivf_query *q);

// The next nearest `count` lists with exact distances, by these; returns how many there are still.
// Each list is named once. Scores are rounded, so a list may rarely be nearer than one before it,
// though never than one that the same call gives. `out` has room for `count`.
uint32_t ivf_query_next(struct ivf_query *q, uint32_t count, struct probe *out);

// Both: the `count` lists with the nearest centroids.
uint32_t ivf_query_probe(struct ivf_query *q, uint32_t count, struct probe *out);
