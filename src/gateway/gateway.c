// Design: a view is dropped when it is no longer the current one, its last exchange has ended and
// its connections are closed; gateway_view_give() and the end of a dial lead there.
#include "gateway/gateway.h"

#include "base/memory.h"
#include "gateway/exchange.h"
#include "provider/openai.h"

#include <assert.h>

enum {
    EXCHANGES_SPARE_MAX = 256,
    LOG_LINE_MAX = 64 * 1024,
    RETIRE_MS = 100, // between two looks at a view whose dials are still ending
};

static void on_call(struct server *s, struct server_call *call)
{
    exchange_start(container_of(s, struct gateway, server), call);
}

static str describe(struct server *s, unsigned status, const char *what, struct buf *out)
{
    struct openai_error e = {.message = str_from_c(what), .type = openai_error_type(status)};

    (void)s;
    e.code = status == 503   ? STR("overloaded")
             : status == 408 ? STR("request_timeout")
             : status == 431 ? STR("request_headers_too_large")
             : status == 501 ? STR("not_supported")
                             : STR("bad_request");
    // The texts are the server's own and short.
    (void)openai_write_error(out, &e);
    return STR("application/json");
}

static void on_server_drained(struct server *s)
{
    struct gateway *g = container_of(s, struct gateway, server);

    if (g->drained) g->drained(g);
}

static const struct server_handler handler = {
    .call = on_call,
    .describe = describe,
    .drained = on_server_drained,
};

static struct gateway_view *current(struct gateway *g)
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

static void retire(struct gateway_view *v);

static void on_retire(struct timer *t)
{
    retire(container_of(t, struct gateway_view, retire));
}

static void retire(struct gateway_view *v)
{
    for (size_t i = 0; i < v->settings->provider_count; i++) {
        client_origin_close(&v->origins[i].origin);
    }
    if (has_closed_origins(v)) {
        free_view(v);
    } else {
        loop_alarm(v->gateway->loop, &v->retire, RETIRE_MS, on_retire);
    }
}

struct gateway_view *gateway_view_take(struct gateway *g)
{
    struct gateway_view *v = current(g);

    v->exchange_count++;
    return v;
}

void gateway_view_give(struct gateway *g, struct gateway_view *v)
{
    assert(v->exchange_count > 0);
    v->exchange_count--;
    if (v != current(g) && !v->exchange_count) retire(v);
}

static str host_field(struct arena *a, const struct settings_url *url)
{
    bool is_v6 = str_find_char(url->host, ':') < url->host.len;
    bool is_usual = url->port == (url->is_tls ? 443 : 80);
    str host = arena_format(a, is_v6 ? "[%" STR_FMT "]" : "%" STR_FMT, STR_ARG(url->host));

    if (is_usual) return arena_format(a, "host: %" STR_FMT "\r\n", STR_ARG(host));
    return arena_format(a, "host: %" STR_FMT ":%u\r\n", STR_ARG(host), url->port);
}

static err init_origin(struct gateway *g, struct gateway_view *v, struct gateway_origin *o,
                       const struct settings_provider *p)
{
    static const str protocols[] = {STR_INIT("http/1.1")};
    struct dial_target target = {.host = p->url.host, .port = p->url.port};
    struct tls_client_options options = {.is_unverified = !p->tls_verify,
                                         .ca_file = p->ca_file,
                                         .protocols = protocols,
                                         .protocol_count = 1};

    o->provider = p;
    o->has_credential = p->api_key.len > 0;
    o->head_fields = host_field(&v->arena, &p->url);
    if (o->has_credential)
        o->head_fields =
            arena_format(&v->arena, "%" STR_FMT "authorization: Bearer %" STR_FMT "\r\n",
                         STR_ARG(o->head_fields), STR_ARG(p->api_key));
    if (p->url.is_tls) TRY(tls_client_open(&options, NULL, &target.tls));
    client_origin_init(&o->origin, &g->client, &target);
    return OK;
}

static struct client_limits client_limits_of(const struct settings *s)
{
    return (struct client_limits){
        .head_bytes_max = GATEWAY_UPSTREAM_HEAD_MAX,
        .idle_conns_max = s->limits.upstream_idle_connections,
        .idle_ms = s->limits.upstream_idle_ms,
    };
}

uint32_t gateway_share(const struct gateway *g, uint32_t limit)
{
    return limit / g->shares + (limit % g->shares > 0);
}

static struct server_limits server_limits_of(const struct gateway *g, const struct settings *s)
{
    return (struct server_limits){
        .head_bytes_max = (size_t)s->limits.head_bytes,
        .head_fields_max = s->limits.head_fields,
        .conns_max = gateway_share(g, s->limits.connections),
        .header_ms = s->limits.header_ms,
        .idle_ms = s->limits.idle_ms,
        .body_ms = s->limits.body_ms,
        .write_ms = s->limits.write_ms,
    };
}

err gateway_apply(struct gateway *g, struct settings *settings)
{
    struct gateway_view *old = list_is_empty(&g->views) ? NULL : current(g);
    struct gateway_view *v = memory_new(struct gateway_view);
    err e = OK;

    v->gateway = g;
    v->settings = settings_ref(settings);
    arena_init(&v->arena, 2048);
    list_init(&v->link);
    v->origins = arena_array(&v->arena, struct gateway_origin, settings->provider_count);
    for (size_t i = 0; i < settings->provider_count && !e; i++) {
        e = init_origin(g, v, &v->origins[i], &settings->providers[i]);
    }
    if (e) {
        free_view(v);
        return e;
    }
    list_push_front(&g->views, &v->link);
    g->server.limits = server_limits_of(g, settings);
    g->client.limits = client_limits_of(settings);
    if (old && !old->exchange_count) retire(old);
    return OK;
}

err gateway_init(struct gateway *g, struct loop *loop, const struct gateway_options *options,
                 struct settings *settings)
{
    *g = (struct gateway){
        .loop = loop, .access_log = options->access_log, .shares = options->shares};
    struct server_limits server_limits = server_limits_of(g, settings);
    struct client_limits client_limits = client_limits_of(settings);

    assert(options->shares > 0);
    g->wall_offset = clock_wall() - loop_clock(loop);
    list_init(&g->views);
    list_init(&g->exchanges);
    pool_init(&g->exchange_pool, sizeof(struct exchange), EXCHANGES_SPARE_MAX);
    buf_init(&g->log_line, LOG_LINE_MAX);
    random_init(&g->random, (uint64_t)clock_wall() ^ (uintptr_t)g);
    server_init(&g->server, loop, &server_limits, &handler);
    client_init(&g->client, loop, options->dialer, &client_limits);
    err e = gateway_apply(g, settings);
    if (e) gateway_done(g);
    return e;
}

void gateway_done(struct gateway *g)
{
    assert(list_is_empty(&g->exchanges));
    while (!list_is_empty(&g->views)) {
        struct gateway_view *v = current(g);
        for (size_t i = 0; i < v->settings->provider_count; i++) {
            client_origin_close(&v->origins[i].origin);
        }
        while (!has_closed_origins(v)) {
            loop_turn(g->loop, 1);
        }
        free_view(v);
    }
    server_done(&g->server);
    client_done(&g->client);
    pool_done(&g->exchange_pool);
    buf_done(&g->log_line);
}

void gateway_drain(struct gateway *g)
{
    server_drain(&g->server);
}

void gateway_stop(struct gateway *g)
{
    struct link *next = NULL;

    for (struct link *l = g->exchanges.next; l != &g->exchanges; l = next) {
        next = l->next;
        exchange_stop(container_of(l, struct exchange, link), ERR_CANCELED);
    }
}

void gateway_close(struct gateway *g)
{
    gateway_stop(g);
    server_close(&g->server);
}

void gateway_measure(struct gateway *g)
{
    struct metrics *m = &g->metrics;
    const struct server_counts *s = &g->server.counts;
    const struct client_counts *c = &g->client.counts;

    metrics_set(&m->connections_opened, s->conns_opened - s->conns_refused);
    metrics_set(&m->connections_refused, s->conns_refused);
    metrics_set(&m->connections_open, s->conns_open);
    metrics_set(&m->exchanges_open, s->calls_open);
    metrics_set(&m->heads_rejected, s->heads_rejected);
    metrics_set(&m->upstream_connections, c->conns_opened);
    metrics_set(&m->upstream_reuses, c->conns_reused);
    metrics_set(&m->upstream_stale_retries, c->stale_retries);
}
