// filter_bound: a filter made ready for one segment.
//
// Binding looks up texts in the segment's dictionaries and finds the runs of its orders that each
// leaf takes, a few dozen steps of binary search for each range and each value of a list. What is
// known then: whether a row matches, in a few loads; at least and at most how many rows match; and
// where to find all of them without looking at the others.
// Immutable; lives in an arena; safe from any thread. The filter and the columns outlive it.
#pragma once

#include "retrieval/vector/columns.h"
#include "retrieval/vector/filter.h"

// Places of the order, from `start` up to `end`.
struct filter_run {
    uint32_t start;
    uint32_t end;
};

struct filter_bound_leaf {
    const struct column_view *view; // NULL where no value is taken
    uint64_t low;
    uint64_t span;        // of the range; with it both ends are one comparison
    const uint64_t *keys; // ascending; NULL where the range is all there is
    uint32_t key_count;
    uint32_t run_count;
    const struct filter_run *runs; // what is taken; ascending, not empty
    uint16_t on_true;              // negation included
    uint16_t on_false;
    bool is_negated;
    bool is_source; // of filter_bound_rows()
};

struct filter_bound {
    const struct filter *filter;
    uint32_t row_count;
    uint32_t rows_min;   // of matching rows; of undamaged columns
    uint32_t rows_max;   // and those that filter_bound_rows() looks at
    uint32_t rows_guess; // between the two, as if the leaves knew nothing of each other
    uint32_t first;
    bool is_whole; // looking at all rows finds them with less work than the sources do
    struct filter_bound_leaf *leaves; // by number of the node
};

// The columns are of the filter's schema.
void filter_bound_init(struct filter_bound *b, const struct filter *f, const struct columns *c,
                       struct arena *arena);

// Whether a row matches; one that isn't there does not. Touches no memory but the leaves' and the
// row's values.
bool filter_bound_match(const struct filter_bound *b, uint32_t row);

// All matching rows, ascending, each once. ERR_LIMIT where they don't fit; they do where `max` is
// rows_max or more.
err filter_bound_rows(const struct filter_bound *b, uint32_t *rows, uint32_t max, uint32_t *count);
