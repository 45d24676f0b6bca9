// The list of models, and one of them, as the client's dialect has them.
#include "codec/json_write.h"
#include "codec/uri.h"
#include "gateway/exchange_private.h"

static void member(struct json_writer *w, str key, str value)
{
    json_write_key(w, key);
    json_write_str(w, value);
}

static void write_openai(struct json_writer *w, const struct settings *s,
                         const struct settings_model *m)
{
    json_write_object(w);
    member(w, STR("id"), m->name);
    member(w, STR("object"), STR("model"));
    json_write_key(w, STR("created"));
    json_write_u64(w, 0);
    member(w, STR("owned_by"), s->providers[m->targets[0].provider].name);
    json_write_object_end(w);
}

static void write_anthropic(struct json_writer *w, const struct settings_model *m)
{
    json_write_object(w);
    member(w, STR("type"), STR("model"));
    member(w, STR("id"), m->name);
    member(w, STR("display_name"), m->name);
    member(w, STR("created_at"), STR("1970-01-01T00:00:00Z")); // for "not known", as it says
    json_write_object_end(w);
}

static bool is_anthropic(const struct exchange *x)
{
    return x->route.dialect == &dialect_anthropic;
}

static void write_model(struct json_writer *w, const struct exchange *x,
                        const struct settings_model *m)
{
    if (is_anthropic(x)) {
        write_anthropic(w, m);
    } else {
        write_openai(w, x->view->settings, m);
    }
}

// SDKs encode the slash of "vendor/model". What can't be decoded names no model.
static str decoded(struct exchange *x, str id)
{
    char *room = arena_alloc_raw(&x->call->arena, id.len);
    size_t len = 0;

    return uri_decode(id, room, id.len, &len) ? id : (str){.ptr = room, .len = len};
}

static bool is_named(const struct settings_model *m)
{
    return !settings_is_pattern(m);
}

// All are on the one page.
static void write_page(struct json_writer *w, str first, str last)
{
    json_write_key(w, STR("has_more"));
    json_write_bool(w, false);
    json_write_key(w, STR("first_id"));
    if (first.len) {
        json_write_str(w, first);
    } else {
        json_write_null(w);
    }
    json_write_key(w, STR("last_id"));
    if (last.len) {
        json_write_str(w, last);
    } else {
        json_write_null(w);
    }
}

static void write_models(struct json_writer *w, const struct exchange *x)
{
    const struct settings *s = x->view->settings;
    str first = STR("");
    str last = STR("");

    json_write_object(w);
    if (!is_anthropic(x)) member(w, STR("object"), STR("list"));
    json_write_key(w, STR("data"));
    json_write_array(w);
    for (size_t i = 0; i < s->model_count; i++) {
        if (!is_named(&s->models[i])) continue;
        write_model(w, x, &s->models[i]);
        last = s->models[i].name;
        if (!first.len) first = last;
    }
    json_write_array_end(w);
    if (is_anthropic(x)) write_page(w, first, last);
    json_write_object_end(w);
}

bool exchange_models_answer(struct exchange *x)
{
    const struct settings *s = x->view->settings;
    const struct settings_model *m = NULL;
    struct json_writer w;

    buf_init(&x->answer, 1024 * 1024);
    json_write_init(&w, &x->answer);
    if (x->route.kind == ROUTE_MODELS) {
        // With nothing but "*" the upstream knows best what there is.
        if (s->model_count == 1 && !is_named(&s->models[0])) return false;
        write_models(&w, x);
    } else {
        x->model = decoded(x, x->route.model);
        m = settings_find_model(s, x->model);
        if (m && !is_named(m)) return false;
        if (m) write_model(&w, x, m);
    }
    if (x->route.kind == ROUTE_MODEL && !m) {
        exchange_answer_error(
            x, &(struct exchange_error){.status = 404,
                                        .code = STR("model_not_found"),
                                        .message = STR("The requested model does not exist.")});
    } else {
        exchange_answer_json(x, 200, buf_view(&x->answer));
    }
    return true;
}
