// retry_budget: how many retries a route may add to its load.
//
// Retries help while few calls fail and finish a server off when all do: with three attempts each,
// a failing server gets three times its load. The budget ties retries to what was asked for the
// first time. Over the last ten seconds, in buckets of one,
//
//     a retry may start while  retries < max(floor, ratio * requests)
//
// so that the load is at most 1 + ratio times the demand wherever the floor is the smaller, and a
// quiet route still has its few. Nothing is learned: the budget is whole again as soon as calls
// stop failing. (Envoy, "retry_budget"; Google, Site Reliability Engineering, chapter 21.)
// Belongs to one loop.
#pragma once

#include "base/time.h"

#include <stdbool.h>
#include <stdint.h>

enum { RETRY_BUDGET_SECONDS = 10 };

struct retry_budget_second {
    uint32_t requests;
    uint32_t retries;
};

struct retry_budget {
    double ratio;
    uint32_t floor;
    int64_t second; // the newest that is counted; buckets[second % 10] is its bucket
    uint64_t requests;
    uint64_t retries; // both over all buckets
    struct retry_budget_second buckets[RETRY_BUDGET_SECONDS];
};

// `ratio` is from 0 to 100; 0 with a floor of 0 forbids retries.
void retry_budget_init(struct retry_budget *b, double ratio, uint32_t floor);

// New rules for what was counted so far.
void retry_budget_configure(struct retry_budget *b, double ratio, uint32_t floor);

// Times are at or above 0; one before the last counts as the last.

// Counts a request, once, when its first attempt starts.
void retry_budget_request(struct retry_budget *b, msec now);

// Whether a retry may start; true counts it.
bool retry_budget_take(struct retry_budget *b, msec now);
