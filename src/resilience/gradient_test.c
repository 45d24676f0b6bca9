#include "resilience/gradient.h"

#include "base/random.h"

#include "support/test.h"

// A provider with so many servers: a call takes `service_ms`, give or take a fifth, and waits
// where all are busy. Callers always have more to send than the limit lets.
struct provider {
    struct random random;
    msec free_at[64]; // of each server
    size_t servers;
    msec service_ms;
};

enum { CALLS_MAX = 4096 };

struct call {
    msec started;
    msec ends;
};

static msec serve(struct provider *p, msec now)
{
    size_t first = 0;

    for (size_t i = 1; i < p->servers; i++) {
        if (p->free_at[i] < p->free_at[first]) first = i;
    }
    msec begins = p->free_at[first] > now ? p->free_at[first] : now;
    msec takes =
        p->service_ms * 4 / 5 + (msec)random_below(&p->random, (uint64_t)p->service_ms * 2 / 5 + 1);
    p->free_at[first] = begins + takes;
    return p->free_at[first];
}

// Runs for so long with at most `wanted` calls at once; the mean limit of its last quarter.
static double run(struct gradient *g, struct provider *p, msec *now, msec ms, uint32_t wanted)
{
    static struct call calls[CALLS_MAX];
    size_t count = 0;
    double sum = 0;
    double looks = 0;
    msec end = *now + ms;

    for (msec quarter = end - ms / 4; *now < end; ++*now) {
        for (size_t i = 0; i < count;) {
            if (calls[i].ends > *now) {
                i++;
                continue;
            }
            const struct limiter_sample s = {.latency = *now - calls[i].started};
            calls[i] = calls[--count];
            limiter_give(&g->limiter, *now, &s);
            CHECK(limiter_limit(&g->limiter) >= g->options.min);
            CHECK(limiter_limit(&g->limiter) <= g->options.max);
        }
        while (count < wanted && limiter_take(&g->limiter, *now)) {
            calls[count++] = (struct call){.started = *now, .ends = serve(p, *now)};
        }
        if (*now < quarter) continue;
        sum += limiter_limit(&g->limiter);
        looks++;
    }
    for (size_t i = 0; i < count; i++) {
        const struct limiter_sample s = {.latency = -1};
        limiter_give(&g->limiter, *now, &s);
    }
    CHECK_EQ(g->in_flight, 0);
    return sum / looks;
}

TEST(gradient_grows_to_what_the_provider_can_take_and_stays_there)
{
    struct gradient g;
    msec now = 0;

    gradient_init(&g, &(struct gradient_options){.initial = 4, .min = 2, .max = 1000});
    struct provider p = {.servers = 32, .service_ms = 50};
    random_init(&p.random, test_seed());
    double limit = run(&g, &p, &now, 60'000, CALLS_MAX);
    if (limit < 28 || limit > 500) test_fail(__FILE__, __LINE__, "limit %f", limit);
}

TEST(gradient_shrinks_when_the_provider_slows_down_and_recovers)
{
    struct gradient g;
    msec now = 0;

    gradient_init(&g, &(struct gradient_options){.initial = 100, .min = 2, .max = 200});
    struct provider p = {.servers = 64, .service_ms = 50};
    random_init(&p.random, test_seed());
    double before = run(&g, &p, &now, 30'000, CALLS_MAX);
    p.servers = 8;
    (void)run(&g, &p, &now, 2000, CALLS_MAX);
    uint32_t during = limiter_limit(&g.limiter);
    p.servers = 64;
    double after = run(&g, &p, &now, 60'000, CALLS_MAX);
    CHECK(during < before * 0.9);
    CHECK(after >= 64); // all of it is in use again
}

TEST(gradient_learns_nothing_while_little_is_in_use)
{
    struct gradient g;
    msec now = 0;

    gradient_init(&g, &(struct gradient_options){.initial = 100, .min = 2, .max = 1000});
    struct provider p = {.servers = 64, .service_ms = 20};
    random_init(&p.random, test_seed());
    CHECK_EQ(run(&g, &p, &now, 20'000, 10), 100);
    p.service_ms = 900; // nor by slowness that is not its doing
    CHECK_EQ(run(&g, &p, &now, 20'000, 10), 100);
}

TEST(gradient_takes_calls_that_fail_together_for_one_overload)
{
    const struct limiter_sample dropped = {.is_dropped = true, .latency = -1};
    struct gradient g;

    gradient_init(&g, &(struct gradient_options){.initial = 10, .min = 2, .max = 20});
    for (int i = 0; i < 10; i++) {
        CHECK(limiter_take(&g.limiter, 1000));
    }
    CHECK(!limiter_take(&g.limiter, 1000));
    CHECK_EQ(limiter_ready(&g.limiter, 1000), TIME_NEVER);
    g.long_ms = 100;
    for (int i = 0; i < 3; i++) {
        limiter_give(&g.limiter, 1050, &dropped);
    }
    CHECK_EQ(limiter_limit(&g.limiter), 9);
    limiter_give(&g.limiter, 1151, &dropped);
    CHECK_EQ(limiter_limit(&g.limiter), 8);
}

TEST(gradient_without_a_maximum_is_no_limit)
{
    struct gradient g;

    gradient_init(&g, &(struct gradient_options){.max = 0});
    for (int i = 0; i < 10'000; i++) {
        CHECK(limiter_take(&g.limiter, 0));
    }
    CHECK_EQ(limiter_limit(&g.limiter), 0);
    gradient_configure(&g, &(struct gradient_options){.initial = 50, .min = 1, .max = 100});
    CHECK_EQ(limiter_limit(&g.limiter), 50);
}
