#include "http/client_call.h"

#include "http/h2_client_stream.h"

#include <assert.h>

void client_call_start(struct client_call *call)
{
    assert(call->events && call->origin && call->arena);
    assert(!call->request.is_repeatable || call->request.framing == CLIENT_BODY_WHOLE);
    list_init(&call->link);
    client_conn_acquire(call, false);
}

void client_call_cancel(struct client_call *call)
{
    struct client_conn *c = call->conn;

    if (!c) return;
    if (call->stream) {
        (void)h2_client_stream_detach(call->stream);
        return;
    }
    call->conn = NULL;
    if (c->call != call) {
        list_remove(&call->link); // others wait, too
        return;
    }
    c->call = NULL;
    // A connection still being made will be useful to the next call.
    if (c->step != CLIENT_CONN_DIAL) client_conn_close(c);
}

static err end(struct client_call *call, err e)
{
    struct client_conn *c = call->conn;

    call->conn = NULL;
    // An answer that came before the whole request leaves the conn in the middle of it.
    client_conn_release(c, e == ERR_EOF && call->head.is_persistent && call->is_request_done &&
                               call->body.framing != H1_UNTIL_CLOSE);
    return e;
}

err client_call_next(struct client_call *call, str *piece)
{
    struct client_conn *c = call->conn;
    struct wire *w = &c->wire;

    if (call->stream) return h2_client_stream_next(call, piece);
    while (!call->body.is_done) {
        size_t used = 0;
        err e = OK;
        if (!w->pending.len) {
            if (!w->stream->is_readable) return ERR_AGAIN;
            if (w->fill_count == WIRE_FILLS_A_VISIT) {
                client_conn_yield(c);
                return ERR_AGAIN;
            }
            w->fill_count++;
            e = wire_fill(w);
            if (e == ERR_AGAIN) return e;
        }
        if (e == ERR_EOF) {
            e = h1_body_end(&call->body);
            if (e) return end(call, e);
            break;
        }
        // The bytes are the wire's own, in its buffer or the loop's scratch.
        char *bytes = (char *)(uintptr_t)w->pending.ptr;
        uint32_t known = call->body.trailer_bytes;
        if (!e) e = h1_body_decode(&call->body, bytes, w->pending.len, piece, &used);
        if (e) return end(call, e);
        if (call->body.trailer_bytes != known) {
            size_t len = call->body.trailer_bytes - known;
            client_trailers_add(&call->trailers, call->arena,
                                (str){.ptr = bytes + used - len, .len = len}, call->body.is_done);
        }
        wire_consume(w, used);
        if (piece->len) return OK;
    }
    return end(call, ERR_EOF);
}

void client_call_send(struct client_call *call, str piece, bool is_last)
{
    struct client_conn *c = call->conn;
    struct iovec iov[3];
    char prefix[H1_CHUNK_PREFIX_MAX];
    str after = is_last ? STR("\r\n0\r\n\r\n") : STR("\r\n");
    int count = 0;

    if (call->stream) {
        h2_client_stream_send(call, piece, is_last);
        return;
    }
    assert(!call->is_request_done && c->step == CLIENT_CONN_BUSY);
    call->is_request_done = is_last;
    if (call->request.framing == CLIENT_BODY_CHUNKED && !piece.len) {
        after = is_last ? STR("0\r\n\r\n") : STR("");
    } else if (call->request.framing == CLIENT_BODY_CHUNKED) {
        iov[count++] =
            (struct iovec){.iov_base = prefix, .iov_len = h1_chunk_prefix(prefix, piece.len)};
    } else {
        after = STR("");
    }
    iov[count++] = stream_piece(piece);
    iov[count++] = stream_piece(after);
    if (wire_write(&c->wire, iov, count)) {
        // An answer may have come before the origin closed; the next read finds it, or the end.
        call->is_request_done = true;
        c->wire.stream->is_readable = true;
        c->wire.stream->is_hung_up = true;
        buf_clear(&c->wire.out);
        client_conn_wake(c);
    }
}

bool client_call_is_congested(const struct client_call *call)
{
    const struct client_conn *c = call->conn;

    if (call->stream) return buf_len(&call->stream->out) > 0;
    return !c || c->step != CLIENT_CONN_BUSY || wire_is_congested(&c->wire);
}
