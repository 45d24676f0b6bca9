// Design: fields pass by the same rules as everywhere (field_rules), as metadata; values ending in
// "-bin" are bytes in base64 and pass like any other. What gRPC keeps for itself ("grpc-") is the
// client's to say natively, where it is about bytes that pass as they are, and nobody's by REST.
#include "gateway/field_rules.h"
#include "gateway/rpc_private.h"
#include "grpc/grpc_timeout.h"

static err put_field(struct buf *out, str name, str value)
{
    TRY(buf_append(out, name));
    TRY(buf_append(out, STR(": ")));
    TRY(buf_append(out, value));
    return buf_append(out, STR("\r\n"));
}

static bool begins(str name, str prefix)
{
    return str_eq_nocase(str_sub(name, 0, prefix.len), prefix);
}

// What says something of the HTTP around a message, which is not there on the other side of REST.
static bool is_of_http(str name, unsigned rules)
{
    return rules & (FIELD_CONTENT | FIELD_ENCODING) || begins(name, STR("grpc-")) ||
           str_eq_nocase(name, STR("accept"));
}

static bool passes_up(const struct rpc *r, const struct h1_field *f)
{
    unsigned rules = field_rules_of(f->name);

    if (rules & FIELD_NOT_UP) return false;
    if (rules & FIELD_CREDENTIAL && r->origin->has_credential) return false;
    if (r->rest && is_of_http(f->name, rules)) return false;
    // What is left of the time is told once.
    if (rules & FIELD_DEADLINE) return false;
    return !h1_connection_lists(&r->call->head, f->name);
}

static err put_timeout(const struct rpc *r, struct buf *out)
{
    const struct loop *loop = r->gateway->loop;
    msec left = deadline_left(r->until, loop->now);

    if (left == TIME_NEVER) return OK;
    TRY(buf_append(out, STR("grpc-timeout: ")));
    TRY(grpc_timeout_write(left * 1000, out));
    return buf_append(out, STR("\r\n"));
}

static err put_request_line(const struct rpc *r, struct buf *out)
{
    const struct descriptor_method *m = r->found.route->method;

    TRY(buf_append(out, STR("POST /")));
    TRY(buf_append(out, m->service->name));
    TRY(buf_append(out, STR("/")));
    TRY(buf_append(out, m->name));
    return buf_append(out, STR(" HTTP/1.1\r\n"));
}

// The provider's keys are used in turn.
static str next_key(struct gateway_origin *o)
{
    return o->head_fields[o->turn++ % o->key_count];
}

err rpc_head_request(struct rpc *r)
{
    const struct h1_head *head = &r->call->head;
    struct buf *out = &r->head;

    buf_clear(out);
    TRY(put_request_line(r, out));
    TRY(buf_append(out, next_key(r->origin)));
    TRY(put_field(out, STR("te"), STR("trailers")));
    if (r->rest) TRY(put_field(out, STR("content-type"), STR("application/grpc")));
    for (size_t i = 0; i < head->field_count; i++) {
        const struct h1_field *f = &head->fields[i];
        if (passes_up(r, f)) TRY(put_field(out, f->name, f->value));
    }
    TRY(put_timeout(r, out));
    TRY(put_field(out, STR("x-request-id"), r->id));
    return buf_append(out, STR("\r\n"));
}

static err put_own(struct rpc *r, struct buf *out)
{
    TRY(put_field(out, STR("x-request-id"), r->id));
    return r->origin ? put_field(out, STR("x-sluice-provider"), r->origin->provider->name) : OK;
}

void rpc_head_own(struct rpc *r)
{
    buf_clear(&r->head);
    (void)put_own(r, &r->head); // short
}

static err put_upstream(struct rpc *r, struct buf *out)
{
    const struct h1_head *head = &r->up.head;

    for (size_t i = 0; i < head->field_count; i++) {
        const struct h1_field *f = &head->fields[i];
        unsigned rules = field_rules_of(f->name);
        if (rules & FIELD_NOT_DOWN || h1_connection_lists(head, f->name)) continue;
        if (r->rest && is_of_http(f->name, rules)) continue;
        // Two ids would be one too many; the upstream's helps when its operator is asked.
        TRY(put_field(out, rules & FIELD_REQUEST_ID ? STR("x-sluice-upstream-request-id") : f->name,
                      f->value));
    }
    return OK;
}

void rpc_head_answer(struct rpc *r)
{
    buf_clear(&r->head);
    // The upstream's head was bounded when it was read, so this fits.
    (void)put_own(r, &r->head);
    (void)put_upstream(r, &r->head);
}

void rpc_head_trailers(struct rpc *r)
{
    buf_clear(&r->head);
    for (size_t i = 0; i < r->up.trailers.count; i++) {
        const struct h1_field *f = &r->up.trailers.fields[i];
        if (field_rules_of(f->name) & FIELD_NOT_DOWN) continue;
        (void)put_field(&r->head, f->name, f->value); // bounded as a head is
    }
}
