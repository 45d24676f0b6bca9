#include "resilience/deadline.h"

deadline deadline_never(void)
{
    return (deadline){.at = TIME_NEVER};
}

deadline deadline_after(msec now, msec budget_ms)
{
    msec at;

    if (budget_ms == TIME_NEVER) return deadline_never();
    if (budget_ms < 0) budget_ms = 0;
    if (__builtin_add_overflow(now, budget_ms, &at)) return deadline_never();
    return (deadline){.at = at};
}

deadline deadline_child(deadline parent, msec now, msec budget_ms)
{
    return deadline_sooner(parent, deadline_after(now, budget_ms));
}

deadline deadline_sooner(deadline a, deadline b)
{
    return a.at <= b.at ? a : b;
}

msec deadline_left(deadline d, msec now)
{
    msec left;

    if (d.at == TIME_NEVER) return TIME_NEVER;
    if (now >= d.at) return 0;
    // Only a clock far below 0 gets here with a difference that does not fit.
    return __builtin_sub_overflow(d.at, now, &left) ? TIME_NEVER : left;
}

bool deadline_is_over(deadline d, msec now)
{
    return deadline_left(d, now) == 0;
}

bool deadline_admits(deadline d, msec now, msec need_ms)
{
    msec left = deadline_left(d, now);

    return left > 0 && left >= need_ms;
}
