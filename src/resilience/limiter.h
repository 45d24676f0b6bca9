// limiter: whether one more call may start now. The port of token_bucket and gradient.
//
// Who takes gives back when the call has ended, or when it has brought its first token, whichever
// the owner bounds. Belongs to one loop.
#pragma once

#include "base/time.h"

#include <stdbool.h>
#include <stdint.h>

struct limiter;

// How a call went.
struct limiter_sample {
    bool is_dropped; // it failed as it does by overload: refused as such, or too late
    msec latency;    // -1: not known
};

struct limiter_rules {
    bool (*take)(struct limiter *l, msec now);
    void (*give)(struct limiter *l, msec now, const struct limiter_sample *s);
    msec (*ready)(const struct limiter *l, msec now);
    uint32_t (*limit)(const struct limiter *l);
};

// Embedded in the one that limits.
struct limiter {
    const struct limiter_rules *rules;
};

// True: the call may start, and is counted.
static inline bool limiter_take(struct limiter *l, msec now)
{
    return l->rules->take(l, now);
}

static inline void limiter_give(struct limiter *l, msec now, const struct limiter_sample *s)
{
    l->rules->give(l, now, s);
}

// When a take would succeed: `now` or before, or later; TIME_NEVER: only when a call has ended.
static inline msec limiter_ready(const struct limiter *l, msec now)
{
    return l->rules->ready(l, now);
}

// For display; 0: no limit.
static inline uint32_t limiter_limit(const struct limiter *l)
{
    return l->rules->limit(l);
}
