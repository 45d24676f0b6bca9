// breaker_trial: one breaker before one simulated provider, on virtual time.
#pragma once

#include "sim/breaker_provider.h"
#include "sim/breaker_rival.h"

enum { BREAKER_TRIAL_PENDING_MAX = 32'768 };

struct breaker_pending {
    msec ends_at;
    struct breaker_call call;
    bool is_probe;
};

struct breaker_trial {
    struct breaker_provider provider;
    struct breaker_rival rival;
    struct breaker_arrival next;
    msec opened_at;      // first since the fault began, or -1
    uint32_t probes_out; // one at most, but for the rival that wants more
    uint64_t faulty;     // arrivals while the fault was present,
    uint64_t sent;       // and how many of them were admitted
    uint32_t pending_count;
    struct breaker_pending pending[BREAKER_TRIAL_PENDING_MAX]; // a heap: the first to end is first
};

void breaker_trial_init(struct breaker_trial *t, enum breaker_kind kind, enum breaker_noise noise,
                        double rate, uint64_t seed);
// Goes on from where another trial is.
void breaker_trial_copy(struct breaker_trial *t, const struct breaker_trial *from);
void breaker_trial_start_fault(struct breaker_trial *t, const struct breaker_fault *f, msec now);
void breaker_trial_run(struct breaker_trial *t, msec until);
