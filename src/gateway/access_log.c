#include "gateway/access_log.h"

#include "gateway/log_line.h"

static void put_times(struct buf *out, const struct exchange *x)
{
    usec started = x->call->started_us;

    log_line_put_u64(out, STR(",\"duration_us\":"), (uint64_t)(x->ended_us - started));
    if (!x->first_us) return;
    log_line_put_u64(out, STR(",\"first_byte_us\":"), (uint64_t)(x->first_us - started));
    log_line_put_u64(out, STR(",\"own_us\":"), (uint64_t)x->own_us);
}

static void put_route(struct buf *out, const struct exchange *x)
{
    log_line_put_str(out, STR(",\"method\":"), x->call->head.method);
    log_line_put_str(out, STR(",\"path\":"), x->route.path);
    log_line_put_str(out, STR(",\"route\":"), route_name(x->route.kind));
    log_line_put_str(out, STR(",\"model\":"), x->model);
    if (!x->origin) return;
    log_line_put_str(out, STR(",\"provider\":"), x->origin->provider->name);
    if (!str_eq(x->upstream_model, x->model))
        log_line_put_str(out, STR(",\"upstream_model\":"), x->upstream_model);
    if (x->up.has_head) log_line_put_u64(out, STR(",\"upstream_status\":"), x->up.head.status);
}

static void put_attempt(struct buf *out, const struct exchange_attempt *a)
{
    const struct gateway_origin *o = a->target->origin;

    log_line_put_str(out, STR("{\"provider\":"), o->provider->name);
    log_line_put_str(out, STR(",\"model\":"), a->target->settings->model);
    log_line_put_str(out, STR(",\"key\":"), o->key_names[a->key]);
    if (a->status) log_line_put_u64(out, STR(",\"status\":"), a->status);
    if (a->failure) log_line_put_str(out, STR(",\"failure\":"), failure_name(a->failure));
    if (a->manner == RELAY_CONTINUE) log_line_put(out, STR(",\"as\":\"continuation\""));
    if (a->manner == RELAY_REPLAY) log_line_put(out, STR(",\"as\":\"replay\""));
    if (a->usage.is_known) {
        log_line_put_u64(out, STR(",\"input_tokens\":"), a->usage.input_tokens);
        log_line_put_u64(out, STR(",\"output_tokens\":"), a->usage.output_tokens);
        if (a->is_estimated) log_line_put(out, STR(",\"is_estimated\":true"));
    }
    log_line_put_u64(out, STR(",\"duration_us\":"), (uint64_t)(a->ended_us - a->started_us));
    log_line_put(out, STR("}"));
}

// Each attempt where there were several, or the one failed; and what happened, where it ended ill.
static void put_attempts(struct buf *out, const struct exchange *x)
{
    const struct exchange_attempt *all[EXCHANGE_ATTEMPTS_MAX + 1];
    size_t count = 0;

    for (const struct exchange_attempt *a = x->attempt; a; a = a->before) {
        all[count++] = a;
    }
    if (count > 1 || (count == 1 && all[0]->failure)) {
        log_line_put(out, STR(",\"attempts\":["));
        for (size_t i = count; i; i--) {
            put_attempt(out, all[i - 1]);
            if (i > 1) log_line_put(out, STR(","));
        }
        log_line_put(out, STR("]"));
    }
    if (!x->failure.len || !x->flight.count) return;
    log_line_put(out, STR(",\"flight\":"));
    if (flight_write(&x->flight, x->call->started_us, out)) buf_clear(out);
}

static void put_answer(struct buf *out, const struct server_call *call, bool is_gone,
                       bool is_stream)
{
    log_line_put_u64(out, STR(",\"status\":"), is_gone && !call->status ? 499 : call->status);
    log_line_put(out, is_stream ? STR(",\"stream\":true") : STR(",\"stream\":false"));
    log_line_put_bytes(out, call);
}

void access_log_write_call(struct gateway *g, const struct access_log_call *c, usec now)
{
    struct buf *out = &g->log_line;

    if (!log_line_begin(g, c->call, c->id, now)) return;
    log_line_put_str(out, STR(",\"method\":"), c->call->head.method);
    log_line_put_str(out, STR(",\"path\":"), c->path);
    log_line_put_str(out, STR(",\"route\":"), c->route);
    put_answer(out, c->call, c->is_gone, c->is_stream);
    log_line_put_u64(out, STR(",\"duration_us\":"), (uint64_t)(now - c->call->started_us));
    log_line_put_str(out, STR(",\"error\":"), c->error);
    log_line_end(g);
}

void access_log_write(struct exchange *x)
{
    struct gateway *g = x->gateway;
    struct buf *out = &g->log_line;

    if (!log_line_begin(g, x->call, x->id, x->ended_us)) return;
    put_route(out, x);
    put_answer(out, x->call, x->is_client_gone, x->request.is_stream);
    put_times(out, x);
    if (x->usage.is_known) {
        log_line_put_u64(out, STR(",\"input_tokens\":"), x->usage.input_tokens);
        log_line_put_u64(out, STR(",\"output_tokens\":"), x->usage.output_tokens);
        if (x->is_estimated) log_line_put(out, STR(",\"is_estimated\":true"));
    }
    put_attempts(out, x);
    log_line_put_str(out, STR(",\"error\":"), x->failure);
    log_line_end(g);
}
