// ivf_plan: which lists an index gets and which rows belong to each, before anything is written.
//
// Rows of a sample are read and their centroids trained, unless the lists are given; then all rows
// are read and assigned. A plan holds 4 bytes a row, 8 while it is made. The same rows, options and
// seed give the same plan, however many threads there are.
#pragma once

#include "retrieval/vector/build_watch.h"
#include "retrieval/vector/ivf.h"
#include "retrieval/vector/row_source.h"

#include <stddef.h>

struct ivf_plan_options {
    const float *centroids;  // lists that are given; NULL: they are trained
    uint32_t list_count;     // of these; else wanted, or 0 for what suits the number of rows
    size_t sample_bytes_max; // of rows that centroids are trained on; at least one row is taken
    unsigned threads;        // above 0
    uint64_t seed;
    struct build_watch *watch;
};

struct ivf_plan {
    uint32_t dim;
    uint32_t list_count;
    uint64_t row_count;
    uint64_t block_count;
    float *centroids;       // [list_count][dim]
    struct ivf_list *lists; // as a segment stores them
    uint32_t *order;        // [row_count]: the source's rows by list, each list's in their order
};

// How many lists suit so many rows.
uint32_t ivf_plan_list_count(uint64_t rows);

// Lists that were trained have rows; given ones may be empty. ERR_CANCELED; ERR_RANGE for no row or
// more than UINT32_MAX - 1; what the source fails with.
err ivf_plan_make(struct ivf_plan *p, struct row_source *rows, const struct ivf_plan_options *o);
void ivf_plan_done(struct ivf_plan *p);
