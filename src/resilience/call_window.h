// call_window: the newest calls of an upstream, with the times that they took.
//
// A ring of fixed size that keeps calls no longer than `span_ms` and no more than `calls_max` of
// them. A call that is not an error counts too; a time that nobody knows is -1. Embedded by its
// owner, about 12 KB; belongs to the owner's loop.
#pragma once

#include "base/time.h"

#include <stdbool.h>
#include <stdint.h>

enum { CALL_WINDOW_MAX = 1000 };

struct call_window_entry {
    uint32_t at; // the low bits of the time; ages fit, as older calls are forgotten
    uint32_t first;
    uint32_t gap : 31;
    uint32_t is_error : 1;
};

struct call_window {
    struct call_window_entry entries[CALL_WINDOW_MAX];
    uint32_t start;
    uint32_t len;
    uint32_t calls_max;
    msec span_ms;
    msec last_at;
};

// What a window holds; `slow` are those above a limit.
struct call_window_counts {
    uint32_t calls;
    uint32_t errors;
    uint32_t firsts; // calls whose time to first token is known
    uint32_t slow_firsts;
    uint32_t gaps; // calls whose gap between tokens is known
    uint32_t slow_gaps;
};

// `calls_max` is at most CALL_WINDOW_MAX.
void call_window_init(struct call_window *w, uint32_t calls_max, msec span_ms);
// Other bounds from now on; the calls within them stay.
void call_window_bound(struct call_window *w, uint32_t calls_max, msec span_ms);
void call_window_clear(struct call_window *w);
void call_window_add(struct call_window *w, msec now, bool is_error, msec first_ms, msec gap_ms);
// Drops the calls that are older than the span.
void call_window_expire(struct call_window *w, msec now);
struct call_window_counts call_window_count(const struct call_window *w, msec first_limit,
                                            msec gap_limit);
// The smallest time that 95 % of the known ones don't exceed, or -1 where none is known.
msec call_window_first_p95(const struct call_window *w);
msec call_window_gap_p95(const struct call_window *w);
// How many calls a whole span sees at the present rate, which may be more than the ring can hold.
double call_window_rate(const struct call_window *w, msec now);
