// memtable_lists: the rows of a memtable by the lists of a segment's quantizer, in four-bit codes.
//
// So fresh rows are searched as those of segments are: the nearest lists only. A list is a chain of
// blocks that never move; a row's code stands in a slot of one, and slots are what a scan calls
// rows. One writer adds, readers look on without locks, as memtable.h has it: a reader holds to the
// rows that were visible when it began.
#pragma once

#include "base/arena.h"
#include "retrieval/vector/encoder.h"
#include "retrieval/vector/ivf_scan.h"

struct memtable_lists {
    const struct ivf_view *parent; // whose quantizer and scales they are; borrowed
    float radius;                  // of a middling list there
    struct arena *arena;           // the memtable's
    struct memtable_list *lists;
    uint32_t *rows; // of slots; written before the slot can be found
    uint32_t slot_count;
    struct encoder encoder;
    struct ivf_query query; // to find a row's list
    struct row_code code;
};

// `parent` has lists. What does not lie in `arena` goes with memtable_lists_done().
void memtable_lists_init(struct memtable_lists *l, const struct ivf_view *parent, uint32_t rows_max,
                         struct arena *arena);
void memtable_lists_done(struct memtable_lists *l);

// Bytes that all of it takes for `rows_max` rows, at most and about.
uint64_t memtable_lists_bytes(const struct ivf_view *parent, uint32_t rows_max);

void memtable_lists_add(struct memtable_lists *l, uint32_t row, const float *vector);

// Scans the rows of the probe's list. They are offered by their slots; s->test is asked of each and
// refuses those that the reader must not see. Returns how many became candidates.
uint32_t memtable_lists_scan(const struct memtable_lists *l, const struct ivf_query *query,
                             const struct probe *probe, struct ivf_scan *s);

// The row in a slot.
static inline uint32_t memtable_lists_row(const struct memtable_lists *l, uint64_t slot)
{
    return l->rows[slot];
}
