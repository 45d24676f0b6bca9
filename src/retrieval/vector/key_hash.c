#include "retrieval/vector/key_hash.h"

#include "base/random.h"

#include <assert.h>

uint64_t key_hash_slots(uint64_t keys)
{
    uint64_t slots = 4;

    while (slots / 3 * 2 < keys) {
        slots *= 2;
    }
    return slots;
}

uint64_t key_hash_start(uint64_t key, uint64_t slot_count)
{
    return random_mix(key) & (slot_count - 1);
}

void key_hash_put(uint32_t *slots, uint64_t slot_count, uint64_t key, uint64_t row)
{
    uint64_t at = key_hash_start(key, slot_count);

    assert(row < UINT32_MAX);
    while (slots[at]) {
        at = (at + 1) & (slot_count - 1);
    }
    slots[at] = (uint32_t)row + 1;
}
