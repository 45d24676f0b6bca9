#include "codec/json_write.h"
#include "gateway/exchange_private.h"
#include "gateway/field_rules.h"

#include <string.h>

enum { MODEL_SHOWN_MAX = 256 }; // as long as the settings allow

// An answer made of the upstream's: what its fields say of the bytes is ours to say.
static unsigned unwanted(const struct exchange *x)
{
    return FIELD_NOT_DOWN | (x->is_translated ? FIELD_VENDOR | FIELD_CONTENT : 0);
}

static bool is_event_stream(const struct exchange *x)
{
    return x->mode == EXCHANGE_EVENTS;
}

// A name of a peer's, in which only what a list in a field can hold is left.
static err put_name(struct buf *out, str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool is_plain = c > ' ' && c < 0x7f && c != ',' && c != '"';
        TRY(buf_append_char(out, is_plain ? c : '?'));
    }
    return OK;
}

// What of the request the upstream's dialect has no words for.
static err put_dropped(struct exchange *x, struct buf *out)
{
    const struct chat_notes *n = &x->translation->notes;

    for (size_t i = 0; i < n->dropped_count; i++) {
        TRY(buf_append(out, i ? STR(", ") : STR("\r\nx-sluice-dropped-fields: ")));
        TRY(put_name(out, n->dropped[i]));
    }
    return OK;
}

err exchange_answer_own_fields(struct exchange *x, struct buf *out)
{
    TRY(buf_append(out, STR("x-request-id: ")));
    TRY(buf_append(out, x->id));
    if (x->route.dialect == &dialect_anthropic) { // the name that its SDK reads
        TRY(buf_append(out, STR("\r\nrequest-id: ")));
        TRY(buf_append(out, x->id));
    }
    if (x->is_translated) TRY(put_dropped(x, out));
    if (x->is_counted_here) TRY(buf_append(out, STR("\r\nx-sluice-estimated: true")));
    if (x->origin) {
        TRY(buf_append(out, STR("\r\nx-sluice-provider: ")));
        TRY(buf_append(out, x->origin->provider->name));
        TRY(buf_append(out, STR("\r\nx-sluice-attempts: ")));
        TRY(buf_append_u64(out, x->attempts));
        if (x->why) {
            TRY(buf_append(out, STR("\r\nx-sluice-failure: ")));
            TRY(buf_append(out, failure_name(x->why)));
        }
    }
    // A name that came from the client may hold what a field must not, and be of any length.
    if (x->origin && x->upstream_model.len && x->upstream_model.len <= MODEL_SHOWN_MAX &&
        h1_is_field_value(x->upstream_model)) {
        TRY(buf_append(out, STR("\r\nx-sluice-model: ")));
        TRY(buf_append(out, x->upstream_model));
    }
    return buf_append(out, STR("\r\n"));
}

// Milliseconds with three decimals.
static err put_ms(struct buf *out, usec us)
{
    char decimals[4] = {'.', (char)('0' + us / 100 % 10), (char)('0' + us / 10 % 10),
                        (char)('0' + us % 10)};

    TRY(buf_append_u64(out, (uint64_t)us / 1000));
    return buf_append(out, (str){.ptr = decimals, .len = sizeof(decimals)});
}

static err put_timing(struct exchange *x, struct buf *out)
{
    usec whole = x->first_us - x->call->started_us;
    usec upstream = x->gateway->loop->now_us - x->sent_us;

    if (upstream < 0) upstream = 0;
    for (const struct exchange_attempt *a = x->attempt ? x->attempt->before : NULL; a;
         a = a->before) {
        upstream += a->ended_us - a->started_us;
    }
    whole -= x->waited_us;
    x->own_us = whole > upstream ? whole - upstream : 0;
    TRY(buf_append(out, STR("server-timing: ")));
    if (x->waited_us) {
        TRY(buf_append(out, STR("queue;dur=")));
        TRY(put_ms(out, x->waited_us));
        TRY(buf_append(out, STR(", ")));
    }
    TRY(buf_append(out, STR("upstream;dur=")));
    TRY(put_ms(out, upstream));
    TRY(buf_append(out, STR(", own;dur=")));
    TRY(put_ms(out, x->own_us));
    return buf_append(out, STR("\r\n"));
}

static err put_type(const struct exchange *x, struct buf *out)
{
    str type = is_event_stream(x) ? STR("text/event-stream; charset=utf-8")
                                  : x->route.dialect->content_type;

    TRY(buf_append(out, STR("content-type: ")));
    TRY(buf_append(out, type));
    return buf_append(out, STR("\r\n"));
}

static err put_upstream(struct exchange *x, struct buf *out)
{
    const struct h1_head *head = &x->up.head;

    for (size_t i = 0; i < head->field_count; i++) {
        const struct h1_field *f = &head->fields[i];
        unsigned rules = field_rules_of(f->name);
        if (rules & unwanted(x) || h1_connection_lists(head, f->name)) continue;
        // Two ids would be one too many; the upstream's helps when its operator is asked.
        TRY(buf_append(out,
                       rules & FIELD_REQUEST_ID ? STR("x-sluice-upstream-request-id") : f->name));
        TRY(buf_append(out, STR(": ")));
        TRY(buf_append(out, f->value));
        TRY(buf_append(out, STR("\r\n")));
    }
    if (x->is_translated && !x->door) TRY(put_type(x, out));
    if (is_event_stream(x)) TRY(buf_append(out, STR("x-accel-buffering: no\r\n")));
    return put_timing(x, out);
}

str exchange_answer_fields(struct exchange *x)
{
    struct buf *out = &x->head; // the request has gone; its room serves again

    buf_clear(out);
    // The upstream's head was bounded when it was read, so this fits or the answer is left bare.
    if (x->attempt && put_upstream(x, out)) buf_clear(out);
    (void)exchange_answer_own_fields(x, out); // as above
    return buf_view(out);
}

// When to come again, as the upstream said it; an error of ours in place of its own says so too.
static err put_retry(struct exchange *x, const struct exchange_error *e, struct buf *out)
{
    unsigned status = e ? e->status : 0;
    static const str names[] = {STR_INIT("retry-after"), STR_INIT("retry-after-ms"),
                                STR_INIT("x-should-retry")};
    bool is_refusal = x->up.has_head && x->up.head.status >= 400;

    if (e && e->is_hopeless) TRY(buf_append(out, STR("x-should-retry: false\r\n")));
    if (e && e->retry_ms > 0) {
        uint64_t ms = (uint64_t)e->retry_ms;
        TRY(buf_append_format(out, "retry-after: %lu\r\nretry-after-ms: %lu\r\n", (ms + 999) / 1000,
                              ms));
        return OK;
    }
    for (size_t i = 0; is_refusal && i < sizeof(names) / sizeof(names[0]); i++) {
        const struct h1_field *f = h1_field_find(&x->up.head, names[i]);
        if (!f) continue;
        TRY(buf_append(out, names[i]));
        TRY(buf_append(out, STR(": ")));
        TRY(buf_append(out, f->value));
        TRY(buf_append(out, STR("\r\n")));
    }
    if (is_refusal || status != 503) return OK;
    return buf_append(out, STR("retry-after: 1\r\n"));
}

static void answer_json(struct exchange *x, unsigned status, str body,
                        const struct exchange_error *e)
{
    struct iovec iov = stream_piece(body);
    struct server_answer answer = {.status = status, .has_length = true, .length = body.len};

    buf_clear(&x->head);
    // All of it is short, but for ids and names that were bounded before.
    (void)exchange_answer_own_fields(x, &x->head);
    (void)buf_append(&x->head, STR("content-type: application/json\r\n"));
    (void)put_retry(x, e, &x->head);
    answer.fields = buf_view(&x->head);
    server_call_respond(x->call, &answer, &iov, 1, true);
    exchange_end(x);
}

void exchange_answer_json(struct exchange *x, unsigned status, str body)
{
    answer_json(x, status, body, NULL);
}

void exchange_answer_error(struct exchange *x, const struct exchange_error *e)
{
    const struct dialect *d = x->route.dialect;
    struct exchange_error told = *e;
    struct chat_error error = {.status = d->status(e->status),
                               .message = e->message,
                               .code = e->code,
                               .param = e->param,
                               .request_id = x->id};
    struct buf body;

    if (x->door) {
        exchange_door_fail(x, e);
        exchange_end(x);
        return;
    }
    if (!x->failure.len) x->failure = e->code;
    told.status = error.status;
    buf_init(&body, 16 * 1024);
    // Messages are clipped long before.
    (void)d->write_error(&error, &body);
    answer_json(x, told.status, buf_view(&body), &told);
    buf_done(&body);
}

// Nobody could be asked, or nobody may be any more.
static struct exchange_error error_without_answer(const struct exchange *x)
{
    msec now = x->gateway->loop->now;
    msec wait = x->wait_until > now && x->wait_until != TIME_NEVER ? x->wait_until - now : 1000;

    if (x->translation && x->translation->notes.problem.len &&
        (x->why == FAILURE_UNTRANSLATABLE || x->why == FAILURE_CLIENT))
        return exchange_translate_error(x);
    if (x->why == FAILURE_LIMITED)
        return (struct exchange_error){.status = 429,
                                       .code = STR("rate_limit_exceeded"),
                                       .message = STR("The upstream's rate limit is reached."),
                                       .retry_ms = wait};
    if (x->attempts)
        return (struct exchange_error){.status = 503,
                                       .code = STR("no_target_left"),
                                       .message = STR("No target could answer."),
                                       .retry_ms = wait,
                                       .is_hopeless = true};
    if (x->is_open)
        return (struct exchange_error){.status = 503,
                                       .code = STR("circuit_open"),
                                       .message = STR("The upstream has failed of late and is left "
                                                      "alone for a while."),
                                       .retry_ms = wait};
    return (struct exchange_error){.status = 400,
                                   .code = STR("no_target"),
                                   .message = STR("No target of this model can serve what the "
                                                  "request needs.")};
}

void exchange_answer_failure(struct exchange *x)
{
    struct server_call *call = x->call;
    bool is_stream = x->request.is_stream && call->status;

    exchange_attempt_end(x, FAILURE_CANCELED); // ended already where there was one
    if (is_stream && call->status == 200) {
        exchange_relay_error(x);
    } else if (call->status) {
        metrics_add(&x->gateway->metrics.streams_cut, 1);
        if (!x->failure.len) x->failure = exchange_answer_error_of(x, x->reason).code;
        exchange_end(x);
        server_call_abort(call);
    } else if (x->has_refusal && !x->is_final) {
        x->failure = x->failure.len ? x->failure : failure_name(x->why);
        exchange_relay_refusal(x);
    } else if (x->reason) {
        struct exchange_error e = exchange_answer_error_of(x, x->reason);
        exchange_answer_error(x, &e);
    } else {
        struct exchange_error e = error_without_answer(x);
        exchange_answer_error(x, &e);
    }
}

struct exchange_error exchange_answer_error_of(const struct exchange *x, err why)
{
    bool has_answered = x->up.has_head;

    switch (why) {
    case ERR_TIMEOUT:
        return (struct exchange_error){.status = 504,
                                       .code = STR("upstream_timeout"),
                                       .message = STR("The upstream did not answer in time.")};
    case ERR_RESOLVE:
    case ERR_REFUSED:
    case ERR_UNREACHABLE:
        return (struct exchange_error){.status = 502,
                                       .code = STR("upstream_unreachable"),
                                       .message = STR("The upstream could not be reached.")};
    case ERR_TLS:
    case ERR_CERTIFICATE:
        return (struct exchange_error){.status = 502,
                                       .code = STR("upstream_tls"),
                                       .message =
                                           STR("No trusted TLS connection to the upstream.")};
    case ERR_CANCELED:
        return (struct exchange_error){.status = 503,
                                       .code = STR("shutting_down"),
                                       .message = STR("The gateway is shutting down.")};
    case ERR_SYNTAX:
    case ERR_LIMIT:
    case ERR_UNSUPPORTED:
        return (struct exchange_error){.status = 502,
                                       .code = STR("upstream_malformed"),
                                       .message = STR("The upstream's answer is malformed.")};
    default:
        return (struct exchange_error){
            .status = 502,
            .code = has_answered ? STR("upstream_cut") : STR("upstream_closed"),
            .message = has_answered ? STR("The upstream ended its answer before it was complete.")
                                    : STR("The upstream closed the connection without an answer.")};
    }
}
