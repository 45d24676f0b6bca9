// breaker_rival: our breaker and three others behind one set of functions, to be compared.
//
// - static: fixed thresholds with the published defaults of resilience4j: 100 calls, half of them
//   failed, or all of them slower than a minute; open for a minute, then ten trial calls.
// - outlier: Envoy's outlier detection by default, for one host: five failures in a row eject it
//   for 30 s times the ejections lately, at most 300 s, which a sweep every 10 s ends. What Envoy
//   compares between hosts needs five of them and is not here.
// - own window: every 30 s the last 1000 calls; P95 above max(800 ms, 1.3 x P95 of the same
//   window), or more than 4.5 % errors; three such in a row open for 30 s, doubled to 120 s.
#pragma once

#include "resilience/breaker.h"

enum breaker_kind {
    BREAKER_KIND_ADAPTIVE,
    BREAKER_KIND_STATIC,
    BREAKER_KIND_OUTLIER,
    BREAKER_KIND_OWN_WINDOW,
    BREAKER_KINDS,
};

struct breaker_static {
    uint32_t calls, failed, slow, next;
    uint8_t outcomes[100]; // a ring: 1 failed, 2 slow
    int step;              // enum breaker_step, without the ramp
    msec reopens_at;
    uint32_t trial_calls; // admitted while half-open
    uint32_t trial_ends;
    uint32_t trial_failed;
};

struct breaker_outlier {
    uint32_t failed_in_row;
    uint32_t ejections;
    msec ejected_until; // 0: not ejected
    msec sweep_at;
};

struct breaker_own_window {
    struct call_window window;
    msec look_at;
    uint32_t bad_looks;
    int step;
    msec open_ms;
    msec reopens_at;
    bool is_probing;
};

struct breaker_rival {
    enum breaker_kind kind;
    uint32_t trips;
    union {
        struct breaker adaptive;
        struct breaker_static fixed;
        struct breaker_outlier outlier;
        struct breaker_own_window own_window;
    };
};

const char *breaker_rival_name(enum breaker_kind kind);
void breaker_rival_init(struct breaker_rival *r, enum breaker_kind kind);
enum breaker_verdict breaker_rival_ask(struct breaker_rival *r, msec now, double unit);
void breaker_rival_record(struct breaker_rival *r, msec now, const struct breaker_call *call,
                          bool is_probe);
// How often it went from closed to open.
uint32_t breaker_rival_trips(const struct breaker_rival *r);
bool breaker_rival_is_open(const struct breaker_rival *r);
