// Design: a call is counted when it ends. Counters hold what came since the last look, the window
// what came within its span; both are judged only at looks, which happen inside of ask and record
// once they are due. Between looks each call moves four sequential tests: few errors, many errors,
// slow first tokens, slow gaps. Limits change at looks alone, so counters and limits agree.
#include "resilience/breaker.h"

#include "base/random.h"
#include "base/steps.h"

#include <assert.h>
#include <math.h>

enum {
    FEW_CALLS = 30,     // a window with fewer makes an early trip a short one,
    EVIDENCE_MS = 1000, // and one with more needs evidence of some duration: not one hiccup
    SLOW_MS = 3000,     // of slowness more, as a pause of a collector or a burst passes
    HITS_LEAST = 3,
    WEIGHT_LOOK = 500, // calls of one look that count towards the learned error rate
    WEIGHT_MAX = 10'000,
    WEIGHT_FIRST = 200, // of the configured rate, before anything was seen
};

static const double slow_healthy = 0.05; // a limit above P95 leaves less than that
static const double slow_risen = 0.3;
static const double ramp_first = 0.1;

static const struct step breaker_steps[] = {
    [BREAKER_CLOSED] = {"closed", STEP_BIT(BREAKER_OPEN)},
    [BREAKER_OPEN] = {"open", STEP_BIT(BREAKER_HALF_OPEN)},
    [BREAKER_HALF_OPEN] = {"half open", STEP_BIT(BREAKER_OPEN) | STEP_BIT(BREAKER_RAMP)},
    [BREAKER_RAMP] = {"ramp", STEP_BIT(BREAKER_OPEN) | STEP_BIT(BREAKER_CLOSED)},
};

static double clamp(double value, double least, double most)
{
    return fmin(fmax(value, least), most);
}

static double error_least(const struct breaker *b)
{
    return clamp(b->options.error_base - b->options.error_band, 0.005, 0.95);
}

static double error_most(const struct breaker *b)
{
    return clamp(b->options.error_base + b->options.error_band, error_least(b), 0.95);
}

// The rate of errors that a look must prove to be exceeded.
static double error_limit(const struct breaker *b)
{
    return clamp(b->error_rate + b->options.error_band, error_least(b), error_most(b));
}

// Derives limits and the weights of the tests from what is known.
static void aim(struct breaker *b)
{
    const struct breaker_options *o = &b->options;
    double healthy = clamp(b->error_rate, error_least(b), error_most(b));
    double room = 1 - healthy;

    b->first.limit = latency_base_limit(&b->first.base, o->latency_factor, o->first_floor_ms);
    b->gap.limit = latency_base_limit(&b->gap.base, o->latency_factor, o->gap_floor_ms);
    sequential_aim(&b->few_errors, healthy, healthy + fmin(2 * healthy + 0.01, room / 4));
    sequential_aim(&b->many_errors, healthy, healthy + room / 2);
    sequential_aim(&b->first.slow, slow_healthy, slow_risen);
    sequential_aim(&b->gap.slow, slow_healthy, slow_risen);
}

static void signal_start_slice(struct breaker_signal *s)
{
    s->known_count = s->slow_count = s->above_base_count = 0;
}

static void start_slice(struct breaker *b, msec now)
{
    b->slice_calls = b->slice_errors = 0;
    signal_start_slice(&b->first);
    signal_start_slice(&b->gap);
    b->look_at = now + b->options.look_ms;
}

// Forgets the calls, not what was learned from them.
static void start_over(struct breaker *b, msec now)
{
    call_window_clear(&b->window);
    b->bad_looks = 0;
    sequential_clear(&b->few_errors);
    sequential_clear(&b->many_errors);
    sequential_clear(&b->first.slow);
    sequential_clear(&b->gap.slow);
    aim(b);
    start_slice(b, now);
}

static struct breaker_options sane(const struct breaker_options *given)
{
    struct breaker_options o = *given;

    if (o.samples_max == 0) o.samples_max = 1;
    if (o.samples_max > BREAKER_CALLS_MAX) o.samples_max = BREAKER_CALLS_MAX;
    if (o.look_ms < 1) o.look_ms = 1;
    if (o.open_min_ms < 1) o.open_min_ms = 1;
    if (o.open_max_ms < o.open_min_ms) o.open_max_ms = o.open_min_ms;
    return o;
}

void breaker_init(struct breaker *b, const struct breaker_options *o, msec now)
{
    static_assert(BREAKER_CALLS_MAX == CALL_WINDOW_MAX);
    *b = (struct breaker){.options = sane(o), .step = BREAKER_CLOSED};
    call_window_init(&b->window, b->options.samples_max, b->options.window_ms);
    b->error_rate = o->error_base;
    b->error_weight = WEIGHT_FIRST;
    start_over(b, now);
}

static void move(struct breaker *b, enum breaker_step to)
{
    steps_move(breaker_steps, &b->step, (int)to);
}

static void close_again(struct breaker *b)
{
    move(b, BREAKER_CLOSED);
    b->open_ms = 0;
    b->bad_looks = 0;
}

static void start_ramp(struct breaker *b, msec now)
{
    move(b, BREAKER_RAMP);
    b->ramp_at = now;
    start_over(b, now);
    if (b->options.ramp_ms <= 0) close_again(b);
}

void breaker_configure(struct breaker *b, const struct breaker_options *o)
{
    b->options = sane(o);
    call_window_bound(&b->window, b->options.samples_max, b->options.window_ms);
    aim(b);
    if (b->options.trip_after > 0) return;
    if (b->step == BREAKER_OPEN) move(b, BREAKER_HALF_OPEN);
    if (b->step == BREAKER_HALF_OPEN) move(b, BREAKER_RAMP);
    if (b->step == BREAKER_RAMP) close_again(b);
}

// Up to a tenth early, so that workers don't probe in step and none comes back late.
static msec jittered(const struct breaker *b, msec now)
{
    uint64_t mix = random_mix((uint64_t)now ^ random_mix(b->trips + b->window.len));

    return b->open_ms - (msec)(mix % (uint64_t)(b->open_ms / 10 + 1));
}

// Opens for `first_ms`, or for twice as long as the last time where that did not help.
static void open_for(struct breaker *b, msec now, msec first_ms, enum breaker_why why)
{
    msec next = b->open_ms > 0 ? 2 * b->open_ms : first_ms;

    move(b, BREAKER_OPEN);
    b->open_ms = next < b->options.open_max_ms ? next : b->options.open_max_ms;
    b->reopens_at = now + jittered(b, now);
    b->why = why;
}

static void trip(struct breaker *b, msec now, msec first_ms, enum breaker_why why)
{
    b->trips++;
    open_for(b, now, first_ms, why);
}

// --- Looks ---

// Whether the window exceeds a limit, or the slice alone does. What the slice has already
// overcome is no longer held against an upstream.
static bool exceeds(uint32_t hits, uint32_t count, uint32_t slice_hits, uint32_t slice_count,
                    double limit)
{
    if (sequential_share(slice_hits, slice_count) > limit) return true;
    return sequential_share(hits, count) > limit && slice_hits > limit * slice_count;
}

static enum breaker_why find_fault(const struct breaker *b)
{
    struct call_window_counts c = call_window_count(&b->window, b->first.limit, b->gap.limit);

    if (exceeds(c.errors, c.calls, b->slice_errors, b->slice_calls, error_limit(b)))
        return BREAKER_WHY_ERRORS;
    if (exceeds(c.slow_firsts, c.firsts, b->first.slow_count, b->first.known_count, slow_healthy))
        return BREAKER_WHY_FIRST;
    if (exceeds(c.slow_gaps, c.gaps, b->gap.slow_count, b->gap.known_count, slow_healthy))
        return BREAKER_WHY_GAP;
    return BREAKER_WHY_NONE;
}

static void learn(struct breaker *b)
{
    double weight = fmin(b->slice_calls, WEIGHT_LOOK);
    double rate = (double)b->slice_errors / b->slice_calls;
    struct breaker_signal *first = &b->first, *gap = &b->gap;

    b->error_weight = fmin(b->error_weight + weight, WEIGHT_MAX);
    b->error_rate += (rate - b->error_rate) * weight / b->error_weight;
    latency_base_learn(&first->base, first->known_count, first->above_base_count,
                       call_window_first_p95(&b->window));
    latency_base_learn(&gap->base, gap->known_count, gap->above_base_count,
                       call_window_gap_p95(&b->window));
    aim(b);
}

// A look at nothing new says nothing, whatever the window still holds.
static void look(struct breaker *b, msec now)
{
    call_window_expire(&b->window, now);
    enum breaker_why fault = b->slice_calls ? find_fault(b) : BREAKER_WHY_NONE;

    if (fault) {
        b->bad_looks++;
    } else if (b->slice_calls) {
        b->bad_looks = 0;
        learn(b);
    }
    start_slice(b, now);
    if (!fault || !b->options.trip_after || b->bad_looks < b->options.trip_after) return;
    trip(b, now, b->options.open_min_ms, fault);
}

// What time alone brings about.
static void settle(struct breaker *b, msec now)
{
    if (b->step == BREAKER_RAMP && now - b->ramp_at >= b->options.ramp_ms) close_again(b);
    if ((b->step == BREAKER_CLOSED || b->step == BREAKER_RAMP) && now >= b->look_at) look(b, now);
}

// --- Calls ---

// A call counts as good when it goes out, and as an error once it is one. Were it counted when it
// ends, errors, which are quick, would overtake the good calls that went out beside them whenever
// traffic starts or surges.
static void note_sent(struct breaker *b, msec now)
{
    sequential_note(&b->few_errors, now, false);
    sequential_note(&b->many_errors, now, false);
}

static bool ask_for_probe(struct breaker *b)
{
    if (b->is_probing) return false;
    b->is_probing = true;
    return true;
}

static double ramp_share(const struct breaker *b, msec now)
{
    return ramp_first + (1 - ramp_first) * (double)(now - b->ramp_at) / (double)b->options.ramp_ms;
}

enum breaker_verdict breaker_ask(struct breaker *b, msec now, double unit)
{
    settle(b, now);
    if (b->step == BREAKER_OPEN && now >= b->reopens_at) move(b, BREAKER_HALF_OPEN);
    if (b->step == BREAKER_OPEN) return BREAKER_REFUSE;
    if (b->step == BREAKER_HALF_OPEN) return ask_for_probe(b) ? BREAKER_PROBE : BREAKER_REFUSE;
    if (b->step == BREAKER_RAMP && unit >= ramp_share(b, now)) return BREAKER_REFUSE;
    note_sent(b, now);
    return BREAKER_ALLOW;
}

bool breaker_would_refuse(const struct breaker *b, msec now)
{
    if (b->step == BREAKER_OPEN) return now < b->reopens_at || b->is_probing;
    return b->step == BREAKER_HALF_OPEN && b->is_probing;
}

static void signal_note(struct breaker_signal *s, msec now, msec time)
{
    if (time < 0) return;
    bool is_slow = time > s->limit;

    s->known_count++;
    s->slow_count += is_slow;
    s->above_base_count += (double)time > s->base.p95;
    sequential_note(&s->slow, now - time, is_slow); // slowness began when the call did
}

static void note(struct breaker *b, msec now, const struct breaker_call *call)
{
    call_window_add(&b->window, now, call->is_error, call->first_ms, call->gap_ms);
    b->slice_calls++;
    b->slice_errors += call->is_error;
    if (call->is_error) {
        sequential_convert(&b->few_errors, now);
        sequential_convert(&b->many_errors, now);
    }
    signal_note(&b->first, now, call->first_ms);
    signal_note(&b->gap, now, call->gap_ms);
}

// Whether a test needs no look any more.
static bool overwhelms(struct sequential *s, msec now, double rate, msec age)
{
    bool exceeds = sequential_exceeds(s, now, sequential_bar(rate), rate < FEW_CALLS ? 0 : age);

    return exceeds && s->hits >= HITS_LEAST;
}

static enum breaker_why weigh(struct breaker *b, msec now, double rate)
{
    if (overwhelms(&b->many_errors, now, rate, EVIDENCE_MS)) return BREAKER_WHY_ERRORS;
    if (overwhelms(&b->few_errors, now, rate, EVIDENCE_MS)) return BREAKER_WHY_ERRORS;
    if (overwhelms(&b->first.slow, now, rate, SLOW_MS)) return BREAKER_WHY_FIRST;
    if (overwhelms(&b->gap.slow, now, rate, SLOW_MS)) return BREAKER_WHY_GAP;
    return BREAKER_WHY_NONE;
}

static void trip_on_evidence(struct breaker *b, msec now)
{
    if (!b->options.trip_after) return;
    double rate = call_window_rate(&b->window, now);
    enum breaker_why why = weigh(b, now, rate);

    if (!why) return;
    msec third = b->options.open_min_ms / 3 > 0 ? b->options.open_min_ms / 3 : 1;
    trip(b, now, rate < FEW_CALLS ? third : b->options.open_min_ms, why);
}

static bool yields(struct breaker_signal *s, msec time)
{
    if (time <= s->limit) return false;
    latency_base_yield(&s->base);
    return true;
}

// A slow probe fails too, but moves the base: an upstream that is slower for good is taken back
// after some hours at most, rather than never.
static void judge_probe(struct breaker *b, msec now, const struct breaker_call *call)
{
    bool is_slow = false;

    if (!call->is_error) {
        is_slow |= yields(&b->first, call->first_ms);
        is_slow |= yields(&b->gap, call->gap_ms);
    }
    if (call->is_error || is_slow) {
        aim(b);
        open_for(b, now, b->options.open_min_ms, BREAKER_WHY_PROBE);
    } else {
        start_ramp(b, now);
    }
}

void breaker_record(struct breaker *b, msec now, const struct breaker_call *call, bool is_probe)
{
    settle(b, now);
    if (is_probe) b->is_probing = false;
    if (b->step == BREAKER_HALF_OPEN && is_probe) {
        judge_probe(b, now, call);
    } else if (b->step == BREAKER_CLOSED || b->step == BREAKER_RAMP) {
        note(b, now, call);
        trip_on_evidence(b, now);
    }
}

void breaker_abandon(struct breaker *b, msec now)
{
    b->is_probing = false;
    settle(b, now);
}

msec breaker_reopens(const struct breaker *b)
{
    return b->step == BREAKER_OPEN || b->step == BREAKER_HALF_OPEN ? b->reopens_at : TIME_NEVER;
}

// --- News, figures ---

void breaker_tell_open(struct breaker *b, msec now, msec span_ms)
{
    settle(b, now);
    if (!b->options.trip_after || b->step == BREAKER_HALF_OPEN) return;
    if (b->step != BREAKER_OPEN) {
        move(b, BREAKER_OPEN);
        b->why = BREAKER_WHY_TOLD;
        b->reopens_at = now;
    }
    b->open_ms = span_ms < b->options.open_max_ms ? span_ms : b->options.open_max_ms;
    // Whoever probed last knows best; nobody probes again before that.
    if (now + jittered(b, now) > b->reopens_at) b->reopens_at = now + jittered(b, now);
}

msec breaker_span(const struct breaker *b)
{
    return b->open_ms;
}

void breaker_tell_closed(struct breaker *b, msec now)
{
    settle(b, now);
    if (b->step == BREAKER_OPEN) move(b, BREAKER_HALF_OPEN);
    if (b->step == BREAKER_HALF_OPEN) start_ramp(b, now);
}

struct breaker_figures breaker_figures(const struct breaker *b)
{
    struct call_window_counts counts = call_window_count(&b->window, TIME_NEVER, TIME_NEVER);

    return (struct breaker_figures){
        .error_rate = counts.calls ? (double)counts.errors / counts.calls : 0,
        .first_p95_ms = call_window_first_p95(&b->window),
        .first_base_ms = latency_base_ms(&b->first.base),
        .gap_p95_ms = call_window_gap_p95(&b->window),
        .gap_base_ms = latency_base_ms(&b->gap.base),
        .samples = counts.calls,
        .trips = b->trips,
        .why = b->why,
    };
}

const char *breaker_why_name(enum breaker_why why)
{
    static const char *const names[] = {
        [BREAKER_WHY_NONE] = "none", [BREAKER_WHY_ERRORS] = "errors", [BREAKER_WHY_FIRST] = "first",
        [BREAKER_WHY_GAP] = "gap",   [BREAKER_WHY_PROBE] = "probe",   [BREAKER_WHY_TOLD] = "told",
    };

    return names[why];
}
