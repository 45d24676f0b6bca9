// index_effort: how much of a segment with lists a search looks at, for a wanted recall. Pure.
#pragma once

#include "retrieval/vector/index_part.h"

struct index_effort {
    uint32_t lists;      // at most, the nearest ones
    uint32_t candidates; // to keep for exact distances, k or more
    float patience;      // as ivf_stop.h has it
    float epsilon;       // as ivf_scan.h has it
};

// For the `k` nearest of a part that has lists.
struct index_effort index_effort_of(const struct index_part *p, float recall, uint32_t k);

// The same where but `matching` of `of` rows are wanted.
void index_effort_scale(struct index_effort *e, uint64_t of, uint64_t matching);

// Lists of `list_count` that such a search scans, about.
uint32_t index_effort_lists(const struct index_effort *e, uint32_t list_count);
