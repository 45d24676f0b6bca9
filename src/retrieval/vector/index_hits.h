// index_hits: the nearest rows of one search of an index so far, by their keys.
//
// A search meets rows in many places, and while rows are being replaced it may meet an old and a
// new one of the same key. So hits say where they come from: a higher source is newer, and of one
// key the newest stays. A few more are kept than are wanted, so that what is dropped in the end
// leaves enough. A heap of which the farthest stands first, until index_hits_settle(); what it
// keeps does not depend on the order of pushes. The memory is the caller's; one thread at a time.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { INDEX_HITS_SPARE = 16 };

struct index_hit {
    float distance;
    uint32_t source;
    uint64_t key;
};

struct index_hits {
    struct index_hit *entries;
    uint32_t count;
    uint32_t limit;
    float bound; // what is farther is of no use any more
};

// `entries` has room for `limit`, which is above 0. What is farther than `radius` is never kept.
void index_hits_init(struct index_hits *h, struct index_hit *entries, uint32_t limit, float radius);

// For index_hits_push(): a row that is near enough, unless others of its distance are.
void index_hits_push_close(struct index_hits *h, struct index_hit hit);

// Keeps it if it is near enough; never where the distance is NaN.
static inline void index_hits_push(struct index_hits *h, struct index_hit hit)
{
    if (hit.distance <= h->bound) index_hits_push_close(h, hit);
}

// Slots that index_hits_settle() wants for so many hits: a power of two.
static inline size_t index_hits_slots(uint32_t limit)
{
    return (size_t)2 << (32 - __builtin_clz(limit));
}

// Puts the nearest first, of equal ones the lower key, and drops those whose key a newer source has
// as well. Returns how many it dropped. This ends the heap. `slots` are index_hits_slots().
uint32_t index_hits_settle(struct index_hits *h, uint32_t *slots);
