// index_view: what a reader of an index sees: segments, and memtables behind them.
//
// Immutable. The newest is published by the index and found under its epoch, and so is all that it
// shows. Memtables are a chain from the oldest that is no segment yet to the one that is written;
// it grows at its end, and a reader goes on to what was added since.
#pragma once

#include "base/list.h"
#include "retrieval/vector/epoch.h"
#include "retrieval/vector/index_part.h"
#include "retrieval/vector/memtable.h"

// A memtable, with the segment whose quantizer it has.
struct index_fresh {
    struct memtable table;
    struct index_part *parent; // held; NULL where the table has no lists
    uint64_t first_lsn;        // of what may be in it
    struct epoch_retired retired;
};

// `parent`, which may be NULL, has lists and is held from now on.
struct index_fresh *index_view_fresh_new(uint32_t dim, uint32_t rows_max,
                                         struct index_part *parent);
void index_view_fresh_free(struct index_fresh *f);
void index_view_fresh_retire(struct index_fresh *f, struct epoch *e);

static inline struct index_fresh *index_view_fresh_of(struct memtable *m)
{
    return container_of(m, struct index_fresh, table);
}

// The next one, or NULL.
static inline struct index_fresh *index_view_fresh_next(struct index_fresh *f)
{
    struct memtable *next = atomic_load_explicit(&f->table.next, memory_order_acquire);

    return next ? index_view_fresh_of(next) : NULL;
}

struct index_view {
    struct epoch_retired retired;
    struct index_fresh *first; // the oldest memtable
    uint32_t part_count;
    // Held. Two may show one key for a moment, while a load takes effect; then the later one
    // counts.
    struct index_part *parts[];
};

// With room for `part_count` parts, which the caller fills in, held.
struct index_view *index_view_new(uint32_t part_count, struct index_fresh *first);
// Lets go of the parts, not of memtables.
void index_view_free(struct index_view *v);
void index_view_retire(struct index_view *v, struct epoch *e);

// The part with the most rows among those with lists, whose quantizer suits new rows best; or NULL.
struct index_part *index_view_parent(const struct index_view *v);
