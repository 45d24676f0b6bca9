#include "resilience/latency_base.h"

#include <math.h>

enum { FIRST_CALLS = 10, BATCH_CALLS = 20, LOWS_MANY = 30 };

static const double step_least = 0.001;
static const double step_first = 0.2;

// Steps shrink faster than 1/n, so that the warm-up forgives a bad first guess and then ends.
static double step(const struct latency_base *l)
{
    double warm = step_first / pow(l->batches, 1.5);

    if (l->lows > LOWS_MANY) return fmax(warm, 10 * step_least);
    return fmax(warm, step_least);
}

static void guess(struct latency_base *l, msec window_p95)
{
    if (l->calls < FIRST_CALLS || window_p95 < 0) return;
    l->p95 = fmax(1, (double)window_p95);
    l->batches = 1;
    l->calls = l->above = 0;
}

void latency_base_learn(struct latency_base *l, uint32_t calls, uint32_t above, msec window_p95)
{
    l->calls += calls;
    l->above += above;
    if (l->batches == 0) {
        guess(l, window_p95);
        return;
    }
    if (l->calls < BATCH_CALLS) return;
    // 5 % above is what a P95 has. The way up is capped at three steps: a base then rests where one
    // window in four exceeds it, whatever the windows are like.
    double excess = (double)l->above / l->calls / 0.05 - 1;
    l->lows = l->above == 0 ? l->lows + 1 : 0;
    l->batches++;
    l->p95 = fmax(1, l->p95 * exp(step(l) * fmin(excess, 3)));
    l->calls = l->above = 0;
}

void latency_base_yield(struct latency_base *l)
{
    l->p95 *= 1.1;
}

msec latency_base_limit(const struct latency_base *l, double factor, msec floor_ms)
{
    if (l->batches == 0) return TIME_NEVER;
    double limit = l->p95 * factor * (1 + 2.0 / (l->batches + 1));

    return limit < (double)floor_ms ? floor_ms : (msec)limit;
}

msec latency_base_ms(const struct latency_base *l)
{
    return l->batches ? (msec)l->p95 : -1;
}
