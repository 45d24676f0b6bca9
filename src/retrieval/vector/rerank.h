// rerank: exact distances instead of estimates, for the few candidates of a search.
#pragma once

#include "retrieval/vector/candidates.h"
#include "retrieval/vector/metric.h"

// Where rows are found; the caller embeds it.
struct raw_rows {
    // The floats of a row; NULL where there is none, which then is as far as can be.
    const float *(*find)(struct raw_rows *rows, uint32_t source, uint64_t row);
};

struct rerank_query {
    const float *vector;
    uint32_t dim;
    enum metric metric;
};

// Replaces every estimate by the distance and sorts, best first.
void rerank(struct candidates *c, const struct rerank_query *query, struct raw_rows *rows);
