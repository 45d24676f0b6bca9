#include "retrieval/vector/candidates.h"

#include <assert.h>
#include <math.h>

void candidates_init(struct candidates *c, struct candidate *entries, uint32_t limit)
{
    assert(limit > 0);
    *c = (struct candidates){.entries = entries, .limit = limit, .threshold = INFINITY};
}

static bool is_worse(const struct candidate *a, const struct candidate *b)
{
    if (a->estimate != b->estimate) return a->estimate > b->estimate;
    if (a->source != b->source) return a->source > b->source;
    return a->row > b->row;
}

// Puts `one` where the hole at `at` belongs, moving the worse of its children up meanwhile.
static void sift_down(struct candidate *entries, uint32_t count, uint32_t at, struct candidate one)
{
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= count) break;
        if (child + 1 < count && is_worse(&entries[child + 1], &entries[child])) child++;
        if (!is_worse(&entries[child], &one)) break;
        entries[at] = entries[child];
        at = child;
    }
    entries[at] = one;
}

static void sift_up(struct candidate *entries, uint32_t at, struct candidate one)
{
    while (at > 0 && is_worse(&one, &entries[(at - 1) / 2])) {
        entries[at] = entries[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    entries[at] = one;
}

bool candidates_offer(struct candidates *c, struct candidate one)
{
    if (!(one.estimate < c->threshold)) return false;
    if (c->count < c->limit) {
        sift_up(c->entries, c->count++, one);
    } else {
        sift_down(c->entries, c->count, 0, one);
    }
    if (c->count == c->limit) c->threshold = c->entries[0].estimate;
    return true;
}

void candidates_sort(struct candidates *c)
{
    struct candidate *entries = c->entries;

    for (uint32_t i = c->count / 2; i-- > 0;) {
        sift_down(entries, c->count, i, entries[i]);
    }
    for (uint32_t last = c->count; last-- > 1;) {
        struct candidate one = entries[last];
        entries[last] = entries[0];
        sift_down(entries, last, 0, one);
    }
}
