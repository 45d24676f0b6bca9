// Which model a request asks for, and which provider serves it under which name.
#include "gateway/exchange_private.h"

static const struct settings_target *choose_target(struct exchange *x,
                                                   const struct settings_model *m)
{
    uint64_t total = 0;

    if (m->target_count == 1) return &m->targets[0];
    for (size_t i = 0; i < m->target_count; i++) {
        total += m->targets[i].weight;
    }
    uint64_t at = random_below(&x->gateway->random, total);
    size_t i = 0;
    while (at >= m->targets[i].weight) {
        at -= m->targets[i++].weight;
    }
    return &m->targets[i];
}

static void send_to(struct exchange *x, const struct settings_model *m)
{
    const struct settings_target *t = choose_target(x, m);

    x->origin = &x->view->origins[t->provider];
    x->timeouts = &m->timeouts;
    // A request that names no model has nothing to rename.
    x->upstream_model = t->model.len && x->model.len ? t->model : x->model;
    exchange_send(x);
}

static void refuse_model(struct exchange *x)
{
    str message = arena_format(&x->call->arena,
                               "The model '%.*s' does not exist or you do not have access to it.",
                               x->model.len > 200 ? 200 : (int)x->model.len, x->model.ptr);

    exchange_answer_error(x, &(struct exchange_error){404, STR("model_not_found"), message});
}

// By the model that the request's body names.
void exchange_route_by_body(struct exchange *x)
{
    const struct settings_model *m = NULL;
    size_t at = 0;
    err e = openai_scan_request(buf_view(&x->body), &x->request, &at);

    if (e == ERR_SYNTAX) {
        str message = arena_format(&x->call->arena,
                                   "The body of your request is not valid JSON: byte %zu.", at);
        exchange_answer_error(x, &(struct exchange_error){400, STR("invalid_json"), message});
        return;
    }
    if (e || !x->request.model_count) {
        str message = e == ERR_TYPE    ? STR("'model' must be a string and 'stream' a boolean.")
                      : e == ERR_LIMIT ? STR("The body of your request is nested too deeply, or "
                                             "names its model too often.")
                                       : STR("You must provide a model parameter.");
        exchange_answer_error(x, &(struct exchange_error){400, STR("invalid_request"), message});
        return;
    }
    str quoted = x->request.models[x->request.model_count - 1];
    // The body is freed before the exchange is logged.
    x->model = arena_str(&x->call->arena,
                         json_decode(str_sub(quoted, 1, quoted.len - 2), &x->call->arena));
    m = settings_find_model(x->view->settings, x->model);
    if (m) {
        send_to(x, m);
    } else {
        refuse_model(x);
    }
}

// Requests that name no model go where "*" goes, else to the first model's first provider.
void exchange_route_by_default(struct exchange *x)
{
    const struct settings *s = x->view->settings;
    const struct settings_model *m = settings_find_model(s, STR("*"));

    if (!m && s->model_count) m = &s->models[0];
    if (m) {
        send_to(x, m);
        return;
    }
    exchange_answer_error(
        x, &(struct exchange_error){404, STR("no_provider"), STR("No provider is configured.")});
}
