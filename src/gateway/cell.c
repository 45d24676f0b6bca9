#include "gateway/cell.h"

#include <assert.h>

enum {
    AVOID_MS = 10 * 60 * 1000,
    FASTEST_SPAN_MS = 60'000,
    WAIT_BASE_MS = 250, // after a 429 that names no time, doubling
    WAIT_MAX_MS = 8000,
    WAIT_TOLD_MAX_MS = 24 * 3600 * 1000,
};

void cell_init(struct cell *c, const struct cell_options *o, msec now)
{
    *c = (struct cell){.fastest_ms = {TIME_NEVER, TIME_NEVER}};
    breaker_init(&c->breaker, &o->breaker, now);
    gradient_init(&c->gradient, o->gradient);
    retry_budget_init(&c->budget, o->retry_ratio, o->retry_floor);
    token_bucket_init(&c->rate, o->per_minute, o->burst, now);
}

bool cell_is_avoided(const struct cell *c, msec now)
{
    return now < c->avoid_until;
}

bool cell_admits(const struct cell *c, msec now)
{
    return now >= c->wait_until && !breaker_would_refuse(&c->breaker, now) &&
           limiter_ready(&c->rate.limiter, now) <= now &&
           limiter_ready(&c->gradient.limiter, now) <= now;
}

msec cell_ready(const struct cell *c, msec now)
{
    msec ready = c->wait_until > now ? c->wait_until : now;
    msec rate = limiter_ready(&c->rate.limiter, now);
    msec place = limiter_ready(&c->gradient.limiter, now);

    if (breaker_would_refuse(&c->breaker, now)) {
        // Past its time it waits for the probe that is under way.
        msec reopens = breaker_reopens(&c->breaker);
        if (reopens <= now) return TIME_NEVER;
        if (reopens > ready) ready = reopens;
    }
    if (rate > ready) ready = rate;
    return place > ready ? place : ready;
}

// What the breaker has become since `before`, as news and as the state that people see.
static void follow(struct cell *c, int before)
{
    int now = c->breaker.step;

    if (now == before) return;
    if (now == BREAKER_OPEN) {
        (void)route_state_apply(&c->state, ROUTE_TRIP);
        c->news = CELL_NEWS_OPEN;
        c->has_news = true;
    } else if (now == BREAKER_CLOSED || now == BREAKER_RAMP) {
        if (now == BREAKER_CLOSED) (void)route_state_apply(&c->state, ROUTE_RECOVER);
        if (before == BREAKER_HALF_OPEN) {
            c->news = CELL_NEWS_CLOSED;
            c->has_news = true;
        }
    }
}

void cell_configure(struct cell *c, const struct cell_options *o, msec now)
{
    int before = c->breaker.step;

    breaker_configure(&c->breaker, &o->breaker);
    gradient_configure(&c->gradient, o->gradient);
    retry_budget_configure(&c->budget, o->retry_ratio, o->retry_floor);
    token_bucket_configure(&c->rate, o->per_minute, o->burst, now);
    follow(c, before);
}

static enum cell_answer ask_breaker(struct cell *c, msec now, double unit)
{
    int before = c->breaker.step;
    enum breaker_verdict v = breaker_ask(&c->breaker, now, unit);

    follow(c, before);
    if (v == BREAKER_REFUSE) return CELL_OPEN;
    return v == BREAKER_PROBE ? CELL_PROBE : CELL_TAKEN;
}

enum cell_answer cell_take(struct cell *c, msec now, double unit)
{
    if (now < c->wait_until || limiter_ready(&c->rate.limiter, now) > now) return CELL_WAITS;
    if (limiter_ready(&c->gradient.limiter, now) > now) return CELL_FULL;
    enum cell_answer answer = ask_breaker(c, now, unit);
    if (answer == CELL_OPEN) return answer;
    bool is_taken = limiter_take(&c->rate.limiter, now) && limiter_take(&c->gradient.limiter, now);
    assert(is_taken); // both were ready
    (void)route_state_apply(&c->state, ROUTE_REQUEST);
    c->calls++;
    return answer;
}

static void note_fastest(struct cell *c, msec now, msec first_ms)
{
    if (now >= c->fastest_until) {
        c->fastest_ms[1] = now < c->fastest_until + FASTEST_SPAN_MS ? c->fastest_ms[0] : TIME_NEVER;
        c->fastest_ms[0] = TIME_NEVER;
        c->fastest_until = now + FASTEST_SPAN_MS;
    }
    if (first_ms < c->fastest_ms[0]) c->fastest_ms[0] = first_ms;
}

msec cell_fastest(const struct cell *c, msec now)
{
    if (now >= c->fastest_until + FASTEST_SPAN_MS) return 0; // too long ago to say anything

    msec fastest = c->fastest_ms[0] < c->fastest_ms[1] ? c->fastest_ms[0] : c->fastest_ms[1];

    return fastest == TIME_NEVER ? 0 : fastest;
}

void cell_first(struct cell *c, msec now, msec first_ms)
{
    const struct limiter_sample sample = {.latency = first_ms};

    limiter_give(&c->gradient.limiter, now, &sample);
    note_fastest(c, now, first_ms);
    c->wait_streak = 0;
    c->avoid_until = 0;
}

static void give_place(struct cell *c, msec now, const struct cell_outcome *o)
{
    bool is_overload = o->failure == FAILURE_SILENT || o->failure == FAILURE_OVERLOADED;
    const struct limiter_sample sample = {.is_dropped = is_overload,
                                          .latency = o->failure ? -1 : o->first_ms};

    limiter_give(&c->gradient.limiter, now, &sample);
}

static void wait_as_told(struct cell *c, msec now, msec wait_ms)
{
    unsigned streak = c->wait_streak < 6 ? c->wait_streak : 6;
    msec own = WAIT_BASE_MS << streak;

    c->wait_streak++;
    if (own > WAIT_MAX_MS) own = WAIT_MAX_MS;
    if (wait_ms < 0) wait_ms = own;
    if (wait_ms > WAIT_TOLD_MAX_MS) wait_ms = WAIT_TOLD_MAX_MS;
    if (now + wait_ms > c->wait_until) c->wait_until = now + wait_ms;
}

static void record(struct cell *c, msec now, const struct cell_outcome *o)
{
    unsigned rules = failure_rules(o->failure);
    bool is_counted = !o->failure || rules & FAILURE_COUNTS;
    const struct breaker_call call = {.is_error = o->failure != FAILURE_NONE,
                                      .first_ms = o->failure ? -1 : o->first_ms,
                                      .gap_ms = o->failure ? -1 : o->gap_ms};
    int before = c->breaker.step;

    // An answer that is no verdict on the upstream's health says at least that it answers.
    bool is_answer = o->failure && !is_counted && o->failure != FAILURE_CANCELED &&
                     o->failure != FAILURE_LIMITED;
    if (is_counted) {
        breaker_record(&c->breaker, now, &call, o->is_probe);
    } else if (o->is_probe && is_answer) {
        breaker_record(&c->breaker, now, &(struct breaker_call){.first_ms = -1, .gap_ms = -1},
                       true);
    } else if (o->is_probe) {
        breaker_abandon(&c->breaker, now);
    }
    follow(c, before);
    if (is_counted && o->failure) c->failures++;
}

void cell_judge(struct cell *c, msec now, const struct cell_outcome *o)
{
    record(c, now, o);
}

void cell_end(struct cell *c, msec now, const struct cell_outcome *o)
{
    unsigned rules = failure_rules(o->failure);

    if (o->has_place) give_place(c, now, o);
    if (!o->failure) {
        c->wait_streak = 0;
        c->avoid_until = 0;
    }
    if (!o->is_judged) {
        record(c, now, o);
    } else if (rules & FAILURE_COUNTS) { // it broke after all
        const struct cell_outcome broken = {.failure = o->failure};
        record(c, now, &broken);
    }
    (void)route_state_apply(&c->state, ROUTE_ANSWER);
    if (o->is_foreign || c->is_shared) return; // it says nothing of the others
    if (rules & FAILURE_WAITS) wait_as_told(c, now, o->wait_ms);
    if (rules & FAILURE_STICKS) c->avoid_until = now + AVOID_MS;
}

void cell_tell(struct cell *c, msec now, struct cell_news news)
{
    int before = c->breaker.step;
    bool had_news = c->has_news;

    if (news.kind == CELL_NEWS_OPEN) {
        breaker_tell_open(&c->breaker, now, news.span_ms);
    } else {
        breaker_tell_closed(&c->breaker, now);
    }
    follow(c, before);
    c->has_news = had_news; // they know
}

static void put(_Atomic int64_t *figure, int64_t value)
{
    atomic_store_explicit(figure, value, memory_order_relaxed);
}

void cell_publish(struct cell *c, size_t worker)
{
    struct breaker_figures b = breaker_figures(&c->breaker);
    struct route_figures *f = NULL;

    if (!c->entry) return;
    f = &c->entry->figures[worker];
    put(&f->step, c->state.step);
    put(&f->breaker, c->breaker.step);
    put(&f->why, b.why);
    put(&f->in_flight, c->state.in_flight);
    put(&f->limit, limiter_limit(&c->gradient.limiter));
    put(&f->samples, b.samples);
    put(&f->error_permille, (int64_t)(b.error_rate * 1000 + 0.5));
    put(&f->first_p95_ms, b.first_p95_ms);
    put(&f->first_base_ms, b.first_base_ms);
    put(&f->gap_p95_ms, b.gap_p95_ms);
    put(&f->gap_base_ms, b.gap_base_ms);
    put(&f->trips, b.trips);
    put(&f->calls, c->calls);
    put(&f->failures, c->failures);
    put(&f->retries, c->retries);
    put(&f->wait_until_ms, c->wait_until);
    put(&f->stuck_until_ms, c->avoid_until);
}
