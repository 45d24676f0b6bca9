// key_map: the row of each key, for one writer and readers without locks.
//
// Open addressing in a table that never grows: whoever makes it says how many keys come at most.
// A key stays once it is there; its row may be replaced. One writer at a time.
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#define KEY_MAP_NONE UINT32_MAX

struct key_map_slot {
    _Atomic uint64_t key; // set before `row`, and once
    _Atomic uint32_t row; // plus one; 0 where the slot is free
};

struct key_map {
    struct key_map_slot *slots;
    uint32_t mask;
    uint32_t count;
    uint32_t count_max;
};

// `count_max` is at most 2^30.
void key_map_init(struct key_map *m, uint32_t count_max);
void key_map_done(struct key_map *m);

// KEY_MAP_NONE where the key is not there. Safe from any thread.
uint32_t key_map_find(const struct key_map *m, uint64_t key);

// Enters the key, or replaces its row; returns the row before, or KEY_MAP_NONE. At most `count_max`
// different keys. What was written before can be read by whoever finds the row.
uint32_t key_map_put(struct key_map *m, uint64_t key, uint32_t row);
