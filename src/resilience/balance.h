// balance: which of several targets gets the next call.
//
// Two ways, both pure functions of what the targets are like now and of one random number:
// by weight alone, or by weight and load. The second draws two different targets by weight and
// takes the less loaded for its weight. Two random choices are nearly as good as looking at all,
// and unlike "the least loaded of all" they do not send everybody to the one whose load was told
// last (Mitzenmacher, The Power of Two Choices in Randomized Load Balancing, 2001).
// A target is a candidate if it is open and its weight is above 0.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct balance_choice {
    uint32_t weight;
    uint32_t load; // calls under way, or any measure that all of them share
    bool is_open;
};

// Each of these returns an index below `n`, or `n` where there is no candidate. `random` is uniform
// over all 64-bit numbers. At most 2^31 choices.

// A candidate with a probability in proportion to its weight.
size_t balance_weighted(const struct balance_choice *c, size_t n, uint64_t random);

// Of two candidates, the one with the lower (load + 1) / weight; the one drawn first where these
// are the same. Loads settle in proportion to the weights.
size_t balance_least_load(const struct balance_choice *c, size_t n, uint64_t random);
