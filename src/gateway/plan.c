#include "gateway/plan.h"

#include "resilience/balance.h"

enum { TARGETS_MAX = 64 };

void plan_init(struct plan *p, const struct gateway_model *model, str name)
{
    *p = (struct plan){.model = model, .name = name};
}

void plan_reopen(struct plan *p)
{
    p->asked = 0;
    p->asked_fallback = 0;
}

static str upstream_name(const struct plan *p, const struct gateway_target *t)
{
    return t->settings->model.len ? t->settings->model : p->name;
}

static struct cell *cell_of(const struct plan *p, const struct plan_asker *a,
                            const struct gateway_target *t, size_t key)
{
    const struct gateway_origin *o = t->origin;

    if (t->cells) return t->cells[key];
    return cells_find(a->cells, &p->model->options[t->settings->provider], a->now,
                      o->provider->name, upstream_name(p, t), o->key_names[key]);
}

static bool can_serve(const struct plan *p, const struct gateway_target *target)
{
    const struct settings_target *t = target->settings;

    if (p->only && target->origin->dialect != p->only) return false;
    if (p->counts && !target->origin->dialect->count_path.len) return false;
    if (p->embeds && !target->origin->dialect->embed_path.len) return false;
    if (!p->is_narrowed) return true;
    if (p->needs.has_tools && !t->tools) return false;
    if (p->needs.has_images && !t->images) return false;
    return !t->context || p->needs.input_tokens + p->needs.max_tokens <= t->context;
}

// The cell of a target that is the best to ask now, or the first to be ready.
static struct cell *best_cell(const struct plan *p, const struct plan_asker *a,
                              const struct gateway_target *t, size_t *key)
{
    struct cell *best = NULL;
    size_t count = t->origin->key_count;
    size_t first = count > 1 ? (size_t)random_below(a->random, count) : 0;

    for (size_t i = 0; i < count; i++) {
        size_t k = (first + i) % count;
        struct cell *c = cell_of(p, a, t, k);
        bool is_better = !best;
        if (best) {
            bool was_avoided = cell_is_avoided(best, a->now);
            bool is_avoided = cell_is_avoided(c, a->now);
            is_better = was_avoided != is_avoided
                            ? was_avoided
                            : cell_ready(c, a->now) < cell_ready(best, a->now);
        }
        if (!is_better) continue;
        best = c;
        *key = k;
    }
    return best;
}

// What is known of those who could not be asked.
struct obstacles {
    msec ready; // the first of them
    bool has_later;
    bool has_open;
};

static enum plan_answer answer_of(const struct obstacles *o, msec *ready)
{
    *ready = o->ready;
    if (o->has_later) return PLAN_LATER;
    return o->has_open ? PLAN_OPEN : PLAN_NOBODY;
}

static void note(struct obstacles *o, const struct cell *c, msec now, enum cell_answer why)
{
    msec ready = cell_ready(c, now);

    if (why == CELL_OPEN) {
        // A time to wait for counts before one to come back at.
        if (!o->has_later && (!o->has_open || ready < o->ready)) o->ready = ready;
        o->has_open = true;
        return;
    }
    if (!o->has_later || ready < o->ready) o->ready = ready;
    o->has_later = true;
}

static bool take(struct plan *p, const struct plan_asker *a, const struct gateway_target *t,
                 struct plan_choice *choice, struct obstacles *o)
{
    size_t key = 0;
    struct cell *c = best_cell(p, a, t, &key);
    enum cell_answer answer = cell_take(c, a->now, random_unit(a->random));

    if (answer != CELL_TAKEN && answer != CELL_PROBE) {
        note(o, c, a->now, answer);
        return false;
    }
    *choice = (struct plan_choice){.target = t,
                                   .cell = c,
                                   .key = key,
                                   .is_probe = answer == CELL_PROBE,
                                   .is_foreign = !t->origin->has_credential};
    return true;
}

// Draws among the targets, leaving out those that turn out to be busy.
static bool take_target(struct plan *p, const struct plan_asker *a, bool takes_avoided,
                        struct plan_choice *choice, struct obstacles *o)
{
    const struct settings_model *m = p->model->settings;
    struct balance_choice choices[TARGETS_MAX];
    size_t count = m->target_count < TARGETS_MAX ? m->target_count : TARGETS_MAX;
    bool is_by_load = str_eq(m->balance, STR("least_load"));

    for (size_t i = 0; i < count; i++) {
        const struct gateway_target *t = &p->model->targets[i];
        bool is_out = p->asked >> i & 1 || !can_serve(p, t) || !t->settings->weight;
        choices[i] = (struct balance_choice){.weight = t->settings->weight, .is_open = false};
        if (is_out) continue;
        size_t key = 0;
        struct cell *c = best_cell(p, a, t, &key);
        choices[i].is_open = takes_avoided || !cell_is_avoided(c, a->now);
        choices[i].load = c->state.in_flight;
    }
    for (;;) {
        uint64_t random = count > 1 ? random_u64(a->random) : 0;
        size_t i = is_by_load ? balance_least_load(choices, count, random)
                              : balance_weighted(choices, count, random);
        if (i == count) return false;
        if (take(p, a, &p->model->targets[i], choice, o)) {
            p->asked |= UINT64_C(1) << i;
            return true;
        }
        choices[i].is_open = false;
    }
}

static bool take_fallback(struct plan *p, const struct plan_asker *a, bool takes_avoided,
                          struct plan_choice *choice, struct obstacles *o)
{
    for (size_t i = 0; i < p->model->settings->fallback_count; i++) {
        const struct gateway_target *t = &p->model->fallback[i];
        size_t key = 0;
        if (p->asked_fallback >> i & 1 || !can_serve(p, t)) continue;
        if (!takes_avoided && cell_is_avoided(best_cell(p, a, t, &key), a->now)) continue;
        if (!take(p, a, t, choice, o)) continue;
        p->asked_fallback |= UINT32_C(1) << i;
        choice->is_fallback = true;
        return true;
    }
    return false;
}

enum plan_answer plan_next(struct plan *p, const struct plan_asker *a, struct plan_choice *choice,
                           msec *ready)
{
    struct obstacles o = {.ready = TIME_NEVER};

    if (take_target(p, a, false, choice, &o) || take_fallback(p, a, false, choice, &o))
        return PLAN_GO;
    // Those that are avoided, rather than nobody.
    struct obstacles all = {.ready = TIME_NEVER};
    if (!o.has_later &&
        (take_target(p, a, true, choice, &all) || take_fallback(p, a, true, choice, &all)))
        return PLAN_GO;
    return answer_of(o.has_later ? &o : &all, ready);
}

enum plan_answer plan_again(struct plan *p, const struct plan_asker *a, struct plan_choice *choice,
                            msec *ready)
{
    struct obstacles o = {.ready = TIME_NEVER};
    bool is_fallback = choice->is_fallback;

    if (!take(p, a, choice->target, choice, &o)) return answer_of(&o, ready);
    choice->is_fallback = is_fallback;
    return PLAN_GO;
}

bool plan_has_other_key(const struct plan *p, const struct plan_asker *a,
                        const struct plan_choice *choice)
{
    for (size_t i = 0; i < choice->target->origin->key_count; i++) {
        const struct cell *c = cell_of(p, a, choice->target, i);
        if (i != choice->key && cell_admits(c, a->now) && !cell_is_avoided(c, a->now)) return true;
    }
    return false;
}

bool plan_has_more(const struct plan *p)
{
    const struct settings_model *m = p->model->settings;

    for (size_t i = 0; i < m->target_count && i < TARGETS_MAX; i++) {
        const struct gateway_target *t = &p->model->targets[i];
        if (!(p->asked >> i & 1) && t->settings->weight && can_serve(p, t)) return true;
    }
    for (size_t i = 0; i < m->fallback_count; i++) {
        if (!(p->asked_fallback >> i & 1) && can_serve(p, &p->model->fallback[i])) return true;
    }
    return false;
}
