#include "gateway/exchange.h"

#include "base/number.h"
#include "base/steps.h"
#include "gateway/access_log.h"
#include "gateway/call_record.h"
#include "gateway/exchange_private.h"

#include <assert.h>

// For what is added to a head, and for an upstream's, which may be larger than a client's.
enum { HEAD_ROOM = GATEWAY_UPSTREAM_HEAD_MAX + 8 * 1024 };

// So much sooner than it asked for a client is told that its time is over, to hear it.
enum { EARLY_MS = 10 };

static const struct step exchange_steps[] = {
    [EXCHANGE_RECEIVE] = {"receive", STEP_BIT(EXCHANGE_WAIT) | STEP_BIT(EXCHANGE_AWAIT) |
                                         STEP_BIT(EXCHANGE_ENDED)},
    [EXCHANGE_WAIT] = {"wait", STEP_BIT(EXCHANGE_AWAIT) | STEP_BIT(EXCHANGE_ENDED)},
    [EXCHANGE_AWAIT] = {"await", STEP_BIT(EXCHANGE_AWAIT) | STEP_BIT(EXCHANGE_WAIT) |
                                     STEP_BIT(EXCHANGE_RELAY) | STEP_BIT(EXCHANGE_ENDED)},
    [EXCHANGE_RELAY] = {"relay", STEP_BIT(EXCHANGE_AWAIT) | STEP_BIT(EXCHANGE_WAIT) |
                                     STEP_BIT(EXCHANGE_ENDED)},
    [EXCHANGE_ENDED] = {"ended", 0},
};

void exchange_move(struct exchange *x, enum exchange_step to)
{
    steps_move(exchange_steps, &x->step, (int)to);
}

static struct exchange *of_user(struct server_call_user *user)
{
    return container_of(user, struct exchange, user);
}

static struct exchange *of_up(struct client_call *up)
{
    return container_of(up, struct exchange, up);
}

static void count(const struct exchange *x)
{
    struct gateway *g = x->gateway;
    struct metrics *m = &g->metrics;
    const struct token_usage *usage = &x->usage;

    call_record_count(m, x->call, x->ended_us, x->is_client_gone);
    if (usage->is_known) {
        metrics_add(&m->input_tokens, usage->input_tokens);
        metrics_add(&m->output_tokens, usage->output_tokens);
    }
    if (!x->first_us) return;
    metrics_observe(&m->first_token, x->first_us - x->call->started_us);
    metrics_observe(&m->own, x->own_us);
}

void exchange_end(struct exchange *x)
{
    struct gateway *g = x->gateway;

    // An attempt that still runs has lost whoever wanted its answer.
    exchange_attempt_end(x, FAILURE_CANCELED);
    exchange_move(x, EXCHANGE_ENDED);
    x->ended_us = loop_clock(g->loop);
    count(x);
    access_log_write(x);
    client_call_cancel(&x->up);
    loop_alarm_stop(g->loop, &x->timer);
    list_remove(&x->link);
    list_remove(&x->wait_link);
    buf_done(&x->body);
    buf_done(&x->remade);
    buf_done(&x->held);
    buf_done(&x->head);
    buf_done(&x->answer);
    translation_done(x->translation);
    exchange_door_close(x->door);
    relay_done(&x->relay);
    transcript_done(&x->transcript);
    gateway_view_give(g, x->view);
    pool_give(&g->exchange_pool, x);
}

str exchange_body(const struct exchange *x)
{
    return x->door ? x->door->message : buf_view(&x->body);
}

// --- Time ---

static const struct settings_timeouts *timeouts(const struct exchange *x)
{
    return &x->model_settings->timeouts;
}

// Whether a stream has brought its first token, or an answer that passes in pieces its head.
static bool is_begun(const struct exchange *x)
{
    if (x->step != EXCHANGE_RELAY || x->mode == EXCHANGE_GATHER) return false;
    return x->mode != EXCHANGE_EVENTS || x->attempt->first_us;
}

// What the upstream is waited for: the first event of a stream, or the next piece. An answer that
// comes whole is only bounded by the total.
static msec progress_due(const struct exchange *x)
{
    if (x->step == EXCHANGE_WAIT) return x->wait_until;
    if (x->step == EXCHANGE_RECEIVE || server_call_is_congested(x->call)) return TIME_NEVER;
    if (is_begun(x)) {
        msec idle = timeouts(x)->between_tokens_ms;
        return x->progress_at + (x->idle_ms < idle ? x->idle_ms : idle);
    }
    return x->request.is_stream ? x->sent_at + timeouts(x)->first_token_ms : TIME_NEVER;
}

// Whether a stream's head could go out before its first event, to say that it was heard.
static bool has_head_in_hand(const struct exchange *x)
{
    return x->step == EXCHANGE_RELAY && x->mode == EXCHANGE_EVENTS && !x->call->status;
}

static msec comment_due(const struct exchange *x)
{
    msec every = x->door ? 0 : x->view->settings->limits.keepalive_comment_ms;

    if (!has_head_in_hand(x) && !(x->call->status && x->request.is_stream)) return TIME_NEVER;
    if (x->idle_ms / 2 < every) every = x->idle_ms / 2;
    if (!every || server_call_is_congested(x->call)) return TIME_NEVER;
    return x->wrote_at + every;
}

// The client's patience with an answer that has not begun.
static msec start_due(const struct exchange *x)
{
    return x->call->status || x->step == EXCHANGE_RECEIVE ? TIME_NEVER : x->start.at;
}

static void end_late(struct exchange *x)
{
    bool is_route_late = x->is_route_late && x->gateway->loop->now >= x->total.at;

    flight_note(&x->flight, x->gateway->loop->now_us, FLIGHT_DEADLINE, 0);
    metrics_add(&x->gateway->metrics.upstream_timeouts, 1);
    x->failure = is_route_late ? STR("total_timeout") : STR("client_deadline");
    x->is_final = true;
    client_call_cancel(&x->up);
    // A short deadline of a client's says nothing of the upstream.
    exchange_attempt_fail(x, is_route_late ? FAILURE_SILENT : FAILURE_CANCELED, ERR_TIMEOUT);
}

static void end_silent(struct exchange *x)
{
    x->failure = is_begun(x) ? STR("between_tokens_timeout") : STR("first_token_timeout");
    metrics_add(&x->gateway->metrics.upstream_timeouts, 1);
    client_call_cancel(&x->up);
    exchange_relay_cut(x, ERR_TIMEOUT);
}

static void on_timer(struct timer *t)
{
    struct exchange *x = container_of(t, struct exchange, timer);
    msec now = x->gateway->loop->now;

    if (x->step == EXCHANGE_RECEIVE && now >= x->total.at) {
        exchange_answer_error(x, &(struct exchange_error){.status = 408,
                                                          .code = STR("request_timeout"),
                                                          .message = STR("The request's body did "
                                                                         "not arrive in time.")});
        return;
    }
    if (now >= x->total.at || (now >= start_due(x) && !has_head_in_hand(x))) {
        end_late(x);
        return;
    }
    if (x->step == EXCHANGE_WAIT && now >= x->wait_until) {
        exchange_attempt_next(x);
        return;
    }
    if (now >= progress_due(x)) {
        end_silent(x);
        return;
    }
    if (now >= comment_due(x) || now >= start_due(x)) exchange_relay_comment(x);
    exchange_watch(x);
}

void exchange_watch(struct exchange *x)
{
    msec due = x->total.at;

    if (progress_due(x) < due) due = progress_due(x);
    if (comment_due(x) < due) due = comment_due(x);
    if (start_due(x) < due) due = start_due(x);
    // One that is armed for an earlier time looks again when it fires; moving it with every event
    // would cost more.
    if (x->timer.is_armed && x->timer.due <= due) return;
    loop_alarm_at(x->gateway->loop, &x->timer, due, on_timer);
}

// --- The upstream ---

static void on_head(struct client_call *up)
{
    struct exchange *x = of_up(up);

    x->progress_at = x->gateway->loop->now;
    x->attempt->status = up->head.status;
    flight_note(&x->flight, x->gateway->loop->now_us, FLIGHT_HEAD, up->head.status);
    exchange_move(x, EXCHANGE_RELAY);
    exchange_relay_head(x);
}

static void on_answer_body(struct client_call *up)
{
    exchange_relay_pull(of_up(up));
}

static void refuse_body(struct exchange *x, err why)
{
    if (why == ERR_LIMIT) {
        exchange_answer_error(
            x, &(struct exchange_error){.status = 413,
                                        .code = STR("request_too_large"),
                                        .message = STR("The request's body is too large.")});
    } else {
        exchange_answer_error(
            x, &(struct exchange_error){.status = 400,
                                        .code = STR("bad_framing"),
                                        .message = STR("The request's body is malformed.")});
    }
}

static void refuse_upload(struct exchange *x, err why)
{
    client_call_cancel(&x->up);
    exchange_attempt_end(x, FAILURE_CANCELED); // it is the client's doing
    if (x->call->status) {
        exchange_relay_cut(x, why);
    } else {
        refuse_body(x, why);
    }
}

// Passes the request's body on as it comes.
static void pump(struct exchange *x)
{
    uint64_t max = x->view->settings->limits.upload_bytes;
    str piece;
    err e = OK;

    while (!client_call_is_congested(&x->up) && !x->up.is_request_done) {
        e = server_call_next(x->call, &piece);
        if (e == ERR_AGAIN || e == ERR_CLOSED) return; // `gone` follows the latter
        if (!e && x->call->received_bytes > max) e = ERR_LIMIT;
        if (e && e != ERR_EOF) {
            refuse_upload(x, e);
            return;
        }
        client_call_send(&x->up, e ? STR("") : piece, e || server_call_body_is_done(x->call));
    }
}

static void on_request_drained(struct client_call *up)
{
    pump(of_up(up));
}

static void on_failed(struct client_call *up, err why)
{
    struct exchange *x = of_up(up);
    struct tls_client *tls = x->origin->origin.target.tls;

    if (why == ERR_TLS || why == ERR_CERTIFICATE)
        x->failure =
            arena_format(&x->call->arena, "upstream_tls: %s", tls_client_reason(tls)->text);
    metrics_add(&x->gateway->metrics.upstream_failures, 1);
    exchange_relay_cut(x, why);
}

static const struct client_call_events up_events = {
    .head = on_head,
    .body = on_answer_body,
    .drained = on_request_drained,
    .failed = on_failed,
};

static enum client_body framing_of(const struct exchange *x)
{
    if (x->route.kind != ROUTE_PASS || x->call->head.framing == H1_NO_BODY)
        return CLIENT_BODY_WHOLE;
    return x->call->head.framing == H1_LENGTH ? CLIENT_BODY_LENGTH : CLIENT_BODY_CHUNKED;
}

// The end of a time limit that the client stated, counted from when its head arrived: a little
// before, so that it hears of it.
static deadline stated(const struct exchange *x, msec limit_ms)
{
    msec early = limit_ms / 20 < EARLY_MS ? limit_ms / 20 : EARLY_MS;

    if (limit_ms == TIME_NEVER) return deadline_never();
    return deadline_after(x->call->started_us / 1000, limit_ms - early);
}

void exchange_set_deadlines(struct exchange *x)
{
    const struct deadline_fields *d = &x->deadlines;
    deadline whole = stated(x, d->whole_ms);

    x->total = deadline_child(whole, x->gateway->loop->now, timeouts(x)->total_ms);
    x->is_route_late = x->total.at != whole.at;
    x->start = deadline_sooner(stated(x, d->start_ms), stated(x, d->idle_ms));
    x->idle_ms = d->idle_ms;
    loop_alarm_stop(x->gateway->loop, &x->timer); // of receiving
}

void exchange_send(struct exchange *x)
{
    struct gateway *g = x->gateway;

    x->up = (struct client_call){
        .events = &up_events, .origin = &x->origin->origin, .arena = &x->call->arena};
    x->up.request.framing = framing_of(x);
    err e = exchange_request_body(x);
    if (e) {
        exchange_translate_refuse(x, e);
        return;
    }
    if (exchange_request_head(x)) {
        exchange_attempt_end(x, FAILURE_CANCELED);
        exchange_answer_error(
            x, &(struct exchange_error){.status = 431,
                                        .code = STR("request_headers_too_large"),
                                        .message = STR("the request's headers are too large to be "
                                                       "passed on")});
        return;
    }
    x->up.request.head = buf_view(&x->head);
    x->up.request.body = x->pieces;
    x->up.request.body_count = x->piece_count;
    x->up.request.is_head_request = str_eq(x->call->head.method, STR("HEAD"));
    x->up.request.is_repeatable = x->up.request.framing == CLIENT_BODY_WHOLE;
    x->up.request.connect_ms = timeouts(x)->connect_ms;
    exchange_move(x, EXCHANGE_AWAIT);
    x->sent_at = g->loop->now;
    client_call_start(&x->up);
    x->sent_us = loop_clock(g->loop);
    flight_note(&x->flight, x->sent_us, FLIGHT_SENT, x->attempts);
    exchange_watch(x);
}

// --- The client ---

static void receive(struct exchange *x)
{
    const struct h1_head *head = &x->call->head;
    size_t want = head->framing == H1_LENGTH ? (size_t)head->content_length : LOOP_SCRATCH_BYTES;
    err e = OK;

    while (!e) {
        char *room = NULL;
        size_t len = 0;
        size_t size = head->framing == H1_LENGTH ? want - buf_len(&x->body) : want;
        e = size ? buf_reserve(&x->body, size, &room) : ERR_EOF;
        if (!e) e = server_call_read(x->call, room, size, &len);
        if (!e) buf_grew(&x->body, len);
    }
    if (e == ERR_AGAIN && !x->timer.is_armed) {
        x->total = deadline_after(x->gateway->loop->now, x->view->settings->limits.receive_ms);
        exchange_watch(x);
    }
    if (e == ERR_AGAIN || e == ERR_CLOSED) return; // `gone` follows the latter
    if (e == ERR_EOF) {
        if (x->door && exchange_door_request(x)) return;
        exchange_route_by_body(x);
    } else {
        refuse_body(x, e);
    }
}

static void on_request_body(struct server_call_user *user)
{
    struct exchange *x = of_user(user);

    if (x->step == EXCHANGE_RECEIVE) {
        receive(x);
    } else if (!x->up.is_request_done && x->up.conn) {
        pump(x);
    }
}

static void on_answer_drained(struct server_call_user *user)
{
    struct exchange *x = of_user(user);

    x->progress_at = x->gateway->loop->now; // the upstream was not being read
    exchange_watch(x);
    if (x->step == EXCHANGE_RELAY) exchange_relay_pull(x);
}

static void on_gone(struct server_call_user *user, err why)
{
    struct exchange *x = of_user(user);

    x->is_client_gone = true;
    flight_note(&x->flight, x->gateway->loop->now_us, FLIGHT_GONE, 0);
    x->failure = why == ERR_TIMEOUT ? STR("client_too_slow") : STR("client_gone");
    exchange_end(x);
}

static const struct server_call_events call_events = {
    .body = on_request_body,
    .drained = on_answer_drained,
    .gone = on_gone,
};

static void count_route(struct metrics *m, enum route_kind kind)
{
    switch (kind) {
    case ROUTE_CHAT: metrics_add(&m->requests_chat, 1); break;
    case ROUTE_MESSAGES: metrics_add(&m->requests_messages, 1); break;
    case ROUTE_COUNT: metrics_add(&m->requests_count_tokens, 1); break;
    case ROUTE_RESPONSES: metrics_add(&m->requests_responses, 1); break;
    case ROUTE_JSON: metrics_add(&m->requests_json, 1); break;
    case ROUTE_EMBEDDINGS: metrics_add(&m->requests_embeddings, 1); break;
    case ROUTE_SEARCH: metrics_add(&m->requests_search, 1); break;
    case ROUTE_PASS: metrics_add(&m->requests_pass, 1); break;
    case ROUTE_MODELS:
    case ROUTE_MODEL: metrics_add(&m->requests_models, 1); break;
    case ROUTE_UNKNOWN:
    case ROUTE_KINDS: metrics_add(&m->requests_unknown, 1); break;
    }
}

static void dispatch(struct exchange *x)
{
    switch (x->route.kind) {
    case ROUTE_CHAT:
    case ROUTE_MESSAGES:
    case ROUTE_COUNT:
    case ROUTE_RESPONSES:
    case ROUTE_EMBEDDINGS:
    case ROUTE_SEARCH:
    case ROUTE_JSON: receive(x); break;
    case ROUTE_MODELS:
    case ROUTE_MODEL:
        if (!exchange_models_answer(x)) exchange_route_by_default(x);
        break;
    case ROUTE_PASS:
        if (x->call->head.content_length > x->view->settings->limits.upload_bytes) {
            refuse_body(x, ERR_LIMIT);
        } else {
            exchange_route_by_default(x);
        }
        break;
    case ROUTE_UNKNOWN:
    case ROUTE_KINDS:
        exchange_answer_error(x, &(struct exchange_error){.status = 404,
                                                          .code = STR("unknown_url"),
                                                          .message = STR("Unknown request URL.")});
        break;
    }
}

// Paths that both dialects have are told apart by the version that each request of one names.
static struct route route_of(const struct server_call *call)
{
    struct route r = route_match(call->head.method, call->head.target);
    bool is_shared = r.kind == ROUTE_MODELS || r.kind == ROUTE_MODEL || r.kind == ROUTE_PASS;

    if (is_shared && h1_field_find(&call->head, STR("anthropic-version")))
        r.dialect = &dialect_anthropic;
    return r;
}

void exchange_start(struct gateway *g, struct server_call *call)
{
    struct exchange *x = pool_take(&g->exchange_pool);
    const struct settings_limits *limits = NULL;

    x->gateway = g;
    x->view = gateway_view_take(g);
    limits = &x->view->settings->limits;
    x->call = call;
    x->user.events = &call_events;
    call->user = &x->user;
    list_push_back(&g->exchanges, &x->link);
    list_init(&x->wait_link);
    x->step = EXCHANGE_RECEIVE;
    x->total = deadline_never();
    x->start = deadline_never();
    x->idle_ms = TIME_NEVER;
    x->mode = EXCHANGE_PLAIN;
    x->route = route_of(call);
    x->id = call_record_id(g, call);
    buf_init(&x->body, limits->body_bytes);
    buf_init(&x->head, (size_t)limits->head_bytes + HEAD_ROOM);
    buf_init(&x->answer, EXCHANGE_GATHER_MAX);
    buf_init(&x->held, EXCHANGE_GATHER_MAX);
    buf_init(&x->remade, 2 * (size_t)limits->body_bytes + 8 * EXCHANGE_TEXT_MAX);
    transcript_init(&x->transcript, EXCHANGE_TEXT_MAX);
    deadline_fields_read(&call->head, &x->deadlines);
    err e = x->route.kind == ROUTE_UNKNOWN ? exchange_door_find(x) : ERR_ABSENT;
    if (e && e != ERR_ABSENT) {
        metrics_add(&g->metrics.requests_unknown, 1);
        return;
    }
    count_route(&g->metrics, x->route.kind);
    if (g->server.counts.calls_open > gateway_share(g, limits->streams)) {
        exchange_answer_error(
            x, &(struct exchange_error){.status = 503,
                                        .code = STR("overloaded"),
                                        .message = STR("Too many requests in flight.")});
        return;
    }
    dispatch(x);
}

void exchange_stop(struct exchange *x, err why)
{
    client_call_cancel(&x->up);
    x->is_final = true;
    exchange_relay_cut(x, why);
}
