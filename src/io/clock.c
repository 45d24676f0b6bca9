#include "io/clock.h"

#include <time.h>

static usec read_clock(clockid_t id)
{
    struct timespec t = {0};

    (void)clock_gettime(id, &t); // can't fail for these two clocks
    return (usec)t.tv_sec * 1'000'000 + t.tv_nsec / 1000;
}

usec clock_monotonic(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

usec clock_wall(void)
{
    return read_clock(CLOCK_REALTIME);
}
