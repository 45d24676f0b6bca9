// mock_pace: how long to wait, drawn from a distribution.
//
// Waits are in microseconds and never negative; a draw is bounded by MOCK_PACE_MAX_US, so that a
// wide lognormal can't stall a test for a day. The same seed gives the same waits. Pure.
#pragma once

#include "base/random.h"

#include <stddef.h>

#define MOCK_PACE_MAX_US (INT64_C(3'600'000'000))

enum mock_pace_kind {
    MOCK_PACE_FIXED,     // first
    MOCK_PACE_NORMAL,    // mean first, deviation second; below zero is zero
    MOCK_PACE_LOGNORMAL, // median first; sigma (of the logarithm, no unit) in `sigma`
    MOCK_PACE_UNIFORM,   // from first to second
    MOCK_PACE_RECORDED,  // `recorded`, one after the other, from the start again
};

struct mock_pace {
    enum mock_pace_kind kind;
    int64_t first_us;
    int64_t second_us;
    double sigma;
    const int64_t *recorded; // borrowed
    size_t count;
};

// The wait number `nth` (from 0) of one answer.
int64_t mock_pace_next(const struct mock_pace *p, struct random *r, size_t nth);
