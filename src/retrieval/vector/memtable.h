// memtable: the newest rows of an index, in memory, searched while they are written.
//
// One writer appends rows and kills them; any number of readers look on without locks. A row is
// part of what a reader sees once the writer published it: a reader asks once how many rows are
// visible and holds to that number, so that it sees all rows of a batch or none. A row that dies
// says at which number of visible rows; to readers of a lower number it still lives. So a row that
// replaces another appears in the moment in which the other goes.
//
// Where a segment lends its quantizer, rows are also kept by lists (memtable_lists.h), to be
// scanned as those of segments are; else all are read. A full memtable is followed by a new one,
// its `next`, and becomes a segment; readers who began before go on from one to the other.
#pragma once

#include "base/arena.h"
#include "retrieval/vector/key_map.h"
#include "retrieval/vector/memtable_lists.h"

#include <stdbool.h>

enum { MEMTABLE_CHUNK_ROWS = 256, MEMTABLE_ROWS_MAX = 1 << 20 };

#define MEMTABLE_NONE KEY_MAP_NONE

struct memtable_chunk;

struct memtable {
    struct memtable *_Atomic next;
    struct memtable_chunk **chunks;
    uint32_t dim;
    uint32_t rows_max;
    uint32_t rows;            // the writer's; some may not be visible yet
    _Atomic uint32_t visible; // rows that readers may look at
    _Atomic uint32_t dead;    // of all rows
    _Atomic uint64_t bytes;   // of memory, about
    struct key_map keys;      // of each key, the newest row
    struct arena arena;       // chunks, values and lists; the writer's
    bool has_lists;
    struct memtable_lists lists;
};

// `parent` is NULL where rows are to have no lists; else it has some, and is borrowed.
void memtable_init(struct memtable *m, uint32_t dim, uint32_t rows_max,
                   const struct ivf_view *parent);
void memtable_done(struct memtable *m);

// What a memtable without lists takes a row, without values, about.
uint64_t memtable_row_bytes(uint32_t dim);

// The writer's part. Each from one thread at a time.

static inline bool memtable_has_room(const struct memtable *m, uint32_t rows)
{
    return m->rows_max - m->rows >= rows;
}

// Adds a row that memtable_publish() shows, and returns its number. What was there under the same
// key dies in that moment. `values` are bytes that mean nothing here. There must be room.
uint32_t memtable_append(struct memtable *m, uint64_t key, const float *vector, str values);

// The newest row of a key, visible or not, if it lives; MEMTABLE_NONE otherwise.
uint32_t memtable_newest(const struct memtable *m, uint64_t key);

// Kills a row that lives, for readers who see `at` rows or more; `at` is above 0.
void memtable_kill(struct memtable *m, uint32_t row, uint32_t at);

void memtable_publish(struct memtable *m);

// The readers' part. `visible` is what memtable_visible() said, and rows are below it.

static inline uint32_t memtable_visible(const struct memtable *m)
{
    return atomic_load_explicit(&m->visible, memory_order_acquire);
}

// The row of a key that lives, or MEMTABLE_NONE.
uint32_t memtable_find(const struct memtable *m, uint64_t key, uint32_t visible);

bool memtable_is_dead(const struct memtable *m, uint32_t row, uint32_t visible);

uint64_t memtable_key(const struct memtable *m, uint32_t row);
const float *memtable_vector(const struct memtable *m, uint32_t row);
str memtable_values(const struct memtable *m, uint32_t row);

// How many rows lie one behind the other in memory from `row` on, `row` included.
static inline uint32_t memtable_run(uint32_t row)
{
    return MEMTABLE_CHUNK_ROWS - row % MEMTABLE_CHUNK_ROWS;
}
