// random: repeatable randomness, injected by whoever owns a seed.
//
// The same seed gives the same numbers on every machine. Not for secrets. The generator is
// xoshiro256** (Blackman and Vigna, 2018), seeded through splitmix64 (Steele et al., 2014).
#pragma once

#include <stdint.h>

struct random {
    uint64_t state[4];
};

void random_init(struct random *r, uint64_t seed);
uint64_t random_u64(struct random *r);
// Below `bound`, which is above 0, without bias.
uint64_t random_below(struct random *r, uint64_t bound);
// In [0, 1).
double random_unit(struct random *r);
// From the standard normal distribution.
double random_normal(struct random *r);

// One step of splitmix64: a good 64-bit mix of `value`, for keyed decisions and hashes of numbers.
uint64_t random_mix(uint64_t value);
