// clock: time as this house counts it.
//
// Monotonic time orders events and bounds waits; base/time.h has its units. Wall-clock time is for
// people: logs and dates. Code above this floor takes the time from its loop, so that tests can
// own it.
#pragma once

#include "base/time.h"

// Monotonic now.
usec clock_monotonic(void);

// Microseconds since 1970-01-01 UTC.
usec clock_wall(void);
