#include "sim/breaker_rival.h"

#include <stddef.h>

enum {
    STATIC_CALLS = 100,
    STATIC_PERCENT = 50,
    STATIC_SLOW_MS = 60'000,
    STATIC_OPEN_MS = 60'000,
    STATIC_TRIALS = 10,
    OUTLIER_IN_ROW = 5,
    OUTLIER_SWEEP_MS = 10'000,
    OUTLIER_OPEN_MS = 30'000,
    OUTLIER_OPEN_MAX_MS = 300'000,
    OWN_LOOK_MS = 30'000,
    OWN_BAD_LOOKS = 3,
    OWN_OPEN_MS = 30'000,
    OWN_OPEN_MAX_MS = 120'000,
};

// --- static ---

static bool static_exceeds(uint32_t failed, uint32_t slow, uint32_t calls)
{
    return failed * 100 >= STATIC_PERCENT * calls || slow >= calls;
}

static void static_open(struct breaker_rival *r, msec now)
{
    if (r->fixed.step == BREAKER_CLOSED) r->trips++;
    r->fixed = (struct breaker_static){.step = BREAKER_OPEN, .reopens_at = now + STATIC_OPEN_MS};
}

static enum breaker_verdict static_ask(struct breaker_rival *r, msec now)
{
    struct breaker_static *s = &r->fixed;

    if (s->step == BREAKER_CLOSED) return BREAKER_ALLOW;
    if (s->step == BREAKER_OPEN) {
        if (now < s->reopens_at) return BREAKER_REFUSE;
        s->step = BREAKER_HALF_OPEN;
    }
    return s->trial_calls++ < STATIC_TRIALS ? BREAKER_PROBE : BREAKER_REFUSE;
}

static void static_record_trial(struct breaker_rival *r, msec now, bool is_failed)
{
    struct breaker_static *s = &r->fixed;

    s->trial_ends++;
    s->trial_failed += is_failed;
    if (s->trial_ends < STATIC_TRIALS) return;
    if (static_exceeds(s->trial_failed, 0, s->trial_ends)) {
        static_open(r, now);
    } else {
        *s = (struct breaker_static){.step = BREAKER_CLOSED};
    }
}

static void static_record(struct breaker_rival *r, msec now, const struct breaker_call *call,
                          bool is_probe)
{
    struct breaker_static *s = &r->fixed;
    bool is_slow = call->first_ms > STATIC_SLOW_MS;

    if (s->step == BREAKER_HALF_OPEN && is_probe) static_record_trial(r, now, call->is_error);
    if (s->step != BREAKER_CLOSED || is_probe) return;
    uint8_t *outcome = &s->outcomes[s->next];
    if (s->calls == STATIC_CALLS) {
        s->failed -= *outcome & 1;
        s->slow -= *outcome >> 1;
    } else {
        s->calls++;
    }
    *outcome = (uint8_t)(call->is_error | is_slow << 1);
    s->next = (s->next + 1) % STATIC_CALLS;
    s->failed += call->is_error;
    s->slow += is_slow;
    if (s->calls == STATIC_CALLS && static_exceeds(s->failed, s->slow, s->calls))
        static_open(r, now);
}

// --- outlier ---

static void outlier_sweep(struct breaker_outlier *o, msec now)
{
    for (; now >= o->sweep_at; o->sweep_at += OUTLIER_SWEEP_MS) {
        if (!o->ejected_until) {
            if (o->ejections > 0) o->ejections--;
        } else if (o->sweep_at >= o->ejected_until) {
            o->ejected_until = 0;
            o->failed_in_row = 0;
        }
    }
}

static void outlier_record(struct breaker_rival *r, msec now, const struct breaker_call *call)
{
    struct breaker_outlier *o = &r->outlier;

    outlier_sweep(o, now);
    o->failed_in_row = call->is_error ? o->failed_in_row + 1 : 0;
    if (o->ejected_until || o->failed_in_row < OUTLIER_IN_ROW) return;
    msec span = OUTLIER_OPEN_MS * (msec)++o->ejections;
    o->ejected_until = now + (span < OUTLIER_OPEN_MAX_MS ? span : OUTLIER_OPEN_MAX_MS);
    r->trips++;
}

// --- own window ---

static void own_window_open(struct breaker_own_window *w, msec now)
{
    w->step = BREAKER_OPEN;
    w->open_ms = w->open_ms ? w->open_ms * 2 : OWN_OPEN_MS;
    if (w->open_ms > OWN_OPEN_MAX_MS) w->open_ms = OWN_OPEN_MAX_MS;
    w->reopens_at = now + w->open_ms;
    w->bad_looks = 0;
}

static void own_window_look(struct breaker_rival *r, msec now)
{
    struct breaker_own_window *w = &r->own_window;

    if (w->step != BREAKER_CLOSED || now < w->look_at) return;
    struct call_window_counts counts = call_window_count(&w->window, 0, 0);
    double p95 = (double)call_window_first_p95(&w->window);
    double limit = p95 * 1.3 > 800 ? p95 * 1.3 : 800;
    bool is_bad = p95 > limit || counts.errors > 0.045 * counts.calls;
    w->look_at += OWN_LOOK_MS;
    w->bad_looks = is_bad ? w->bad_looks + 1 : 0;
    if (w->bad_looks < OWN_BAD_LOOKS) return;
    r->trips++;
    own_window_open(w, now);
}

static enum breaker_verdict own_window_ask(struct breaker_rival *r, msec now)
{
    struct breaker_own_window *w = &r->own_window;

    own_window_look(r, now);
    if (w->step == BREAKER_CLOSED) return BREAKER_ALLOW;
    if (now < w->reopens_at || w->is_probing) return BREAKER_REFUSE;
    w->step = BREAKER_HALF_OPEN;
    w->is_probing = true;
    return BREAKER_PROBE;
}

static void own_window_record(struct breaker_rival *r, msec now, const struct breaker_call *call,
                              bool is_probe)
{
    struct breaker_own_window *w = &r->own_window;

    own_window_look(r, now);
    if (!is_probe) {
        if (w->step == BREAKER_CLOSED)
            call_window_add(&w->window, now, call->is_error, call->first_ms, call->gap_ms);
        return;
    }
    w->is_probing = false;
    if (call->is_error) {
        own_window_open(w, now);
        return;
    }
    w->step = BREAKER_CLOSED;
    w->open_ms = 0;
    w->look_at = now + OWN_LOOK_MS;
    call_window_clear(&w->window);
}

// --- All of them ---

const char *breaker_rival_name(enum breaker_kind kind)
{
    static const char *const names[] = {"adaptive", "static", "outlier", "own-window"};

    return names[kind];
}

void breaker_rival_init(struct breaker_rival *r, enum breaker_kind kind)
{
    const msec a_day = 86'400'000; // the rule names a number of calls, but no age

    r->kind = kind;
    r->trips = 0;
    switch (kind) {
    case BREAKER_KIND_ADAPTIVE: breaker_init(&r->adaptive, &BREAKER_DEFAULTS, 0); break;
    case BREAKER_KIND_STATIC: r->fixed = (struct breaker_static){0}; break;
    case BREAKER_KIND_OUTLIER:
        r->outlier = (struct breaker_outlier){.sweep_at = OUTLIER_SWEEP_MS};
        break;
    case BREAKER_KIND_OWN_WINDOW:
        r->own_window = (struct breaker_own_window){.look_at = OWN_LOOK_MS};
        call_window_init(&r->own_window.window, CALL_WINDOW_MAX, a_day);
        break;
    case BREAKER_KINDS: break;
    }
}

enum breaker_verdict breaker_rival_ask(struct breaker_rival *r, msec now, double unit)
{
    switch (r->kind) {
    case BREAKER_KIND_STATIC: return static_ask(r, now);
    case BREAKER_KIND_OUTLIER:
        outlier_sweep(&r->outlier, now);
        return r->outlier.ejected_until ? BREAKER_REFUSE : BREAKER_ALLOW;
    case BREAKER_KIND_OWN_WINDOW: return own_window_ask(r, now);
    default: return breaker_ask(&r->adaptive, now, unit);
    }
}

void breaker_rival_record(struct breaker_rival *r, msec now, const struct breaker_call *call,
                          bool is_probe)
{
    switch (r->kind) {
    case BREAKER_KIND_STATIC: static_record(r, now, call, is_probe); break;
    case BREAKER_KIND_OUTLIER: outlier_record(r, now, call); break;
    case BREAKER_KIND_OWN_WINDOW: own_window_record(r, now, call, is_probe); break;
    default: breaker_record(&r->adaptive, now, call, is_probe); break;
    }
}

uint32_t breaker_rival_trips(const struct breaker_rival *r)
{
    return r->kind == BREAKER_KIND_ADAPTIVE ? r->adaptive.trips : r->trips;
}

bool breaker_rival_is_open(const struct breaker_rival *r)
{
    switch (r->kind) {
    case BREAKER_KIND_STATIC: return r->fixed.step != BREAKER_CLOSED;
    case BREAKER_KIND_OUTLIER: return r->outlier.ejected_until != 0;
    case BREAKER_KIND_OWN_WINDOW: return r->own_window.step != BREAKER_CLOSED;
    default: return r->adaptive.step == BREAKER_OPEN || r->adaptive.step == BREAKER_HALF_OPEN;
    }
}
