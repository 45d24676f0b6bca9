#include "gateway/gateway_view.h"

#include "base/memory.h"
#include "gateway/gateway.h"

#include <assert.h>

enum { RETIRE_MS = 100 }; // between two looks at a view whose dials are still ending

struct gateway_view *gateway_view_current(struct gateway *g)
{
    return container_of(g->views.next, struct gateway_view, link);
}

static void free_view(struct gateway_view *v)
{
    loop_alarm_stop(v->gateway->loop, &v->retire);
    list_remove(&v->link);
    for (size_t i = 0; i < v->settings->provider_count; i++) {
        tls_client_close(v->origins[i].origin.target.tls);
    }
    settings_unref(v->settings);
    arena_reset(&v->arena);
    memory_free(v);
}

static bool has_closed_origins(const struct gateway_view *v)
{
    for (size_t i = 0; i < v->settings->provider_count; i++) {
        if (!client_origin_is_closed(&v->origins[i].origin)) return false;
    }
    return true;
}

static void close_origins(struct gateway_view *v)
{
    for (size_t i = 0; i < v->settings->provider_count; i++) {
        client_origin_close(&v->origins[i].origin);
    }
}

static void on_retire(struct timer *t)
{
    gateway_view_retire(container_of(t, struct gateway_view, retire));
}

void gateway_view_retire(struct gateway_view *v)
{
    close_origins(v);
    if (has_closed_origins(v)) {
        free_view(v);
    } else {
        loop_alarm(v->gateway->loop, &v->retire, RETIRE_MS, on_retire);
    }
}

void gateway_view_end(struct gateway_view *v)
{
    close_origins(v);
    while (!has_closed_origins(v)) {
        loop_turn(v->gateway->loop, 1);
    }
    free_view(v);
}

struct gateway_view *gateway_view_take(struct gateway *g)
{
    struct gateway_view *v = gateway_view_current(g);

    v->exchange_count++;
    return v;
}

void gateway_view_give(struct gateway *g, struct gateway_view *v)
{
    assert(v->exchange_count > 0);
    v->exchange_count--;
    if (v != gateway_view_current(g) && !v->exchange_count) gateway_view_retire(v);
}

const struct gateway_model *gateway_view_find_model(const struct gateway_view *v, str name)
{
    const struct settings_model *m = settings_find_model(v->settings, name);

    return m ? &v->models[m - v->settings->models] : NULL;
}

// --- Making one ---

static str host_field(struct arena *a, const struct settings_url *url)
{
    bool is_v6 = str_find_char(url->host, ':') < url->host.len;
    bool is_usual = url->port == (url->is_tls ? 443 : 80);
    str host = arena_format(a, is_v6 ? "[%" STR_FMT "]" : "%" STR_FMT, STR_ARG(url->host));

    if (is_usual) return arena_format(a, "host: %" STR_FMT "\r\n", STR_ARG(host));
    return arena_format(a, "host: %" STR_FMT ":%u\r\n", STR_ARG(host), url->port);
}

static void init_keys(struct gateway_view *v, struct gateway_origin *o)
{
    const struct settings_provider *p = o->provider;
    str host = host_field(&v->arena, &p->url);

    o->has_credential = p->api_key.len || p->api_key_count;
    o->counts_usage = str_eq(p->usage, STR("always"));
    o->key_count = p->api_key_count ? p->api_key_count : 1;
    o->head_fields = arena_array(&v->arena, str, o->key_count);
    o->key_names = arena_array(&v->arena, str, o->key_count);
    for (size_t i = 0; i < o->key_count; i++) {
        str key = p->api_key_count ? p->api_keys[i].key : p->api_key;
        o->key_names[i] = p->api_key_count ? p->api_keys[i].name : STR("");
        o->head_fields[i] = host;
        if (!key.len) continue;
        str name =
            o->dialect == &dialect_anthropic ? STR("x-api-key: ") : STR("authorization: Bearer ");
        o->head_fields[i] = arena_format(&v->arena, "%" STR_FMT "%" STR_FMT "%" STR_FMT "\r\n",
                                         STR_ARG(host), STR_ARG(name), STR_ARG(key));
    }
}

// gRPC, of services and of other gateways, is spoken over HTTP/2 alone.
static enum client_protocol protocol_of(const struct gateway_origin *o)
{
    bool is_grpc = !o->dialect || o->dialect->is_grpc;
    str http = is_grpc ? STR("2") : o->provider->http;

    if (str_eq(http, STR("1.1"))) return CLIENT_PROTOCOL_H1;
    return str_eq(http, STR("2")) ? CLIENT_PROTOCOL_H2 : CLIENT_PROTOCOL_AUTO;
}

// OpenAI's base URL has the version in it, Anthropic's has not; with it, it is meant as well.
static void init_dialect(struct gateway_view *v, struct gateway_origin *o)
{
    str prefix = o->provider->url.path_prefix;

    o->dialect = dialect_find(o->provider->dialect);
    o->path_prefix = prefix;
    if (o->dialect == &dialect_anthropic && !str_ends(prefix, STR("/v1")))
        o->path_prefix = arena_format(&v->arena, "%" STR_FMT "/v1", STR_ARG(prefix));
}

static err init_origin(struct gateway_view *v, struct gateway_origin *o,
                       const struct settings_provider *p)
{
    static const str alpn[] = {STR_INIT("h2"), STR_INIT("http/1.1")};
    struct dial_target target = {.host = p->url.host, .port = p->url.port};

    o->provider = p;
    init_dialect(v, o);
    init_keys(v, o);
    enum client_protocol protocol = protocol_of(o);
    struct tls_client_options options = {
        .is_unverified = !p->tls_verify,
        .ca_file = p->ca_file,
        .protocols = protocol == CLIENT_PROTOCOL_H1 ? alpn + 1 : alpn,
        .protocol_count = protocol == CLIENT_PROTOCOL_AUTO ? 2 : 1};

    if (p->url.is_tls) TRY(tls_client_open(&options, NULL, &target.tls));
    client_origin_init(&o->origin, &v->gateway->client, &target);
    o->origin.protocol = protocol;
    return OK;
}

static double share_of(uint32_t basis_points)
{
    return (double)basis_points / 10'000;
}

static struct cell_options cell_options_of(const struct gateway *g, const struct settings_model *m,
                                           const struct settings_provider *p)
{
    const struct settings_breaker *b = &m->breaker;
    uint32_t max = m->concurrency.max ? gateway_share(g, m->concurrency.max) : 0;

    return (struct cell_options){
        .breaker = {.window_ms = b->window_ms,
                    .samples_max = b->samples,
                    .look_ms = b->look_ms,
                    .first_floor_ms = b->latency_floor_ms,
                    .gap_floor_ms = b->gap_floor_ms,
                    .latency_factor = (double)b->latency_factor / 1000,
                    .error_base = share_of(b->error_base_bp),
                    .error_band = share_of(b->error_band_bp),
                    .trip_after = b->trip_after,
                    .open_min_ms = b->open.from_ms,
                    .open_max_ms = b->open.to_ms,
                    .ramp_ms = b->ramp_ms},
        .gradient = {.initial = max,
                     .min = max && m->concurrency.min > max ? max : m->concurrency.min,
                     .max = max},
        .retry_ratio = share_of(m->retry.budget_bp),
        .retry_floor = m->retry.floor,
        .per_minute = p->rate.per_minute ? gateway_share(g, p->rate.per_minute) : 0,
        .burst = gateway_share(g, p->rate.burst),
    };
}

// Cells of names that the settings give are made, or told their options, at once.
static void init_targets(struct gateway_view *v, const struct gateway_model *m,
                         const struct settings_target *settings, size_t count,
                         struct gateway_target *out)
{
    struct cells *cells = &v->gateway->cells;
    bool is_named = !settings_is_pattern(m->settings);

    for (size_t i = 0; i < count; i++) {
        struct gateway_target *t = &out[i];
        str name = settings[i].model.len ? settings[i].model : m->settings->name;
        t->settings = &settings[i];
        t->origin = &v->origins[settings[i].provider];
        if (!settings[i].model.len && !is_named) continue;
        t->cells = arena_array(&v->arena, struct cell *, t->origin->key_count);
        for (size_t k = 0; k < t->origin->key_count; k++) {
            const struct cell_options *o = &m->options[settings[i].provider];
            t->cells[k] = cells_find(cells, o, v->gateway->loop->now, t->origin->provider->name,
                                     name, t->origin->key_names[k]);
            if (t->cells[k] != &cells->other) cell_configure(t->cells[k], o, v->gateway->loop->now);
        }
    }
}

static void init_model(struct gateway_view *v, struct gateway_model *m,
                       const struct settings_model *settings)
{
    const struct settings *s = v->settings;

    m->settings = settings;
    m->options = arena_array(&v->arena, struct cell_options, s->provider_count);
    for (size_t i = 0; i < s->provider_count; i++) {
        m->options[i] = cell_options_of(v->gateway, settings, &s->providers[i]);
    }
    m->targets = arena_array(&v->arena, struct gateway_target, settings->target_count);
    m->fallback = arena_array(&v->arena, struct gateway_target, settings->fallback_count);
    init_targets(v, m, settings->targets, settings->target_count, m->targets);
    init_targets(v, m, settings->fallback, settings->fallback_count, m->fallback);
}

err gateway_view_new(struct gateway *g, struct settings *settings, struct gateway_view **out)
{
    struct gateway_view *v = memory_new(struct gateway_view);
    err e = OK;

    v->gateway = g;
    v->settings = settings_ref(settings);
    arena_init(&v->arena, 4096);
    list_init(&v->link);
    v->origins = arena_array(&v->arena, struct gateway_origin, settings->provider_count);
    for (size_t i = 0; i < settings->provider_count && !e; i++) {
        e = init_origin(v, &v->origins[i], &settings->providers[i]);
    }
    if (!e) e = services_init(&v->services, settings, &v->arena);
    if (e) {
        free_view(v);
        return e;
    }
    v->models = arena_array(&v->arena, struct gateway_model, settings->model_count);
    for (size_t i = 0; i < settings->model_count; i++) {
        init_model(v, &v->models[i], &settings->models[i]);
    }
    *out = v;
    return OK;
}
