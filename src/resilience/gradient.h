// gradient: a limiter that finds out by itself how many calls a server takes at once.
//
// While the server keeps up, its latency does not depend on how much is asked of it; past that,
// calls queue up and latency grows. The limit follows the ratio of both:
//
//     gradient = clamp(1.5 * long latency / latency now, 0.5, 1)
//     limit    = 0.8 * limit + 0.2 * (limit * gradient + 4)
//
// so it grows by little until calls take half as long again as usual, and shrinks by up to a tenth
// a step when they take much longer. "Now" is the mean of a window of at least a second and ten
// samples; "long" is the moving average of 600 windows, which falls fast once it is more than
// twice what is seen. A window in which less than half of the limit was in use teaches nothing
// about it. This is Netflix's Gradient2 with its defaults (concurrency-limits, 2018), to which one
// rule is added: a dropped sample takes a tenth off, at most once in the latency of a call, since
// calls that started together are dropped together.
//
// An overload that never ends slowly becomes the "long" latency, and the limit then grows by about
// a tenth a minute: `max` is what bounds it. Belongs to one loop.
#pragma once

#include "resilience/limiter.h"

struct gradient_options {
    uint32_t initial;
    uint32_t min; // 0 counts as 1
    uint32_t max; // 0: no limit, and nothing is learned; below `min`, it counts as `min`
};

struct gradient_window {
    msec begin;
    uint32_t samples;
    uint32_t in_use_max;
    double latency_sum;
};

struct gradient {
    struct limiter limiter;
    struct gradient_options options;
    uint32_t in_use;
    double limit;      // within min and max
    double latency;    // the long one; 0: none yet
    uint32_t windows;  // that it is made of, up to where its average starts to move
    msec shrink_after; // drops before this instant change nothing
    struct gradient_window window;
};

void gradient_init(struct gradient *g, struct gradient_options options);

// New bounds; what was learned stays as far as they allow. One that had no limit starts anew.
void gradient_configure(struct gradient *g, struct gradient_options options);
