#include "retrieval/vector/index_hits.h"

#include "base/random.h"

#include <assert.h>
#include <string.h>

static bool hit_is_before(const struct index_hit *a, const struct index_hit *b)
{
    if (a->distance != b->distance) return a->distance < b->distance;
    if (a->key != b->key) return a->key < b->key;
    return a->source > b->source;
}

void index_hits_init(struct index_hits *h, struct index_hit *entries, uint32_t limit, float radius)
{
    assert(limit > 0);
    *h = (struct index_hits){.entries = entries, .limit = limit, .bound = radius};
}

// `hit` goes up from the place `at` until its parent is farther.
static void rise(struct index_hit *entries, uint32_t at, struct index_hit hit)
{
    while (at > 0 && hit_is_before(&entries[(at - 1) / 2], &hit)) {
        entries[at] = entries[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    entries[at] = hit;
}

// `hit` goes down from the top of `count` until both children are nearer.
static void sink(struct index_hit *entries, uint32_t count, struct index_hit hit)
{
    uint32_t at = 0;

    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= count) break;
        if (child + 1 < count && hit_is_before(&entries[child], &entries[child + 1])) child++;
        if (!hit_is_before(&hit, &entries[child])) break;
        entries[at] = entries[child];
        at = child;
    }
    entries[at] = hit;
}

void index_hits_push_close(struct index_hits *h, struct index_hit hit)
{
    if (h->count < h->limit) {
        rise(h->entries, h->count++, hit);
    } else if (hit_is_before(&hit, &h->entries[0])) {
        sink(h->entries, h->count, hit);
    }
    if (h->count == h->limit) h->bound = h->entries[0].distance;
}

static void sort(struct index_hits *h)
{
    for (uint32_t left = h->count; left > 1; left--) {
        struct index_hit last = h->entries[left - 1];
        h->entries[left - 1] = h->entries[0];
        sink(h->entries, left - 1, last);
    }
}

// The slot of the key, which holds the place and one more of the hit that has it, or 0.
static uint32_t *slot_of(const struct index_hits *h, uint32_t *slots, size_t mask, uint64_t key)
{
    size_t at = random_mix(key) & mask;

    while (slots[at] && h->entries[slots[at] - 1].key != key) {
        at = (at + 1) & mask;
    }
    return &slots[at];
}

uint32_t index_hits_settle(struct index_hits *h, uint32_t *slots)
{
    size_t count = index_hits_slots(h->limit);
    uint32_t kept = 0;

    sort(h);
    memset(slots, 0, count * sizeof *slots);
    for (uint32_t i = 0; i < h->count; i++) {
        uint32_t *slot = slot_of(h, slots, count - 1, h->entries[i].key);
        if (*slot == 0 || h->entries[i].source > h->entries[*slot - 1].source) *slot = i + 1;
    }
    for (uint32_t i = 0; i < h->count; i++) { // looks for each key before it moves one over it
        const struct index_hit hit = h->entries[i];
        size_t at = random_mix(hit.key) & (count - 1);
        while (slots[at] != i + 1 && slots[at] != 0) {
            at = (at + 1) & (count - 1);
        }
        if (slots[at] == i + 1) h->entries[kept++] = hit;
    }
    uint32_t dropped = h->count - kept;
    h->count = kept;
    return dropped;
}
