// key_hash: from the keys of a segment to its rows, by open addressing over 32-bit slots.
//
// A slot holds a row's number and one more, or 0. The keys themselves are in an array of their own
// (KEYS). Slots may be damaged: a lookup trusts none of them and ends.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct key_hash {
    uint32_t *slots;
    uint64_t slot_count; // a power of two
};

// Slots for so many keys: a power of two, at least a third of them empty.
uint64_t key_hash_slots(uint64_t keys);

// Enters a key that is in no other row. The slots, zeroed at first, have room.
void key_hash_put(const struct key_hash *h, uint64_t key, uint64_t row);

// The slot at which the search for a key begins.
uint64_t key_hash_start(uint64_t key, uint64_t slot_count);
