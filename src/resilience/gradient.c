#include "resilience/gradient.h"

#include "base/list.h"

#include <assert.h>

// The defaults of Gradient2 and of its window.
static const double smoothing = 0.2;
static const double queue_size = 4;
static const double tolerance = 1.5;
static const double long_windows = 600;
static const double long_decay = 0.95;
enum { WINDOW_MS = 1'000, WINDOW_SAMPLES = 10, WARM_UP_WINDOWS = 10 };

static const double drop_factor = 0.9;

static struct gradient *gradient_of(struct limiter *l)
{
    return container_of(l, struct gradient, limiter);
}

static const struct gradient *const_gradient_of(const struct limiter *l)
{
    return (const struct gradient *)((const char *)l - offsetof(struct gradient, limiter));
}

static double clamp(double value, double low, double high)
{
    if (value < low) return low;
    return value > high ? high : value;
}

static void set_limit(struct gradient *g, double limit)
{
    g->limit = clamp(limit, g->options.min, g->options.max);
}

static uint32_t limit(const struct limiter *l)
{
    const struct gradient *g = const_gradient_of(l);

    return g->options.max > 0 ? (uint32_t)g->limit : 0;
}

static bool has_room(const struct gradient *g)
{
    return g->options.max == 0 || g->in_use < (uint32_t)g->limit;
}

static bool take(struct limiter *l, msec now)
{
    struct gradient *g = gradient_of(l);

    (void)now;
    if (!has_room(g)) return false;
    g->in_use++;
    return true;
}

static msec ready(const struct limiter *l, msec now)
{
    return has_room(const_gradient_of(l)) ? now : TIME_NEVER;
}

static uint32_t in_use(const struct limiter *l)
{
    return const_gradient_of(l)->in_use;
}

// The plain mean of the first windows, and from then on a moving average.
static void learn_latency(struct gradient *g, double latency)
{
    double share = 2 / (long_windows + 1);

    if (g->windows < WARM_UP_WINDOWS) share = 1.0 / ++g->windows;
    g->latency += (latency - g->latency) * share;
    if (g->latency > 2 * latency) g->latency *= long_decay;
}

static void end_window(struct gradient *g, const struct gradient_window *w)
{
    double latency = w->latency_sum / w->samples;

    learn_latency(g, latency);
    if (w->in_use_max < g->limit / 2) return;

    double gradient = clamp(tolerance * g->latency / latency, 0.5, 1);
    double wanted = g->limit * gradient + queue_size;
    set_limit(g, (1 - smoothing) * g->limit + smoothing * wanted);
}

static void add_sample(struct gradient *g, msec now, msec latency)
{
    struct gradient_window *w = &g->window;

    if (w->samples == 0) w->begin = now;
    w->samples++;
    w->latency_sum += latency > 0 ? (double)latency : 1; // a clock of milliseconds sees no less
    if (g->in_use > w->in_use_max) w->in_use_max = g->in_use;
    if (w->samples < WINDOW_SAMPLES || now - w->begin < WINDOW_MS) return;
    end_window(g, w);
    *w = (struct gradient_window){0};
}

static void shrink(struct gradient *g, msec now, msec latency)
{
    if (now < g->shrink_after) return;
    // A refusal may come at once while other calls that left with it are still under way.
    msec span = (double)latency > g->latency ? latency : (msec)g->latency;
    if (__builtin_add_overflow(now, span > 0 ? span : WINDOW_MS, &g->shrink_after)) {
        g->shrink_after = TIME_NEVER;
    }
    set_limit(g, g->limit * drop_factor);
}

static void give(struct limiter *l, msec now, const struct limiter_sample *sample)
{
    struct gradient *g = gradient_of(l);

    assert(g->in_use > 0);
    if (g->options.max > 0) {
        if (sample->is_dropped) {
            shrink(g, now, sample->latency);
        } else if (sample->latency >= 0) {
            add_sample(g, now, sample->latency);
        }
    }
    g->in_use--;
}

static const struct limiter_rules rules = {
    .take = take, .give = give, .ready = ready, .limit = limit, .in_use = in_use};

void gradient_init(struct gradient *g, struct gradient_options options)
{
    *g = (struct gradient){.limiter.rules = &rules};
    gradient_configure(g, options);
}

void gradient_configure(struct gradient *g, struct gradient_options options)
{
    bool had_limit = g->options.max > 0;

    if (options.min == 0) options.min = 1;
    if (options.max > 0 && options.max < options.min) options.max = options.min;
    g->options = options;
    if (had_limit) {
        set_limit(g, g->limit);
        return;
    }
    set_limit(g, options.initial);
    g->latency = 0;
    g->windows = 0;
    g->shrink_after = INT64_MIN;
    g->window = (struct gradient_window){0};
}
