// parallel: one loop over many rows, shared out among threads that live as long as the loop.
//
// For work that takes seconds, such as building a segment: starting threads costs less than keeping
// them. The caller's thread is one of them. Pieces are handed out in order, each to whoever is
// free, so what a piece computes must not depend on the thread that gets it.
#pragma once

#include "base/err.h"

#include <stdint.h>

enum { PARALLEL_THREADS_MAX = 256 };

// Embedded in what the loop works on.
struct parallel {
    // Does rows `first` to `end` - 1. `thread`, below the number of threads, is nobody else's
    // meanwhile: scratch memory may hang on it. After a failure no further piece is handed out.
    err (*run)(struct parallel *p, uint64_t first, uint64_t end, unsigned thread);
};

// Runs `count` rows in pieces of `grain`, the last of which may be shorter, and returns when all
// are done. Where several pieces fail, the first piece's error is returned. `threads` is at least 1
// and at most PARALLEL_THREADS_MAX; where the system gives fewer, those do the work.
err parallel_for(struct parallel *p, unsigned threads, uint64_t count, uint64_t grain);
