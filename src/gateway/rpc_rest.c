// Design: messages are taken one by one out of what came of the answer, and the client is asked
// after each whether it takes more; what it is not ready for is put aside, at most one piece of a
// body. Small messages that came together leave in one write. Of one answer nothing goes out before
// its status is known; of a stream the head goes with the first message, so that what fails before
// is an HTTP status.
#include "gateway/rpc_private.h"
#include "gateway/rpc_status.h"
#include "grpc/transcode_error.h"
#include "grpc/transcode_request.h"

enum {
    SCRATCH_CHUNK = 4096,
    LEFT_MAX = 1 << 20,
    BATCH_BYTES = 16 * 1024, // of messages that came together and go together
};

static bool is_stream(const struct rpc *r)
{
    return r->found.route->method->is_server_streaming;
}

void rpc_rest_open(struct rpc *r)
{
    struct rpc_rest *rest = arena_new(&r->call->arena, struct rpc_rest);
    size_t most = (size_t)r->view->settings->limits.body_bytes;
    const struct h1_field *accept = h1_field_find(&r->call->head, STR("accept"));

    r->rest = rest;
    if (r->found.route)
        transcode_answer_init(&rest->answer, r->found.route, accept ? accept->value : STR(""));
    arena_init(&rest->scratch, SCRATCH_CHUNK);
    buf_init(&rest->body, most);
    buf_init(&rest->message, 2 * most);
    buf_init(&rest->gather, most);
    buf_init(&rest->left, LEFT_MAX);
    buf_init(&rest->shown, 2 * most);
    buf_init(&rest->out, 2 * most + BATCH_BYTES);
    grpc_frame_reader_init(&rest->reader, &rest->gather);
}

void rpc_rest_close(struct rpc_rest *rest)
{
    if (!rest) return;
    arena_reset(&rest->scratch);
    buf_done(&rest->body);
    buf_done(&rest->message);
    buf_done(&rest->gather);
    buf_done(&rest->left);
    buf_done(&rest->shown);
    buf_done(&rest->out);
}

// --- The request ---

static void refuse_body(struct rpc *r, err why)
{
    const struct status s =
        why == ERR_LIMIT ? (struct status){.code = STATUS_RESOURCE_EXHAUSTED,
                                           .message = STR("The request's body is too large.")}
                         : (struct status){.code = STATUS_INVALID_ARGUMENT,
                                           .message = STR("The request's body is malformed.")};

    rpc_fail(r, &s, why == ERR_LIMIT ? 413 : 400);
}

// The body is whole: makes the message of it.
static void ask(struct rpc *r)
{
    struct rpc_rest *rest = r->rest;
    const struct h1_field *type = h1_field_find(&r->call->head, STR("content-type"));
    const struct transcode_request t = {.found = &r->found,
                                        .query = r->query,
                                        .content_type = type ? type->value : STR(""),
                                        .body = buf_view(&rest->body)};
    struct status why;
    err e = transcode_request(&t, &r->call->arena, &rest->message, &why);

    buf_done(&rest->body);
    if (!e && grpc_frame_write_prefix(rest->prefix, buf_len(&rest->message), false)) {
        refuse_body(r, ERR_LIMIT);
        return;
    }
    if (e) {
        rpc_fail(r, &why, 0);
        return;
    }
    rest->pieces[0] = stream_piece((str){.ptr = rest->prefix, .len = sizeof(rest->prefix)});
    rest->pieces[1] = stream_piece(buf_view(&rest->message));
    rpc_ask(r);
}

void rpc_rest_receive(struct rpc *r)
{
    str piece;
    err e = OK;

    while (!e) {
        e = server_call_next(r->call, &piece);
        if (!e) e = buf_append(&r->rest->body, piece);
    }
    if (e == ERR_AGAIN && r->step_until.at == TIME_NEVER) {
        r->step_until = deadline_after(r->gateway->loop->now, r->view->settings->limits.receive_ms);
        rpc_watch(r);
    }
    if (e == ERR_AGAIN || e == ERR_CLOSED) return; // `gone` follows the latter
    if (e == ERR_EOF) {
        ask(r);
    } else {
        refuse_body(r, e);
    }
}

// --- The answer ---

static err put_type(struct rpc *r, str type)
{
    TRY(buf_append(&r->head, STR("content-type: ")));
    TRY(buf_append(&r->head, type));
    if (is_stream(r)) TRY(buf_append(&r->head, STR("\r\nx-accel-buffering: no")));
    return buf_append(&r->head, STR("\r\n"));
}

// Begins the answer, or goes on with it, with what is in `out`.
static void give(struct rpc *r, bool is_last)
{
    struct rpc_rest *rest = r->rest;
    struct iovec iov = stream_piece(buf_view(&rest->out));
    struct server_answer answer = {
        .status = 200, .has_length = !is_stream(r), .length = buf_len(&rest->out)};

    if (r->call->status) {
        server_call_write(r->call, &iov, 1, is_last);
        return;
    }
    rpc_head_answer(r);
    (void)put_type(r, rest->answer.content_type); // fits, as the head's room says
    answer.fields = buf_view(&r->head);
    r->first_us = loop_clock(r->gateway->loop);
    server_call_respond(r->call, &answer, &iov, 1, is_last);
}

// What is gathered goes out.
static void flush(struct rpc *r)
{
    if (!buf_len(&r->rest->out)) return;
    give(r, false);
    buf_clear(&r->rest->out);
    if (r->rest->out.size > LEFT_MAX) buf_done(&r->rest->out); // the next ones may be small again
}

static bool fail(struct rpc *r, enum status_code code, str message)
{
    const struct status s = {.code = code, .message = message};

    if (is_stream(r)) flush(r);
    rpc_fail(r, &s, 0);
    return true;
}

// Adds a message to what goes to the client. True: the call has ended.
static bool show(struct rpc *r, str message)
{
    struct rpc_rest *rest = r->rest;
    // What the first one says of the content type is needed until the head goes.
    struct arena *arena = rest->has_message ? &rest->scratch : &r->call->arena;
    struct status why;

    if (rest->has_message && !is_stream(r))
        return fail(r, STATUS_INTERNAL, STR("The upstream sent more than one response."));
    rest->has_message = true;
    buf_clear(&rest->shown);
    arena_reset(&rest->scratch);
    err e = transcode_answer_write(&rest->answer, message, arena, &rest->shown, &why);
    if (e) return fail(r, why.code, arena_str(&r->call->arena, why.message));
    if (buf_append(&rest->out, buf_view(&rest->shown)))
        return fail(r, STATUS_INTERNAL, STR("the response is too large or broken"));
    if (rest->shown.size > LEFT_MAX) buf_done(&rest->shown);
    return false;
}

// Takes messages from the front of `*piece` while the client takes them. True: the call has ended.
static bool take(struct rpc *r, str *piece)
{
    struct rpc_rest *rest = r->rest;
    size_t most = server_call_is_framed(r->call) ? 1 : BATCH_BYTES;
    struct grpc_frame f;

    while (!server_call_is_congested(r->call)) {
        err e = grpc_frame_next(&rest->reader, piece, &f);
        if (e == ERR_AGAIN) break;
        if (e == ERR_LIMIT)
            return fail(r, STATUS_RESOURCE_EXHAUSTED, STR("The response is too long."));
        if (e) return fail(r, STATUS_INTERNAL, STR("The upstream's answer is not framed as gRPC."));
        // Nothing was said of a compression that we would take.
        if (f.is_compressed)
            return fail(r, STATUS_INTERNAL, STR("The upstream compressed a message unasked."));
        if (show(r, f.message)) return true;
        if (is_stream(r) && buf_len(&rest->out) >= most) flush(r);
    }
    if (is_stream(r)) flush(r);
    return false;
}

static bool take_left(struct rpc *r)
{
    struct rpc_rest *rest = r->rest;
    str piece = buf_view(&rest->left);
    size_t len = piece.len;

    if (take(r, &piece)) return true;
    buf_consume(&rest->left, len - piece.len);
    return false;
}

static void finish(struct rpc *r)
{
    const struct client_call *up = &r->up;
    bool is_bare = !up->trailers.count && up->head.framing == H1_NO_BODY;
    struct status s =
        is_bare ? rpc_status_read(up->head.fields, up->head.field_count, &r->call->arena)
                : rpc_status_read(up->trailers.fields, up->trailers.count, &r->call->arena);

    if (s.code) {
        rpc_fail(r, &s, 0);
    } else if (!grpc_frame_is_between(&r->rest->reader)) {
        (void)fail(r, STATUS_INTERNAL, STR("The upstream's answer ended within a message."));
    } else if (!is_stream(r) && !r->rest->has_message) {
        (void)fail(r, STATUS_INTERNAL, STR("The upstream sent no response."));
    } else {
        give(r, true);
        rpc_end(r);
    }
}

void rpc_rest_pull(struct rpc *r)
{
    str piece;

    while (!server_call_is_congested(r->call)) {
        if (buf_len(&r->rest->left)) {
            if (take_left(r)) return;
            continue;
        }
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
        if (take(r, &piece)) return;
        if (buf_append(&r->rest->left, piece)) {
            (void)fail(r, STATUS_INTERNAL, STR("The upstream's answer came in too large a piece."));
            return;
        }
    }
}

// --- Errors ---

static bool fail_in_body(struct rpc *r, const struct status *s)
{
    struct rpc_rest *rest = r->rest;

    buf_clear(&rest->out);
    if (transcode_answer_error(&rest->answer, s, &rest->scratch, &rest->out)) return false;
    give(r, true);
    return true;
}

bool rpc_rest_fail(struct rpc *r, const struct status *s, unsigned http)
{
    struct rpc_rest *rest = r->rest;
    struct server_answer answer = {.status = http ? http : status_to_http(s->code),
                                   .has_length = true};
    const struct descriptor_pool *pool = r->found.route ? r->found.route->pool : NULL;

    if (r->call->status) return fail_in_body(r, s);
    rpc_head_own(r);
    (void)buf_append(&r->head, STR("content-type: application/json\r\n")); // short, like the rest
    if (http == 405)
        (void)buf_append_format(&r->head, "allow: %" STR_FMT "\r\n", STR_ARG(r->found.match.allow));
    buf_clear(&rest->out);
    // Where it does not fit, the status says enough.
    if (transcode_error_write(s, pool, &r->call->arena, &rest->out)) buf_clear(&rest->out);
    answer.length = buf_len(&rest->out);
    answer.fields = buf_view(&r->head);
    struct iovec iov = stream_piece(buf_view(&rest->out));
    r->first_us = loop_clock(r->gateway->loop);
    server_call_respond(r->call, &answer, &iov, 1, true);
    return true;
}
