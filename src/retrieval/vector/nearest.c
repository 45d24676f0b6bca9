#include "retrieval/vector/nearest.h"

#include <assert.h>

static bool hit_is_before(struct nearest_hit a, struct nearest_hit b)
{
    return a.distance < b.distance || (a.distance == b.distance && a.key < b.key);
}

void nearest_init(struct nearest *n, struct nearest_hit *hits, uint32_t limit)
{
    assert(limit > 0);
    *n = (struct nearest){.hits = hits, .limit = limit};
}

// `hit` goes up from the place `at` until its parent is farther.
static void rise(struct nearest_hit *hits, uint32_t at, struct nearest_hit hit)
{
    while (at > 0 && hit_is_before(hits[(at - 1) / 2], hit)) {
        hits[at] = hits[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    hits[at] = hit;
}

// `hit` goes down from the top of `count` until both children are nearer.
static void sink(struct nearest_hit *hits, uint32_t count, struct nearest_hit hit)
{
    uint64_t at = 0;

    for (;;) {
        uint64_t child = 2 * at + 1;
        if (child >= count) break;
        if (child + 1 < count && hit_is_before(hits[child], hits[child + 1])) child++;
        if (!hit_is_before(hit, hits[child])) break;
        hits[at] = hits[child];
        at = child;
    }
    hits[at] = hit;
}

void nearest_push_close(struct nearest *n, float distance, uint64_t key)
{
    struct nearest_hit hit = {.distance = distance, .key = key};

    if (n->count < n->limit) {
        rise(n->hits, n->count++, hit);
    } else if (hit_is_before(hit, n->hits[0])) {
        sink(n->hits, n->count, hit);
    }
}

void nearest_merge(struct nearest *n, const struct nearest *from)
{
    for (uint32_t i = 0; i < from->count; i++) {
        nearest_push(n, from->hits[i].distance, from->hits[i].key);
    }
}

void nearest_sort(struct nearest *n)
{
    for (uint32_t left = n->count; left > 1; left--) {
        struct nearest_hit last = n->hits[left - 1];
        n->hits[left - 1] = n->hits[0];
        sink(n->hits, left - 1, last);
    }
}
