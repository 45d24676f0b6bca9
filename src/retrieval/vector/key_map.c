#include "retrieval/vector/key_map.h"

#include "base/memory.h"
#include "base/random.h"

#include <assert.h>

// At most two thirds of the slots are ever taken, so that a search for an absent key ends soon.
void key_map_init(struct key_map *m, uint32_t count_max)
{
    uint32_t slots = 16;

    assert(count_max <= UINT32_C(1) << 30);
    while (slots < (uint64_t)count_max * 3 / 2) {
        slots *= 2;
    }
    *m = (struct key_map){.mask = slots - 1, .count_max = count_max};
    m->slots = memory_alloc(slots * sizeof *m->slots);
}

void key_map_done(struct key_map *m)
{
    memory_free(m->slots);
    *m = (struct key_map){0};
}

// The slot of the key, or the free one where it belongs; `*row` is what stands there.
static struct key_map_slot *slot_of(const struct key_map *m, uint64_t key, uint32_t *row)
{
    for (uint32_t at = (uint32_t)random_mix(key);; at++) {
        struct key_map_slot *slot = &m->slots[at & m->mask];
        *row = atomic_load_explicit(&slot->row, memory_order_acquire);
        if (*row == 0) return slot;
        if (atomic_load_explicit(&slot->key, memory_order_relaxed) == key) return slot;
    }
}

uint32_t key_map_find(const struct key_map *m, uint64_t key)
{
    uint32_t row = 0;

    (void)slot_of(m, key, &row);
    return row ? row - 1 : KEY_MAP_NONE;
}

uint32_t key_map_put(struct key_map *m, uint64_t key, uint32_t row)
{
    uint32_t before = 0;
    struct key_map_slot *slot = slot_of(m, key, &before);

    if (before == 0) {
        assert(m->count < m->count_max);
        m->count++;
        atomic_store_explicit(&slot->key, key, memory_order_relaxed);
    }
    atomic_store_explicit(&slot->row, row + 1, memory_order_release);
    return before ? before - 1 : KEY_MAP_NONE;
}
