// nearest: the k rows that are nearest so far.
//
// A max-heap in memory of the caller's: the farthest stands first and makes room. What is kept does
// not depend on the order of pushes, because the smaller key wins where distances are equal, so the
// answer is the same whoever found which row first. A distance that is NaN is never kept. Keys are
// not compared with each other: a row that is pushed twice is there twice. One thread at a time;
// threads fill one each, and nearest_merge() puts them together.
#pragma once

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

struct nearest_hit {
    float distance;
    uint64_t key;
};

struct nearest {
    struct nearest_hit *hits;
    uint32_t count;
    uint32_t limit;
};

// `hits` has room for `limit`, which is above 0.
void nearest_init(struct nearest *n, struct nearest_hit *hits, uint32_t limit);

// A distance above it is of no use any more.
static inline float nearest_bound(const struct nearest *n)
{
    return n->count < n->limit ? INFINITY : n->hits[0].distance;
}

// For nearest_push(): a row that may be near enough.
void nearest_push_close(struct nearest *n, float distance, uint64_t key);

static inline void nearest_push(struct nearest *n, float distance, uint64_t key)
{
    if (distance <= nearest_bound(n)) nearest_push_close(n, distance, key);
}

// All that `from` keeps is pushed into `n`.
void nearest_merge(struct nearest *n, const struct nearest *from);

// Puts the nearest first. This ends the heap: nothing is pushed afterwards but for nearest_init().
void nearest_sort(struct nearest *n);
