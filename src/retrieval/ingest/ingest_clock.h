// ingest_clock: time for threads that may sleep, so that tests can own it.
#pragma once

#include "base/time.h"

struct ingest_clock {
    usec (*now)(struct ingest_clock *c);
    void (*sleep)(struct ingest_clock *c, usec span);
};

// The kernel's, as clock_monotonic() has it. Any thread may use it.
extern struct ingest_clock ingest_clock;
