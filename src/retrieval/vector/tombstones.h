// tombstones: which rows of an immutable segment are dead.
//
// A bit a row, set once and for ever, by writers and while others read. A file holds the bits of
// one moment:
//
//     char magic[8]; u32 version; u32 crc32c of words, rows and dead; u64 rows; u64 dead; u64
//     words[]
//
// in the byte order of the machine, which the segment it belongs to vouches for.
#pragma once

#include "io/disk.h"

#include <stdatomic.h>
#include <stdbool.h>

struct tombstones {
    _Atomic(uint64_t) *words;
    uint64_t rows;
    _Atomic(uint64_t) dead;
};

void tombstones_init(struct tombstones *t, uint64_t rows);
void tombstones_done(struct tombstones *t);

// Marks a row below `rows`. False where it was dead already. What was written before can be read by
// whoever finds the row dead, on processors that order loads, or behind a barrier on others.
bool tombstones_set(struct tombstones *t, uint64_t row);

static inline bool tombstones_has(const struct tombstones *t, uint64_t row)
{
    return atomic_load_explicit(&t->words[row / 64], memory_order_relaxed) >> (row % 64) & 1;
}

// Writes them to a new file, and syncs it but not its folder. `*dead` is how many it holds: bits
// that are set meanwhile may be among them.
err tombstones_save(const struct tombstones *t, struct disk *d, str path, uint64_t *dead);

// Sets what the file holds. ERR_DAMAGED where it is not such a file of as many rows.
err tombstones_load(struct tombstones *t, struct disk *d, str path);
