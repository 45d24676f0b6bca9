#include "sim/breaker_trial.h"

#include "support/test.h"

#include <stddef.h>
#include <string.h>

void breaker_trial_init(struct breaker_trial *t, enum breaker_kind kind, enum breaker_noise noise,
                        double rate, uint64_t seed)
{
    breaker_provider_init(&t->provider, noise, rate, seed);
    breaker_rival_init(&t->rival, kind);
    t->next = breaker_provider_next(&t->provider);
    t->opened_at = -1;
    t->probes_out = 0;
    t->faulty = t->sent = 0;
    t->pending_count = 0;
}

void breaker_trial_copy(struct breaker_trial *t, const struct breaker_trial *from)
{
    memcpy(t, from,
           offsetof(struct breaker_trial, pending) + from->pending_count * sizeof(t->pending[0]));
}

void breaker_trial_start_fault(struct breaker_trial *t, const struct breaker_fault *f, msec now)
{
    t->provider.fault = f;
    t->provider.fault_at = now;
    t->opened_at = -1;
    t->faulty = t->sent = 0;
}

static void push(struct breaker_trial *t, struct breaker_pending p)
{
    uint32_t at = t->pending_count++;

    CHECK(at < BREAKER_TRIAL_PENDING_MAX);
    for (; at > 0 && t->pending[(at - 1) / 2].ends_at > p.ends_at; at = (at - 1) / 2) {
        t->pending[at] = t->pending[(at - 1) / 2];
    }
    t->pending[at] = p;
}

static struct breaker_pending pop(struct breaker_trial *t)
{
    struct breaker_pending first = t->pending[0], last = t->pending[--t->pending_count];
    uint32_t at = 0;

    for (uint32_t child = 1; child < t->pending_count; child = 2 * at + 1) {
        if (child + 1 < t->pending_count &&
            t->pending[child + 1].ends_at < t->pending[child].ends_at)
            child++;
        if (last.ends_at <= t->pending[child].ends_at) break;
        t->pending[at] = t->pending[child];
        at = child;
    }
    t->pending[at] = last;
    return first;
}

static void notice(struct breaker_trial *t, msec now)
{
    if (t->opened_at < 0 && breaker_rival_is_open(&t->rival)) t->opened_at = now;
}

static void end_until(struct breaker_trial *t, msec until)
{
    while (t->pending_count > 0 && t->pending[0].ends_at <= until) {
        struct breaker_pending p = pop(t);
        t->probes_out -= p.is_probe;
        breaker_rival_record(&t->rival, p.ends_at, &p.call, p.is_probe);
        notice(t, p.ends_at);
    }
}

static void arrive(struct breaker_trial *t, const struct breaker_arrival *a)
{
    enum breaker_verdict verdict = breaker_rival_ask(&t->rival, a->at, a->unit);
    bool is_probe = verdict == BREAKER_PROBE;

    notice(t, a->at);
    t->faulty += a->is_in_fault;
    if (verdict == BREAKER_REFUSE) return;
    t->sent += a->is_in_fault;
    t->probes_out += is_probe;
    if (t->rival.kind == BREAKER_KIND_ADAPTIVE) CHECK(t->probes_out <= 1);
    push(t, (struct breaker_pending){a->ends_at, a->call, is_probe});
}

void breaker_trial_run(struct breaker_trial *t, msec until)
{
    for (; t->next.at < until; t->next = breaker_provider_next(&t->provider)) {
        end_until(t, t->next.at);
        arrive(t, &t->next);
    }
    end_until(t, until);
}
