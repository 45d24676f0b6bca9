#include "http/h2_server_call.h"

#include "base/number.h"

#include <assert.h>
#include <string.h>

// Design. A write gives nghttp2 its pieces at once: while it is on the stack, frames are filled
// from the caller's own bytes, each piece beginning a frame. What nghttp2 does not take, because a
// window is full or the client's stream is, is kept in `out` as lengths and bytes, so that frames
// begin where they would have begun.

enum { NV_MAX = SERVER_FIELDS_MAX + 2 }; // of an answer: its status, its length, its fields

static struct h2_server_stream *stream_of(struct server_call *call)
{
    return container_of(call, struct h2_server_stream, call);
}

static const struct h2_server_stream *stream_of_const(const struct server_call *call)
{
    return (const void *)((const char *)call - offsetof(struct h2_server_stream, call));
}

static void submit_interim(struct h2_server_stream *st, unsigned status, str fields)
{
    nghttp2_nv nv[NV_MAX];
    char digits[NUMBER_U64_DIGITS_MAX];
    size_t count = 1;

    if (st->is_closed) return;
    nv[0] =
        h2_head_nv(STR(":status"), (str){.ptr = digits, .len = number_from_u64(digits, status)});
    if (h2_head_fields(fields, nv, NV_MAX, &count)) return;
    if (nghttp2_submit_headers(st->conn->session, NGHTTP2_FLAG_NONE, st->id, NULL, nv, count, NULL))
        h2_server_stream_reset(st, NGHTTP2_INTERNAL_ERROR);
    h2_server_conn_wake(st->conn);
}

static void inform(struct server_call *call, unsigned status, str fields)
{
    assert(!call->status);
    submit_interim(stream_of(call), status, fields);
}

// What is there of the body, without taking it.
static err peek(struct h2_server_stream *st, str *piece)
{
    struct server_call *call = &st->call;

    if (call->owes_continue) {
        call->owes_continue = false;
        if (!buf_len(&st->in)) submit_interim(st, 100, STR(""));
    }
    *piece = buf_view(&st->in);
    if (piece->len) return OK;
    if (st->has_ended) return ERR_EOF;
    if (st->is_closed) return ERR_CLOSED;
    call->awaits_body = true;
    h2_server_stream_watch(st);
    return ERR_AGAIN;
}

// The bytes stay where they are until more come, which is not before the handler has returned.
static void take(struct h2_server_stream *st, size_t len)
{
    struct server_call *call = &st->call;

    buf_consume(&st->in, len);
    h2_server_stream_consume(st, len);
    call->received_bytes += len;
    call->awaits_body = false;
    call->body.is_done = st->has_ended && !buf_len(&st->in);
    h2_server_stream_watch(st);
}

static err next(struct server_call *call, str *piece)
{
    struct h2_server_stream *st = stream_of(call);

    TRY(peek(st, piece));
    take(st, piece->len);
    return OK;
}

static err read_body(struct server_call *call, char *room, size_t size, size_t *len)
{
    struct h2_server_stream *st = stream_of(call);
    str piece = STR("");

    TRY(peek(st, &piece));
    *len = piece.len < size ? piece.len : size;
    memcpy(room, piece.ptr, *len);
    take(st, *len);
    return OK;
}

// The piece that goes next, and how much there is in all.
static str next_piece(struct h2_server_stream *st)
{
    uint32_t len = 0;

    if (!buf_len(&st->out)) {
        st->given_count = wire_skip(st->given, st->given_count, 0);
        if (!st->given_count) return STR("");
        return (str){.ptr = st->given[0].iov_base, .len = st->given[0].iov_len};
    }
    if (!st->out_left) {
        memcpy(&len, buf_view(&st->out).ptr, sizeof(len));
        buf_consume(&st->out, sizeof(len));
        st->out_left = len;
    }
    return str_sub(buf_view(&st->out), 0, st->out_left);
}

static bool is_all_of_it(const struct h2_server_stream *st, size_t len)
{
    size_t left = buf_len(&st->out);

    for (int i = 0; i < st->given_count; i++) {
        left += st->given[i].iov_len;
    }
    return left == len;
}

// The end of the body, which trailers may follow.
static uint32_t end_of_body(struct h2_server_stream *st)
{
    nghttp2_nv nv[NV_MAX];
    size_t count = 0;

    if (!st->trailers.len) return NGHTTP2_DATA_FLAG_EOF;
    if (h2_head_fields(st->trailers, nv, NV_MAX, &count) ||
        nghttp2_submit_trailer(st->conn->session, st->id, nv, count))
        h2_server_stream_reset(st, NGHTTP2_INTERNAL_ERROR);
    return NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
}

// nghttp2 asks for at most `len` bytes of a frame; h2_server_call_send() follows.
static ssize_t on_source(nghttp2_session *session, int32_t id, uint8_t *room, size_t len,
                         uint32_t *flags, nghttp2_data_source *source,
                         void *user) // tidy: size nghttp2 decides
{
    struct h2_server_stream *st = source->ptr;
    str piece = next_piece(st);

    (void)session;
    (void)id;
    (void)room;
    (void)user;
    if (piece.len < len) len = piece.len;
    if (!len && !st->is_last) {
        st->is_deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    if (len) *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (st->is_last && is_all_of_it(st, len)) *flags |= end_of_body(st);
    return (ssize_t)len;
}

static void took(struct h2_server_stream *st, size_t len)
{
    if (!buf_len(&st->out)) {
        st->given_count = wire_skip(st->given, st->given_count, len);
        return;
    }
    buf_consume(&st->out, len);
    st->out_left -= len;
    h2_server_stream_watch(st);
    if (buf_len(&st->out)) return;
    buf_done(&st->out);
    if (st->owes_drained) h2_server_stream_ready(st);
}

err h2_server_call_send(struct h2_server_stream *st, const uint8_t *frame_head, size_t len)
{
    enum { FRAME_HEAD = 9 };
    str head = {.ptr = (const char *)frame_head, .len = FRAME_HEAD};
    struct iovec iov[2] = {stream_piece(head), stream_piece(str_sub(next_piece(st), 0, len))};

    TRY(wire_defer(&st->conn->wire, iov, 2));
    st->call.sent_bytes += FRAME_HEAD + len;
    took(st, len);
    return OK;
}

static err keep_given(struct h2_server_stream *st)
{
    for (int i = 0; i < st->given_count; i++) {
        uint32_t len = (uint32_t)st->given[i].iov_len;
        if (!len) continue;
        TRY(buf_append(&st->out, (str){.ptr = (const char *)&len, .len = sizeof(len)}));
        TRY(buf_append(&st->out, (str){.ptr = st->given[i].iov_base, .len = len}));
        st->owes_drained = true;
    }
    return OK;
}

static void end_call(struct h2_server_stream *st)
{
    st->call.user = NULL; // the handler may look at the call until it returns
    st->owes_drained = false;
    if (st->is_closed) h2_server_stream_ready(st);
    h2_server_conn_wake(st->conn);
}

// More of the answer.
static void give(struct h2_server_stream *st, const struct iovec *body, int count, bool is_last)
{
    struct iovec given[SERVER_CALL_PIECES_MAX];

    assert(count <= SERVER_CALL_PIECES_MAX && !st->is_last);
    if (st->call.has_no_body || st->is_closed) count = 0;
    if (count) memcpy(given, body, sizeof(*body) * (size_t)count);
    st->given = given;
    st->given_count = count;
    st->is_last = is_last;
    // It fails for what nghttp2 did not put off, or has given up.
    if (st->is_deferred && (count || is_last) && !st->is_closed)
        (void)nghttp2_session_resume_data(st->conn->session, st->id);
    if (count || is_last) st->is_deferred = false;
    h2_server_conn_pump(st->conn);
    h2_server_conn_wake(st->conn);
    err e = keep_given(st);
    st->given = NULL;
    st->given_count = 0;
    if (e) h2_server_stream_reset(st, NGHTTP2_INTERNAL_ERROR);
    if (is_last) end_call(st);
    h2_server_stream_watch(st);
}

static void submit_head(struct h2_server_stream *st, const struct server_answer *a, bool is_all)
{
    nghttp2_data_provider source = {.source = {.ptr = st}, .read_callback = on_source};
    nghttp2_nv nv[NV_MAX];
    char digits[NUMBER_U64_DIGITS_MAX];
    char length[NUMBER_U64_DIGITS_MAX];
    size_t count = 1;

    nv[0] =
        h2_head_nv(STR(":status"), (str){.ptr = digits, .len = number_from_u64(digits, a->status)});
    if (a->has_length && a->status != 204)
        nv[count++] = h2_head_nv(STR("content-length"),
                                 (str){.ptr = length, .len = number_from_u64(length, a->length)});
    if (st->is_closed) return;
    if (h2_head_fields(a->fields, nv, NV_MAX, &count) ||
        nghttp2_submit_response(st->conn->session, st->id, nv, count, is_all ? NULL : &source))
        h2_server_stream_reset(st, NGHTTP2_INTERNAL_ERROR);
}

static bool is_empty(const struct iovec *iov, int count)
{
    for (int i = 0; i < count; i++) {
        if (iov[i].iov_len) return false;
    }
    return true;
}

static void respond(struct server_call *call, const struct server_answer *answer,
                    const struct iovec *body, int count, bool is_last)
{
    struct h2_server_stream *st = stream_of(call);

    assert(call->status == 0);
    call->status = answer->status;
    call->has_no_body =
        str_eq(call->head.method, STR("HEAD")) || answer->status == 204 || answer->status == 304;
    submit_head(st, answer, is_last && (call->has_no_body || is_empty(body, count)));
    give(st, body, count, is_last);
}

static void write_body(struct server_call *call, const struct iovec *body, int count, bool is_last)
{
    assert(call->status);
    give(stream_of(call), body, count, is_last);
}

static void finish(struct server_call *call, str trailers)
{
    struct h2_server_stream *st = stream_of(call);

    assert(call->status);
    if (!call->has_no_body) st->trailers = arena_str(&call->arena, trailers);
    give(st, NULL, 0, true);
}

static void abort_call(struct server_call *call)
{
    struct h2_server_stream *st = stream_of(call);

    h2_server_stream_reset(st, NGHTTP2_INTERNAL_ERROR);
    end_call(st);
    h2_server_stream_watch(st);
}

static void write_raw(struct server_call *call, const struct iovec *bytes, int count)
{
    (void)call;
    (void)bytes;
    (void)count;
}

static void end_early(struct server_call *call)
{
    struct h2_server_stream *st = stream_of(call);

    h2_server_conn_pump(st->conn);
    h2_server_stream_reset(st, NGHTTP2_NO_ERROR);
    end_call(st);
    h2_server_stream_watch(st);
}

static void limit_idle(struct server_call *call, msec idle)
{
    stream_of(call)->conn->idle_ms = idle;
}

static bool is_congested(const struct server_call *call)
{
    return buf_len(&stream_of_const(call)->out) > 0;
}

static struct stream *wire_of(const struct server_call *call)
{
    return stream_of_const(call)->conn->wire.stream;
}

const struct server_call_ops h2_server_call_ops = {
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
    .stream = wire_of,
    .is_framed = true,
};
