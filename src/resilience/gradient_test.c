#include "resilience/gradient.h"

#include "base/random.h"

#include "support/test.h"

#include <math.h>

enum { SERVERS_MAX = 200, CALLS_MAX = 2'000, QUEUE_MAX = 300 };

struct call {
    msec begun;
    msec ends;
    bool is_dropped;
};

// A server with `servers` places, exponential times of service and one queue, and callers who come
// at random and wait while the limiter refuses them: M/M/c behind a gate.
struct sim {
    struct gradient g;
    struct random r;
    unsigned servers;
    double service_ms;
    msec refuses_after; // what would wait longer in its queue is refused at once; 0: nothing
    double free_at[SERVERS_MAX];
    struct call calls[CALLS_MAX];
    size_t under_way;
    size_t waiting;
    msec now;
    double next_arrival;
    uint64_t done;
    double latency_sum;
    uint32_t low; // of the limit, since the last sim_watch()
    uint32_t high;
};

static void sim_watch(struct sim *s)
{
    s->done = 0;
    s->latency_sum = 0;
    s->low = UINT32_MAX;
    s->high = 0;
}

static void sim_init(struct sim *s, struct gradient_options options, unsigned servers,
                     double service_ms)
{
    *s = (struct sim){.servers = servers, .service_ms = service_ms};
    gradient_init(&s->g, options);
    random_init(&s->r, test_seed());
    sim_watch(s);
}

static double exponential(struct random *r, double mean)
{
    return -log(1 - random_unit(r)) * mean;
}

static void start_call(struct sim *s)
{
    struct call *c = &s->calls[s->under_way++];
    unsigned first = 0;

    CHECK(s->under_way < CALLS_MAX);
    for (unsigned i = 1; i < s->servers; i++) {
        if (s->free_at[i] < s->free_at[first]) first = i;
    }
    double begins = fmax(s->free_at[first], (double)s->now);
    *c = (struct call){.begun = s->now, .ends = s->now + 20, .is_dropped = true};
    if (s->refuses_after > 0 && begins > (double)(s->now + s->refuses_after)) return;
    s->free_at[first] = begins + exponential(&s->r, s->service_ms);
    c->ends = (msec)s->free_at[first] + 1;
    c->is_dropped = false;
}

static void end_call(struct sim *s, size_t i)
{
    struct call c = s->calls[i];
    struct limiter_sample sample = {.is_dropped = c.is_dropped, .latency = s->now - c.begun};

    s->calls[i] = s->calls[--s->under_way];
    limiter_give(&s->g.limiter, s->now, &sample);
    if (c.is_dropped) return;
    s->done++;
    s->latency_sum += (double)sample.latency;
}

static void check_limiter(struct sim *s)
{
    struct limiter *l = &s->g.limiter;
    uint32_t limit = limiter_limit(l);
    uint32_t least = s->g.options.min;

    CHECK_EQ(limiter_in_use(l), s->under_way);
    CHECK(limit >= least && limit <= s->g.options.max);
    CHECK_EQ(limiter_ready(l, s->now), limiter_in_use(l) < limit ? s->now : TIME_NEVER);
    if (limit < s->low) s->low = limit;
    if (limit > s->high) s->high = limit;
}

// Runs for `seconds` with `rate` callers a second, of whom those that find a full queue go away.
static void sim_run(struct sim *s, msec seconds, double rate)
{
    msec end = s->now + seconds * 1'000;

    s->next_arrival = (double)s->now;
    while (s->now < end) {
        size_t next = 0;

        for (size_t i = 1; i < s->under_way; i++) {
            if (s->calls[i].ends < s->calls[next].ends) next = i;
        }
        if (s->under_way > 0 && (double)s->calls[next].ends <= s->next_arrival) {
            s->now = s->calls[next].ends;
            end_call(s, next);
        } else {
            s->now = (msec)s->next_arrival > s->now ? (msec)s->next_arrival : s->now;
            s->next_arrival += exponential(&s->r, 1'000 / rate);
            if (s->waiting < QUEUE_MAX) s->waiting++;
        }
        while (s->waiting > 0 && limiter_take(&s->g.limiter, s->now)) {
            s->waiting--;
            start_call(s);
        }
        check_limiter(s);
    }
}

// Calls that come back within the measured time, a second.
static double sim_rate(struct sim *s, msec seconds, double rate)
{
    sim_watch(s);
    sim_run(s, seconds, rate);
    return (double)s->done / (double)seconds;
}

static const struct gradient_options wide = {.initial = 20, .min = 4, .max = 1'000};

TEST(gradient_converges_near_the_capacity)
{
    static const unsigned servers[] = {20, 50, 150};
    static struct sim s;

    for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++) {
        double capacity = servers[i]; // calls a second, as each takes one

        sim_init(&s, wide, servers[i], 1'000);
        sim_run(&s, 180, 1.5 * capacity);
        double rate = sim_rate(&s, 60, 1.5 * capacity);
        CHECK(rate > 0.9 * capacity);
        CHECK(s.low >= servers[i]); // all places are in use,
        CHECK(s.high <= 3 * servers[i]);
        CHECK(s.latency_sum / (double)s.done < 3'000); // and the queue behind them is short
    }
}

TEST(gradient_shrinks_with_a_slow_down_and_recovers_after_it)
{
    static struct sim s;

    sim_init(&s, wide, 50, 1'000);
    sim_run(&s, 180, 75);
    uint32_t before = limiter_limit(&s.g.limiter);
    s.service_ms = 4'000;
    sim_run(&s, 60, 75);
    CHECK(limiter_limit(&s.g.limiter) < before / 2);
    s.service_ms = 1'000;
    sim_run(&s, 60, 75);
    CHECK(sim_rate(&s, 60, 75) > 45);
    CHECK(s.low >= 50);
}

TEST(gradient_of_a_server_that_refuses_stays_near_its_capacity)
{
    static struct sim s;

    sim_init(&s, wide, 50, 1'000);
    s.refuses_after = 200;
    sim_run(&s, 180, 75);
    CHECK(sim_rate(&s, 120, 75) > 42);
    CHECK(s.low >= 40 && s.high <= 70);
}

TEST(gradient_without_demand_does_not_grow)
{
    static struct sim s;

    sim_init(&s, (struct gradient_options){.initial = 120, .min = 4, .max = 1'000}, 150, 1'000);
    sim_run(&s, 600, 25);
    CHECK_EQ(s.low, 120);
    CHECK_EQ(s.high, 120);
    sim_run(&s, 60, 150);
    CHECK(s.high > 140);
}

TEST(gradient_stays_within_its_bounds)
{
    static struct sim s;

    // sim_run() looks at both after every event.
    sim_init(&s, (struct gradient_options){.initial = 20, .min = 10, .max = 30}, 100, 1'000);
    sim_run(&s, 120, 200);
    CHECK_EQ(s.high, 30);
    s.servers = 2;
    s.refuses_after = 100;
    sim_run(&s, 120, 200);
    CHECK_EQ(s.low, 10);
}

TEST(gradient_grows_to_max_in_an_overload_that_never_ends)
{
    static struct sim s;

    sim_init(&s, (struct gradient_options){.initial = 20, .min = 4, .max = 150}, 50, 1'000);
    sim_run(&s, 300, 75);
    CHECK(s.high < 150);
    sim_run(&s, 1'800, 75);
    CHECK_EQ(s.high, 150);
    CHECK(sim_rate(&s, 60, 75) > 45);
}

// Takes all that it may, and gives it back as one window of `latency`.
static void feed_window(struct gradient *g, msec *now, msec latency)
{
    uint32_t count = limiter_limit(&g->limiter);

    for (uint32_t i = 0; i < count; i++) {
        CHECK(limiter_take(&g->limiter, *now));
    }
    for (uint32_t i = 0; i < count; i++) {
        if (i == count - 1) *now += 1'000;
        limiter_give(&g->limiter, *now, &(struct limiter_sample){.latency = latency});
    }
}

static bool is_near(double got, double want)
{
    return fabs(got - want) < 1e-9;
}

TEST(gradient_follows_the_rule)
{
    struct gradient g;
    msec now = 0;

    gradient_init(&g, (struct gradient_options){.initial = 20, .min = 4, .max = 200});
    feed_window(&g, &now, 100);
    CHECK(is_near(g.latency, 100));
    CHECK(is_near(g.limit, 20.8)); // 20 * 0.8 + (20 * 1 + 4) * 0.2
    feed_window(&g, &now, 900);
    CHECK(is_near(g.latency, 500));                                           // the mean of both
    CHECK(is_near(g.limit, 20.8 * 0.8 + (20.8 * 1.5 * 500 / 900 + 4) * 0.2)); // 0.83
    double limit = g.limit;
    feed_window(&g, &now, 100);
    CHECK(is_near(g.latency, 1'100.0 / 3 * 0.95)); // more than twice what is seen
    CHECK(is_near(g.limit, limit + 0.8));
    limit = g.limit;
    feed_window(&g, &now, 5'000);
    CHECK(is_near(g.limit, limit * 0.9 + 0.8)); // no gradient is below a half

    for (int i = 0; i < 60; i++) {
        feed_window(&g, &now, 100);
    }
    double latency = g.latency;
    CHECK(latency < 200);
    feed_window(&g, &now, 150);
    CHECK(is_near(g.latency, latency + (150 - latency) * 2 / 601));
}

TEST(gradient_window_needs_a_second_and_ten_samples)
{
    static const struct limiter_sample sample = {.latency = 100};
    struct gradient g;
    struct limiter *l = &g.limiter;

    gradient_init(&g, (struct gradient_options){.initial = 10, .min = 1, .max = 200});
    for (int i = 0; i < 8; i++) {
        CHECK(limiter_take(l, 0));
    }
    for (int i = 0; i < 7; i++) {
        limiter_give(l, 100 * i, &sample);
    }
    limiter_give(l, 5'000, &sample);
    CHECK(is_near(g.limit, 10)); // eight samples
    for (int i = 0; i < 50; i++) {
        CHECK(limiter_take(l, 5'000));
        limiter_give(l, 5'000, &sample);
    }
    CHECK(is_near(g.limit, 10.8)); // one window at the tenth, none for the rest of the second
}

TEST(gradient_drop_takes_a_tenth_off_once_in_a_latency)
{
    static const struct limiter_sample refused = {.is_dropped = true, .latency = 5};
    static const struct limiter_sample slow = {.is_dropped = true, .latency = 3'000};
    struct gradient g;
    struct limiter *l = &g.limiter;
    msec now = 0;

    gradient_init(&g, (struct gradient_options){.initial = 50, .min = 4, .max = 200});
    feed_window(&g, &now, 800);
    CHECK(is_near(g.limit, 50.8));
    for (int i = 0; i < 40; i++) {
        CHECK(limiter_take(l, now));
    }
    for (int i = 0; i < 10; i++) {
        limiter_give(l, now + i, &refused);
    }
    CHECK(is_near(g.limit, 50.8 * 0.9));
    limiter_give(l, now + 799, &refused);
    CHECK(is_near(g.limit, 50.8 * 0.9));
    limiter_give(l, now + 800, &slow);
    CHECK(is_near(g.limit, 50.8 * 0.81));
    limiter_give(l, now + 3'799, &refused);
    CHECK(is_near(g.limit, 50.8 * 0.81));
    limiter_give(l, now + 3'800, &refused);
    CHECK(is_near(g.limit, 50.8 * 0.729));
    CHECK(is_near(g.latency, 800)); // drops teach nothing about latency
}

TEST(gradient_drop_before_any_latency_is_known_counts_once_a_second)
{
    static const struct limiter_sample refused = {.is_dropped = true, .latency = -1};
    struct gradient g;

    gradient_init(&g, (struct gradient_options){.initial = 10, .min = 1, .max = 200});
    for (msec now = 0; now < 3'000; now += 100) {
        CHECK(limiter_take(&g.limiter, now));
        limiter_give(&g.limiter, now, &refused);
    }
    CHECK(is_near(g.limit, 7.29));
}

TEST(gradient_learns_nothing_from_an_unknown_latency)
{
    static const struct limiter_sample unknown = {.latency = -1};
    struct gradient g;

    gradient_init(&g, (struct gradient_options){.initial = 10, .min = 1, .max = 200});
    for (msec now = 0; now < 60'000; now += 100) {
        CHECK(limiter_take(&g.limiter, now));
        CHECK_EQ(limiter_in_use(&g.limiter), 1);
        limiter_give(&g.limiter, now, &unknown);
        CHECK_EQ(limiter_in_use(&g.limiter), 0);
    }
    CHECK(is_near(g.limit, 10));
    CHECK(is_near(g.latency, 0));
}

TEST(gradient_without_max_has_no_limit)
{
    static const struct limiter_sample dropped = {.is_dropped = true, .latency = 5};
    struct gradient g;

    gradient_init(&g, (struct gradient_options){.initial = 2, .min = 1});
    CHECK_EQ(limiter_limit(&g.limiter), 0);
    for (uint32_t i = 1; i <= 1'000; i++) {
        CHECK(limiter_take(&g.limiter, 0));
        CHECK_EQ(limiter_in_use(&g.limiter), i);
    }
    limiter_give(&g.limiter, 0, &dropped);
    CHECK_EQ(limiter_ready(&g.limiter, 3), 3);
    CHECK_EQ(limiter_in_use(&g.limiter), 999);
}

TEST(gradient_configure_keeps_what_the_bounds_allow)
{
    struct gradient g;
    struct limiter *l = &g.limiter;
    msec now = 0;

    gradient_init(&g, (struct gradient_options){.initial = 500, .max = 100});
    CHECK_EQ(limiter_limit(l), 100);
    gradient_init(&g, (struct gradient_options){.initial = 0, .max = 100});
    CHECK_EQ(limiter_limit(l), 1); // with none, nothing could ever be learned
    gradient_init(&g, (struct gradient_options){.initial = 500, .max = 100});
    gradient_configure(&g, (struct gradient_options){.initial = 5, .min = 10, .max = 80});
    CHECK_EQ(limiter_limit(l), 80);
    feed_window(&g, &now, 100);
    gradient_configure(&g, (struct gradient_options){.initial = 5, .min = 90, .max = 0});
    CHECK_EQ(limiter_limit(l), 0);
    CHECK(limiter_take(l, now));
    gradient_configure(&g, (struct gradient_options){.initial = 5, .min = 3, .max = 2});
    CHECK_EQ(limiter_limit(l), 3);
    CHECK(is_near(g.latency, 0));
    CHECK_EQ(limiter_in_use(l), 1); // calls under way are counted through it all
}
