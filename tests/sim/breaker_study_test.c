// How soon breakers see a fault, how much they send into it, and how often they cry wolf.
//
// Each cell is a breaker, a kind of noise and a rate of arrivals. A trial warms up for ten minutes;
// then each fault begins at a random moment, before a copy of it. False trips are counted over
// healthy half minutes, with a new breaker after each hundred, so that warming up is judged too.
// Lines that begin with "detect" or "false" are for tools/plot-breakers. SIM_WINDOWS=n asks for so
// many healthy windows a cell, and 200 trials;
// otherwise busy cells have fewer, for time's sake.
#include "sim/breaker_trial.h"

#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    WINDOW_MS = 30'000,
    WINDOWS_A_LIFE = 100,
    WARM_MS = 600'000,
    TRIALS_MAX = 200,
    RATES = 6,
    NOISES = 2,
};

static const double rates[RATES] = {0.5, 2, 5, 20, 50, 500};
static const char *const noise_names[NOISES] = {"uniform", "lognormal"};

enum {
    OUTAGE,
    ERRORS_50,
    ERRORS_30,
    ERRORS_20,
    ERRORS_10,
    LATENCY_100,
    LATENCY_10,
    LATENCY_3,
    GAPS_20,
    PARTIAL,
    RAMP,
    FLAPPING,
    HICCUP,
    FAULTS,
};

static const struct breaker_fault faults[FAULTS] = {
    [OUTAGE] = {.name = "outage", .errors = 1},
    [ERRORS_50] = {.name = "50 % errors", .errors = 0.5},
    [ERRORS_30] = {.name = "30 % errors", .errors = 0.3},
    [ERRORS_20] = {.name = "20 % errors", .errors = 0.2},
    [ERRORS_10] = {.name = "10 % errors", .errors = 0.1},
    [LATENCY_100] = {.name = "latency x100", .latency = 100, .slow_share = 1},
    [LATENCY_10] = {.name = "latency x10", .latency = 10, .slow_share = 1},
    [LATENCY_3] = {.name = "latency x3", .latency = 3, .slow_share = 1},
    [GAPS_20] = {.name = "gaps x20", .gap = 20},
    [PARTIAL] = {.name = "30 % of calls x10", .latency = 10, .slow_share = 0.3},
    [RAMP] = {.name = "ramp to x3 in 10 min",
              .latency = 3,
              .slow_share = 1,
              .ramp_ms = 600'000,
              .span_ms = 900'000},
    [FLAPPING] = {.name = "outage 15 s of 30 s", .errors = 1, .on_ms = 15'000, .off_ms = 15'000},
    [HICCUP] = {.name = "hiccup of 0.5 s", .errors = 1, .on_ms = 500, .off_ms = 1'000'000},
};

// What we promise of ours: opens within `worst_ms` of a fault wherever so many calls a second come.
static const struct promise {
    unsigned fault;
    double rate_least;
    msec worst_ms;
} promises[] = {
    {OUTAGE, 2, 10'000},     {ERRORS_50, 2, 35'000},  {ERRORS_30, 20, 10'000},
    {ERRORS_20, 20, 35'000}, {ERRORS_10, 50, 35'000}, {LATENCY_10, 20, 10'000},
    {LATENCY_3, 5, 35'000},  {PARTIAL, 5, 35'000},
};

// What the trials of one fault came to; times of -1 are of those that never saw it.
struct found {
    msec times[TRIALS_MAX];
    unsigned count;
    unsigned seen;
    uint64_t faulty;
    uint64_t sent;
};

static struct breaker_trial warm, trial; // too large for a stack

static unsigned windows_at(double rate)
{
    const char *given = getenv("SIM_WINDOWS");
    double calls_max = 1'500'000;
    double most = calls_max / (rate * WINDOW_MS / 1000);

    if (given) return (unsigned)strtoul(given, NULL, 10);
    return most < 10'000 ? (unsigned)most : 10'000;
}

static unsigned trials_at(double rate)
{
    if (getenv("SIM_WINDOWS")) return rate > 100 ? TRIALS_MAX / 4 : TRIALS_MAX;
    return rate > 100 ? 2 : rate > 10 ? 10 : 40;
}

static int by_time(const void *a, const void *b)
{
    uint64_t left = (uint64_t) * (const msec *)a, right = (uint64_t) * (const msec *)b;

    return (left > right) - (left < right); // -1 is the latest
}

static void try_fault(struct found *found, const struct breaker_fault *f, msec fault_at)
{
    breaker_trial_copy(&trial, &warm);
    breaker_trial_start_fault(&trial, f, fault_at);
    breaker_trial_run(&trial, fault_at + (f->span_ms ? f->span_ms : 180'000));
    found->seen += trial.opened_at >= 0;
    found->times[found->count++] = trial.opened_at < 0 ? -1 : trial.opened_at - fault_at;
    found->faulty += trial.faulty;
    found->sent += trial.sent;
}

static void try_all(struct found *found, enum breaker_kind kind, enum breaker_noise noise,
                    double rate)
{
    unsigned trials = trials_at(rate);

    for (unsigned i = 0; i < FAULTS; i++) {
        found[i] = (struct found){0};
    }
    for (unsigned i = 0; i < trials; i++) {
        msec fault_at = WARM_MS + (msec)(random_mix(i) % WINDOW_MS);
        breaker_trial_init(&warm, kind, noise, rate, 1000 + i);
        breaker_trial_run(&warm, fault_at);
        if (breaker_rival_is_open(&warm.rival)) continue; // a false trip, which others count
        for (unsigned f = 0; f < FAULTS; f++) {
            try_fault(&found[f], &faults[f], fault_at);
        }
    }
    for (unsigned f = 0; f < FAULTS; f++) {
        qsort(found[f].times, found[f].count, sizeof(msec), by_time);
    }
}

static msec median(const struct found *f)
{
    return f->count ? f->times[f->count / 2] : -1;
}

static msec worst(const struct found *f)
{
    return f->count ? f->times[f->count - 1] : -1;
}

// -1 is no time, but for whoever reads the lines.
static double seconds(msec time)
{
    return time < 0 ? -1 : (double)time / 1000;
}

static void print_found(enum breaker_kind kind, enum breaker_noise noise, double rate,
                        const struct found *found)
{
    for (unsigned f = 0; f < FAULTS; f++) {
        printf("detect;%s;%s;%g;%s;%u;%u;%.1f;%.1f;%.3f\n", breaker_rival_name(kind),
               noise_names[noise], rate, faults[f].name, found[f].count, found[f].seen,
               seconds(median(&found[f])), seconds(worst(&found[f])),
               (double)found[f].sent / (double)(found[f].faulty ? found[f].faulty : 1));
    }
}

static void check_promises(double rate, const struct found *found)
{
    for (size_t i = 0; i < sizeof(promises) / sizeof(*promises); i++) {
        const struct found *f = &found[promises[i].fault];
        if (rate < promises[i].rate_least) continue;
        CHECK(f->count > 0);
        CHECK_EQ(f->seen, f->count);
        CHECK(worst(f) <= promises[i].worst_ms);
    }
}

static void study(enum breaker_kind kind)
{
    static struct found found[FAULTS];

    for (unsigned noise = 0; noise < NOISES; noise++) {
        for (unsigned r = 0; r < RATES; r++) {
            try_all(found, kind, noise, rates[r]);
            print_found(kind, noise, rates[r], found);
            if (kind == BREAKER_KIND_ADAPTIVE) check_promises(rates[r], found);
        }
    }
}

static uint32_t false_trips(enum breaker_kind kind, enum breaker_noise noise, double rate,
                            unsigned windows)
{
    uint32_t trips = 0;

    for (unsigned done = 0; done < windows; done += WINDOWS_A_LIFE) {
        unsigned left = windows - done;
        breaker_trial_init(&trial, kind, noise, rate, 77'000 + done);
        breaker_trial_run(&trial,
                          (msec)WINDOW_MS * (left < WINDOWS_A_LIFE ? left : WINDOWS_A_LIFE));
        trips += breaker_rival_trips(&trial.rival);
    }
    return trips;
}

static void study_healthy(enum breaker_kind kind, enum breaker_noise noise, double rate)
{
    unsigned windows = windows_at(rate);
    uint32_t trips = false_trips(kind, noise, rate, windows);

    printf("false;%s;%s;%g;%u;%u\n", breaker_rival_name(kind), noise_names[noise], rate, windows,
           trips);
    if (kind == BREAKER_KIND_ADAPTIVE) CHECK(trips * 100 < windows);
}

TEST(breaker_study_ours_sees_faults_in_time_and_the_others_are_beside_it)
{
    for (unsigned kind = 0; kind < BREAKER_KINDS; kind++) {
        study((enum breaker_kind)kind);
    }
}

TEST(breaker_study_less_than_one_healthy_window_in_a_hundred_opens_ours)
{
    for (unsigned kind = 0; kind < BREAKER_KINDS; kind++) {
        for (unsigned noise = 0; noise < NOISES; noise++) {
            for (unsigned r = 0; r < RATES; r++) {
                study_healthy((enum breaker_kind)kind, (enum breaker_noise)noise, rates[r]);
            }
        }
    }
}

TEST(breaker_study_repeats_itself)
{
    uint32_t trips = 0;

    for (unsigned i = 0; i < 2; i++) {
        breaker_trial_init(&trial, BREAKER_KIND_ADAPTIVE, BREAKER_NOISE_LOGNORMAL, 5, 42);
        breaker_trial_start_fault(&trial, &faults[FLAPPING], 60'000);
        breaker_trial_run(&trial, 600'000);
        if (i == 0) {
            trips = breaker_rival_trips(&trial.rival);
            breaker_trial_copy(&warm, &trial);
        }
    }
    CHECK(trips > 0);
    CHECK_EQ(breaker_rival_trips(&trial.rival), trips);
    CHECK_EQ(trial.sent, warm.sent);
    CHECK_EQ(trial.opened_at, warm.opened_at);
}
