// backoff: how long to wait before the next attempt.
//
// The span doubles from attempt to attempt up to a cap. Of it, the caller waits a random part in
// the upper half, so that those who failed together do not come back together, and yet nobody
// comes back at once ("equal jitter": Brooker, Exponential Backoff And Jitter, AWS, 2015).
// Pure: the caller draws the number.
#pragma once

#include "base/time.h"

struct backoff_options {
    msec base_ms; // the span before the first attempt after a failure
    msec max_ms;  // the cap of a span
};

#define BACKOFF_DEFAULTS ((struct backoff_options){.base_ms = 250, .max_ms = 8'000})

// The wait before attempt `n` of those that follow the first failure; n counts from 1. `unit` is
// in [0, 1), as random_unit() gives it. Within [span / 2, span) for span = base * 2^(n-1), capped.
msec backoff_wait(struct backoff_options options, unsigned n, double unit);

// The same where the server said how long to wait: never sooner than it wishes, so that one who
// says 0 is not hammered either. Below 0 stands for no wish.
msec backoff_with_wish(msec own_ms, msec wish_ms);
