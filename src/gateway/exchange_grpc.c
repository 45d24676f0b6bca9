// Upstreams that speak gRPC.
//
// Design: what differs from HTTP is at the two ends. A request is one message in its frame; how an
// answer ended stands behind it, in trailers, or in the head where there is nothing else. A status
// that is not OK becomes the failure that its code means; only with OK may an answer be whole.
#include "codec/grpc_frame.h"
#include "gateway/event_framing.h"
#include "gateway/exchange_private.h"
#include "grpc/grpc_timeout.h"

enum { MESSAGE_MAX = 2048 }; // of a status, that is shown

err exchange_grpc_fields(const struct exchange *x, struct buf *out)
{
    msec left = deadline_left(x->total, x->gateway->loop->now);

    TRY(buf_append(out, STR("te: trailers\r\ngrpc-accept-encoding: identity\r\ngrpc-timeout: ")));
    TRY(grpc_timeout_write(left > 1 ? left * 1000 : 1000, out));
    return buf_append(out, STR("\r\n"));
}

err exchange_grpc_frame(struct exchange *x, struct iovec *pieces, int *count)
{
    char *prefix = arena_alloc_raw(&x->call->arena, GRPC_FRAME_PREFIX_BYTES);
    size_t len = 0;

    if (*count == GATHER_PIECES_MAX) return ERR_LIMIT;
    for (int i = *count; i > 0; i--) {
        len += pieces[i - 1].iov_len;
        pieces[i] = pieces[i - 1];
    }
    TRY(grpc_frame_write_prefix(prefix, len, false));
    pieces[0] = (struct iovec){.iov_base = prefix, .iov_len = GRPC_FRAME_PREFIX_BYTES};
    ++*count;
    return OK;
}

bool exchange_grpc_is_answer(const struct exchange *x)
{
    const struct h1_field *f = h1_field_find(&x->up.head, STR("content-type"));
    str type = f ? f->value : STR("");

    return x->origin->dialect->is_grpc && str_starts(type, STR("application/grpc")) &&
           !str_starts(type, STR("application/grpc-web"));
}

bool exchange_grpc_is_ended(const struct exchange *x)
{
    return h1_field_find(&x->up.head, STR("grpc-status")) != NULL;
}

err exchange_grpc_end(struct exchange *x, struct status *out)
{
    const struct client_call *up = &x->up;
    struct arena *a = &x->call->arena;

    err e = status_read_fields(up->trailers.fields, up->trailers.count, a, out);
    if (e) e = status_read_fields(up->head.fields, up->head.field_count, a, out);
    if (e) return ERR_CLOSED;
    return out->code ? ERR_REFUSED : OK;
}

// What an answer over HTTP would have had; a call that its own upstream gave up failed there.
static unsigned http_of(enum status_code code)
{
    return code == STATUS_CANCELLED || code == STATUS_UNKNOWN ? 502 : status_to_http(code);
}

void exchange_grpc_fail(struct exchange *x, const struct status *s)
{
    enum failure f = failure_of_status(s->code, s->message);
    str message = str_sub(s->message, 0, MESSAGE_MAX);

    x->up.head.status = (uint16_t)http_of(s->code);
    if (x->is_released) {
        x->relay.failure = f;
        (void)buf_append(&x->relay.told, message); // else it is told in our own words
        exchange_attempt_fail(x, f, ERR_REFUSED);
        return;
    }
    x->attempt->status = x->up.head.status;
    x->up.head.framing = H1_UNTIL_CLOSE; // what stands for it has a body
    x->mode = EXCHANGE_GATHER;
    buf_clear(&x->answer);
    (void)buf_append(&x->answer, message); // likewise
    x->has_refusal = true;
    exchange_attempt_fail(x, f, OK);
}

err exchange_grpc_message(str body, str *message)
{
    size_t scanned = 0;
    size_t len = 0;

    if (!body.len || event_framing_find(EVENT_FRAMING_GRPC, body, &scanned, &len))
        return ERR_CLOSED;
    if (len != body.len) return ERR_SYNTAX;
    *message = str_sub(body, GRPC_FRAME_PREFIX_BYTES, len);
    return OK;
}
