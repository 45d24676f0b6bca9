#include "retrieval/vector/key_hash.h"

#include "base/memory.h"

#include "support/test.h"

enum { KEYS = 1000 };

static uint64_t key_of(uint64_t row)
{
    return row * row * 4096;
}

TEST(key_hash_has_a_power_of_two_of_slots_a_third_of_them_empty)
{
    for (uint64_t keys = 1; keys < 5'000'000; keys = keys * 3 / 2 + 1) {
        uint64_t slots = key_hash_slots(keys);
        CHECK((slots & (slots - 1)) == 0);
        CHECK(slots * 2 >= keys * 3);
        CHECK(slots < keys * 4 + 4);
    }
}

// Each key's slot is reached from its start over slots that are full.
TEST(key_hash_finds_what_was_put)
{
    uint64_t slot_count = key_hash_slots(KEYS);
    uint32_t *slots = memory_alloc(slot_count * sizeof *slots);

    for (uint64_t row = 0; row < KEYS; row++) {
        key_hash_put(slots, slot_count, key_of(row), row);
    }
    for (uint64_t row = 0; row < KEYS; row++) {
        uint64_t at = key_hash_start(key_of(row), slot_count);
        while (slots[at] && slots[at] != row + 1) {
            at = (at + 1) & (slot_count - 1);
        }
        CHECK_EQ(slots[at], row + 1);
    }
    memory_free(slots);
}
