// time: units of time, for floors that decide by it but never read a clock.
//
// Monotonic time since an arbitrary start, both as an instant and as a span. Where it comes from
// is io/clock.h; whoever needs it is handed it, so that tests can own it.
#pragma once

#include <stdint.h>

typedef int64_t msec;
typedef int64_t usec;

// An instant that never comes.
#define TIME_NEVER INT64_MAX
