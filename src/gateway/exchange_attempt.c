// Design: every attempt begins in begin() and ends once, in exchange_attempt_end(), which tells its
// cell. What follows a failure is decided in one place, exchange_attempt_fail(): the rules of the
// failure say what may help, the model's retries how often, the budget of the cell whether the
// upstream can bear it, and the deadline whether it could end in time.
#include "gateway/exchange_private.h"
#include "provider/retry_after.h"
#include "resilience/backoff.h"

#include <assert.h>

enum {
    PLACE_POLL_MS = 100, // a look of those who wait for a place and are not woken
    WAKE_MAX = 16,       // of them, for each place that is given
    COME_AGAIN_MS = 1000,
    SPREAD_MS = 50,       // so that those who waited for one instant don't come at once
    NORMAL_TOKENS = 4096, // input tokens that double the time to a first token
};

static struct plan_asker asker_of(struct exchange *x)
{
    struct gateway *g = x->gateway;

    return (struct plan_asker){.cells = &g->cells, .random = &g->random, .now = g->loop->now};
}

static void tell(struct exchange *x, struct cell *c)
{
    struct gateway *g = x->gateway;

    if (c->has_news && cells_tell(&g->cells, c) && g->told) g->told(g);
}

// --- The end of an attempt ---

// Long prompts take long to read, and that is no sign of bad health.
static msec normalised(const struct exchange *x, usec us)
{
    uint64_t tokens = x->call->received_bytes / 4;

    return us / 1000 * NORMAL_TOKENS / (msec)(NORMAL_TOKENS + tokens);
}

static msec first_of(const struct exchange *x, const struct exchange_attempt *a)
{
    bool has_first =
        x->request.is_stream || x->route.kind == ROUTE_JSON || x->route.kind == ROUTE_EMBEDDINGS;

    return a->first_us && has_first ? normalised(x, a->first_us - a->started_us) : -1;
}

static msec gap_of(const struct exchange *x, const struct exchange_attempt *a)
{
    if (x->mode != EXCHANGE_EVENTS || x->relay.tokens < 2 || !a->first_us) return -1;
    usec until = a->ended_us ? a->ended_us : x->gateway->loop->now_us;
    return (until - a->first_us) / 1000 / (msec)(x->relay.tokens - 1);
}

static msec wait_of(const struct exchange *x)
{
    msec wait = -1;
    usec wall = x->gateway->loop->now_us + x->gateway->wall_offset;

    if (!x->up.has_head || retry_after_read(&x->up.head, wall, &wait)) return -1;
    return wait;
}

// What the attempt has cost: as the upstream said, else by what came of it.
static void account(struct exchange *x, struct exchange_attempt *a)
{
    struct token_usage usage = {0};

    if (x->mode == EXCHANGE_EVENTS && a->status == 200) {
        usage = x->relay.stream.usage;
        if (!usage.is_known) {
            usage = (struct token_usage){.is_known = true,
                                         .input_tokens = x->call->received_bytes / 4,
                                         .output_tokens = x->relay.tokens};
            a->is_estimated = true;
        }
    } else if (a->usage.is_known) {
        usage = a->usage;
    }
    a->usage = usage;
    if (!usage.is_known) return;
    x->usage.is_known = true;
    x->usage.input_tokens += usage.input_tokens;
    x->usage.output_tokens += usage.output_tokens;
    x->is_estimated |= a->is_estimated;
}

static struct cell_outcome outcome_of(const struct exchange *x, enum failure f)
{
    const struct exchange_attempt *a = x->attempt;

    return (struct cell_outcome){.failure = f,
                                 .first_ms = first_of(x, a),
                                 .gap_ms = gap_of(x, a),
                                 .wait_ms = f ? wait_of(x) : -1,
                                 .has_place = x->has_place,
                                 .is_probe = x->choice.is_probe,
                                 .is_judged = a->is_judged,
                                 .is_foreign = x->choice.is_foreign};
}

void exchange_attempt_judge(struct exchange *x)
{
    const struct cell_outcome outcome = outcome_of(x, FAILURE_NONE);

    x->attempt->is_judged = true;
    cell_judge(x->choice.cell, x->gateway->loop->now, &outcome);
    tell(x, x->choice.cell);
}

void exchange_attempt_end(struct exchange *x, enum failure f)
{
    struct gateway *g = x->gateway;
    struct exchange_attempt *a = x->attempt;

    if (!a || a->ended_us) return;
    a->ended_us = g->loop->now_us;
    a->failure = f;
    account(x, a);
    const struct cell_outcome outcome = outcome_of(x, f);
    cell_end(x->choice.cell, g->loop->now, &outcome);
    x->has_place = false;
    tell(x, x->choice.cell);
    exchange_attempt_wake(g);
}

void exchange_attempt_first_token(struct exchange *x)
{
    struct exchange_attempt *a = x->attempt;
    struct gateway *g = x->gateway;

    if (!a || a->first_us) return;
    a->first_us = g->loop->now_us;
    if (!x->has_place) return;
    x->has_place = false;
    cell_first(x->choice.cell, g->loop->now, normalised(x, a->first_us - a->started_us));
    exchange_attempt_wake(g);
}

// --- Its beginning ---

static void add_attempt(struct exchange *x)
{
    struct exchange_attempt *a = arena_new(&x->call->arena, struct exchange_attempt);

    a->before = x->attempt;
    a->target = x->choice.target;
    a->key = x->choice.key;
    a->manner = x->relay.manner;
    a->started_us = x->gateway->loop->now_us;
    x->attempt = a;
    x->attempts++;
}

// What an attempt before has left of an answer that nobody got.
static void forget_answer(struct exchange *x)
{
    transcript_clear(&x->transcript);
    if (x->translation) x->translation->writer = NULL;
}

static void begin(struct exchange *x)
{
    const struct gateway_target *t = x->choice.target;
    msec now = x->gateway->loop->now;

    x->origin = t->origin;
    // A request that names no model has nothing to rename.
    x->upstream_model = t->settings->model.len && x->model.len ? t->settings->model : x->model;
    x->has_place = true;
    x->has_refusal = false;
    if (x->is_again) {
        x->choice.cell->retries++;
        metrics_add(&x->gateway->metrics.retries, 1);
    } else {
        retry_budget_request(&x->choice.cell->budget, now);
        x->asked = 0;
        if (x->attempts) metrics_add(&x->gateway->metrics.failovers, 1);
    }
    x->asked++;
    x->is_again = false;
    buf_clear(&x->held);
    buf_done(&x->answer);
    relay_done(&x->relay);
    x->relay.manner = RELAY_FIRST;
    x->relay.tokens = 0;
    if (!x->is_released) forget_answer(x);
    x->mode = EXCHANGE_PLAIN;
    if (x->is_released && !exchange_recover_prepare(x)) {
        add_attempt(x);
        exchange_attempt_fail(x, FAILURE_DIVERGED, OK);
        return;
    }
    add_attempt(x);
    exchange_send(x);
}

// --- Waiting ---

static void wait_until(struct exchange *x, msec until)
{
    struct gateway *g = x->gateway;
    msec wait = until == TIME_NEVER ? PLACE_POLL_MS : until - g->loop->now;

    if (until == TIME_NEVER && list_is_empty(&x->wait_link))
        list_push_back(&g->waiting, &x->wait_link);
    flight_note(&x->flight, g->loop->now_us, FLIGHT_WAIT, (uint32_t)wait);
    x->wait_until = g->loop->now + (wait > 0 ? wait : 1);
    x->wait_since_us = g->loop->now_us;
    if (x->step != EXCHANGE_WAIT) exchange_move(x, EXCHANGE_WAIT);
    exchange_watch(x);
}

// Each place that is given lets a few go on who wait for one; the others are too many to ask.
void exchange_attempt_wake(struct gateway *g)
{
    int count = 0;

    for (struct link *l = g->waiting.next; l != &g->waiting && count < WAKE_MAX; l = l->next) {
        struct exchange *x = container_of(l, struct exchange, wait_link);
        x->wait_until = g->loop->now;
        exchange_watch(x);
        count++;
    }
}

// --- What is next ---

static bool could_end(const struct exchange *x, msec begin_at)
{
    msec need = x->choice.cell ? cell_fastest(x->choice.cell, x->gateway->loop->now) : 0;

    return deadline_admits(x->total, begin_at, need) && !deadline_is_over(x->start, begin_at);
}

static void take_later(struct exchange *x, msec ready)
{
    msec now = x->gateway->loop->now;
    msec longest = x->plan.model->settings->retry.wait_ms;

    if (ready == TIME_NEVER) {
        wait_until(x, TIME_NEVER);
    } else if (ready - now <= longest && could_end(x, ready)) {
        wait_until(x, ready + (msec)random_below(&x->gateway->random, SPREAD_MS));
    } else {
        x->wait_until = ready;
        if (!x->why) x->why = FAILURE_LIMITED;
        exchange_answer_failure(x);
    }
}

void exchange_attempt_next(struct exchange *x)
{
    const struct plan_asker a = asker_of(x);
    enum plan_answer answer = PLAN_NOBODY;
    msec ready = TIME_NEVER;

    if (x->step == EXCHANGE_WAIT) x->waited_us += a.now * 1000 - x->wait_since_us;
    if (x->is_again) {
        answer = plan_again(&x->plan, &a, &x->choice, &ready);
        if (answer == PLAN_LATER && ready != TIME_NEVER && plan_has_more(&x->plan) &&
            ready - a.now > x->plan.model->settings->retry.wait_ms)
            answer = PLAN_NOBODY;
        if (answer == PLAN_OPEN || answer == PLAN_NOBODY) {
            x->is_again = false;
            answer = PLAN_NOBODY;
        }
    }
    if (answer == PLAN_NOBODY) answer = plan_next(&x->plan, &a, &x->choice, &ready);
    // Who still waits for a place keeps its turn.
    if (answer != PLAN_LATER || ready != TIME_NEVER) list_remove(&x->wait_link);
    switch (answer) {
    case PLAN_GO: begin(x); break;
    case PLAN_LATER: take_later(x, ready); break;
    case PLAN_OPEN:
        metrics_add(&x->gateway->metrics.refused_open, 1);
        x->is_open = true;
        // While the traffic returns, the next request may already be let through.
        x->wait_until = ready > a.now + COME_AGAIN_MS ? ready : a.now + COME_AGAIN_MS;
        exchange_answer_failure(x);
        break;
    case PLAN_NOBODY: exchange_answer_failure(x); break;
    }
}

// --- Failure ---

enum failure exchange_attempt_failure_of(const struct exchange *x, err reason)
{
    bool has_head = x->up.has_head;

    switch (reason) {
    case ERR_TIMEOUT: return x->is_released ? FAILURE_STALLED : FAILURE_SILENT;
    case ERR_RESOLVE:
    case ERR_REFUSED:
    case ERR_UNREACHABLE:
    case ERR_TLS:
    case ERR_CERTIFICATE: return FAILURE_UNREACHABLE;
    case ERR_SYNTAX:
    case ERR_LIMIT:
    case ERR_UNSUPPORTED: return FAILURE_MALFORMED;
    case ERR_TYPE: return FAILURE_DIVERGED;
    case ERR_CANCELED: return FAILURE_CANCELED;
    default: return has_head ? FAILURE_CUT : FAILURE_UNREACHABLE;
    }
}

// Whether another key could fare better.
static bool is_of_key(enum failure f)
{
    return f == FAILURE_LIMITED || f == FAILURE_DENIED || f == FAILURE_QUOTA;
}

// Whether the same target may be asked again, and when: in `*wait`.
static bool may_retry(struct exchange *x, enum failure f, err reason, msec *wait)
{
    const struct settings_retry *r = &x->plan.model->settings->retry;
    struct gateway *g = x->gateway;
    msec now = g->loop->now;

    if (x->asked >= r->attempts) return false;
    if (is_of_key(f)) {
        const struct plan_asker a = asker_of(x);
        *wait = 0;
        if (plan_has_other_key(&x->plan, &a, &x->choice)) return could_end(x, now);
    }
    if (!(failure_rules(f) & FAILURE_RETRIES)) return false;
    if (reason == ERR_TLS || reason == ERR_CERTIFICATE) return false;
    *wait = backoff_with_wish(backoff_wait(BACKOFF_DEFAULTS, x->asked, random_unit(&g->random)),
                              wait_of(x));
    if (*wait > r->wait_ms && plan_has_more(&x->plan)) return false;
    if (!could_end(x, now + *wait)) return false;
    if (retry_budget_take(&x->choice.cell->budget, now)) return true;
    metrics_add(&g->metrics.retries_refused, 1);
    return false;
}

static bool can_repeat(const struct exchange *x)
{
    return !x->is_final && x->up.request.framing == CLIENT_BODY_WHOLE && x->plan.model &&
           x->route.kind != ROUTE_PASS && x->route.kind != ROUTE_MODELS &&
           x->route.kind != ROUTE_MODEL && x->attempts < EXCHANGE_ATTEMPTS_MAX;
}

static void ask_other(struct exchange *x)
{
    x->is_again = false;
    exchange_attempt_next(x);
}

// The answer has begun: another stream has to finish it, by whoever can.
static void recover(struct exchange *x, enum failure f)
{
    if (!exchange_recover_may(x)) {
        exchange_answer_failure(x);
        return;
    }
    x->recoveries++;
    if (f == FAILURE_PREFILL) { // the same one, without
        x->is_again = true;
        exchange_attempt_next(x);
        return;
    }
    // Whoever failed stays out until all have: one that cut an answer may still tell it whole, if
    // it can bear to be asked again.
    bool has_more = plan_has_more(&x->plan);
    if (!has_more && f != FAILURE_DIVERGED)
        has_more = retry_budget_take(&x->choice.cell->budget, x->gateway->loop->now);
    if (!has_more || !(failure_rules(f) & FAILURE_FAILS_OVER)) {
        exchange_answer_failure(x);
        return;
    }
    if (!plan_has_more(&x->plan)) plan_reopen(&x->plan);
    ask_other(x);
}

void exchange_attempt_fail(struct exchange *x, enum failure f, err reason)
{
    struct gateway *g = x->gateway;
    msec wait = 0;

    flight_note(&x->flight, g->loop->now_us, FLIGHT_FAILED, f);
    exchange_attempt_end(x, f);
    client_call_cancel(&x->up);
    // What went wrong first is what an answer that nobody could finish broke by.
    if (!x->is_released || !x->why || f != FAILURE_PREFILL) x->why = f;
    x->reason = reason;
    if (f == FAILURE_PREFILL) x->choice.cell->refuses_prefill = true;
    if (!can_repeat(x)) {
        exchange_answer_failure(x);
    } else if (x->is_released) {
        recover(x, f);
    } else if (may_retry(x, f, reason, &wait)) {
        x->is_again = true;
        if (wait) {
            wait_until(x, g->loop->now + wait);
        } else {
            exchange_attempt_next(x);
        }
    } else if (failure_rules(f) & FAILURE_FAILS_OVER && could_end(x, g->loop->now) &&
               plan_has_more(&x->plan)) {
        ask_other(x);
    } else {
        exchange_answer_failure(x);
    }
}

void exchange_attempt_release(struct exchange *x)
{
    x->is_released = true;
    x->start = deadline_never();
    if (exchange_recover_may(x)) return;
    x->transcript.is_kept = false;
    transcript_done(&x->transcript);
    // An answer may begin before the whole of its request has been sent.
    if (x->up.is_request_done) buf_done(&x->body);
}
