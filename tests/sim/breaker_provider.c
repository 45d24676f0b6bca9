#include "sim/breaker_provider.h"

#include <math.h>

enum {
    FIRST_MS = 600,
    GAP_MS = 20,
    TOKENS = 20,
    REFUSAL_MS = 50, // how soon an error comes
    DEADLINE_MS = 10'000,
    LEVEL_MS = 30'000,
};

static const double healthy_errors = 0.03;

void breaker_provider_init(struct breaker_provider *p, enum breaker_noise noise, double rate,
                           uint64_t seed)
{
    *p = (struct breaker_provider){.noise = noise, .rate = rate, .level = 1};
    random_init(&p->random, seed);
}

static double draw_noise(struct breaker_provider *p)
{
    double uniform = 0.7 + 0.6 * random_unit(&p->random);
    double normal = random_normal(&p->random);

    return p->noise == BREAKER_NOISE_UNIFORM ? uniform : exp(0.5 * normal);
}

static bool is_present(const struct breaker_provider *p, msec now)
{
    const struct breaker_fault *f = p->fault;

    if (!f || now < p->fault_at) return false;
    return !f->off_ms || (now - p->fault_at) % (f->on_ms + f->off_ms) < f->on_ms;
}

static double factor(const struct breaker_provider *p, msec now)
{
    const struct breaker_fault *f = p->fault;

    if (now - p->fault_at >= f->ramp_ms) return f->latency;
    return 1 + (f->latency - 1) * (double)(now - p->fault_at) / (double)f->ramp_ms;
}

static msec end_of(const struct breaker_arrival *a, msec first)
{
    if (first > DEADLINE_MS) return a->at + DEADLINE_MS;
    if (a->call.is_error) return a->at + REFUSAL_MS;
    return a->at + first + TOKENS * a->call.gap_ms;
}

struct breaker_arrival breaker_provider_next(struct breaker_provider *p)
{
    p->next_at += -log(1 - random_unit(&p->random)) * 1000 / p->rate;
    struct breaker_arrival a = {.at = (msec)p->next_at, .unit = random_unit(&p->random)};
    const struct breaker_fault *f = p->fault;
    double first_noise = draw_noise(p), gap_noise = draw_noise(p);
    double error_unit = random_unit(&p->random), slow_unit = random_unit(&p->random);

    if (a.at >= p->level_until) {
        p->level = 0.7 + 0.6 * random_unit(&p->random);
        p->level_until = (a.at / LEVEL_MS + 1) * LEVEL_MS;
    }
    double first = FIRST_MS * p->level * first_noise, gap = GAP_MS * p->level * gap_noise;
    double errors = healthy_errors;
    a.is_in_fault = is_present(p, a.at);
    if (a.is_in_fault) {
        if (slow_unit < f->slow_share) first *= factor(p, a.at);
        if (f->gap > 0) gap *= f->gap;
        errors = fmax(errors, f->errors);
    }
    a.call = (struct breaker_call){.first_ms = -1, .gap_ms = -1};
    a.call.is_error = error_unit < errors;
    if (!a.call.is_error) a.call.gap_ms = (msec)gap;
    a.ends_at = end_of(&a, a.call.is_error ? 0 : (msec)first);
    if (a.call.is_error) return a;
    a.call.is_error = first > DEADLINE_MS;
    a.call.first_ms = a.call.is_error ? -1 : (msec)first;
    if (a.call.is_error) a.call.gap_ms = -1;
    return a;
}
