// Design: every piece of the answer leaves in one write, together with the answer's head if it is
// the first and with the end of the body if it is the last. The upstream is read again only when
// the client has taken what it was given.
#include "codec/json.h"
#include "gateway/event_framing.h"
#include "gateway/exchange_private.h"

#include <assert.h>

// So many tokens of a stream tell how its upstream fares.
enum { JUDGED_TOKENS = 32 };

static bool has_type(const struct exchange *x, str type)
{
    const struct h1_field *f = h1_field_find(&x->up.head, STR("content-type"));

    if (!f) return false;
    str value = str_sub(f->value, 0, str_find_char(f->value, ';'));
    return str_eq_nocase(str_trim(value), type);
}

static bool is_watched(enum route_kind kind)
{
    return kind == ROUTE_CHAT || kind == ROUTE_RESPONSES || kind == ROUTE_MESSAGES;
}

// Of the upstream.
static enum answer_kind kind_of(const struct exchange *x)
{
    if (x->route.kind == ROUTE_RESPONSES) return ANSWER_OPENAI_RESPONSES;
    if (x->origin->dialect->is_grpc) return ANSWER_SLUICE;
    return x->origin->dialect == &dialect_anthropic ? ANSWER_ANTHROPIC : ANSWER_OPENAI_CHAT;
}

// Whether answers are gathered whole, to be looked at as such.
static bool is_gathered(enum route_kind kind)
{
    return kind == ROUTE_COUNT || kind == ROUTE_EMBEDDINGS;
}

// An error that another attempt may take the place of is kept until that is decided.
static enum exchange_mode mode_for(const struct exchange *x)
{
    bool is_kept = x->up.head.status >= 400 && x->up.request.framing == CLIENT_BODY_WHOLE &&
                   x->route.kind == ROUTE_JSON;

    if (!is_watched(x->route.kind) && !is_gathered(x->route.kind) && !is_kept)
        return EXCHANGE_PLAIN;
    if (exchange_grpc_is_answer(x))
        return x->request.is_stream && !exchange_grpc_is_ended(x) ? EXCHANGE_EVENTS
                                                                  : EXCHANGE_GATHER;
    if (has_type(x, STR("text/event-stream")) && x->up.head.status < 400) return EXCHANGE_EVENTS;
    if (x->up.body.framing == H1_LENGTH && x->up.body.left > x->answer.max) return EXCHANGE_PLAIN;
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

static void write_more(struct exchange *x, const struct iovec *iov, int count, bool is_last)
{
    if (x->door) {
        exchange_door_write(x, iov, count, is_last);
    } else {
        server_call_write(x->call, iov, count, is_last);
    }
}

// Starts or goes on with the answer to the client.
static void send(struct exchange *x, const struct iovec *iov, int count, bool is_last)
{
    const struct h1_head *head = &x->up.head;
    struct server_answer answer = {.status = head->status};

    if (x->is_translated) answer.status = x->route.dialect->status(head->status);
    x->wrote_at = x->gateway->loop->now;
    if (x->call->status) {
        write_more(x, iov, count, is_last);
        return;
    }
    x->first_us = loop_clock(x->gateway->loop);
    if (x->door) {
        exchange_door_write(x, iov, count, is_last);
        if (!is_last) exchange_watch(x);
        return;
    }
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

// The first event of `*rest`, or what there is of it, cut off.
static struct iovec cut_event(enum event_framing framing, str *rest)
{
    size_t scanned = 0;
    size_t len = rest->len;
    err e = event_framing_find(framing, *rest, &scanned, &len);
    str event = str_sub(*rest, 0, e ? rest->len : len);

    *rest = str_sub(*rest, event.len, rest->len);
    return stream_piece(event);
}

// An event for each frame, so that a client whose reader counts on frames gets it whole and at
// once.
static void send_events(struct exchange *x, const struct iovec *iov, int count, bool is_last)
{
    enum event_framing framing = x->door ? EVENT_FRAMING_GRPC : EVENT_FRAMING_SSE;
    struct iovec events[SERVER_CALL_PIECES_MAX];
    int filled = 0;

    for (int i = 0; i < count; i++) {
        str rest = {.ptr = iov[i].iov_base, .len = iov[i].iov_len};
        while (rest.len) {
            if (filled == SERVER_CALL_PIECES_MAX) {
                send(x, events, filled, false);
                filled = 0;
            }
            events[filled++] = cut_event(framing, &rest);
        }
    }
    send(x, events, filled, is_last);
}

static void emit(struct exchange *x, const struct iovec *iov, int count, bool is_last)
{
    if (x->mode == EXCHANGE_EVENTS && server_call_is_framed(x->call) && !x->door) {
        send_events(x, iov, count, is_last);
    } else {
        send(x, iov, count, is_last);
    }
}

// The upstream's connection goes back to its pool; the call has been answered in full.
static void finish(struct exchange *x)
{
    str none;

    // It is at its end already, which is what this tells the client's side of the upstream.
    if (x->up.conn && client_call_next(&x->up, &none) == ERR_EOF) assert(!x->up.conn);
    exchange_attempt_end(x, FAILURE_NONE);
    x->failure = STR(""); // of attempts before it
    exchange_end(x);
}

static void note_first_token(struct exchange *x)
{
    exchange_attempt_first_token(x);
    flight_note(&x->flight, x->attempt->first_us, FLIGHT_TOKEN, 0);
    exchange_watch(x); // from here on the bound is the one between tokens
}

// Another stream's answer goes on here.
static void note_splice(struct exchange *x)
{
    x->attempt->is_spliced = true;
    flight_note(&x->flight, x->gateway->loop->now_us, FLIGHT_SPLICED, 0);
    metrics_add(&x->gateway->metrics.recovered, 1);
}

// Gives the client what passes: nothing before the first event that says something, then all. A
// stream that goes on with another one's answer has begun when something of its own passes.
static void give(struct exchange *x, str forward)
{
    const struct exchange_attempt *a = x->attempt;

    if (!a->first_us && x->relay.stream.has_content) note_first_token(x);
    if (a->manner != x->relay.manner && !a->is_spliced) note_splice(x);
    if (!a->is_judged && x->relay.tokens >= JUDGED_TOKENS) exchange_attempt_judge(x);
    if (x->is_released) {
        struct iovec iov = stream_piece(forward);
        if (forward.len) emit(x, &iov, 1, false);
        return;
    }
    bool is_kept = buf_append(&x->held, forward) == OK;
    if (is_kept && !x->relay.stream.has_content) return;
    exchange_attempt_release(x);
    emit(x,
         (struct iovec[]){stream_piece(buf_view(&x->held)),
                          stream_piece(is_kept ? STR("") : forward)},
         2, false);
    buf_done(&x->held);
}

// The same of whole events as the upstream wrote them. An error: they can't be read; what stands
// before that is not given to a client who may get another answer.
static err deliver(struct exchange *x, str forward)
{
    str out = STR("");
    err e = exchange_translate_events(x, forward, &out);

    if (!e || x->is_released) give(x, out);
    return e;
}

static err write_cut(struct exchange *x, const struct exchange_error *e, struct buf *out)
{
    const struct openai_error error = {
        .message = e->message, .type = STR("server_error"), .code = e->code};

    if (x->is_translated || x->route.dialect != &dialect_openai)
        return exchange_translate_cut(x, e, out);
    return openai_write_stream_error(out, &x->relay.stream, &error);
}

// What could not be finished: the upstream's own word for it, where it had one.
void exchange_relay_error(struct exchange *x)
{
    struct exchange_error e = exchange_answer_error_of(x, x->reason);
    bool is_told = x->why && x->relay.failure == x->why && buf_len(&x->relay.told);
    bool passes = is_told && !x->is_translated;
    struct buf text;

    metrics_add(&x->gateway->metrics.streams_cut, 1);
    if (!x->failure.len) x->failure = is_told ? failure_name(x->why) : e.code;
    if (x->door) {
        exchange_translate_told(x, &e);
        exchange_door_fail(x, &e);
        exchange_end(x);
        return;
    }
    buf_init(&text, 4096);
    // Messages are short, our own as those of upstreams, which are clipped.
    if (!passes) (void)write_cut(x, &e, &text);
    str last = passes ? buf_view(&x->relay.told) : buf_view(&text);
    emit(x, (struct iovec[]){stream_piece(buf_view(&x->held)), stream_piece(last)}, 2, true);
    buf_done(&text);
    exchange_end(x);
}

// The upstream's stream is none, in the end.
static void fail_events(struct exchange *x, err e)
{
    exchange_attempt_fail(
        x, e == ERR_REFUSED ? x->relay.failure : exchange_attempt_failure_of(x, e), e);
}

// All of it has come: the last of what goes to the client leaves with the end.
static void finish_events(struct exchange *x, str forward, str tail)
{
    str held = x->is_released ? STR("") : buf_view(&x->held);
    str last = STR("");

    if (x->is_translated) {
        // One follows the other in the same memory.
        err e = deliver(x, forward);
        if (!e) e = exchange_translate_events(x, tail, &last);
        if (e) {
            fail_events(x, ERR_SYNTAX);
            return;
        }
        forward = STR("");
        tail = last;
        held = x->is_released ? STR("") : buf_view(&x->held);
    }
    if (!x->attempt->first_us) note_first_token(x);
    if (x->attempt->manner != RELAY_FIRST && !x->attempt->is_spliced) note_splice(x);
    emit(x, (struct iovec[]){stream_piece(held), stream_piece(forward), stream_piece(tail)}, 3,
         true);
    finish(x);
}

// Whether the call has ended well; else the attempt has failed. What came before is given.
static bool has_ended_well(struct exchange *x, str forward)
{
    struct status status;

    err e = exchange_grpc_end(x, &status);
    if (!e) return x->relay.stream.is_done = true;
    (void)deliver(x, forward); // worth having, if it can be read
    if (e == ERR_REFUSED) {
        exchange_grpc_fail(x, &status);
    } else {
        fail_events(x, e);
    }
    return false;
}

static void end_events(struct exchange *x, str forward)
{
    str tail = STR("");
    err e = OK;

    if (x->relay.stream.kind == ANSWER_SLUICE && !has_ended_well(x, forward)) return;

    // What was held may move when the end is looked at, so it goes out before; so does what stands
    // before a cut.
    bool may_move = x->relay.ready || buf_len(&x->relay.out);
    if (may_move || !answer_stream_is_complete(&x->relay.stream)) {
        e = deliver(x, forward);
        forward = STR("");
    }
    if (!e) e = relay_end(&x->relay, &tail);
    if (e) {
        // What stands before the end of a broken stream is worth having, if it can be read.
        (void)deliver(x, tail);
        fail_events(x, e);
        return;
    }
    finish_events(x, forward, tail);
}

static bool relay_events(struct exchange *x, str piece, bool is_last)
{
    str forward = STR("");
    err e = relay_take(&x->relay, piece, &forward);

    if (!e && is_last) {
        end_events(x, forward);
        return true;
    }
    err unread = deliver(x, forward);
    if (!e) e = unread;
    if (e) fail_events(x, e);
    return e != OK;
}

// An answer that promised a stream and is none would look like an empty one to an SDK, and one
// that is no JSON would reach its user as a riddle.
static bool is_refused(struct exchange *x)
{
    unsigned status = x->up.head.status;

    if (exchange_grpc_is_answer(x)) return false; // its status tells
    if (status >= 400) return !has_type(x, STR("application/json"));
    return status < 300 && (x->request.is_stream || x->origin->dialect->is_grpc);
}

// Events in a content coding can't be watched; the request asked for none.
static bool is_encoded(const struct exchange *x)
{
    const struct h1_field *f = h1_field_find(&x->up.head, STR("content-encoding"));

    return f && x->mode == EXCHANGE_EVENTS && !str_eq_nocase(f->value, STR("identity"));
}

static void refuse_answer(struct exchange *x)
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
    exchange_answer_error(x, &e);
}

void exchange_relay_refusal(struct exchange *x)
{
    if (is_refused(x) || is_encoded(x)) {
        refuse_answer(x);
        return;
    }
    str body = buf_view(&x->answer);
    if (x->door) {
        exchange_translate_refusal(x, body);
        return;
    }
    // Messages that don't fit are told without.
    if (x->is_translated && !translation_error(x->translation, x->up.head.status, body, x->id))
        body = buf_view(&x->translation->out);
    struct iovec iov = stream_piece(body);
    emit(x, &iov, 1, true);
    exchange_end(x);
}

// An answer that is none, all of it gathered: it may be shown to the client if nobody does better.
static bool fail_gathered(struct exchange *x, str last)
{
    enum failure f = failure_of_answer(x->up.head.status, last);
    str none;

    if (last.ptr != buf_view(&x->answer).ptr && buf_append(&x->answer, last)) buf_clear(&x->answer);
    if (x->up.conn) (void)client_call_next(&x->up, &none); // gives its connection back
    x->has_refusal = true;
    exchange_attempt_fail(x, f ? f : FAILURE_UNEXPECTED, OK);
    return true;
}

// The end of its connection is the only end such an answer has, so a cut shows in its JSON alone.
static bool is_stump(const struct exchange *x, str body)
{
    return x->up.head.framing == H1_UNTIL_CLOSE && has_type(x, STR("application/json")) &&
           json_check(body, NULL);
}

static void emit_gathered(struct exchange *x, str held, str last)
{
    struct iovec pieces[TRANSLATION_PIECES_MAX] = {stream_piece(held), stream_piece(last)};
    str all = held.len ? held : last;
    int count = 2;
    err e = OK;

    if (x->is_translated) {
        e = exchange_translate_answer(x, all, pieces, &count);
    } else if (x->route.kind == ROUTE_EMBEDDINGS) {
        e = exchange_translate_vectors(x, all, pieces, &count);
    }
    if (e) {
        // What can't be told to the client was made all the same.
        if (x->is_translated) x->attempt->usage = answer_stream_usage(kind_of(x), all);
        exchange_relay_cut(x, ERR_SYNTAX);
        return;
    }
    emit(x, pieces, count, true);
    finish(x);
}

// The same of gRPC: a message, and the status that it ended with.
static void end_message(struct exchange *x, str body)
{
    struct status status;
    str message = STR("");

    err e = exchange_grpc_end(x, &status);
    if (e == ERR_REFUSED) {
        exchange_grpc_fail(x, &status);
        return;
    }
    if (!e) e = exchange_grpc_message(body, &message);
    if (e) {
        exchange_relay_cut(x, e);
    } else if (x->is_released || x->request.is_stream) {
        exchange_attempt_fail(x, FAILURE_UNEXPECTED, OK);
    } else {
        emit_gathered(x, message, STR(""));
    }
}

static bool end_gathered(struct exchange *x, str last)
{
    str held = buf_view(&x->answer);
    str all = held.len ? held : last;

    if (exchange_grpc_is_answer(x)) {
        end_message(x, all);
        return true;
    }
    if (x->up.head.status >= 400 || is_refused(x)) return fail_gathered(x, all);
    if (is_stump(x, all)) {
        exchange_relay_cut(x, ERR_CLOSED);
        return true;
    }
    if (x->is_released || x->call->status) { // the answer of another attempt has begun as a stream
        exchange_attempt_fail(x, FAILURE_UNEXPECTED, OK);
        return true;
    }
    if (x->up.head.status == 200 && !x->is_translated)
        x->attempt->usage = answer_stream_usage(kind_of(x), all);
    emit_gathered(x, held, held.len ? STR("") : last);
    return true;
}

static bool relay_gathered(struct exchange *x, str piece, bool is_last)
{
    if (is_last && !buf_len(&x->answer)) return end_gathered(x, piece);
    if (!buf_append(&x->answer, piece)) return is_last ? end_gathered(x, STR("")) : false;
    // Larger than what is kept: from here on it passes in pieces.
    if (is_refused(x) || x->call->status || x->is_translated) {
        client_call_cancel(&x->up);
        x->has_refusal = is_refused(x);
        exchange_attempt_fail(x, FAILURE_UNEXPECTED, OK);
        return true;
    }
    x->mode = EXCHANGE_PLAIN;
    exchange_attempt_release(x);
    exchange_attempt_first_token(x);
    emit(x, (struct iovec[]){stream_piece(buf_view(&x->answer)), stream_piece(piece)}, 2, is_last);
    buf_done(&x->answer);
    if (is_last) finish(x);
    return is_last;
}

static bool relay_plain(struct exchange *x, str piece, bool is_last)
{
    struct iovec iov = stream_piece(piece);

    if (!x->is_released) exchange_attempt_release(x);
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
        // Trailers come behind the last piece.
        bool is_last = e == ERR_EOF || (up->body.is_done && !x->origin->dialect->is_grpc);
        if (relay_piece(x, e ? STR("") : piece, is_last)) return true;
    }
    return false;
}

void exchange_relay_pull(struct exchange *x)
{
    (void)pull(x);
}

void exchange_relay_head(struct exchange *x)
{
    enum relay_manner manner = x->attempt->manner;

    x->mode = mode_for(x);
    x->wrote_at = x->call->status ? x->wrote_at : x->gateway->loop->now;
    if (is_encoded(x)) {
        client_call_cancel(&x->up);
        x->has_refusal = true;
        exchange_attempt_fail(x, FAILURE_UNEXPECTED, OK);
        return;
    }
    if (x->mode == EXCHANGE_PLAIN && x->call->status) { // of an attempt to finish a stream
        exchange_attempt_fail(x, FAILURE_UNEXPECTED, OK);
        return;
    }
    if (x->mode == EXCHANGE_EVENTS) {
        relay_init(&x->relay, kind_of(x), (size_t)x->view->settings->limits.event_bytes,
                   &x->transcript, manner);
        x->relay.stream.choices_expected = x->request.choice_count;
        x->relay.hides_usage = x->hides_usage;
        x->relay.is_translated = x->is_translated;
        if (x->is_translated) exchange_translate_begin(x);
    } else if (x->mode == EXCHANGE_PLAIN || x->route.kind == ROUTE_EMBEDDINGS) {
        exchange_attempt_first_token(x);
    }
    if (pull(x)) return;
    // The head of what passes in pieces goes out before them: the client knows that it was heard.
    if (x->mode == EXCHANGE_PLAIN && !x->call->status) {
        exchange_attempt_release(x);
        emit(x, NULL, 0, false);
    }
    exchange_watch(x);
}

void exchange_relay_cut(struct exchange *x, err why)
{
    if (x->step == EXCHANGE_RELAY && x->mode == EXCHANGE_EVENTS &&
        answer_stream_is_complete(&x->relay.stream) && x->relay.manner == RELAY_FIRST &&
        !x->attempt->ended_us) {
        // All has come but the end of the upstream's connection.
        x->failure = STR("");
        client_call_cancel(&x->up);
        end_events(x, STR(""));
        return;
    }
    exchange_attempt_fail(x, exchange_attempt_failure_of(x, why), why);
}

void exchange_relay_comment(struct exchange *x)
{
    struct iovec iov = stream_piece(STR(": keep-alive\n\n"));

    x->start = deadline_never(); // the answer has begun, as far as the client can tell
    emit(x, &iov, x->door ? 0 : 1, false);
}
