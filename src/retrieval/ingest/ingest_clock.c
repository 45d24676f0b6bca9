#include "retrieval/ingest/ingest_clock.h"

#include "io/clock.h"

#include <time.h>

static usec now(struct ingest_clock *c)
{
    (void)c;
    return clock_monotonic();
}

static void sleep_for(struct ingest_clock *c, usec span)
{
    struct timespec t = {.tv_sec = (time_t)(span / 1'000'000),
                         .tv_nsec = (long)(span % 1'000'000 * 1000)};

    (void)c;
    // A signal may cut it short: who sleeps looks at the clock again anyway.
    (void)nanosleep(&t, NULL);
}

struct ingest_clock ingest_clock = {.now = now, .sleep = sleep_for};
