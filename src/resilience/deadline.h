// deadline: the instant at which an answer stops being worth anything.
//
// An absolute instant on the monotonic clock. A budget is a span, and a span handed on starts anew
// at each hop, so that min(500, 100, 200) ms is right only for a request that has spent nothing
// yet. An instant shrinks by itself:
//
//     caller 500 ms   |--------------------------------------------------|
//     hop    100 ms            |---------|                                 begun at 90, ends at 190
//     hop    200 ms                                             |--------|  begun at 450: 50 left
//
// A value, passed by copy; any thread may use it.
#pragma once

#include "base/time.h"

#include <stdbool.h>

typedef struct deadline {
    msec at; // TIME_NEVER: there is none
} deadline;

deadline deadline_never(void);

// The end of `budget_ms` from `now` on. A sum past the end of time is never; a budget below 0 is 0.
deadline deadline_after(msec now, msec budget_ms);

// That of a part of the work: its own budget, but never beyond the parent's.
deadline deadline_child(deadline parent, msec now, msec budget_ms);

deadline deadline_sooner(deadline a, deadline b);

// What is left, 0 when it is over, TIME_NEVER where there is none.
msec deadline_left(deadline d, msec now);

// True from the instant itself on.
bool deadline_is_over(deadline d, msec now);

// Is there time for work that takes `need_ms`? Work that needs nothing still needs it not to be
// over: an attempt that can't finish is not begun.
bool deadline_admits(deadline d, msec now, msec need_ms);
