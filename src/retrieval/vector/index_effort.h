// index_effort: how much of a segment with lists a search looks at, for a wanted recall. Pure.
#pragma once

#include "retrieval/vector/index_part.h"

struct index_effort {
    uint32_t lists;      // the nearest ones, to scan
    uint32_t candidates; // to keep for exact distances, k or more
    float epsilon;       // as ivf_scan.h has it
};

// For the `k` nearest of a part that has lists.
struct index_effort index_effort_of(const struct index_part *p, float recall, uint32_t k);
