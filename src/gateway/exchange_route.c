// Which model a request asks for, and which provider serves it under which name.
#include "codec/protobuf.h"
#include "codec/utf8.h"
#include "gateway/exchange_private.h"
#include "provider/anthropic.h"

enum { SEARCH_COLLECTION = 1 }; // of sluice.v1.SearchRequest

static bool is_anthropic(const struct exchange *x)
{
    return x->route.dialect == &dialect_anthropic;
}

static bool has_limits(const struct settings_target *t, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (t[i].context || !t[i].tools || !t[i].images) return true;
    }
    return false;
}

// What the request needs is only looked for where somebody might lack it.
static void narrow(struct exchange *x, const struct settings_model *m)
{
    if (x->route.kind == ROUTE_COUNT || x->route.kind == ROUTE_EMBEDDINGS) return;
    if (!x->request.model_count && !x->door) return;
    if (!has_limits(m->targets, m->target_count) && !has_limits(m->fallback, m->fallback_count))
        return;
    x->plan.is_narrowed = true;
    if (x->door) {
        x->plan.needs = exchange_translate_needs(x);
        return;
    }
    x->plan.needs = is_anthropic(x) ? anthropic_needs_of(buf_view(&x->body), &x->request)
                                    : openai_needs_of(buf_view(&x->body), &x->request);
}

static void send_to(struct exchange *x, const struct gateway_model *m)
{
    x->model_settings = m->settings;
    plan_init(&x->plan, m, x->model);
    if (!x->route.is_translated) x->plan.only = x->route.dialect;
    x->plan.counts = x->route.kind == ROUTE_COUNT;
    x->plan.embeds = x->route.kind == ROUTE_EMBEDDINGS;
    narrow(x, m->settings);
    if (x->plan.counts && !plan_has_more(&x->plan)) {
        exchange_translate_count(x);
        return;
    }
    x->transcript.is_kept = exchange_recover_may(x);
    flight_note(&x->flight, x->gateway->loop->now_us, FLIGHT_ROUTED, 0);
    exchange_set_deadlines(x);
    exchange_attempt_next(x);
}

static void refuse_model(struct exchange *x)
{
    str message = arena_format(&x->call->arena,
                               "The model '%.*s' does not exist or you do not have access to it.",
                               x->model.len > 200 ? 200 : (int)x->model.len, x->model.ptr);

    exchange_answer_error(x, &(struct exchange_error){.status = 404,
                                                      .code = STR("model_not_found"),
                                                      .message = message});
}

// What is wrong with a body at that byte.
static str tell_syntax(struct exchange *x, size_t at)
{
    str rest = str_sub(buf_view(&x->body), at, UTF8_SEQUENCE_MAX);
    bool is_text = !rest.len || !((unsigned char)rest.ptr[0] & 0x80) || utf8_sequence(rest);

    return arena_format(&x->call->arena, "The body of your request is not valid %s: byte %zu.",
                        is_text ? "JSON" : "UTF-8", at);
}

static void refuse_json(struct exchange *x, err e, size_t at)
{
    struct exchange_error error = {.status = 400, .code = STR("invalid_request")};

    if (e == ERR_SYNTAX)
        error = (struct exchange_error){.status = 400, .code = STR("invalid_json")};
    error.message = e == ERR_SYNTAX ? tell_syntax(x, at)
                    : e == ERR_TYPE ? STR("'model' must be a string and 'stream' a boolean.")
                    : e == ERR_LIMIT
                        ? STR("The body of your request is nested too deeply, or names its model "
                              "too often.")
                        : STR("You must provide a model parameter.");
    exchange_answer_error(x, &error);
}

// What the body says that concerns the gateway, its model above all.
static err scan_json(struct exchange *x)
{
    str body = buf_view(&x->body);
    size_t at = 0;
    err e = is_anthropic(x) ? anthropic_scan_request(body, &x->request, &at)
                            : openai_scan_request(body, &x->request, &at);

    if (!e && !x->request.model_count) e = ERR_ABSENT;
    if (e) {
        refuse_json(x, e, at);
        return e;
    }
    // A member that means nothing there.
    if (x->route.kind == ROUTE_COUNT || x->route.kind == ROUTE_EMBEDDINGS)
        x->request.is_stream = false;
    str quoted = x->request.models[x->request.model_count - 1];
    // The body is freed before the exchange is logged.
    x->model = arena_str(&x->call->arena,
                         json_decode(str_sub(quoted, 1, quoted.len - 2), &x->call->arena));
    return OK;
}

static err scan_message(struct exchange *x)
{
    err e = exchange_translate_scan(x);

    if (!e && x->model.len) return OK;
    const struct chat_notes *n = &x->translation->notes;
    const struct exchange_error error = {.status = 400,
                                         .code = STR("invalid_request"),
                                         .message = e ? n->problem : STR("You must name a model."),
                                         .param = e ? n->param : STR("model")};
    exchange_answer_error(x, &error);
    return e ? e : ERR_ABSENT;
}

// The collection that a search is for is the first field of its message.
static void refuse_collection(struct exchange *x)
{
    struct protobuf_reader r;
    struct protobuf_field f;
    str name = STR("");

    protobuf_reader_init(&r, exchange_body(x));
    while (!protobuf_next(&r, &f)) {
        if (f.number == SEARCH_COLLECTION && f.wire == PROTOBUF_BYTES) name = f.bytes;
    }
    if (!utf8_is_valid(name)) name = STR("");
    str message = arena_format(&x->call->arena, "There is no collection named '%.*s'.",
                               name.len > 200 ? 200 : (int)name.len, name.ptr);
    exchange_answer_error(x, &(struct exchange_error){.status = 404,
                                                      .code = STR("collection_not_found"),
                                                      .message = message});
}

void exchange_route_by_body(struct exchange *x)
{
    if (x->route.kind == ROUTE_SEARCH) { // the settings know of no collection yet
        refuse_collection(x);
        return;
    }
    if (x->door ? scan_message(x) : scan_json(x)) return;
    const struct gateway_model *m = gateway_view_find_model(x->view, x->model);
    if (m) {
        send_to(x, m);
    } else {
        refuse_model(x);
    }
}

// Whether one of its targets speaks the client's dialect.
static bool is_understood(const struct exchange *x, const struct gateway_model *m)
{
    for (size_t i = 0; i < m->settings->target_count; i++) {
        if (m->targets[i].origin->dialect == x->route.dialect) return true;
    }
    return false;
}

// Requests that name no model go where "*" goes, else to the first model whose target understands
// them.
void exchange_route_by_default(struct exchange *x)
{
    const struct settings *s = x->view->settings;
    const struct gateway_model *m = gateway_view_find_model(x->view, STR("*"));

    if (m && !is_understood(x, m)) m = NULL;
    for (size_t i = 0; i < s->model_count && !m; i++) {
        if (is_understood(x, &x->view->models[i])) m = &x->view->models[i];
    }
    if (m) {
        send_to(x, m);
        return;
    }
    exchange_answer_error(x,
                          &(struct exchange_error){.status = 404,
                                                   .code = STR("no_provider"),
                                                   .message = STR("No provider is configured.")});
}
