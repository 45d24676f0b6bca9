// balance: which of several targets gets a request.
//
// By weight alone, or the less busy of two that are drawn by weight: two choices are enough to keep
// the longest queue short (Mitzenmacher, The Power of Two Choices in Randomized Load Balancing,
// 2001). Pure; the caller draws the number.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct balance_choice {
    uint32_t weight; // 0: never
    uint32_t load;   // requests under way
    bool is_open;    // may be chosen
};

// The index of the one chosen; `count` where none may be. `random` has 64 random bits.
size_t balance_weighted(const struct balance_choice *choices, size_t count, uint64_t random);
size_t balance_least_load(const struct balance_choice *choices, size_t count, uint64_t random);
