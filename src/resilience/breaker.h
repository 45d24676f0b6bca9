// breaker: leaves an upstream that fails or has become slow, and comes back to it with care.
//
//   CLOSED --bad looks, or evidence--> OPEN --time--> HALF_OPEN --good probe--> RAMP --time-->
//   CLOSED
//                                       ^ ^               |                      |
//                                       | +--bad probe----+                      |
//                                       +----bad looks, or evidence--------------+
//
// A *look*, every look_ms, judges the calls of the window, and those since the last look alone so
// that what was healthy before dilutes nothing. It is bad where calls are significantly slower than
// a limit derived from the *base*, the P95 of healthy looks, or errors more frequent than their
// own limit. trip_after bad looks in a row open. *Evidence* so strong that no look need be awaited
// (see sequential.h) opens at once. A *probe* is the one call that a half-open breaker admits.
//
// Time and randomness are the caller's; the same ones give the same decisions. Embedded, 12 KB,
// without allocation; belongs to the loop that made it. Workers tell each other what theirs decide.
#pragma once

#include "resilience/call_window.h"
#include "resilience/latency_base.h"
#include "resilience/sequential.h"

#define BREAKER_CALLS_MAX 1000

struct breaker_options {
    msec window_ms;
    uint32_t samples_max; // of the window, at most BREAKER_CALLS_MAX
    msec look_ms;
    msec first_floor_ms; // no time to first token below this is slow
    msec gap_floor_ms;   // nor a gap between tokens
    double latency_factor;
    double error_base;   // the share of errors that is expected,
    double error_band;   // and how far what was learned may move the limit from it
    uint32_t trip_after; // bad looks in a row; 0: never opens
    msec open_min_ms;
    msec open_max_ms;
    msec ramp_ms; // 0: none
};

#define BREAKER_DEFAULTS                                                                           \
    ((struct breaker_options){.window_ms = 30'000,                                                 \
                              .samples_max = BREAKER_CALLS_MAX,                                    \
                              .look_ms = 10'000,                                                   \
                              .first_floor_ms = 800,                                               \
                              .gap_floor_ms = 200,                                                 \
                              .latency_factor = 1.3,                                               \
                              .error_base = 0.03,                                                  \
                              .error_band = 0.015,                                                 \
                              .trip_after = 3,                                                     \
                              .open_min_ms = 30'000,                                               \
                              .open_max_ms = 120'000,                                              \
                              .ramp_ms = 10'000})

enum breaker_step { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN, BREAKER_RAMP };

enum breaker_verdict { BREAKER_ALLOW, BREAKER_PROBE, BREAKER_REFUSE };

// What opened the breaker last.
enum breaker_why {
    BREAKER_WHY_NONE,
    BREAKER_WHY_ERRORS,
    BREAKER_WHY_FIRST,
    BREAKER_WHY_GAP,
    BREAKER_WHY_PROBE,
    BREAKER_WHY_TOLD,
};

// How a call went; a time of -1 is unknown.
struct breaker_call {
    bool is_error;
    msec first_ms; // to the first token, normalised by the input's length
    msec gap_ms;   // between tokens, on average
};

// One kind of time: what is known of it, and the calls since the last look.
struct breaker_signal {
    struct latency_base base;
    struct sequential slow;
    msec limit; // above it a call is slow; it changes at looks
    uint32_t known_count;
    uint32_t slow_count;
    uint32_t above_base_count;
};

struct breaker {
    struct breaker_options options;
    int step;
    struct call_window window;
    struct breaker_signal first;
    struct breaker_signal gap;
    struct sequential few_errors;  // sees a rise to some three times the healthy rate
    struct sequential many_errors; // sees a rise to half of the calls
    double error_rate;             // learned from healthy looks
    double error_weight;           // calls that it rests on
    uint32_t slice_calls;          // since the last look
    uint32_t slice_errors;
    msec look_at;
    uint32_t bad_looks; // in a row
    msec open_ms;       // the present or last span, before jitter; 0 after a ramp
    msec reopens_at;
    msec ramp_at; // when the ramp began
    bool is_probing;
    uint32_t trips;
    enum breaker_why why;
};

struct breaker_figures {
    double error_rate; // of the window
    msec first_p95_ms; // -1 where unknown, as the others
    msec first_base_ms;
    msec gap_p95_ms;
    msec gap_base_ms;
    uint32_t samples;
    uint32_t trips; // decisions to open, without failed probes and without what others told
    enum breaker_why why;
};

void breaker_init(struct breaker *b, const struct breaker_options *o, msec now);
// Other options from now on; what was learned stays.
void breaker_configure(struct breaker *b, const struct breaker_options *o);

// May a call go out? `unit` is random in [0, 1) and decides while the load ramps up. Whoever
// is told BREAKER_PROBE records or abandons that call; until then nobody else is.
enum breaker_verdict breaker_ask(struct breaker *b, msec now, double unit);
// The same question without an effect; a ramp does not count as refusing.
bool breaker_would_refuse(const struct breaker *b, msec now);

// A call has ended. Not for one that its client cancelled or that was the client's fault.
void breaker_record(struct breaker *b, msec now, const struct breaker_call *call, bool is_probe);
// A probe has ended without a verdict; the next ask may probe again.
void breaker_abandon(struct breaker *b, msec now);

// When the next probe is due; it may be past. TIME_NEVER unless open or half-open.
msec breaker_reopens(const struct breaker *b);

// How long it is open, or was: what other workers are told.
msec breaker_span(const struct breaker *b);

// News of the same upstream from another worker's breaker.
// It opened for `span_ms`, maybe after a probe of its own: so does this one.
void breaker_tell_open(struct breaker *b, msec now, msec span_ms);
void breaker_tell_closed(struct breaker *b, msec now);

// Costs a pass over the window.
struct breaker_figures breaker_figures(const struct breaker *b);
const char *breaker_why_name(enum breaker_why why);
