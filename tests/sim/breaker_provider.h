// breaker_provider: a model's server, simulated, with seeded noise and faults.
//
// Calls arrive by a Poisson process. A healthy call takes 600 ms to its first token and 20 ms for
// each of twenty more, times the noise of the call, times the *level* of its half minute, which is
// anywhere from 0.7 to 1.3; three calls in a hundred fail. Whoever waits for a first token gives
// up after ten seconds. Each arrival draws the same numbers whether it is admitted or not, so all
// breakers see the same traffic.
#pragma once

#include "base/random.h"
#include "resilience/breaker.h"

enum breaker_noise {
    BREAKER_NOISE_UNIFORM,   // each call by 0.7 to 1.3
    BREAKER_NOISE_LOGNORMAL, // heavy-tailed: sigma 0.5, P95 at 2.3 times the median
};

struct breaker_fault {
    const char *name;
    double errors;     // share of calls that fail, above the healthy share
    double latency;    // factor of the time to first token,
    double slow_share; // for this share of calls
    double gap;        // factor of the gap
    msec ramp_ms;      // until the factor is reached
    msec on_ms;        // present so long,
    msec off_ms;       // then absent so long; 0: always present
    msec span_ms;      // what is looked at
};

struct breaker_provider {
    struct random random;
    enum breaker_noise noise;
    double rate; // arrivals a second
    double next_at;
    double level;
    msec level_until;
    const struct breaker_fault *fault; // or NULL
    msec fault_at;
};

struct breaker_arrival {
    msec at;
    msec ends_at;
    struct breaker_call call; // how it will go, if admitted
    double unit;
    bool is_in_fault;
};

void breaker_provider_init(struct breaker_provider *p, enum breaker_noise noise, double rate,
                           uint64_t seed);
struct breaker_arrival breaker_provider_next(struct breaker_provider *p);
