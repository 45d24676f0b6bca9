// Design: an exchange behind a door is one like any other, in our own dialect, and every answer is
// translated, also one of a provider that speaks it: a door wraps what it gives. What differs is at
// the two ends: the body is unwrapped when it is whole, and what goes to the client is wrapped
// where it leaves. A status ends every answer; only one that is complete ends with OK.
#include "gateway/exchange_private.h"

#include <string.h>

static struct iovec piece_of(const struct buf *b)
{
    return stream_piece(buf_view(b));
}

// An answer of fields alone, for a request that did not become a call.
static void refuse_head(struct exchange *x, const struct grpc_refusal *why)
{
    struct server_answer answer = {.status = why->http};

    buf_clear(&x->head);
    // All of it is short.
    (void)exchange_answer_own_fields(x, &x->head);
    if (why->http == 200) {
        (void)grpc_call_refuse(&why->status, &x->head);
    } else {
        (void)buf_append(&x->head, STR("content-type: text/plain\r\n"));
    }
    answer.fields = buf_view(&x->head);
    struct iovec text = stream_piece(why->http == 200 ? STR("") : why->status.message);
    server_call_respond(x->call, &answer, &text, text.iov_len > 0, true);
    exchange_end(x);
}

// A path that looks like a method's and is none.
static void refuse_method(struct exchange *x)
{
    const struct grpc_refusal why = {
        .http = 200,
        .status = {.code = STATUS_UNIMPLEMENTED, .message = STR("There is no such method here.")}};

    x->failure = STR("unknown_method");
    refuse_head(x, &why);
}

static struct door *new_door(struct exchange *x, const struct transcode_found *found)
{
    struct door *d = arena_new(&x->call->arena, struct door);
    size_t message_max = (size_t)x->view->settings->limits.body_bytes;

    d->found = *found;
    d->is_stream = found->route->method->is_server_streaming;
    buf_init(&d->whole, 2 * message_max);
    buf_init(&d->out, 2 * message_max);
    return d;
}

static err open_door(struct exchange *x, const struct transcode_found *found)
{
    size_t message_max = (size_t)x->view->settings->limits.body_bytes;
    struct grpc_refusal why;
    struct grpc_head head;

    if (grpc_head_read(&x->call->head, &head, &why)) {
        x->failure = STR("not_grpc");
        refuse_head(x, &why);
        return ERR_UNSUPPORTED;
    }
    x->door = new_door(x, found);
    grpc_call_init(&x->door->call, &head, found->route->method, message_max);
    return OK;
}

// The paths of gRPC itself are REST where the body is JSON; the others always are.
static bool is_rest(const struct exchange *x, const struct transcode_route *route)
{
    return !route->is_native || grpc_head_is_json(&x->call->head);
}

// The services that are answered by themselves are for gRPC alone.
static bool is_served(const struct descriptor_method *m)
{
    enum service_kind kind = services_kind(m);

    return kind != SERVICE_HEALTH && kind != SERVICE_REFLECTION;
}

static enum route_kind kind_of(const struct descriptor_method *m)
{
    switch (services_kind(m)) {
    case SERVICE_COUNT: return ROUTE_COUNT;
    case SERVICE_EMBED: return ROUTE_EMBEDDINGS;
    case SERVICE_SEARCH: return ROUTE_SEARCH;
    default: return ROUTE_CHAT; // health and reflection do not come here
    }
}

err exchange_door_find(struct exchange *x)
{
    const struct h1_head *head = &x->call->head;
    bool is_grpc = grpc_head_is_grpc(head);
    struct transcode_found found;
    err e = transcode_routes_find(x->view->services.routes, head->method, x->route.path,
                                  &x->call->arena, &found);

    if (e && !is_grpc) return ERR_ABSENT;
    if (e) {
        refuse_method(x);
        return ERR_UNSUPPORTED;
    }
    if (!is_rest(x, found.route)) {
        TRY(open_door(x, &found));
    } else if (is_served(found.route->method)) {
        x->door = new_door(x, &found);
        exchange_rest_open(x);
    } else {
        return ERR_ABSENT;
    }
    x->route.dialect = &dialect_sluice;
    x->route.kind = kind_of(found.route->method);
    x->route.is_translated = true;
    return OK;
}

void exchange_door_close(struct door *d)
{
    if (!d) return;
    exchange_rest_close(d->rest);
    grpc_call_done(&d->call);
    buf_done(&d->whole);
    buf_done(&d->out);
}

// --- The request ---

static void refuse_request(struct exchange *x, const struct status *why)
{
    x->failure = status_name(why->code);
    buf_clear(&x->head);
    // As above.
    (void)exchange_answer_own_fields(x, &x->head);
    (void)grpc_call_end(&x->door->call, *why, &x->head);
    const struct server_answer answer = {.status = 200, .fields = buf_view(&x->head)};
    server_call_respond(x->call, &answer, NULL, 0, true);
    exchange_end(x);
}

err exchange_door_request(struct exchange *x)
{
    struct door *d = x->door;
    str piece = buf_view(&x->body);
    struct status why = {.code = STATUS_INTERNAL, .message = STR("there is no request message")};
    err e = grpc_call_next(&d->call, &piece, &d->message, &why);
    str more;

    if (d->rest) return exchange_rest_request(x);
    // The end of the body comes behind the only message.
    err end = e ? e : grpc_call_next(&d->call, &piece, &more, &why);
    if (!e && end == ERR_AGAIN) end = grpc_call_request_end(&d->call, &why);
    if (e == ERR_AGAIN) (void)grpc_call_request_end(&d->call, &why);
    if (!end) return OK;
    refuse_request(x, &why);
    return end;
}

// --- The answer ---

err exchange_door_join(struct door *d, const struct iovec *pieces, int count)
{
    buf_clear(&d->whole);
    for (int i = 0; i < count; i++) {
        TRY(buf_append(&d->whole, (str){.ptr = pieces[i].iov_base, .len = pieces[i].iov_len}));
    }
    return OK;
}

// The one message of an answer that is no stream, behind its prefix.
static err wrap_whole(struct door *d, const struct iovec *pieces, int count)
{
    TRY(exchange_door_join(d, pieces, count));
    return grpc_call_write(&d->call, buf_view(&d->whole), &d->out);
}

static void end_call(struct exchange *x, struct status s)
{
    struct buf *fields = &x->door->whole;

    buf_clear(fields);
    (void)grpc_call_end(&x->door->call, s, fields); // messages are clipped
    server_call_finish(x->call, buf_view(fields));
}

static void respond(struct exchange *x)
{
    struct server_answer answer = {.status = 200, .fields = STR("")};

    (void)exchange_answer_fields(x);
    (void)grpc_call_begin(&x->door->call, &x->head); // fits, as the head's room says
    answer.fields = buf_view(&x->head);
    server_call_respond(x->call, &answer, NULL, 0, false);
}

void exchange_door_write(struct exchange *x, const struct iovec *pieces, int count, bool is_last)
{
    struct door *d = x->door;
    struct status s = {.code = STATUS_OK};

    if (d->rest) {
        exchange_rest_write(x, pieces, count, is_last);
        return;
    }
    if (!x->call->status) respond(x);
    buf_clear(&d->out);
    if (d->is_stream) {
        server_call_write(x->call, pieces, count, false);
    } else if (count) {
        if (wrap_whole(d, pieces, count))
            s = (struct status){.code = STATUS_RESOURCE_EXHAUSTED,
                                .message = STR("The answer is too large.")};
        struct iovec whole = piece_of(&d->out);
        if (!s.code) server_call_write(x->call, &whole, 1, false);
    }
    if (is_last) end_call(x, s);
}

void exchange_door_fail(struct exchange *x, const struct exchange_error *e)
{
    const struct status s = {.code = status_of_error(e->status), .message = e->message};

    if (!x->failure.len) x->failure = e->code;
    if (x->door->rest) {
        exchange_rest_fail(x, &s, e);
        return;
    }
    if (x->call->status) {
        end_call(x, s);
        return;
    }
    buf_clear(&x->head);
    (void)exchange_answer_own_fields(x, &x->head);
    if (e->retry_ms > 0)
        (void)buf_append_format(&x->head, "grpc-retry-pushback-ms: %ld\r\n", e->retry_ms);
    (void)grpc_call_end(&x->door->call, s, &x->head);
    const struct server_answer answer = {.status = 200, .fields = buf_view(&x->head)};
    server_call_respond(x->call, &answer, NULL, 0, true);
}
