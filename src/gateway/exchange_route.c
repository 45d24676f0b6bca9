// Which model a request asks for, and which provider serves it under which name.
#include "gateway/exchange_private.h"

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
    if (!x->request.model_count) return;
    if (!has_limits(m->targets, m->target_count) && !has_limits(m->fallback, m->fallback_count))
        return;
    x->plan.needs = openai_needs_of(buf_view(&x->body), &x->request);
    x->plan.is_narrowed = true;
}

static void send_to(struct exchange *x, const struct gateway_model *m)
{
    x->model_settings = m->settings;
    plan_init(&x->plan, m, x->model);
    narrow(x, m->settings);
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

// By the model that the request's body names.
void exchange_route_by_body(struct exchange *x)
{
    const struct gateway_model *m = NULL;
    size_t at = 0;
    err e = openai_scan_request(buf_view(&x->body), &x->request, &at);

    if (e == ERR_SYNTAX) {
        str message = arena_format(&x->call->arena,
                                   "The body of your request is not valid JSON: byte %zu.", at);
        exchange_answer_error(x, &(struct exchange_error){.status = 400,
                                                          .code = STR("invalid_json"),
                                                          .message = message});
        return;
    }
    if (e || !x->request.model_count) {
        str message = e == ERR_TYPE    ? STR("'model' must be a string and 'stream' a boolean.")
                      : e == ERR_LIMIT ? STR("The body of your request is nested too deeply, or "
                                             "names its model too often.")
                                       : STR("You must provide a model parameter.");
        exchange_answer_error(x, &(struct exchange_error){.status = 400,
                                                          .code = STR("invalid_request"),
                                                          .message = message});
        return;
    }
    str quoted = x->request.models[x->request.model_count - 1];
    // The body is freed before the exchange is logged.
    x->model = arena_str(&x->call->arena,
                         json_decode(str_sub(quoted, 1, quoted.len - 2), &x->call->arena));
    m = gateway_view_find_model(x->view, x->model);
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
    const struct gateway_model *m = gateway_view_find_model(x->view, STR("*"));

    if (!m && s->model_count) m = &x->view->models[0];
    if (m) {
        send_to(x, m);
        return;
    }
    exchange_answer_error(x,
                          &(struct exchange_error){.status = 404,
                                                   .code = STR("no_provider"),
                                                   .message = STR("No provider is configured.")});
}
