#include "gateway/log_line.h"
#include "gateway/rpc_private.h"

// The counter of calls that ended with a code.
static _Atomic uint64_t *counter_of(struct metrics *m, enum status_code code)
{
    _Atomic uint64_t *const counters[STATUS_CODES] = {
        [STATUS_OK] = &m->rpc_ok,
        [STATUS_CANCELLED] = &m->rpc_cancelled,
        [STATUS_UNKNOWN] = &m->rpc_unknown,
        [STATUS_INVALID_ARGUMENT] = &m->rpc_invalid_argument,
        [STATUS_DEADLINE_EXCEEDED] = &m->rpc_deadline_exceeded,
        [STATUS_NOT_FOUND] = &m->rpc_not_found,
        [STATUS_ALREADY_EXISTS] = &m->rpc_already_exists,
        [STATUS_PERMISSION_DENIED] = &m->rpc_permission_denied,
        [STATUS_RESOURCE_EXHAUSTED] = &m->rpc_resource_exhausted,
        [STATUS_FAILED_PRECONDITION] = &m->rpc_failed_precondition,
        [STATUS_ABORTED] = &m->rpc_aborted,
        [STATUS_OUT_OF_RANGE] = &m->rpc_out_of_range,
        [STATUS_UNIMPLEMENTED] = &m->rpc_unimplemented,
        [STATUS_INTERNAL] = &m->rpc_internal,
        [STATUS_UNAVAILABLE] = &m->rpc_unavailable,
        [STATUS_DATA_LOSS] = &m->rpc_data_loss,
        [STATUS_UNAUTHENTICATED] = &m->rpc_unauthenticated,
    };

    return counters[code];
}

static void count(struct rpc *r)
{
    struct metrics *m = &r->gateway->metrics;
    usec started = r->call->started_us;

    metrics_count_answer(m, r->call->status);
    if (r->origin) metrics_add(counter_of(m, r->status.code), 1);
    if (r->is_client_gone) metrics_add(&m->clients_gone, 1);
    metrics_add(&m->received_bytes, r->call->received_bytes);
    metrics_add(&m->sent_bytes, r->call->sent_bytes);
    metrics_observe(&m->duration, r->ended_us - started);
    if (r->first_us) metrics_observe(&m->first_token, r->first_us - started);
}

static void put_call(struct buf *out, const struct rpc *r)
{
    const struct transcode_route *route = r->found.route;

    log_line_put_str(out, STR(",\"method\":"), r->call->head.method);
    log_line_put_str(out, STR(",\"path\":"), r->path);
    log_line_put_str(out, STR(",\"route\":"), r->rest ? STR("rest") : STR("rpc"));
    if (!r->origin) return;
    log_line_put_str(out, STR(",\"service\":"), route->method->service->name);
    log_line_put_str(out, STR(",\"rpc\":"), route->method->name);
    log_line_put_str(out, STR(",\"provider\":"), r->origin->provider->name);
    if (r->up.has_head) log_line_put_u64(out, STR(",\"upstream_status\":"), r->up.head.status);
    if (r->attempts > 1) log_line_put_u64(out, STR(",\"attempts\":"), r->attempts);
}

void rpc_log(struct rpc *r)
{
    struct gateway *g = r->gateway;
    struct buf *out = &g->log_line;
    usec started = r->call->started_us;

    count(r);
    if (!log_line_begin(g, r->call, r->id, r->ended_us)) return;
    put_call(out, r);
    log_line_put_u64(out, STR(",\"status\":"),
                     r->is_client_gone && !r->call->status ? 499 : r->call->status);
    log_line_put_str(out, STR(",\"grpc_status\":"), status_name(r->status.code));
    log_line_put_bytes(out, r->call);
    log_line_put_u64(out, STR(",\"duration_us\":"), (uint64_t)(r->ended_us - started));
    if (r->first_us)
        log_line_put_u64(out, STR(",\"first_byte_us\":"), (uint64_t)(r->first_us - started));
    log_line_put_str(out, STR(",\"error\":"), r->failure);
    log_line_end(g);
}
