// build_watch: who waits for a segment to be built, hears how far it is and may end it.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum build_stage {
    BUILD_SAMPLE,    // rows of the sample
    BUILD_TRAIN,     // 0 of 1, then 1
    BUILD_ASSIGN,    // rows
    BUILD_WRITE,     // rows
    BUILD_CALIBRATE, // rows
    BUILD_STAGES,
};

// Embedded in the waiter's struct.
struct build_watch {
    // Called now and then, on the thread that builds. True ends the building with ERR_CANCELED. May
    // be NULL.
    bool (*report)(struct build_watch *w, enum build_stage stage, uint64_t done, uint64_t total);
    atomic_bool cancel; // any thread may set it: the building ends soon, likewise
};

static inline bool build_watch_is_canceled(const struct build_watch *w)
{
    return atomic_load_explicit(&w->cancel, memory_order_relaxed);
}

static inline void build_watch_tell(struct build_watch *w, enum build_stage stage, uint64_t done,
                                    uint64_t total)
{
    if (w->report && w->report(w, stage, done, total)) {
        atomic_store_explicit(&w->cancel, true, memory_order_relaxed);
    }
}
