// candidates: the rows with the best estimates so far, of all that one search scans.
//
// A max-heap of bounded size, so that the worst is at hand; its estimate is the threshold that a
// row must beat. Shared by all segments of a search, which `source` tells apart. The caller owns
// the memory. Belongs to one search.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct candidate {
    float estimate; // of the distance; rerank() makes it exact
    uint32_t source;
    uint64_t row;
};

struct candidates {
    struct candidate *entries; // a heap until candidates_sort()
    uint32_t count;
    uint32_t limit;
    float threshold; // infinite until there are `limit`
};

// `entries` has room for `limit`, which is above 0.
void candidates_init(struct candidates *c, struct candidate *entries, uint32_t limit);

// Takes what beats the threshold, dropping the worst where full. False for others, and for NaN.
bool candidates_offer(struct candidates *c, struct candidate one);

// Best first; of equal estimates the lower source, then the lower row.
void candidates_sort(struct candidates *c);
