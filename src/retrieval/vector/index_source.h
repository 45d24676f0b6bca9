// index_source: one place where a search looks for rows: a segment or a memtable.
//
// Lasts as long as its search, which is inside the epoch. A higher number is newer. Rows of a
// segment are numbered by it, those of a memtable in the order they came. Whatever is read of a
// segment is touched before, as its checks demand. Belongs to the search's thread.
#pragma once

#include "base/arena.h"
#include "retrieval/vector/filter_bound.h"
#include "retrieval/vector/filter_plan.h"
#include "retrieval/vector/index_effort.h"
#include "retrieval/vector/index_view.h"

enum index_way {
    INDEX_WAY_NONE,  // no row matches
    INDEX_WAY_READ,  // every vector is read
    INDEX_WAY_BYTES, // every row is read as bytes
    INDEX_WAY_ROWS,  // the vectors of matching rows are read
    INDEX_WAY_LISTS  // some lists are scanned
};

struct index_source {
    struct index_part *part;   // one of
    struct index_fresh *fresh; // these two
    uint32_t number;
    uint32_t visible; // rows of the memtable that the search sees
    enum index_way way;

    const struct filter *filter; // NULL: all rows match
    struct filter_bound bound;   // of a segment
    struct row_test test;        // of rows; of a memtable with lists, of slots

    uint32_t group; // those that are scanned by one query (index_lists.h)
    struct index_effort effort;
    uint64_t rows_read;  // of its lists
    uint64_t rows_worth; // after so many of them, reading all matching rows would have cost less
    bool is_damaged;
};

// Of a segment. What `filter` needs is made in `arena`.
void index_source_init_part(struct index_source *s, struct index_part *p,
                            const struct filter *filter, struct arena *arena);

// Of a memtable: what is visible now is what the search sees.
void index_source_init_fresh(struct index_source *s, struct index_fresh *f,
                             const struct filter *filter);

static inline uint64_t index_source_rows(const struct index_source *s)
{
    return s->part ? s->part->segment.shape.row_count : s->visible;
}

// Whether a row lives.
bool index_source_lives(const struct index_source *s, uint64_t row);

// Whether it lives and matches.
bool index_source_accepts(const struct index_source *s, uint64_t row);

uint64_t index_source_key(struct index_source *s, uint64_t row);
const float *index_source_vector(struct index_source *s, uint64_t row);

// Vectors one behind the other, from `row` on, at least one and at most `*count`, which becomes how
// many there are.
const float *index_source_run(struct index_source *s, uint64_t row, uint32_t *count);

// What was read of tombstones was read before what comes next. Processors that reorder loads need
// to be told, and so do compilers.
static inline void index_source_order_loads(void)
{
#if defined(__aarch64__)
    __asm__ volatile("dmb ishld" ::: "memory");
#else
    __asm__ volatile("" ::: "memory");
#endif
}
