// token_bucket: a limiter of how many calls may start in a minute.
//
// The bucket holds up to `burst` tokens and a call takes one. It fills at `per_minute`, evenly and
// without drift: the level is counted in sixty-thousandths of a token, of which each millisecond
// brings exactly `per_minute`. Over any span of t ms at most burst + t * per_minute / 60,000 calls
// start. (Turner, New Directions in Communications, 1986.)
// Samples change nothing: what a server's 429 means is decided elsewhere. Belongs to one loop.
#pragma once

#include "resilience/limiter.h"

struct token_bucket {
    struct limiter limiter;
    uint32_t per_minute; // 0: no limit
    uint32_t burst;
    uint32_t in_use;
    int64_t level; // in sixty-thousandths of a token
    msec filled_at;
};

// Starts full. `per_minute` 0 stands for no limit; a `burst` of 0 counts as 1, as else nothing
// could ever start.
void token_bucket_init(struct token_bucket *b, uint32_t per_minute, uint32_t burst, msec now);

// New rules from now on. What is in the bucket stays as far as it fits; a bucket that had no limit
// is full.
void token_bucket_configure(struct token_bucket *b, uint32_t per_minute, uint32_t burst, msec now);
