#include "gateway/gateway.h"

#include "gateway/exchange.h"
#include "gateway/grpc_service.h"
#include "gateway/rpc.h"
#include "provider/openai.h"

#include <assert.h>

enum {
    EXCHANGES_SPARE_MAX = 256,
    RPCS_SPARE_MAX = 256,
    LOG_LINE_MAX = 64 * 1024,
};

static void on_call(struct server *s, struct server_call *call)
{
    struct gateway *g = container_of(s, struct gateway, server);

    if (!grpc_service_start(g, call) && !rpc_start(g, call)) exchange_start(g, call);
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
        .streams_max = SERVER_STREAMS_MAX,
    };
}

err gateway_apply(struct gateway *g, struct settings *settings)
{
    struct gateway_view *old = list_is_empty(&g->views) ? NULL : gateway_view_current(g);
    struct gateway_view *v = NULL;

    TRY(gateway_view_new(g, settings, &v));
    list_push_front(&g->views, &v->link);
    g->server.limits = server_limits_of(g, settings);
    g->client.limits = client_limits_of(settings);
    if (old && !old->exchange_count) gateway_view_retire(old);
    grpc_service_tell(g);
    return OK;
}

err gateway_init(struct gateway *g, struct loop *loop, const struct gateway_options *options,
                 struct settings *settings)
{
    *g = (struct gateway){.loop = loop,
                          .access_log = options->access_log,
                          .shares = options->shares,
                          .told = options->told};
    struct server_limits server_limits = server_limits_of(g, settings);
    struct client_limits client_limits = client_limits_of(settings);

    assert(options->shares > 0);
    g->wall_offset = clock_wall() - loop_clock(loop);
    list_init(&g->views);
    list_init(&g->exchanges);
    list_init(&g->rpcs);
    list_init(&g->waiting);
    list_init(&g->services);
    cells_init(&g->cells, options->board, options->worker, loop->now);
    pool_init(&g->exchange_pool, sizeof(struct exchange), EXCHANGES_SPARE_MAX);
    pool_init(&g->rpc_pool, sizeof(struct rpc), RPCS_SPARE_MAX);
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
    assert(list_is_empty(&g->exchanges) && list_is_empty(&g->rpcs) && list_is_empty(&g->services));
    while (!list_is_empty(&g->views)) {
        gateway_view_end(gateway_view_current(g));
    }
    server_done(&g->server);
    client_done(&g->client);
    pool_done(&g->exchange_pool);
    pool_done(&g->rpc_pool);
    buf_done(&g->log_line);
    cells_done(&g->cells);
}

void gateway_drain(struct gateway *g)
{
    server_drain(&g->server);
    grpc_service_tell(g);
}

void gateway_stop(struct gateway *g)
{
    struct link *next = NULL;

    grpc_service_stop(g);
    for (struct link *l = g->exchanges.next; l != &g->exchanges; l = next) {
        next = l->next;
        exchange_stop(container_of(l, struct exchange, link), ERR_CANCELED);
    }
    for (struct link *l = g->rpcs.next; l != &g->rpcs; l = next) {
        next = l->next;
        rpc_stop(container_of(l, struct rpc, link));
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
    metrics_set(&m->connections_open, s->conns_open + g->server.door.guest_count);
    metrics_set(&m->handshakes_1_2, s->handshakes_1_2);
    metrics_set(&m->resumptions_1_2, s->resumptions_1_2);
    metrics_set(&m->handshakes_1_3, s->handshakes_1_3);
    metrics_set(&m->resumptions_1_3, s->resumptions_1_3);
    metrics_set(&m->handshakes_failed, s->handshakes_failed);
    metrics_set(&m->handshakes_late, s->handshakes_late);
    metrics_set(&m->clients_unproven, s->clients_unproven);
    metrics_set(&m->guests_displaced, s->guests_displaced);
    metrics_set(&m->plain_refused, s->plain_refused);
    metrics_set(&m->exchanges_open, s->calls_open);
    metrics_set(&m->heads_rejected, s->heads_rejected);
    metrics_set(&m->http2_connections, s->h2_conns_opened);
    metrics_set(&m->http2_requests, s->h2_calls);
    metrics_set(&m->http2_resets, s->h2_resets);
    metrics_set(&m->http2_floods, s->h2_calmed);
    metrics_set(&m->upstream_connections, c->conns_opened);
    metrics_set(&m->upstream_reuses, c->conns_reused);
    metrics_set(&m->upstream_stale_retries, c->stale_retries);
    cells_publish(&g->cells);
}

void gateway_tell(struct gateway *g, size_t cell, struct cell_news news)
{
    struct cell *c = cells_at(&g->cells, cell);

    if (c) cell_tell(c, g->loop->now, news);
}
