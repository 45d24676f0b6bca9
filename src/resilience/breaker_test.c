#include "resilience/breaker.h"

#include "base/random.h"

#include "support/test.h"

#include <string.h>

static struct breaker b;
static const struct breaker_call good = {.first_ms = 500, .gap_ms = 20};
static const struct breaker_call slow = {.first_ms = 1500, .gap_ms = 20};
static const struct breaker_call gappy = {.first_ms = 500, .gap_ms = 900};
static const struct breaker_call bad = {.is_error = true, .first_ms = -1, .gap_ms = -1};

static void start(void)
{
    breaker_init(&b, &BREAKER_DEFAULTS, 0);
}

// Asks and records `per_second` calls a second, `every`-th of which is `other`; 0: none is.
static msec drive(msec from, msec until, msec per_second, const struct breaker_call *other,
                  unsigned every)
{
    unsigned n = 0;

    for (msec now = from; now < until; now += 1000 / per_second) {
        if (breaker_ask(&b, now, 0.5) != BREAKER_ALLOW) return now;
        breaker_record(&b, now, every && ++n % every == 0 ? other : &good, false);
    }
    return until;
}

// The jitter takes up to a tenth off the span that begins at `now`.
static void check_span(msec now, msec span)
{
    CHECK_EQ(b.open_ms, span);
    CHECK(breaker_reopens(&b) <= now + span);
    CHECK(breaker_reopens(&b) >= now + span - span / 10);
}

// Probes when due with `call`; the time it was.
static msec probe_with(const struct breaker_call *call)
{
    msec due = breaker_reopens(&b);

    CHECK_EQ(breaker_ask(&b, due - 1, 0), BREAKER_REFUSE);
    CHECK_EQ(breaker_ask(&b, due, 0), BREAKER_PROBE);
    breaker_record(&b, due, call, true);
    return due;
}

// Opens a new breaker by three errors, at 2.
static void open_new(void)
{
    start();
    for (msec now = 0; now < 3; now++) {
        CHECK_EQ(breaker_ask(&b, now, 0.99), BREAKER_ALLOW);
        breaker_record(&b, now, &bad, false);
    }
    CHECK_EQ(b.step, BREAKER_OPEN);
}

TEST(breaker_stays_closed_while_calls_are_good)
{
    start();
    CHECK_EQ(drive(0, 600'000, 20, &bad, 33), 600'000);
    CHECK_EQ(b.step, BREAKER_CLOSED);
    CHECK_EQ(breaker_figures(&b).trips, 0);
    CHECK_EQ(breaker_figures(&b).first_base_ms > 400, 1);
    CHECK_EQ(breaker_reopens(&b), TIME_NEVER);
}

TEST(breaker_leaves_an_upstream_dead_from_its_first_call_after_three)
{
    open_new();
    CHECK_EQ(breaker_figures(&b).why, BREAKER_WHY_ERRORS);
    CHECK_EQ(breaker_figures(&b).trips, 1);
    CHECK_EQ(breaker_ask(&b, 3, 0), BREAKER_REFUSE);
    CHECK(breaker_would_refuse(&b, 3));
    check_span(2, 10'000);
}

TEST(breaker_two_errors_of_two_calls_prove_nothing)
{
    start();
    breaker_record(&b, 0, &bad, false);
    breaker_record(&b, 1, &bad, false);
    CHECK_EQ(breaker_ask(&b, 2, 0), BREAKER_ALLOW);
}

TEST(breaker_doubles_a_short_span_from_10_to_120_s)
{
    const msec spans[] = {20'000, 40'000, 80'000, 120'000, 120'000};

    open_new();
    for (size_t i = 0; i < sizeof(spans) / sizeof(*spans); i++) {
        check_span(probe_with(&bad), spans[i]);
        CHECK_EQ(breaker_figures(&b).why, BREAKER_WHY_PROBE);
    }
    CHECK_EQ(breaker_figures(&b).trips, 1);
}

// Some fault that only looks see: one call in ten is slow.
TEST(breaker_opens_by_the_third_bad_look_for_30_s_then_60_then_120)
{
    start();
    drive(0, 600'000, 50, NULL, 0);
    CHECK_EQ(drive(600'000, 629'000, 50, &slow, 10), 629'000);
    msec opened = drive(629'000, 700'000, 50, &slow, 10);
    CHECK_EQ(opened, 630'000);
    CHECK_EQ(breaker_figures(&b).why, BREAKER_WHY_FIRST);
    check_span(opened, 30'000);
    check_span(probe_with(&bad), 60'000);
    check_span(probe_with(&bad), 120'000);
    check_span(probe_with(&bad), 120'000);
}

TEST(breaker_starts_counting_bad_looks_anew_after_a_good_one)
{
    start();
    drive(0, 600'000, 50, NULL, 0);
    drive(600'000, 620'000, 50, &slow, 10);
    CHECK_EQ(drive(620'000, 631'000, 50, NULL, 0), 631'000);
    CHECK_EQ(b.bad_looks, 0);
    CHECK_EQ(drive(631'000, 651'000, 50, &slow, 10), 651'000);
}

TEST(breaker_steps_of_three_ten_and_a_hundred_times_the_latency_all_open)
{
    for (msec factor = 3; factor <= 100; factor = factor == 3 ? 10 : factor * 10) {
        struct breaker_call step = {.first_ms = factor * good.first_ms, .gap_ms = -1};
        start();
        drive(0, 600'000, 5, NULL, 0);
        msec opened = drive(600'000, 700'000, 5, &step, 1);
        CHECK(opened <= 605'000);
        CHECK_EQ(breaker_figures(&b).why, BREAKER_WHY_FIRST);
    }
}

TEST(breaker_opens_on_gaps_between_tokens)
{
    start();
    drive(0, 600'000, 5, NULL, 0);
    CHECK(drive(600'000, 700'000, 5, &gappy, 1) <= 605'000);
    CHECK_EQ(breaker_figures(&b).why, BREAKER_WHY_GAP);
}

TEST(breaker_catches_latency_that_creeps_up)
{
    start();
    drive(0, 600'000, 10, NULL, 0);
    for (msec now = 600'000; now < 1'800'000; now += 100) {
        struct breaker_call call = {.gap_ms = -1};
        call.first_ms = 700 + 1400 * (now - 600'000) / 1'200'000; // to threefold in 20 minutes
        if (breaker_ask(&b, now, 0) == BREAKER_REFUSE) break;
        breaker_record(&b, now, &call, false);
    }
    CHECK_EQ(b.step, BREAKER_OPEN);
    CHECK_EQ(breaker_figures(&b).why, BREAKER_WHY_FIRST);
}

TEST(breaker_does_not_open_for_a_hiccup_of_half_a_second)
{
    start();
    drive(0, 600'000, 50, NULL, 0);
    CHECK_EQ(drive(600'000, 600'500, 50, &bad, 1), 600'500);
    CHECK_EQ(drive(600'500, 700'000, 50, NULL, 0), 700'000);
}

// Errors come at once, good calls after five seconds, as a surge of 200 calls a second begins.
TEST(breaker_is_not_fooled_by_errors_that_overtake_good_calls)
{
    start();
    for (msec now = 0; now < 20'000; now += 5) {
        CHECK_EQ(breaker_ask(&b, now, 0), BREAKER_ALLOW);
        bool is_error = now % 165 == 0; // 3 %
        if (is_error) breaker_record(&b, now, &bad, false);
        if (!is_error && now >= 5000) breaker_record(&b, now, &good, false);
    }
    CHECK_EQ(b.step, BREAKER_CLOSED);
}

TEST(breaker_admits_one_probe_at_a_time_until_it_has_ended)
{
    open_new();
    msec due = breaker_reopens(&b);
    CHECK(!breaker_would_refuse(&b, due));
    CHECK_EQ(breaker_ask(&b, due, 0), BREAKER_PROBE);
    CHECK_EQ(breaker_ask(&b, due + 60'000, 0), BREAKER_REFUSE);
    CHECK(breaker_would_refuse(&b, due + 60'000));
    breaker_record(&b, due + 60'000, &good, false); // not the probe: it began before
    CHECK_EQ(b.step, BREAKER_HALF_OPEN);
    breaker_abandon(&b, due + 60'001);
    CHECK(!breaker_would_refuse(&b, due + 60'001));
    CHECK_EQ(breaker_ask(&b, due + 60'002, 0), BREAKER_PROBE);
    breaker_record(&b, due + 60'003, &good, true);
    CHECK_EQ(b.step, BREAKER_RAMP);
}

TEST(breaker_admits_a_growing_share_after_a_good_probe_then_all)
{
    open_new();
    msec at = probe_with(&good);
    CHECK_EQ(breaker_ask(&b, at, 0.09), BREAKER_ALLOW);
    CHECK_EQ(breaker_ask(&b, at, 0.11), BREAKER_REFUSE);
    CHECK_EQ(breaker_ask(&b, at + 5000, 0.54), BREAKER_ALLOW);
    CHECK_EQ(breaker_ask(&b, at + 5000, 0.56), BREAKER_REFUSE);
    CHECK(!breaker_would_refuse(&b, at + 5000));
    CHECK_EQ(breaker_reopens(&b), TIME_NEVER);
    CHECK_EQ(breaker_ask(&b, at + 10'000, 0.999), BREAKER_ALLOW);
    CHECK_EQ(b.step, BREAKER_CLOSED);
}

TEST(breaker_that_fails_in_its_ramp_opens_for_twice_as_long)
{
    open_new();
    msec at = probe_with(&good);
    for (msec i = 1; i <= 3; i++) {
        breaker_record(&b, at + i, &bad, false);
    }
    check_span(at + 3, 20'000);
    at = probe_with(&good);
    breaker_ask(&b, at + 10'000, 0);
    for (msec i = 1; i <= 3; i++) {
        breaker_record(&b, at + 10'000 + i, &bad, false);
    }
    check_span(at + 10'003, 10'000); // after a whole ramp the past is forgotten
}

TEST(breaker_without_a_ramp_closes_at_once)
{
    struct breaker_options o = BREAKER_DEFAULTS;

    open_new();
    o.ramp_ms = 0;
    breaker_configure(&b, &o);
    probe_with(&good);
    CHECK_EQ(b.step, BREAKER_CLOSED);
}

TEST(breaker_takes_a_slow_probe_for_a_failure_but_yields_to_an_upstream_slower_for_good)
{
    unsigned probes = 0;

    start();
    drive(0, 600'000, 50, NULL, 0);
    drive(600'000, 700'000, 50, &slow, 1);
    CHECK_EQ(b.step, BREAKER_OPEN);
    while (b.step == BREAKER_OPEN) {
        probe_with(&slow);
        CHECK(++probes < 20);
    }
    CHECK(probes > 5);
    CHECK_EQ(b.step, BREAKER_RAMP);
}

TEST(breaker_that_never_trips_lets_everything_pass)
{
    struct breaker_options o = BREAKER_DEFAULTS;

    o.trip_after = 0;
    breaker_init(&b, &o, 0);
    CHECK_EQ(drive(0, 100'000, 10, &bad, 1), 100'000);
    breaker_tell_open(&b, 100'000, 10'000);
    CHECK_EQ(breaker_ask(&b, 100'000, 0.9), BREAKER_ALLOW);
    open_new();
    breaker_configure(&b, &o);
    CHECK_EQ(b.step, BREAKER_CLOSED);
}

TEST(breaker_hears_of_other_workers)
{
    start();
    breaker_tell_closed(&b, 1);
    CHECK_EQ(b.step, BREAKER_CLOSED);
    breaker_tell_open(&b, 2, 30'000);
    check_span(2, 30'000);
    CHECK_EQ(breaker_figures(&b).why, BREAKER_WHY_TOLD);
    CHECK_EQ(breaker_figures(&b).trips, 0);
    breaker_tell_open(&b, 3, 10'000);
    CHECK(breaker_reopens(&b) > 26'000); // no sooner than it meant to
    breaker_tell_open(&b, 20'000, 60'000);
    check_span(20'000, 60'000);
    breaker_tell_closed(&b, 20'004);
    CHECK_EQ(b.step, BREAKER_RAMP);
    CHECK_EQ(breaker_ask(&b, 20'004, 0.99), BREAKER_REFUSE);
}

TEST(breaker_keeps_waiting_for_a_probe_that_news_overtook)
{
    open_new();
    msec due = breaker_reopens(&b);
    CHECK_EQ(breaker_ask(&b, due, 0), BREAKER_PROBE);
    breaker_tell_closed(&b, due + 1);
    breaker_tell_open(&b, due + 2, 10'000);
    CHECK_EQ(b.step, BREAKER_OPEN);
    CHECK(breaker_would_refuse(&b, due + 60'000));
    CHECK_EQ(breaker_ask(&b, due + 60'000, 0), BREAKER_REFUSE);
    breaker_record(&b, due + 60'001, &good, true);
    CHECK_EQ(b.step, BREAKER_RAMP);
}

TEST(breaker_keeps_what_it_learned_under_other_options)
{
    struct breaker_options o = BREAKER_DEFAULTS;

    start();
    drive(0, 60'000, 10, NULL, 0);
    msec base = breaker_figures(&b).first_base_ms;
    o.samples_max = 100'000;
    o.first_floor_ms = 5000;
    breaker_configure(&b, &o);
    CHECK_EQ(b.options.samples_max, BREAKER_CALLS_MAX);
    CHECK_EQ(breaker_figures(&b).first_base_ms, base);
    CHECK_EQ(b.first.limit, 5000);
}

TEST(breaker_figures_know_nothing_of_a_new_one)
{
    start();
    struct breaker_figures f = breaker_figures(&b);
    CHECK_EQ(f.samples, 0);
    CHECK(f.error_rate == 0);
    CHECK_EQ(f.first_p95_ms, -1);
    CHECK_EQ(f.first_base_ms, -1);
    CHECK_EQ(f.gap_p95_ms, -1);
    CHECK_EQ(f.gap_base_ms, -1);
    CHECK(strcmp(breaker_why_name(f.why), "none") == 0);
    CHECK(strcmp(breaker_why_name(BREAKER_WHY_TOLD), "told") == 0);
}

// --- Properties, over random lives ---

struct life {
    struct random random;
    msec now;
    unsigned probes; // out at present
    uint64_t trace;
};

static void ask_and_check(struct life *l)
{
    bool would_refuse = breaker_would_refuse(&b, l->now);
    int before = b.step;
    msec reopens = breaker_reopens(&b);
    enum breaker_verdict verdict = breaker_ask(&b, l->now, random_unit(&l->random));

    l->trace = random_mix(l->trace ^ ((uint64_t)verdict + 4 * (uint64_t)b.step));
    if (before == BREAKER_OPEN) {
        CHECK(verdict != BREAKER_ALLOW);
        CHECK_EQ(would_refuse, verdict == BREAKER_REFUSE);
        if (l->now < reopens) CHECK_EQ(verdict, BREAKER_REFUSE);
    }
    if (verdict == BREAKER_PROBE) CHECK_EQ(++l->probes, 1);
    if (b.step == BREAKER_OPEN) CHECK_EQ(verdict, BREAKER_REFUSE);
}

static void act(struct life *l)
{
    struct breaker_call call = {.first_ms = (msec)random_below(&l->random, 2000), .gap_ms = -1};
    bool is_probe = l->probes && random_below(&l->random, 2);
    msec span = b.open_ms;
    int before = b.step;

    call.is_error = random_below(&l->random, 100) < (l->now / 60'000 % 2 ? 60 : 2);
    switch (random_below(&l->random, 40)) {
    case 0: breaker_tell_open(&b, l->now, 10'000); return;
    case 1: breaker_tell_closed(&b, l->now); return;
    case 2:
        if (l->probes) breaker_abandon(&b, l->now);
        l->probes = 0;
        return;
    default: break;
    }
    if (random_below(&l->random, 2)) {
        ask_and_check(l);
        return;
    }
    breaker_record(&b, l->now, &call, is_probe);
    if (is_probe) l->probes = 0;
    if (before == BREAKER_HALF_OPEN && b.step == BREAKER_OPEN)
        CHECK_EQ(b.open_ms, span * 2 < 120'000 ? span * 2 : 120'000);
}

static uint64_t live(uint64_t seed)
{
    struct life l = {0};

    random_init(&l.random, seed);
    start();
    for (unsigned i = 0; i < 20'000; i++) {
        l.now += (msec)random_below(&l.random, 400);
        act(&l);
    }
    return l.trace;
}

TEST(breaker_keeps_its_promises_over_random_lives_and_repeats_them)
{
    uint64_t seed = test_seed();

    for (uint64_t i = 0; i < 20; i++) {
        CHECK(live(seed + i) == live(seed + i));
    }
    CHECK(live(seed) != live(seed + 1));
}
