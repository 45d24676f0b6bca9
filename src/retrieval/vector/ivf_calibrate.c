// Design: how well codes have to be looked at (epsilon, candidates) and how many lists (patience)
// depend on each other. So a few settings of the former are run, for each a range of the latter is
// tried on the notes, and for every level the cheapest that reaches it is taken. What is cheap is
// counted, not timed, so that the outcome is the same on any machine and at any load.
#include "retrieval/vector/ivf_calibrate.h"

#include "retrieval/vector/ivf_stop.h"
#include "retrieval/vector/ivf_trace.h"

#include <math.h>

enum {
    PATIENCES = 21,  // a half to IVF_TRACE_PATIENCE_MAX, in steps of the square root of two
    LISTS_SLACK = 4, // a search may scan as many times the lists of the mean one
    LISTS_MIN = 8,
    // Costs, in rows of stage 1.
    COST_LIST = 40,
    COST_SURVIVOR = 12,
    COST_CANDIDATE = 40,
};

// Queries that users have are not rows of the index. What they miss was found to be up to 1.4 times
// what rows miss (SIFT of other pictures; words that were held out miss less), so a level is
// reached where rows miss this part of what it allows.
static const double missed_part = 0.7;

static const float levels[] = {0.8F, 0.9F, 0.95F, 0.98F, 0.99F, 0.995F};
enum { LEVELS = sizeof levels / sizeof *levels };
_Static_assert(LEVELS < (int)CALIBRATION_LEVELS_MAX, "one more for all lists");

static const struct setting {
    float epsilon;
    uint32_t candidates;
} settings[] = {{1.0F, 20}, {1.2F, 30}, {1.5F, 40}, {1.9F, 60}, {2.5F, 120}};
enum { SETTINGS = sizeof settings / sizeof *settings };

// What searches of one patience come to, on average.
struct outcome {
    double patience;
    double recall;
    double lists_max;
    double cost;
};

// Where a search ends; `lists_max` is above 0.
static uint32_t end_of(const struct ivf_trace *t, uint32_t query, float patience, double lists_max)
{
    static const struct candidates full = {.count = 1, .limit = 1};
    const struct ivf_trace_step *steps = t->steps + (size_t)query * t->steps_max;
    struct ivf_stop stop;
    uint32_t i = 0;

    ivf_stop_init(&stop, patience);
    for (bool ends = false; !ends && i < t->counts[query] && i < lists_max; i++) {
        struct probe probe = {.reach = steps[i].reach};
        ends = ivf_stop_after(&stop, &probe, !steps[i].is_quiet, &full);
    }
    return i;
}

static struct outcome try_patience(const struct ivf_trace *t, float patience, uint32_t candidates)
{
    struct outcome o = {.patience = (double)patience};
    double lists = 0;
    double hits = 0;

    for (uint32_t query = 0; query < t->query_count; query++) {
        lists += end_of(t, query, patience, t->steps_max);
    }
    o.lists_max = fmax(ceil(LISTS_SLACK * lists / t->query_count), LISTS_MIN);
    for (uint32_t query = 0; query < t->query_count; query++) {
        const struct ivf_trace_step *steps = t->steps + (size_t)query * t->steps_max;
        uint32_t end = end_of(t, query, patience, o.lists_max);
        for (uint32_t i = 0; i < end; i++) {
            o.cost += COST_LIST + steps[i].rows + (double)COST_SURVIVOR * steps[i].survivors;
        }
        if (end) hits += steps[end - 1].hits;
    }
    o.cost = o.cost / t->query_count + (double)COST_CANDIDATE * candidates;
    o.recall = hits / t->query_count / t->wanted;
    return o;
}

static double between(double low, double high, double part)
{
    return low + (high - low) * part;
}

// Where two patiences enclose what a level takes, what is between them.
static struct outcome meet(const struct outcome *low, const struct outcome *high, double recall)
{
    double part = (recall - low->recall) / (high->recall - low->recall);

    return (struct outcome){.patience = between(low->patience, high->patience, part),
                            .lists_max = between(low->lists_max, high->lists_max, part),
                            .cost = between(low->cost, high->cost, part)};
}

// Takes the setting for every level that it reaches at less cost than those before.
static void offer(const struct ivf_trace *t, const struct setting *s, double costs[LEVELS],
                  struct calibration_level best[LEVELS])
{
    struct outcome outcomes[PATIENCES];
    unsigned at = 0;

    for (unsigned i = 0; i < PATIENCES; i++) {
        outcomes[i] = try_patience(t, powf(2, (float)i / 2 - 1), s->candidates);
    }
    for (unsigned l = 0; l < LEVELS; l++) {
        double recall = 1 - missed_part * (1 - (double)levels[l]);
        while (at < PATIENCES && outcomes[at].recall < recall) {
            at++;
        }
        if (at == PATIENCES) return;
        struct outcome o = outcomes[at];
        if (at > 0) o = meet(&outcomes[at - 1], &outcomes[at], recall);
        if (!(o.cost < costs[l])) continue;
        costs[l] = o.cost;
        best[l] = (struct calibration_level){.recall = levels[l],
                                             .epsilon = s->epsilon,
                                             .patience = (float)o.patience,
                                             .lists_max = (uint32_t)ceil(o.lists_max),
                                             .candidates = s->candidates};
    }
}

// Levels that were reached; behind them, where some were not, all lists.
static void gather(const struct calibration_level best[LEVELS], struct calibration *out)
{
    for (unsigned l = 0; l < LEVELS; l++) {
        if (best[l].candidates) out->levels[out->count++] = best[l];
    }
    if (out->count == LEVELS) return;
    out->levels[out->count++] = (struct calibration_level){
        .recall = CALIBRATION_RECALL_MAX,
        .epsilon = settings[SETTINGS - 1].epsilon,
        .patience = CALIBRATION_PATIENCE_MAX,
        .lists_max = QUANTIZER_LISTS_MAX,
        .candidates = settings[SETTINGS - 1].candidates,
    };
}

static err measure(struct ivf_trace *t, struct calibration *out)
{
    struct calibration_level best[LEVELS] = {0};
    double costs[LEVELS];

    for (unsigned l = 0; l < LEVELS; l++) {
        costs[l] = (double)INFINITY;
    }
    for (unsigned i = 0; i < SETTINGS; i++) {
        TRY(ivf_trace_run(t, settings[i].epsilon, settings[i].candidates));
        offer(t, &settings[i], costs, best);
    }
    *out = (struct calibration){.query_count = t->query_count};
    gather(best, out);
    return OK;
}

err ivf_calibrate(const struct ivf_calibrate_options *o, struct calibration *out)
{
    struct ivf_trace t = {.view = o->view, .watch = o->watch, .threads = o->threads};

    TRY(ivf_trace_init(&t, o->seed));
    err e = OK;
    if (t.query_count) {
        e = measure(&t, out);
    } else {
        *out = *calibration_guess();
    }
    ivf_trace_done(&t);
    return e;
}
