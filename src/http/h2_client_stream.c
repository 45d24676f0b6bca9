#include "http/h2_client_stream.h"

#include "http/h2_client_session.h"

#include <assert.h>

enum {
    REPEATS_MAX = 8,      // of one call
    IN_KEPT_BYTES = 4096, // of memory that a stream keeps while nothing waits in it
    IN_SLACK = 64 * 1024, // nghttp2 notes an overrun behind the frame that did it
};

void h2_client_stream_note(struct h2_client_stream *s)
{
    if (list_is_empty(&s->news_link)) list_push_back(&s->h2->news, &s->news_link);
}

void h2_client_stream_start(struct client_conn *c, struct client_call *call, bool is_conn_reused)
{
    struct h2_client_conn *h = c->h2;
    struct client *client = c->origin->client;
    struct h2_client_stream *s = pool_take(&client->stream_pool);

    h2_client_conn_leave_idle(c);
    s->h2 = h;
    s->call = call;
    s->heard_before = h->heard_bytes;
    buf_init(&s->in, H2_CLIENT_CONN_WINDOW + IN_SLACK);
    buf_init(&s->out, WIRE_OUT_MAX);
    list_init(&s->news_link);
    list_push_back(&h->streams, &s->link);
    call->conn = c;
    call->stream = s;
    call->is_conn_reused = is_conn_reused;
    call->is_request_done = false;
    call->sent_us = client->loop->now_us;
    s->failure = h2_client_session_submit(s);
    s->is_drained = !s->failure && call->request.framing != CLIENT_BODY_WHOLE;
    if (s->failure || s->is_drained) h2_client_stream_note(s);
    h2_client_conn_wake(c);
}

void h2_client_stream_free(struct h2_client_stream *s)
{
    struct h2_client_conn *h = s->h2;

    assert(!s->call);
    if (s->was_freed) *s->was_freed = true;
    if (h->head_stream == s) h->head_stream = NULL;
    list_remove(&s->link);
    list_remove(&s->news_link);
    buf_done(&s->in);
    buf_done(&s->out);
    pool_give(&h->conn->origin->client->stream_pool, s);
}

struct client_call *h2_client_stream_detach(struct h2_client_stream *s)
{
    struct h2_client_conn *h = s->h2;
    struct client_call *call = s->call;

    call->conn = NULL;
    call->stream = NULL;
    s->call = NULL;
    if (h->head_stream == s) h->head_stream = NULL;
    // Also where the answer is whole and the request is not: nobody wants the rest of it.
    if (s->is_known) {
        nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, s->id,
                                  h2_head_code(s->failure ? s->failure : ERR_CANCELED));
    }
    h2_client_conn_wake(h->conn);
    if (!s->is_known) h2_client_stream_free(s);
    return call;
}

// --- What has happened ---

// RFC 9113 section 8.7, and 9.3.1 of RFC 9112 in spirit: a connection that was kept, and had been
// silent since the request, may have been closed before it came.
static bool may_repeat(const struct h2_client_stream *s)
{
    const struct client_call *call = s->call;
    bool was_stale =
        s->is_conn_lost && call->is_conn_reused && s->h2->heard_bytes == s->heard_before;

    return call->request.is_repeatable && call->repeat_count < REPEATS_MAX && !s->has_answer &&
           (s->is_refused || was_stale);
}

static void fail(struct h2_client_stream *s)
{
    bool is_repeated = may_repeat(s);
    err why = s->failure == ERR_EOF ? ERR_CLOSED : s->failure;
    struct client_call *call = h2_client_stream_detach(s);

    if (is_repeated) {
        call->repeat_count++;
        call->origin->client->counts.stale_retries++;
        client_conn_acquire(call, false);
        return;
    }
    call->events->failed(call, why);
}

static void tell_answer(struct h2_client_stream *s)
{
    struct client_call *call = s->call;

    if (!call->has_head && s->has_head) {
        call->has_head = true;
        call->events->head(call);
    } else if (call->has_head) {
        if (buf_len(&s->in) > s->lent || s->is_ended || s->failure) call->events->body(call);
    } else if (s->failure) {
        fail(s);
    }
}

void h2_client_stream_visit(struct h2_client_stream *s)
{
    bool was_freed = false;

    if (!s->call) return;
    s->was_freed = &was_freed;
    if (s->is_drained && !s->failure && !s->call->is_request_done) {
        s->is_drained = false;
        s->call->events->drained(s->call);
    }
    if (!was_freed && s->call) tell_answer(s);
    if (!was_freed) s->was_freed = NULL;
}

// --- The request's body ---

size_t h2_client_stream_unsent(const struct h2_client_stream *s, bool *is_last)
{
    const struct client_request *r = &s->call->request;
    size_t len = 0;

    if (r->framing != CLIENT_BODY_WHOLE) {
        *is_last = s->call->is_request_done;
        return buf_len(&s->out);
    }
    for (int i = s->piece; i < r->body_count; i++) {
        len += r->body[i].iov_len;
    }
    *is_last = true;
    return len - s->piece_sent;
}

static void give_whole(struct h2_client_stream *s, size_t len, struct h2_client_batch *batch)
{
    const struct client_request *r = &s->call->request;

    while (len) {
        const struct iovec *piece = &r->body[s->piece];
        str left =
            str_sub((str){.ptr = piece->iov_base, .len = piece->iov_len}, s->piece_sent, len);
        h2_client_session_add(batch, left);
        len -= left.len;
        s->piece_sent += left.len;
        if (s->piece_sent < piece->iov_len) continue;
        s->piece++;
        s->piece_sent = 0;
    }
    bool is_last = true;
    s->call->is_request_done = h2_client_stream_unsent(s, &is_last) == 0;
}

void h2_client_stream_give(struct h2_client_stream *s, size_t len, struct h2_client_batch *batch)
{
    if (s->call->request.framing == CLIENT_BODY_WHOLE) {
        give_whole(s, len, batch);
        return;
    }
    h2_client_session_add(batch, str_sub(buf_view(&s->out), 0, len));
    // The bytes stay where they are until more is given, and that is after they have been sent.
    buf_consume(&s->out, len);
    if (buf_len(&s->out) || s->call->is_request_done) return;
    s->is_drained = true;
    h2_client_stream_note(s);
}

void h2_client_stream_send(struct client_call *call, str piece, bool is_last)
{
    struct h2_client_stream *s = call->stream;

    assert(!call->is_request_done && call->request.framing != CLIENT_BODY_WHOLE);
    call->is_request_done = is_last;
    if (!s->is_known) return; // a failure that the call is about to hear of, or a whole answer
    if (buf_append(&s->out, piece)) {
        if (!s->is_ended && !s->failure) s->failure = ERR_LIMIT;
        h2_client_stream_note(s);
    } else {
        // Fails where it was not waiting, which is as well.
        (void)nghttp2_session_resume_data(s->h2->session, s->id);
    }
    h2_client_conn_wake(s->h2->conn);
}

// --- The answer's body ---

static err end(struct client_call *call, err e)
{
    (void)h2_client_stream_detach(call->stream);
    return e;
}

// Whoever got the last piece is done with it.
static void take_back(struct h2_client_stream *s)
{
    if (!s->lent) return;
    buf_consume(&s->in, s->lent);
    s->lent = 0;
    if (!buf_len(&s->in) && s->in.size > IN_KEPT_BYTES) buf_done(&s->in);
}

err h2_client_stream_next(struct client_call *call, str *piece)
{
    struct h2_client_stream *s = call->stream;

    take_back(s);
    if (buf_len(&s->in)) {
        *piece = buf_view(&s->in);
        s->lent = piece->len;
        call->body.is_done = s->is_ended;
        if (s->is_known) {
            (void)nghttp2_session_consume_stream(s->h2->session, s->id, s->lent);
            h2_client_conn_wake(s->h2->conn);
        }
        return OK;
    }
    if (s->is_ended) {
        call->body.is_done = true;
        return end(call, ERR_EOF);
    }
    if (!s->failure) return ERR_AGAIN;
    return end(call, s->failure == ERR_SYNTAX || s->failure == ERR_LIMIT ? s->failure : ERR_CLOSED);
}

err h2_client_stream_hear(struct h2_client_stream *s, str bytes)
{
    take_back(s);
    TRY(buf_append(&s->in, bytes));
    h2_client_stream_note(s);
    return OK;
}
