// gradient: how many calls at once an upstream can take, learned from their latency. A limiter.
//
// While the latency of late stays near that of long, the limit grows by a small queue; when it
// rises, the limit falls by their ratio, to a half at most for one sample, smoothed. A call that
// failed by overload shrinks it by a tenth. Nothing changes while less than half of the limit is in
// use, for then the latency says nothing about it. The rule is that of Gradient2 in Netflix's
// concurrency-limits, with its parameters. Belongs to one loop.
#pragma once

#include "resilience/limiter.h"

struct gradient_options {
    uint32_t initial;
    uint32_t min;
    uint32_t max; // 0: no limit
};

struct gradient {
    struct limiter limiter;
    struct gradient_options options;
    double estimate;
    double long_ms;   // an average over the last GRADIENT_LONG samples
    uint32_t samples; // in it, up to that
    uint32_t in_flight;
    msec shrunk_at; // the last time a dropped call did
};

enum { GRADIENT_LONG = 600 };

void gradient_init(struct gradient *g, const struct gradient_options *o);
// Other bounds from now on; what was learned stays.
void gradient_configure(struct gradient *g, const struct gradient_options *o);
