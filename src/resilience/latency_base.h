// latency_base: what P95 an upstream's healthy calls take, learned slowly.
//
// A quantile followed by stochastic approximation (Robbins and Monro, 1951) on the logarithm: each
// healthy batch of calls moves the base up by how many of them exceed it, or down where too few do.
// It is a P95 over many minutes, not over one window: shifts between windows are part of what is
// healthy. After a warm-up of some five minutes a step is 0.1 % down or at most 0.3 % up, so that a
// slow slide into trouble leaves the base behind; but a base that nothing has reached for long
// falls ten times as fast. Plain values, owned by whoever embeds them.
#pragma once

#include "base/time.h"

#include <stdint.h>

struct latency_base {
    double p95;       // in ms, 0 as long as nothing is known
    uint32_t batches; // learned so far
    uint32_t lows;    // batches in a row that nowhere reached the base
    uint32_t calls;   // of the batch that gathers
    uint32_t above;
};

// A healthy slice of `calls`, `above` of which exceeded the base. `window_p95` is the first guess;
// below 0 it is none.
void latency_base_learn(struct latency_base *l, uint32_t calls, uint32_t above, msec window_p95);
// Yields to an upstream that stays slow: a tenth up.
void latency_base_yield(struct latency_base *l);
// The time above which a call is slow: `factor` times the base, more as long as little is known,
// and not below `floor_ms`. TIME_NEVER where nothing is known.
msec latency_base_limit(const struct latency_base *l, double factor, msec floor_ms);
// The base as a time, or -1.
msec latency_base_ms(const struct latency_base *l);
