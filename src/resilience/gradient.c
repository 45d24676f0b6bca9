#include "resilience/gradient.h"

#include "base/list.h"

static const double tolerance = 1.5; // of the latency, before the limit falls
static const double smoothing = 0.2;
static const double queue_size = 4;

static const struct gradient *of(const struct limiter *l)
{
    return container_of((uintptr_t)l, struct gradient, limiter); // read only
}

static uint32_t limit(const struct limiter *l)
{
    return of(l)->options.max ? (uint32_t)of(l)->estimate : 0;
}

static msec ready(const struct limiter *l, msec now)
{
    return !of(l)->options.max || of(l)->in_flight < limit(l) ? now : TIME_NEVER;
}

static bool take(struct limiter *l, msec now)
{
    if (ready(l, now) > now) return false;
    container_of(l, struct gradient, limiter)->in_flight++;
    return true;
}

static double clamp(double value, double low, double high)
{
    return value < low ? low : value > high ? high : value;
}

static void bound(struct gradient *g)
{
    g->estimate = clamp(g->estimate, g->options.min, g->options.max);
}

static void learn(struct gradient *g, double latency)
{
    if (g->samples < GRADIENT_LONG) g->samples++;
    g->long_ms += (latency - g->long_ms) / g->samples;
    // After a long slow time the long average would take long to come down.
    if (g->long_ms > 2 * latency) g->long_ms *= 0.95;
}

static void give(struct limiter *l, msec now, const struct limiter_sample *s)
{
    struct gradient *g = container_of(l, struct gradient, limiter);
    bool is_in_use = g->in_flight >= g->estimate / 2;
    double latency = s->latency < 1 ? 1 : (double)s->latency;

    if (g->in_flight) g->in_flight--;
    if (!g->options.max) return;
    if (s->is_dropped) {
        // Calls that fail together are one overload.
        if (is_in_use && (double)(now - g->shrunk_at) > g->long_ms) {
            g->estimate *= 0.9;
            g->shrunk_at = now;
            bound(g);
        }
        return;
    }
    if (s->latency < 0) return;
    learn(g, latency);
    if (!is_in_use) return;
    double ratio = clamp(tolerance * g->long_ms / latency, 0.5, 1);
    double next = g->estimate * ratio + queue_size;
    g->estimate = g->estimate * (1 - smoothing) + next * smoothing;
    bound(g);
}

static const struct limiter_rules rules = {
    .take = take, .give = give, .ready = ready, .limit = limit};

void gradient_configure(struct gradient *g, const struct gradient_options *o)
{
    bool had_none = !g->options.max;

    g->options = *o;
    if (had_none) g->estimate = o->initial;
    bound(g);
}

void gradient_init(struct gradient *g, const struct gradient_options *o)
{
    *g = (struct gradient){.limiter = {.rules = &rules}};
    gradient_configure(g, o);
}
