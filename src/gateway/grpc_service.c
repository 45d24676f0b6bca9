// Design: go() answers what has come, then reads on, and stops where the client does not take what
// it was given. A call ends in one place, end(), with a status.
#include "gateway/grpc_service.h"

#include "gateway/access_log.h"
#include "gateway/call_record.h"
#include "grpc/reflection.h"

enum {
    MESSAGE_MAX = 64 * 1024, // of a request
    REST_MAX = 16 << 20,     // as much as one read brings at most
    ANSWER_MAX = 16 << 20,
    FIELDS_MAX = 16 * 1024,
};

static struct grpc_service *of_user(struct server_call_user *user)
{
    return container_of(user, struct grpc_service, user);
}

static void release(struct grpc_service *s, bool is_gone)
{
    struct gateway *g = s->gateway;
    usec now = loop_clock(g->loop);
    const struct access_log_call logged = {.call = s->call,
                                           .id = s->id,
                                           .path = s->path,
                                           .route = s->kind == SERVICE_HEALTH ? STR("health")
                                                                              : STR("reflection"),
                                           .error = is_gone          ? STR("client_gone")
                                                    : s->status.code ? status_name(s->status.code)
                                                                     : STR(""),
                                           .is_stream = s->grpc.method->is_server_streaming,
                                           .is_gone = is_gone};

    call_record_count(&g->metrics, s->call, now, is_gone);
    access_log_write_call(g, &logged, now);
    loop_alarm_stop(g->loop, &s->timer);
    list_remove(&s->link);
    grpc_call_done(&s->grpc);
    buf_done(&s->rest);
    buf_done(&s->out);
    gateway_view_give(g, s->view);
}

static void put_id(const struct grpc_service *s, struct buf *fields)
{
    // An id is short, and so are all fields here.
    (void)buf_append_format(fields, "x-request-id: %" STR_FMT "\r\n", STR_ARG(s->id));
}

static void end(struct grpc_service *s, struct status status)
{
    struct server_call *call = s->call;
    struct buf fields;

    s->status = status;
    buf_init(&fields, FIELDS_MAX);
    if (!call->status) put_id(s, &fields);
    (void)grpc_call_end(&s->grpc, status, &fields); // messages are clipped
    const struct server_answer answer = {.status = 200, .fields = buf_view(&fields)};
    if (call->status) {
        server_call_finish(call, answer.fields);
    } else {
        server_call_respond(call, &answer, NULL, 0, true);
    }
    release(s, false);
    buf_done(&fields);
}

static void end_code(struct grpc_service *s, enum status_code code, str message)
{
    end(s, (struct status){.code = code, .message = message});
}

// Sends one message of the answer, behind the head where that is still to go.
static err send(struct grpc_service *s, str message)
{
    struct server_answer answer = {.status = 200};
    struct buf frame;
    struct buf fields;

    buf_init(&frame, ANSWER_MAX);
    buf_init(&fields, FIELDS_MAX);
    bool is_first = !s->call->status;
    if (is_first) {
        put_id(s, &fields);
        (void)grpc_call_begin(&s->grpc, &fields); // fits
    }
    answer.fields = buf_view(&fields);
    err e = grpc_call_write(&s->grpc, message, &frame);
    struct iovec piece = stream_piece(buf_view(&frame));
    if (is_first) {
        server_call_respond(s->call, &answer, &piece, e ? 0 : 1, false);
    } else if (!e) {
        server_call_write(s->call, &piece, 1, false);
    }
    buf_done(&fields);
    buf_done(&frame);
    return e;
}

static struct health health_of(const struct grpc_service *s)
{
    return (struct health){.pools = s->view->services.pools,
                           .pool_count = s->view->services.pool_count,
                           .is_serving = !s->gateway->server.is_draining};
}

// --- What is asked ---

static err answer_reflection(struct grpc_service *s, str message, struct status *why)
{
    const struct reflection r = {.pools = s->view->services.pools,
                                 .pool_count = s->view->services.pool_count};
    struct arena scratch;
    struct buf answer;

    arena_init(&scratch, 4096);
    buf_init(&answer, ANSWER_MAX);
    err e = reflection_answer(&r, message, &scratch, &answer);
    if (!e) e = send(s, buf_view(&answer));
    buf_done(&answer);
    arena_reset(&scratch);
    if (e)
        *why = (struct status){.code = STATUS_INVALID_ARGUMENT,
                               .message = STR("it is no ServerReflectionRequest")};
    return e;
}

// An error: `*why` ends the call.
static err answer_message(struct grpc_service *s, str message, struct status *why)
{
    const struct health h = health_of(s);

    if (s->kind == SERVICE_REFLECTION) return answer_reflection(s, message, why);
    if (!s->grpc.method->is_server_streaming) return health_check(&h, message, &s->out, &s->status);
    TRY(health_watch_init(&s->watch, message, &s->call->arena, why));
    s->is_watching = true;
    return OK;
}

// What has changed for a watch; it ends when nothing more can change.
static void tell_watch(struct grpc_service *s)
{
    const struct health h = health_of(s);

    buf_clear(&s->out);
    // Both are short.
    if (!health_watch_next(&s->watch, &h, &s->out)) (void)send(s, buf_view(&s->out));
    if (!h.is_serving) end_code(s, STATUS_UNAVAILABLE, STR("the gateway is shutting down"));
}

// The request has ended.
static void finish(struct grpc_service *s)
{
    struct status why = s->status;

    s->is_request_done = true;
    err e = grpc_call_request_end(&s->grpc, &why);
    if (!e && s->is_watching) {
        tell_watch(s);
        return;
    }
    if (!e && !why.code && s->kind == SERVICE_HEALTH) (void)send(s, buf_view(&s->out)); // short
    end(s, why);
}

// The next message of what has come. True when the call has ended with it.
static bool take(struct grpc_service *s)
{
    struct status why = {.code = STATUS_INTERNAL};
    str rest = buf_view(&s->rest);
    str message;

    err e = grpc_call_next(&s->grpc, &rest, &message, &why);
    bool is_used_up = e == ERR_AGAIN;
    if (!e) e = answer_message(s, message, &why);
    if (e && !is_used_up) {
        end(s, why);
        return true;
    }
    buf_consume(&s->rest, buf_len(&s->rest) - rest.len);
    return false;
}

static void go(struct grpc_service *s)
{
    str piece;

    while (!s->is_request_done && !server_call_is_congested(s->call)) {
        if (buf_len(&s->rest)) {
            if (take(s)) return;
            continue;
        }
        err e = server_call_next(s->call, &piece);
        if (e == ERR_AGAIN || e == ERR_CLOSED) return; // `gone` follows the latter
        if (e == ERR_EOF) {
            finish(s);
            return;
        }
        if (!e) e = buf_append(&s->rest, piece);
        if (e) {
            end_code(s, STATUS_INTERNAL, STR("the request's body is malformed"));
            return;
        }
    }
}

static void on_body(struct server_call_user *user)
{
    go(of_user(user));
}

static void on_gone(struct server_call_user *user, err why)
{
    (void)why;
    release(of_user(user), true);
}

static const struct server_call_events events = {
    .body = on_body,
    .drained = on_body,
    .gone = on_gone,
};

static void on_late(struct timer *t)
{
    end_code(container_of(t, struct grpc_service, timer), STATUS_DEADLINE_EXCEEDED,
             STR("the client's time is over"));
}

// --- The gateway's side ---

static void refuse(struct grpc_service *s, const struct grpc_refusal *why)
{
    struct server_answer answer = {.status = why->http,
                                   .fields = STR("content-type: text/plain\r\n")};
    struct iovec text = stream_piece(why->status.message);

    if (why->http == 200) {
        end(s, why->status);
        return;
    }
    s->status = why->status;
    server_call_respond(s->call, &answer, &text, 1, true);
    release(s, false);
}

static void begin(struct grpc_service *s, const struct descriptor_method *method)
{
    struct gateway *g = s->gateway;
    struct grpc_refusal why = {.http = 200};
    struct grpc_head head = {.timeout_us = TIME_NEVER};
    uint32_t most = gateway_share(g, s->view->settings->limits.streams);

    err e = grpc_head_read(&s->call->head, &head, &why);
    grpc_call_init(&s->grpc, &head, method, MESSAGE_MAX);
    if (!e && g->server.counts.calls_open > most) {
        why.status =
            (struct status){.code = STATUS_UNAVAILABLE, .message = STR("too many calls at once")};
        e = ERR_LIMIT;
    }
    if (e) {
        refuse(s, &why);
        return;
    }
    if (head.timeout_us != TIME_NEVER)
        loop_alarm_at(g->loop, &s->timer, (s->call->started_us + head.timeout_us) / 1000, on_late);
    go(s);
}

bool grpc_service_start(struct gateway *g, struct server_call *call)
{
    // Nobody else's calls are looked up twice.
    if (!str_starts(call->head.target, STR("/grpc.")) || !grpc_head_is_grpc(&call->head))
        return false;
    struct gateway_view *v = gateway_view_take(g);
    const struct descriptor_method *m = descriptor_find_method(v->services.own, call->head.target);
    enum service_kind kind = m ? services_kind(m) : SERVICE_CHAT;
    if (kind != SERVICE_HEALTH && kind != SERVICE_REFLECTION) {
        gateway_view_give(g, v);
        return false;
    }
    struct grpc_service *s = arena_new(&call->arena, struct grpc_service);
    *s = (struct grpc_service){.user = {.events = &events},
                               .gateway = g,
                               .view = v,
                               .call = call,
                               .id = call_record_id(g, call),
                               .path = call->head.target,
                               .kind = kind};
    call->user = &s->user;
    list_push_back(&g->services, &s->link);
    buf_init(&s->rest, REST_MAX);
    buf_init(&s->out, FIELDS_MAX);
    metrics_add(
        kind == SERVICE_HEALTH ? &g->metrics.requests_health : &g->metrics.requests_reflection, 1);
    begin(s, m);
    return true;
}

// From here on it answers from the current view; methods of the old one go with it.
static void renew(struct grpc_service *s)
{
    struct gateway_view *old = s->view;

    s->view = gateway_view_take(s->gateway);
    s->grpc.method = descriptor_find_method(s->view->services.own, s->path);
    gateway_view_give(s->gateway, old);
}

void grpc_service_tell(struct gateway *g)
{
    struct link *next = NULL;

    for (struct link *l = g->services.next; l != &g->services; l = next) {
        struct grpc_service *s = container_of(l, struct grpc_service, link);
        next = l->next;
        renew(s);
        if (s->is_watching && s->is_request_done) {
            tell_watch(s);
        } else if (g->server.is_draining && s->grpc.method->is_client_streaming) {
            end_code(s, STATUS_UNAVAILABLE, STR("the gateway is shutting down"));
        }
    }
}

void grpc_service_stop(struct gateway *g)
{
    while (!list_is_empty(&g->services)) {
        end_code(container_of(g->services.next, struct grpc_service, link), STATUS_UNAVAILABLE,
                 STR("the gateway is shutting down"));
    }
}
