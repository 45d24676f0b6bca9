#include "http/h1_server_call.h"

#include "base/number.h"
#include "http/server_conn.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static str continue_line = STR_INIT("HTTP/1.1 100 Continue\r\n\r\n");

// What is needed before the body can be read: the permission some clients wait for, and bytes.
static err fill(struct server_call *call)
{
    struct server_conn *c = call->conn;

    if (call->owes_continue) {
        struct iovec line = stream_piece(continue_line);
        call->owes_continue = false;
        TRY(wire_write(&c->wire, &line, 1));
    }
    if (c->wire.pending.len) return OK;
    if (!c->wire.stream->is_readable) return ERR_AGAIN;
    if (c->wire.fill_count == WIRE_FILLS_A_VISIT) {
        server_conn_yield(c);
        return ERR_AGAIN;
    }
    c->wire.fill_count++;
    err e = wire_fill(&c->wire);
    return e == ERR_EOF ? ERR_CLOSED : e;
}

// An unfinished body that can't go on is the client's end; it is told outside of this call.
static err fail(struct server_call *call, err e)
{
    if (e == ERR_AGAIN) {
        call->awaits_body = true;
        server_conn_watch_call(call->conn);
    } else if (e != ERR_SYNTAX && e != ERR_LIMIT) {
        call->conn->wire.stream->is_hung_up = true;
        call->body.is_done = true;
        server_conn_wake(call->conn);
        return ERR_CLOSED;
    }
    return e;
}

// What ends with the body's last byte: the timer's watch and, where the client hung up before it
// was read, the call. No event follows that would tell.
static void took(struct server_call *call, size_t len)
{
    struct server_conn *c = call->conn;

    call->received_bytes += len;
    call->awaits_body = false;
    if (call->body.is_done && c->wire.stream->is_hung_up) server_conn_wake(c);
}

static err next(struct server_call *call, str *piece)
{
    struct wire *w = &call->conn->wire;

    while (!call->body.is_done) {
        size_t used = 0;
        err e = fill(call);
        // The bytes are the wire's own, in its buffer or the loop's scratch.
        char *bytes = (char *)(uintptr_t)w->pending.ptr;
        if (!e) e = h1_body_decode(&call->body, bytes, w->pending.len, piece, &used);
        if (e) return fail(call, e);
        wire_consume(w, used);
        // What follows the body is the next request; this may run outside of the conn's own visit.
        if (w->pending.len) wire_settle(w);
        took(call, piece->len);
        if (piece->len) return OK;
    }
    return ERR_EOF;
}

static err read_body(struct server_call *call, char *room, size_t size, size_t *len)
{
    struct server_conn *c = call->conn;
    bool is_direct = call->body.framing == H1_LENGTH && !c->wire.pending.len &&
                     !call->owes_continue && !call->body.is_done;
    str piece = STR("");

    if (!is_direct) {
        TRY(next(call, &piece));
        assert(piece.len <= size);
        memcpy(room, piece.ptr, piece.len);
        *len = piece.len;
        return OK;
    }
    size_t used = 0;
    if (size > call->body.left) size = (size_t)call->body.left;
    if (!c->wire.stream->is_readable) return fail(call, ERR_AGAIN);
    err e = stream_read(c->wire.stream, room, size, len);
    if (!e) e = h1_body_decode(&call->body, room, *len, &piece, &used);
    if (e) return fail(call, e == ERR_EOF ? ERR_CLOSED : e);
    took(call, *len);
    return OK;
}

// Everything the answer's own lines need fits here; its fields come as they are.
struct answer_head {
    char bytes[192];
    size_t len;
};

static void put(struct answer_head *h, str s)
{
    assert(s.len <= sizeof(h->bytes) - h->len);
    memcpy(h->bytes + h->len, s.ptr, s.len);
    h->len += s.len;
}

static void put_u64(struct answer_head *h, uint64_t value)
{
    char digits[NUMBER_U64_DIGITS_MAX];

    put(h, (str){.ptr = digits, .len = number_from_u64(digits, value)});
}

static void build_head(struct server_call *call, const struct server_answer *a,
                       struct answer_head *h)
{
    struct server_conn *c = call->conn;
    bool is_old = call->head.minor == 0;

    call->has_no_body =
        str_eq(call->head.method, STR("HEAD")) || a->status == 204 || a->status == 304;
    put(h, STR("HTTP/1.1 "));
    put_u64(h, a->status);
    put(h, STR(" "));
    put(h, h1_reason(a->status));
    put(h, STR("\r\n"));
    if (a->has_length && a->status != 204) {
        put(h, STR("content-length: "));
        put_u64(h, a->length);
        put(h, STR("\r\n"));
    } else if (!call->has_no_body && !is_old) {
        put(h, STR("transfer-encoding: chunked\r\n"));
        call->is_chunked = true;
    } else if (!call->has_no_body) {
        c->is_persistent = false;
    }
    if (!call->body.is_done) c->is_persistent = false;
    if (!c->is_persistent) {
        put(h, STR("connection: close\r\n"));
    } else if (is_old) {
        put(h, STR("connection: keep-alive\r\n"));
    }
}

enum { DEFER_BYTES_MAX = 4096 };

static err write_or_defer(struct server_conn *c, struct iovec *iov, int count, bool is_last)
{
    size_t len = 0;

    for (int i = 0; i < count; i++) {
        len += iov[i].iov_len;
    }
    c->call->sent_bytes += len;
    if (is_last || len > DEFER_BYTES_MAX) return wire_write(&c->wire, iov, count);
    TRY(wire_defer(&c->wire, iov, count));
    server_conn_wake(c);
    return OK;
}

static void send(struct server_call *call, struct iovec *iov, int count, bool is_last)
{
    struct server_conn *c = call->conn;

    if (write_or_defer(c, iov, count, is_last)) {
        // The client has gone; `gone` is called from the loop, not from inside this call.
        c->wire.stream->is_hung_up = true;
        call->body.is_done = true;
        buf_clear(&c->wire.out);
        if (!is_last) {
            server_conn_wake(c);
            return;
        }
        c->is_persistent = false;
    }
    if (is_last) {
        server_conn_end_call(c);
    } else {
        server_conn_watch_call(c);
    }
}

// Frames the payload in `iov[from..]`, which has room for two entries more than `count`.
static int frame(struct server_call *call, struct iovec *iov, int count, bool is_last, char *prefix)
{
    size_t len = 0;

    if (call->has_no_body) return 0;
    for (int i = 0; i < count; i++) {
        len += iov[i + 1].iov_len;
    }
    if (!call->is_chunked) {
        memmove(iov, iov + 1, sizeof(*iov) * (size_t)count);
        return count;
    }
    if (len == 0) {
        iov[0] = stream_piece(is_last ? STR("0\r\n\r\n") : STR(""));
        return 1;
    }
    iov[0] = (struct iovec){.iov_base = prefix, .iov_len = h1_chunk_prefix(prefix, len)};
    iov[count + 1] = stream_piece(is_last ? STR("\r\n0\r\n\r\n") : STR("\r\n"));
    return count + 2;
}

static void respond(struct server_call *call, const struct server_answer *answer,
                    const struct iovec *body, int count, bool is_last)
{
    struct iovec iov[WIRE_IOV_MAX];
    struct answer_head head = {.len = 0};
    char prefix[H1_CHUNK_PREFIX_MAX];

    assert(call->status == 0 && count <= SERVER_CALL_PIECES_MAX);
    call->status = answer->status;
    build_head(call, answer, &head);
    iov[0] = (struct iovec){.iov_base = head.bytes, .iov_len = head.len};
    iov[1] = stream_piece(answer->fields);
    iov[2] = stream_piece(STR("\r\n"));
    if (count) memcpy(iov + 4, body, sizeof(*body) * (size_t)count);
    int framed = frame(call, iov + 3, count, is_last, prefix);
    send(call, iov, 3 + framed, is_last);
}

static void write_body(struct server_call *call, const struct iovec *body, int count, bool is_last)
{
    struct iovec iov[WIRE_IOV_MAX];
    char prefix[H1_CHUNK_PREFIX_MAX];

    assert(call->status && count <= SERVER_CALL_PIECES_MAX);
    if (count) memcpy(iov + 1, body, sizeof(*body) * (size_t)count);
    int framed = frame(call, iov, count, is_last, prefix);
    send(call, iov, framed, is_last);
}

static void abort_call(struct server_call *call)
{
    call->user = NULL;
    server_conn_close(call->conn, STREAM_ABORT, ERR_CANCELED);
}

_Static_assert(SERVER_CALL_PIECES_MAX <= WIRE_IOV_MAX - 5, "lines of the head, and framing");

// Only chunked framing has room for trailers.
static void finish(struct server_call *call, str trailers)
{
    struct iovec iov[3] = {stream_piece(STR("0\r\n")), stream_piece(trailers),
                           stream_piece(STR("\r\n"))};

    assert(call->status);
    send(call, iov, call->is_chunked ? 3 : 0, true);
}

// HTTP/1.0 has no interim answers (RFC 9110 section 15.2).
static void inform(struct server_call *call, unsigned status, str fields)
{
    struct iovec iov[3];
    char line[64];
    str reason = h1_reason(status);
    int len = snprintf(line, sizeof(line), "HTTP/1.1 %u %" STR_FMT "\r\n", status, STR_ARG(reason));

    assert(!call->status && len > 0 && (size_t)len < sizeof(line));
    iov[0] = (struct iovec){.iov_base = line, .iov_len = (size_t)len};
    iov[1] = stream_piece(fields);
    iov[2] = stream_piece(STR("\r\n"));
    if (call->head.minor > 0) send(call, iov, 3, false);
}

static void write_raw(struct server_call *call, const struct iovec *bytes, int count)
{
    struct iovec iov[WIRE_IOV_MAX];

    assert(count <= WIRE_IOV_MAX);
    memcpy(iov, bytes, sizeof(*bytes) * (size_t)count);
    send(call, iov, count, false);
}

static void end_early(struct server_call *call)
{
    call->conn->is_persistent = false;
    server_conn_end_call(call->conn);
}

static void limit_idle(struct server_call *call, msec idle)
{
    call->conn->idle_ms = idle;
}

static bool is_congested(const struct server_call *call)
{
    return wire_is_congested(&call->conn->wire);
}

static struct stream *stream_of(const struct server_call *call)
{
    return call->conn->wire.stream;
}

const struct server_call_ops h1_server_call_ops = {
    .next = next,
    .read = read_body,
    .inform = inform,
    .respond = respond,
    .write = write_body,
    .finish = finish,
    .abort = abort_call,
    .write_raw = write_raw,
    .end_early = end_early,
    .limit_idle = limit_idle,
    .is_congested = is_congested,
    .stream = stream_of,
};
