// token_bucket: a known rate, with bursts. A limiter.
//
// Whole microseconds of credit instead of fractions of tokens, so that nothing drifts: a token is
// 60 s / per_minute of time (the virtual scheduling form of ITU-T I.371's GCRA). Belongs to one
// loop.
#pragma once

#include "resilience/limiter.h"

struct token_bucket {
    struct limiter limiter;
    uint32_t per_minute; // 0: no limit
    uint32_t burst;
    usec next_us; // when the bucket would be full again, a token a call later
};

void token_bucket_init(struct token_bucket *b, uint32_t per_minute, uint32_t burst, msec now);
void token_bucket_configure(struct token_bucket *b, uint32_t per_minute, uint32_t burst);
