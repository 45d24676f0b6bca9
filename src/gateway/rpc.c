#include "gateway/rpc.h"

#include "base/steps.h"
#include "gateway/call_record.h"
#include "gateway/deadline_fields.h"
#include "gateway/route.h"
#include "gateway/rpc_private.h"
#include "gateway/rpc_status.h"
#include "grpc/grpc_head.h"
#include "grpc/grpc_timeout.h"

enum {
    HEAD_ROOM = GATEWAY_UPSTREAM_HEAD_MAX + 8 * 1024, // for what is added, and for an upstream's
    CONNECT_MS = 5000,
    ATTEMPTS_MAX = 3, // connections that are refused one after the other
    AGAIN_MS = 50,    // before the second; twice that before the third
};

static const struct step rpc_steps[] = {
    [RPC_RECEIVE] = {"receive", STEP_BIT(RPC_ASK) | STEP_BIT(RPC_ENDED)},
    [RPC_ASK] = {"ask", STEP_BIT(RPC_WAIT) | STEP_BIT(RPC_ANSWER) | STEP_BIT(RPC_ENDED)},
    [RPC_WAIT] = {"wait", STEP_BIT(RPC_ASK) | STEP_BIT(RPC_ENDED)},
    [RPC_ANSWER] = {"answer", STEP_BIT(RPC_ENDED)},
    [RPC_ENDED] = {"ended", 0},
};

static void move(struct rpc *r, enum rpc_step to)
{
    steps_move(rpc_steps, &r->step, (int)to);
}

static struct rpc *of_user(struct server_call_user *user)
{
    return container_of(user, struct rpc, user);
}

static struct rpc *of_up(struct client_call *up)
{
    return container_of(up, struct rpc, up);
}

void rpc_end(struct rpc *r)
{
    struct gateway *g = r->gateway;

    move(r, RPC_ENDED);
    r->ended_us = loop_clock(g->loop);
    rpc_log(r);
    client_call_cancel(&r->up);
    loop_alarm_stop(g->loop, &r->timer);
    list_remove(&r->link);
    buf_done(&r->head);
    rpc_rest_close(r->rest);
    gateway_view_give(g, r->view);
    pool_give(&g->rpc_pool, r);
}

void rpc_fail(struct rpc *r, const struct status *s, unsigned http)
{
    struct server_call *call = r->call;
    bool is_told = true;

    r->status = *s;
    if (!r->failure.len) r->failure = status_name(s->code);
    client_call_cancel(&r->up);
    if (r->rest) {
        is_told = rpc_rest_fail(r, s, http);
    } else {
        rpc_native_fail(r, s);
    }
    rpc_end(r);
    if (!is_told) server_call_abort(call);
}

// --- Time ---

static void end_late(struct rpc *r)
{
    const struct status late = {.code = STATUS_DEADLINE_EXCEEDED,
                                .message = STR("The call took longer than it may.")};

    metrics_add(&r->gateway->metrics.upstream_timeouts, 1);
    rpc_fail(r, &late, 0);
}

static void on_timer(struct timer *t)
{
    struct rpc *r = container_of(t, struct rpc, timer);
    msec now = r->gateway->loop->now;

    if (deadline_is_over(r->until, now)) {
        end_late(r);
    } else if (r->step == RPC_RECEIVE) {
        const struct status s = {.code = STATUS_DEADLINE_EXCEEDED,
                                 .message = STR("The request's body did not arrive in time.")};
        rpc_fail(r, &s, 408);
    } else if (r->step == RPC_WAIT) {
        rpc_ask(r);
    }
}

void rpc_watch(struct rpc *r)
{
    bool is_bounded = r->step == RPC_RECEIVE || r->step == RPC_WAIT;
    deadline due = is_bounded ? deadline_sooner(r->until, r->step_until) : r->until;

    if (due.at == TIME_NEVER) {
        loop_alarm_stop(r->gateway->loop, &r->timer);
    } else {
        loop_alarm_at(r->gateway->loop, &r->timer, due.at, on_timer);
    }
}

// --- The upstream ---

static void on_head(struct client_call *up)
{
    struct rpc *r = of_up(up);
    struct status s;

    move(r, RPC_ANSWER);
    if (!rpc_status_is_grpc(&up->head, &r->call->arena, &s)) {
        rpc_fail(r, &s, 0);
    } else if (r->rest) {
        rpc_rest_pull(r);
    } else {
        rpc_native_answer(r);
    }
}

static void on_answer_body(struct client_call *up)
{
    struct rpc *r = of_up(up);

    if (r->rest) {
        rpc_rest_pull(r);
    } else {
        rpc_native_pull(r);
    }
}

static void on_request_drained(struct client_call *up)
{
    if (!of_up(up)->rest) rpc_native_pump(of_up(up));
}

// Nobody has seen anything of the call, so it may be asked once more.
static bool may_ask_again(const struct rpc *r, err why)
{
    return why == ERR_REFUSED && !r->has_taken && r->attempts < ATTEMPTS_MAX;
}

static void on_failed(struct client_call *up, err why)
{
    struct rpc *r = of_up(up);
    struct status s = rpc_status_of_failure(why, up->reset_code);
    struct tls_client *tls = r->origin->origin.target.tls;

    metrics_add(&r->gateway->metrics.upstream_failures, 1);
    if (may_ask_again(r, why)) {
        metrics_add(&r->gateway->metrics.retries, 1);
        r->step_until = deadline_after(r->gateway->loop->now, (msec)AGAIN_MS << (r->attempts - 1));
        move(r, RPC_WAIT);
        rpc_watch(r);
        return;
    }
    if (why == ERR_TLS || why == ERR_CERTIFICATE)
        r->failure =
            arena_format(&r->call->arena, "upstream_tls: %s", tls_client_reason(tls)->text);
    rpc_fail(r, &s, 0);
}

static const struct client_call_events up_events = {
    .head = on_head,
    .body = on_answer_body,
    .drained = on_request_drained,
    .failed = on_failed,
};

void rpc_ask(struct rpc *r)
{
    msec left = deadline_left(r->until, r->gateway->loop->now);

    move(r, RPC_ASK);
    if (!left) {
        end_late(r);
        return;
    }
    if (rpc_head_request(r)) {
        const struct status s = {.code = STATUS_RESOURCE_EXHAUSTED,
                                 .message = STR("The request's head is too large to be passed "
                                                "on.")};
        rpc_fail(r, &s, 431);
        return;
    }
    r->attempts++;
    r->up = (struct client_call){
        .events = &up_events, .origin = &r->origin->origin, .arena = &r->call->arena};
    r->up.request.head = buf_view(&r->head);
    r->up.request.framing = r->rest ? CLIENT_BODY_WHOLE : CLIENT_BODY_CHUNKED;
    if (r->rest) {
        r->up.request.body = r->rest->pieces;
        r->up.request.body_count = 2;
        r->up.request.is_repeatable = true;
    }
    r->up.request.connect_ms = left < CONNECT_MS ? left : CONNECT_MS;
    client_call_start(&r->up);
    rpc_watch(r);
}

// --- The client ---

static void on_request_body(struct server_call_user *user)
{
    struct rpc *r = of_user(user);

    if (r->step == RPC_RECEIVE) {
        rpc_rest_receive(r);
    } else if (!r->rest && r->up.conn && !r->up.is_request_done) {
        rpc_native_pump(r);
    }
}

static void on_answer_drained(struct server_call_user *user)
{
    struct rpc *r = of_user(user);

    if (r->step == RPC_ANSWER) on_answer_body(&r->up);
}

static void on_gone(struct server_call_user *user, err why)
{
    struct rpc *r = of_user(user);

    r->is_client_gone = true;
    r->status.code = STATUS_CANCELLED;
    r->failure = why == ERR_TIMEOUT ? STR("client_too_slow") : STR("client_gone");
    rpc_end(r);
}

static const struct server_call_events call_events = {
    .body = on_request_body,
    .drained = on_answer_drained,
    .gone = on_gone,
};

void rpc_stop(struct rpc *r)
{
    const struct status s = {.code = STATUS_UNAVAILABLE,
                             .message = STR("The gateway is shutting down.")};

    rpc_fail(r, &s, 0);
}

// --- The beginning ---

static str query_of(str target, str path)
{
    const char *behind = path.ptr + path.len;
    size_t len = (size_t)(target.ptr + target.len - behind);

    return len ? (str){.ptr = behind + 1, .len = len - 1} : STR("");
}

static struct rpc *begin(struct gateway *g, struct server_call *call,
                         const struct transcode_found *found, str path)
{
    struct rpc *r = pool_take(&g->rpc_pool);

    r->gateway = g;
    r->view = gateway_view_take(g);
    r->call = call;
    r->user.events = &call_events;
    call->user = &r->user;
    list_push_back(&g->rpcs, &r->link);
    r->step = RPC_RECEIVE;
    r->until = deadline_never();
    r->step_until = deadline_never();
    r->found = *found;
    r->path = path;
    r->query = query_of(call->head.target, path);
    r->id = call_record_id(g, call);
    buf_init(&r->head, (size_t)r->view->settings->limits.head_bytes + HEAD_ROOM);
    return r;
}

// The client's own limit, and that of the provider.
static void set_deadline(struct rpc *r)
{
    msec began = r->call->started_us / 1000;
    msec most = r->origin->provider->timeout_ms;
    struct deadline_fields stated;

    deadline_fields_read(&r->call->head, &stated);
    if (stated.whole_ms != TIME_NEVER) r->until = deadline_after(began, stated.whole_ms);
    if (most) r->until = deadline_sooner(r->until, deadline_after(began, most));
}

// A path that is there, by a method that is not.
static void refuse_method(struct rpc *r)
{
    const struct status s = {.code = STATUS_UNIMPLEMENTED,
                             .message = STR("This path has other methods.")};

    r->failure = STR("method_not_allowed");
    rpc_rest_open(r);
    rpc_fail(r, &s, 405);
}

static void start_native(struct rpc *r)
{
    const struct h1_field *f = h1_field_find(&r->call->head, STR("grpc-timeout"));
    usec timeout = 0;

    r->call->is_patient = true;
    if (f && grpc_timeout_read(f->value, &timeout)) {
        const struct status s = {.code = STATUS_INTERNAL,
                                 .message = STR("grpc-timeout is malformed")};
        rpc_fail(r, &s, 0);
        return;
    }
    rpc_ask(r);
}

static void start_rest(struct rpc *r)
{
    rpc_rest_open(r);
    // The paths of gRPC itself take what a method's message is, and say so where it is not.
    if (r->found.route->is_native && !grpc_head_is_json(&r->call->head)) {
        const struct status s = {.code = STATUS_INVALID_ARGUMENT,
                                 .message = STR("The content type is neither application/grpc nor "
                                                "application/json.")};
        r->failure = STR("not_grpc");
        rpc_fail(r, &s, 415);
        return;
    }
    rpc_rest_receive(r);
}

static void start(struct rpc *r, size_t provider)
{
    struct gateway *g = r->gateway;
    bool is_grpc = grpc_head_is_grpc(&r->call->head);

    r->origin = &r->view->origins[provider];
    set_deadline(r);
    metrics_add(is_grpc ? &g->metrics.requests_rpc : &g->metrics.requests_rest, 1);
    if (g->server.counts.calls_open > gateway_share(g, r->view->settings->limits.streams)) {
        const struct status s = {.code = STATUS_UNAVAILABLE,
                                 .message = STR("Too many requests in flight.")};
        r->failure = STR("overloaded");
        if (!is_grpc) rpc_rest_open(r);
        rpc_fail(r, &s, 0);
    } else if (is_grpc && r->found.route->is_native) {
        start_native(r);
    } else {
        start_rest(r);
    }
}

bool rpc_start(struct gateway *g, struct server_call *call)
{
    const struct h1_head *head = &call->head;
    struct route route = route_match(head->method, head->target);
    const struct services *services = &gateway_view_current(g)->services;
    struct transcode_found found = {0};
    size_t provider = 0;

    // What is the vendors' is nobody else's.
    if (route.kind != ROUTE_UNKNOWN && route.kind != ROUTE_PASS) return false;
    err e = transcode_routes_find(services->routes, head->method, route.path, &call->arena, &found);
    if (e == ERR_UNSUPPORTED && !grpc_head_is_grpc(head)) {
        metrics_add(&g->metrics.requests_rest, 1);
        refuse_method(begin(g, call, &found, route.path));
        return true;
    }
    if (e || !services_provider(services, found.route, &provider)) return false;
    start(begin(g, call, &found, route.path), provider);
    return true;
}
