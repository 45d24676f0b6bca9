// Design: every piece of the answer leaves in one write, together with the answer's head if it is
// the first and with the end of the body if it is the last. The upstream is read again only when
// the client has taken what it was given.
#include "codec/json.h"
#include "gateway/exchange_private.h"

#include <assert.h>

static bool has_type(const struct exchange *x, str type)
{
    const struct h1_field *f = h1_field_find(&x->up.head, STR("content-type"));

    if (!f) return false;
    str value = str_sub(f->value, 0, str_find_char(f->value, ';'));
    return str_eq_nocase(str_trim(value), type);
}

static bool is_watched(enum route_kind kind)
{
    return kind == ROUTE_CHAT || kind == ROUTE_RESPONSES;
}

static enum exchange_mode mode_for(const struct exchange *x)
{
    if (!is_watched(x->route.kind)) return EXCHANGE_PLAIN;
    if (has_type(x, STR("text/event-stream"))) return EXCHANGE_EVENTS;
    if (x->up.body.framing == H1_LENGTH && x->up.body.left > EXCHANGE_GATHER_MAX)
        return EXCHANGE_PLAIN;
    return EXCHANGE_GATHER;
}

// The length of an answer that is all there, `len` bytes. One to HEAD has the length of what is not
// there (RFC 9110 section 8.6), if the upstream told it.
static void set_length(const struct h1_head *head, size_t len, struct server_answer *answer)
{
    bool is_told = h1_field_find(head, STR("content-length"));

    answer->has_length = head->framing != H1_NO_BODY || head->status == 204 || is_told;
    answer->length = head->framing == H1_NO_BODY ? head->content_length : len;
}

// Starts or goes on with the answer to the client.
static void emit(struct exchange *x, const struct iovec *iov, int count, bool is_last)
{
    const struct h1_head *head = &x->up.head;
    struct server_answer answer = {.status = head->status};

    x->wrote_at = x->gateway->loop->now;
    if (x->call->status) {
        server_call_write(x->call, iov, count, is_last);
        return;
    }
    x->first_us = loop_clock(x->gateway->loop);
    answer.fields = exchange_answer_fields(x);
    if (is_last) {
        size_t len = 0;
        for (int i = 0; i < count; i++) {
            len += iov[i].iov_len;
        }
        set_length(head, len, &answer);
    } else if (head->framing == H1_LENGTH && x->mode == EXCHANGE_PLAIN) {
        // Of events it is not ours to promise: an error or a "[DONE]" may come behind them.
        answer.has_length = true;
        answer.length = head->content_length;
    }
    server_call_respond(x->call, &answer, iov, count, is_last);
    buf_done(&x->head); // a stream may be long
    if (!is_last) exchange_watch(x);
}

// The upstream's connection goes back to its pool; the call has been answered in full.
static void finish(struct exchange *x)
{
    str none;

    // It is at its end already, which is what this tells the client's side of the upstream.
    if (x->up.conn && client_call_next(&x->up, &none) == ERR_EOF) assert(!x->up.conn);
    exchange_end(x);
}

static void end_with_error(struct exchange *x, str forward, err why)
{
    struct exchange_error e = exchange_answer_error_of(x, why);
    struct openai_error error = {.message = e.message, .type = STR("server_error"), .code = e.code};
    struct buf text;

    metrics_add(&x->gateway->metrics.streams_cut, 1);
    if (!x->failure.len) x->failure = e.code;
    buf_init(&text, 4096);
    // Our own messages are short.
    (void)openai_write_stream_error(&text, &x->relay.stream, &error);
    emit(x, (struct iovec[]){stream_piece(forward), stream_piece(buf_view(&text))}, 2, true);
    buf_done(&text);
    exchange_end(x); // closes the upstream's connection, whose memory `forward` may be
}

static void end_events(struct exchange *x, str forward)
{
    str tail = STR("");

    // What was held may move when the end is looked at, so it goes out before.
    if (x->relay.ready) {
        struct iovec iov = stream_piece(forward);
        emit(x, &iov, 1, false);
        forward = STR("");
    }
    err e = relay_end(&x->relay, &tail);
    if (e) {
        end_with_error(x, forward, e);
        return;
    }
    emit(x, (struct iovec[]){stream_piece(forward), stream_piece(tail)}, 2, true);
    finish(x);
}

static bool relay_events(struct exchange *x, str piece, bool is_last)
{
    str forward = STR("");
    err e = relay_take(&x->relay, piece, &forward);

    if (e) {
        end_with_error(x, forward, e);
        return true;
    }
    if (is_last) {
        end_events(x, forward);
        return true;
    }
    if (forward.len || !x->call->status) {
        struct iovec iov = stream_piece(forward);
        emit(x, &iov, 1, false);
    }
    return false;
}

// An answer that promised a stream and is none would look like an empty one to an SDK, and one
// that is no JSON would reach its user as a riddle.
static bool is_refused(struct exchange *x)
{
    unsigned status = x->up.head.status;

    if (status >= 400) return !has_type(x, STR("application/json"));
    return status < 300 && x->request.is_stream;
}

// Events in a content coding can't be watched; the request asked for none.
static bool is_encoded(const struct exchange *x)
{
    const struct h1_field *f = h1_field_find(&x->up.head, STR("content-encoding"));

    return f && x->mode == EXCHANGE_EVENTS && !str_eq_nocase(f->value, STR("identity"));
}

static bool refuse_answer(struct exchange *x)
{
    unsigned status = x->up.head.status;
    const struct h1_field *type = h1_field_find(&x->up.head, STR("content-type"));
    str shown = is_encoded(x) ? STR("an encoding that it was not asked for")
                : type        ? str_sub(type->value, 0, 100)
                              : STR("no content type");
    struct exchange_error e = {.status = status >= 400 ? status : 502,
                               .code = STR("upstream_unexpected")};

    e.message = arena_format(&x->call->arena, "The upstream answered %u with %" STR_FMT ".", status,
                             STR_ARG(shown));
    client_call_cancel(&x->up);
    exchange_answer_error(x, &e);
    return true;
}

// The end of its connection is the only end such an answer has, so a cut shows in its JSON alone.
static bool is_stump(const struct exchange *x, str body)
{
    return x->up.head.framing == H1_UNTIL_CLOSE && has_type(x, STR("application/json")) &&
           json_check(body, NULL);
}

static bool end_gathered(struct exchange *x, str last)
{
    str held = buf_view(&x->answer);

    if (is_refused(x)) return refuse_answer(x);
    if (is_stump(x, held.len ? held : last)) {
        exchange_relay_cut(x, ERR_CLOSED);
        return true;
    }
    if (x->up.head.status == 200) x->usage = openai_answer_usage(held.len ? held : last);
    emit(x, (struct iovec[]){stream_piece(held), stream_piece(held.len ? STR("") : last)}, 2, true);
    finish(x);
    return true;
}

static bool relay_gathered(struct exchange *x, str piece, bool is_last)
{
    if (is_last && !buf_len(&x->answer)) return end_gathered(x, piece);
    if (!buf_append(&x->answer, piece)) return is_last ? end_gathered(x, STR("")) : false;
    // Larger than what is kept: from here on it passes in pieces.
    if (is_refused(x)) return refuse_answer(x);
    x->mode = EXCHANGE_PLAIN;
    emit(x, (struct iovec[]){stream_piece(buf_view(&x->answer)), stream_piece(piece)}, 2, is_last);
    buf_done(&x->answer);
    if (is_last) finish(x);
    return is_last;
}

static bool relay_plain(struct exchange *x, str piece, bool is_last)
{
    struct iovec iov = stream_piece(piece);

    emit(x, &iov, 1, is_last);
    if (is_last) finish(x);
    return is_last;
}

// True when the exchange has ended with it.
static bool relay_piece(struct exchange *x, str piece, bool is_last)
{
    switch (x->mode) {
    case EXCHANGE_EVENTS: return relay_events(x, piece, is_last);
    case EXCHANGE_GATHER: return relay_gathered(x, piece, is_last);
    case EXCHANGE_PLAIN: return relay_plain(x, piece, is_last);
    }
    return false;
}

// True when the exchange has ended.
static bool pull(struct exchange *x)
{
    struct client_call *up = &x->up;
    str piece;

    while (!server_call_is_congested(x->call)) {
        err e = client_call_next(up, &piece);
        if (e == ERR_AGAIN) return false;
        x->progress_at = x->gateway->loop->now;
        if (e && e != ERR_EOF) {
            exchange_relay_cut(x, e);
            return true;
        }
        if (relay_piece(x, e ? STR("") : piece, e == ERR_EOF || up->body.is_done)) return true;
    }
    return false;
}

void exchange_relay_pull(struct exchange *x)
{
    bool was_begun = x->relay.stream.has_content;

    // A first token brings the bound closer: from here on it is the one between tokens.
    if (!pull(x) && x->relay.stream.has_content != was_begun) exchange_watch(x);
}

void exchange_relay_head(struct exchange *x)
{
    buf_done(&x->body);
    x->mode = mode_for(x);
    if (is_encoded(x)) {
        (void)refuse_answer(x);
        return;
    }
    if (x->mode == EXCHANGE_EVENTS)
        relay_init(&x->relay,
                   x->route.kind == ROUTE_CHAT ? OPENAI_STREAM_CHAT : OPENAI_STREAM_RESPONSES,
                   (size_t)x->view->settings->limits.event_bytes);
    x->relay.stream.choices_expected = x->request.choice_count;
    if (pull(x)) return;
    // The head of a stream goes out before its first event: the client knows that it was heard.
    if (x->mode != EXCHANGE_GATHER && !x->call->status) emit(x, NULL, 0, false);
    exchange_watch(x);
}

void exchange_relay_cut(struct exchange *x, err why)
{
    struct server_call *call = x->call;

    if (!call->status) {
        struct exchange_error e = exchange_answer_error_of(x, why);
        exchange_answer_error(x, &e);
        return;
    }
    if (x->mode == EXCHANGE_EVENTS && openai_stream_is_complete(&x->relay.stream)) {
        // All has come but the end of the upstream's connection.
        x->failure = STR("");
        client_call_cancel(&x->up);
        (void)end_events(x, STR(""));
        return;
    }
    if (x->mode == EXCHANGE_EVENTS) {
        end_with_error(x, STR(""), why);
        return;
    }
    metrics_add(&x->gateway->metrics.streams_cut, 1);
    if (!x->failure.len) x->failure = exchange_answer_error_of(x, why).code;
    exchange_end(x);
    server_call_abort(call);
}

void exchange_relay_comment(struct exchange *x)
{
    struct iovec iov = stream_piece(STR(": keep-alive\n\n"));

    emit(x, &iov, 1, false);
}
