#include "gateway/rpc_private.h"
#include "gateway/rpc_status.h"
#include "grpc/grpc_call.h"

static void refuse_body(struct rpc *r, err why)
{
    const struct status s =
        why == ERR_LIMIT ? (struct status){.code = STATUS_RESOURCE_EXHAUSTED,
                                           .message = STR("The call sends more than it may.")}
                         : (struct status){.code = STATUS_INTERNAL,
                                           .message = STR("The request's body is malformed.")};

    rpc_fail(r, &s, 0);
}

void rpc_native_pump(struct rpc *r)
{
    uint64_t max = r->view->settings->limits.upload_bytes;
    struct server_call *call = r->call;
    str piece;

    while (!client_call_is_congested(&r->up) && !r->up.is_request_done) {
        err e = server_call_next(call, &piece);
        if (e == ERR_AGAIN || e == ERR_CLOSED) return; // `gone` follows the latter
        r->has_taken = true;
        if (!e && call->received_bytes > max) e = ERR_LIMIT;
        if (e && e != ERR_EOF) {
            refuse_body(r, e);
            return;
        }
        client_call_send(&r->up, e ? STR("") : piece, e || server_call_body_is_done(call));
    }
}

static void respond(struct rpc *r, bool is_last)
{
    const struct server_answer answer = {.status = 200, .fields = buf_view(&r->head)};

    r->first_us = loop_clock(r->gateway->loop);
    server_call_respond(r->call, &answer, NULL, 0, is_last);
}

// The status of a whole answer, which the client gets as it came.
static void note_status(struct rpc *r, const struct h1_field *fields, size_t count)
{
    r->status = rpc_status_read(fields, count, &r->call->arena);
    if (r->status.code) r->failure = status_name(r->status.code);
}

static bool has_status(const struct h1_field *fields, size_t count)
{
    const struct h1_head head = {.fields = (struct h1_field *)(uintptr_t)fields,
                                 .field_count = count};

    return h1_field_find(&head, STR("grpc-status"));
}

// An answer of fields alone: the upstream has nothing to say but a status.
static void answer_bare(struct rpc *r)
{
    const struct h1_head *head = &r->up.head;

    if (!has_status(head->fields, head->field_count)) {
        const struct status s = rpc_status_read(NULL, 0, &r->call->arena);
        rpc_fail(r, &s, 0);
        return;
    }
    note_status(r, head->fields, head->field_count);
    rpc_head_answer(r);
    respond(r, true);
    rpc_end(r);
}

void rpc_native_answer(struct rpc *r)
{
    if (r->up.body.is_done) {
        answer_bare(r);
        return;
    }
    rpc_head_answer(r);
    respond(r, false);
    rpc_native_pull(r);
}

static void finish(struct rpc *r)
{
    if (!has_status(r->up.trailers.fields, r->up.trailers.count)) {
        const struct status s = rpc_status_read(NULL, 0, &r->call->arena);
        rpc_fail(r, &s, 0);
        return;
    }
    note_status(r, r->up.trailers.fields, r->up.trailers.count);
    rpc_head_trailers(r);
    server_call_finish(r->call, buf_view(&r->head));
    rpc_end(r);
}

void rpc_native_pull(struct rpc *r)
{
    str piece;

    while (!server_call_is_congested(r->call)) {
        err e = client_call_next(&r->up, &piece);
        if (e == ERR_AGAIN) return;
        if (e == ERR_EOF) {
            finish(r);
            return;
        }
        if (e) {
            const struct status s = rpc_status_of_failure(e, r->up.reset_code);
            metrics_add(&r->gateway->metrics.streams_cut, 1);
            rpc_fail(r, &s, 0);
            return;
        }
        struct iovec iov = stream_piece(piece);
        server_call_write(r->call, &iov, 1, false);
    }
}

void rpc_native_fail(struct rpc *r, const struct status *s)
{
    if (r->call->status) {
        buf_clear(&r->head);
        (void)status_write_fields(s, &r->head); // messages and details are clipped
        server_call_finish(r->call, buf_view(&r->head));
        return;
    }
    rpc_head_own(r);
    (void)grpc_call_refuse(s, &r->head); // likewise
    respond(r, true);
}
