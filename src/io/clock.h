// clock: time as this house counts it.
//
// Monotonic time orders events and bounds waits; it is a number of microseconds (usec) or
// milliseconds (msec) since an arbitrary start. Wall-clock time is for people: logs and dates.
// Code above this floor takes the time from its loop, so that tests can own it.
#pragma once

#include <stdint.h>

typedef int64_t msec;
typedef int64_t usec;

// Monotonic now.
usec clock_monotonic(void);

// Microseconds since 1970-01-01 UTC.
usec clock_wall(void);
