// limiter: a port for whatever says when one more call may start.
//
// A caller takes before it starts a call and gives back, exactly once, when that call has ended,
// with what it saw of it. Refused, it asks when to look again and need not poll:
//
//     take --true--> the call runs --> give(sample)
//       '---false--> wait until ready(), or until any call ends, and take again
//
// Implementations embed a struct limiter and find themselves by container_of: token_bucket (how
// many may start in a minute) and gradient (how many may be under way). Belongs to one loop.
#pragma once

#include "base/time.h"

#include <stdbool.h>
#include <stdint.h>

struct limiter_sample {
    bool is_dropped; // the server was overloaded and said so, or did not answer in time
    msec latency; // of the kind this limiter is fed, such as that of the first token; -1: unknown
};

struct limiter {
    const struct limiter_rules *rules;
};

struct limiter_rules {
    bool (*take)(struct limiter *l, msec now);
    void (*give)(struct limiter *l, msec now, const struct limiter_sample *sample);
    msec (*ready)(const struct limiter *l, msec now);
    uint32_t (*limit)(const struct limiter *l);
    uint32_t (*in_use)(const struct limiter *l);
};

// Whether one more call may start now; true counts it as under way.
static inline bool limiter_take(struct limiter *l, msec now)
{
    return l->rules->take(l, now);
}

// A call that was taken has ended. `now` is never before that of an earlier take or give.
static inline void limiter_give(struct limiter *l, msec now, const struct limiter_sample *sample)
{
    l->rules->give(l, now, sample);
}

// When another look pays: `now` if take would grant, a later instant if time alone will do, and
// TIME_NEVER if only the end of a call helps.
static inline msec limiter_ready(const struct limiter *l, msec now)
{
    return l->rules->ready(l, now);
}

// How many may be under way at once, or start at once where time is what limits; 0: no limit.
static inline uint32_t limiter_limit(const struct limiter *l)
{
    return l->rules->limit(l);
}

// How many are under way.
static inline uint32_t limiter_in_use(const struct limiter *l)
{
    return l->rules->in_use(l);
}
