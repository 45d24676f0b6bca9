// index_relist: the lists of a segment that is merged of others, made of those that there are.
//
// Rows come and go, so some lists grow too long and some too short. A list that a sample of the
// rows says to be above twice the length that suits them is split by clustering its rows; one below
// a quarter is given up, and its rows go to its neighbours. Since every row of the new segment is
// put into its nearest list anyway, neighbours need no look of their own. (After LIRE: Xu et al.,
// "SPFresh", SOSP 2023.) Where too much of it would change, lists are to be trained anew.
#pragma once

#include "base/err.h"
#include "retrieval/vector/row_source.h"

#include <stdatomic.h>
#include <stddef.h>

struct index_relist_options {
    struct row_source *rows;
    const float *centroids; // [count][dim], the lists that there are
    uint32_t count;
    size_t memory_bytes_max;
    unsigned threads;
    uint64_t seed;
    const atomic_bool *cancel;
};

enum index_relist_advice {
    INDEX_RELIST_KEEP,  // they suit the rows
    INDEX_RELIST_ADAPT, // the ones returned do
    INDEX_RELIST_TRAIN, // they don't: train anew
};

struct index_relist {
    enum index_relist_advice advice;
    float *centroids; // [count][dim]
    uint32_t count;
    uint32_t splits;
    uint32_t joins;
};

// Of at least one row. ERR_CANCELED; what the source fails with.
err index_relist_make(struct index_relist *r, const struct index_relist_options *o);
void index_relist_done(struct index_relist *r);
