// key_hash: from the keys of a segment to its rows, by open addressing over 32-bit slots.
//
// A slot holds a row's number and one more, or 0; the keys themselves are in an array of their own
// (KEYS). A search begins at key_hash_start() and takes slot after slot, around the end, until an
// empty one. Slots of a file may be damaged, so whoever searches there (segment_find_key()) checks
// each row and counts the slots.
#pragma once

#include <stdint.h>

// Slots for so many keys: a power of two, at least a third of them empty.
uint64_t key_hash_slots(uint64_t keys);

// Where the search for a key begins.
uint64_t key_hash_start(uint64_t key, uint64_t slot_count);

// Enters the row of a key that has none yet. `slots` were zeroed at first, and one is empty.
void key_hash_put(uint32_t *slots, uint64_t slot_count, uint64_t key, uint64_t row);
