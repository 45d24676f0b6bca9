// Design: go() takes steps until one of them waits or ends the call. A step sends a part of the
// event at hand, or lets a due fault happen, or waits, or makes the next event, in this order.
// Whoever ends the call stops the play first: aborting a call frees it, and the play with it.
#include "assess/mock/mock_play.h"

enum { BURST_MAX = 64, REST_MAX = 64 * 1024 * 1024 };

enum outcome { GOES_ON, WAITS };

static void go(struct mock_play *p);

static void on_timer(struct timer *t)
{
    go(container_of(t, struct mock_play, timer));
}

static enum outcome wait_until(struct mock_play *p, usec due_us)
{
    loop_alarm_at(p->loop, &p->timer, (due_us + 999) / 1000, on_timer);
    return WAITS;
}

void mock_play_stop(struct mock_play *p, enum mock_ended how)
{
    loop_alarm_stop(p->loop, &p->timer);
    buf_done(&p->body);
    buf_done(&p->rest);
    p->entry->status = p->call->status;
    p->entry->events = p->events;
    p->entry->sent_bytes = p->call->sent_bytes;
    mock_log_end(p->log, p->entry, how, loop_clock(p->loop));
    p->entry = NULL;
}

static bool is_due_at(const struct mock_play *p, uint64_t events, uint64_t bytes)
{
    const struct mock_fault *f = &p->rule->fault;

    return f->end != MOCK_END_NONE && !p->has_stalled &&
           (f->before_head || events >= f->after_events || bytes >= f->after_bytes);
}

static void note_first(struct mock_play *p)
{
    struct mock_entry *e = p->entry;

    if (!e->first_us) e->first_us = p->loop->now_us - e->started_us;
    if (!p->cost) return;
    e->prompt_tokens = p->cost->prompt_tokens;
    // A whole answer was thought up before its first byte; a stream is while it goes out.
    if (!p->say) e->completion_tokens = p->cost->completion_tokens;
}

static void send_head(struct mock_play *p, str body, bool is_last)
{
    struct iovec piece = stream_piece(body);

    note_first(p);
    server_call_respond(p->call, &p->head, &piece, body.len ? 1 : 0, is_last);
}

// Sends a part of the body, behind the head if that is still to go. The last one ends the play.
static void send(struct mock_play *p, str bytes, bool is_last)
{
    struct iovec piece = stream_piece(bytes);
    bool has_trailers = is_last && p->trailers.len;

    p->body_bytes += bytes.len;
    if (!p->call->status) {
        send_head(p, bytes, is_last && !has_trailers);
    } else {
        server_call_write(p->call, &piece, bytes.len ? 1 : 0, is_last && !has_trailers);
    }
    if (has_trailers) server_call_finish(p->call, p->trailers);
    if (is_last) mock_play_stop(p, p->has_failed ? MOCK_ENDED_FAULT : MOCK_ENDED_COMPLETE);
}

static str end_name(enum mock_end end)
{
    static const str names[] = {
        [MOCK_END_NONE] = STR_INIT(""),       [MOCK_END_CLEAN] = STR_INIT("clean"),
        [MOCK_END_CLOSE] = STR_INIT("close"), [MOCK_END_TORN] = STR_INIT("torn"),
        [MOCK_END_RESET] = STR_INIT("reset"), [MOCK_END_STALL] = STR_INIT("stall"),
    };

    return names[end];
}

static enum outcome stall(struct mock_play *p)
{
    uint64_t wait_us = p->rule->fault.stall_us;

    p->has_stalled = true;
    p->entry->events = p->events;
    if (!wait_us) return WAITS; // until the client has had enough
    p->due_us = p->loop->now_us + (usec)wait_us;
    return wait_until(p, p->due_us);
}

// The beginning of a chunk, or of a message of gRPC.
static void tear(struct mock_play *p)
{
    str broken = p->endpoint ? p->endpoint->dialect->broken_event : STR("");
    struct iovec torn[] = {stream_piece(STR("400\r\n")),
                           stream_piece(str_sub(broken, 0, broken.len - 4))};

    if (p->grpc && p->say) {
        server_call_write(p->call, torn + 1, 1, false);
    } else if (p->call->is_chunked && broken.len) {
        server_call_write_raw(p->call, torn, 2);
    }
}

static enum outcome fail(struct mock_play *p)
{
    struct server_call *call = p->call;
    const struct mock_fault *f = &p->rule->fault;
    enum mock_end end = f->end;

    p->entry->fault = end_name(end);
    if (!f->before_head && !call->status) send_head(p, STR(""), false);
    if (end == MOCK_END_STALL) return stall(p);
    if (end == MOCK_END_TORN) tear(p);
    mock_play_stop(p, MOCK_ENDED_FAULT);
    if (end == MOCK_END_RESET) {
        server_call_abort(call);
    } else if (end == MOCK_END_CLEAN && call->status && p->trailers.len) {
        server_call_finish(call, p->trailers);
    } else if (end == MOCK_END_CLEAN && call->status) {
        server_call_write(call, NULL, 0, true);
    } else {
        server_call_end_early(call);
    }
    return WAITS;
}

// What is left behind the last event.
static enum outcome finish(struct mock_play *p)
{
    struct server_call *call = p->call;

    if (p->rule->fault.longer_length && p->head.has_length) {
        p->entry->fault = STR("longer_length");
        if (!call->status) send_head(p, STR(""), false);
        mock_play_stop(p, MOCK_ENDED_FAULT);
        server_call_end_early(call);
        return WAITS;
    }
    send(p, STR(""), true);
    return WAITS;
}

// A comment before the event, CRLF at the ends of its lines, and the event itself if it is well.
static err shape(struct mock_play *p, struct buf *out, str event)
{
    const struct mock_fault *f = &p->rule->fault;

    if (p->say && f->has_comments && !p->grpc) TRY(buf_append(out, STR(": keep-alive\n\n")));
    if (p->say && f->malformed_event == p->events + 1)
        return buf_append(out, p->endpoint->dialect->broken_event);
    if (!p->say || !f->has_crlf || p->grpc) return buf_append(out, event);
    while (event.len) {
        TRY(buf_append(out, str_cut(&event, '\n')));
        TRY(buf_append(out, STR("\r\n")));
    }
    return OK;
}

static bool is_plain(const struct mock_play *p)
{
    const struct mock_fault *f = &p->rule->fault;

    return !f->has_comments && !f->has_crlf && !f->malformed_event && !f->duplicate_event &&
           !f->split && !f->longer_length;
}

static bool is_over(const struct mock_play *p)
{
    return p->say ? p->say->at.is_end : p->is_body_sent;
}

// The event goes out whole. One that is broken reports nothing, but what it says was thought up.
static void bill_event(struct mock_play *p)
{
    bool is_broken = p->rule->fault.malformed_event == ++p->events;
    struct mock_entry *e = p->entry;

    if (!p->cost) return;
    if (is_broken && p->say) p->say->at.has_usage = false;
    e->has_usage |= p->say ? p->say->at.has_usage : !is_broken;
    if (p->say) e->completion_tokens = p->say->at.said;
    if (e->has_usage) e->completion_tokens = p->cost->completion_tokens;
}

// The event is out: the next one is due after a gap.
static void count_event(struct mock_play *p)
{
    bill_event(p);
    if (!p->say || !p->say->at.is_paced) return;
    p->due_us += mock_pace_next(&p->rule->timing.gap, &p->random, (size_t)p->gaps++);
}

static size_t allowed(const struct mock_play *p, size_t len)
{
    const struct mock_fault *f = &p->rule->fault;
    uint64_t room = f->end && !p->has_stalled && f->after_bytes != MOCK_RULE_NEVER
                        ? f->after_bytes - p->body_bytes
                        : UINT64_MAX;

    return len > room ? (size_t)room : len;
}

static enum outcome send_event(struct mock_play *p, str event)
{
    size_t len = allowed(p, event.len);
    bool is_whole = len == event.len;
    bool is_last =
        is_whole && is_over(p) && !is_due_at(p, p->events + 1, p->body_bytes + event.len);

    if (is_last) bill_event(p);
    send(p, str_sub(event, 0, len), is_last);
    if (is_last) return WAITS;
    if (is_whole) {
        count_event(p);
    } else {
        // A fault is due now; behind a stall the rest goes on. An event is far below the maximum.
        (void)buf_append(&p->rest, str_sub(event, len, event.len));
    }
    return GOES_ON;
}

// One part of an event that goes out in parts.
static enum outcome send_part(struct mock_play *p)
{
    const struct mock_fault *f = &p->rule->fault;
    str rest = buf_view(&p->rest);
    size_t len = f->split && f->split < rest.len ? f->split : rest.len;

    len = allowed(p, len);
    send(p, str_sub(rest, 0, len), false);
    buf_consume(&p->rest, len);
    if (!buf_len(&p->rest)) count_event(p);
    if (!f->drip_us) return GOES_ON;
    return wait_until(p, p->loop->now_us + (usec)f->drip_us);
}

// To `*event`; of gRPC an error is no event, but what ends the call.
static err write_event(struct mock_play *p, str *event)
{
    bool is_error = p->rule->fault.error_event == p->events + 1;

    buf_clear(p->scratch);
    if (is_error) {
        p->say->at.is_end = true;
        p->has_failed = true;
        p->entry->fault = STR("error_event");
        if (p->grpc) p->trailers = p->endpoint->dialect->failed_trailers;
        if (!p->grpc) TRY(p->endpoint->fail(p->say, p->scratch));
    } else {
        TRY(p->endpoint->next(p->say, p->scratch));
    }
    *event = buf_view(p->scratch);
    if (!p->grpc || is_error) return OK;
    buf_clear(&p->body);
    TRY(mock_grpc_write(p->grpc, *event, &p->body));
    *event = buf_view(&p->body);
    return OK;
}

static enum outcome next_event(struct mock_play *p)
{
    str event = buf_view(&p->body);

    if (is_over(p)) return finish(p);
    if (p->say) {
        if (write_event(p, &event)) return finish(p);
    } else {
        p->is_body_sent = true;
    }
    if (is_plain(p)) return send_event(p, event);
    bool is_twice = p->say && p->rule->fault.duplicate_event == p->events + 1;
    for (int i = 0; i < 1 + is_twice; i++) {
        // An event is far below the maximum.
        (void)shape(p, &p->rest, event);
    }
    return GOES_ON;
}

// Waits for what is due next: the event, or before it a head that comes alone.
static enum outcome wait(struct mock_play *p)
{
    if (!p->say || !p->rule->timing.has_head || p->call->status) return wait_until(p, p->due_us);
    if (p->loop->now_us < p->head_us) return wait_until(p, p->head_us);
    send_head(p, STR(""), false);
    return GOES_ON;
}

static enum outcome step(struct mock_play *p)
{
    bool is_early = p->loop->now_us < p->due_us;

    if (p->rule->fault.before_head && is_early) return wait_until(p, p->due_us);
    if (is_due_at(p, p->events, p->body_bytes)) return fail(p);
    if (buf_len(&p->rest)) return send_part(p);
    return is_early ? wait(p) : next_event(p);
}

static void go(struct mock_play *p)
{
    for (int i = 0; i < BURST_MAX; i++) {
        if (p->call->status && server_call_is_congested(p->call)) {
            p->is_waiting = true;
            return;
        }
        if (step(p) == WAITS) return;
    }
    // Others have their turn.
    loop_alarm(p->loop, &p->timer, 0, on_timer);
}

void mock_play_drained(struct mock_play *p)
{
    if (!p->is_waiting) return;
    p->is_waiting = false;
    go(p);
}

static void send_interim(struct mock_play *p)
{
    if (p->rule->fault.has_continue) server_call_inform(p->call, 100, STR(""));
    if (p->rule->fault.has_early_hints)
        server_call_inform(p->call, 103, STR("link: </style.css>; rel=preload\r\n"));
}

// An answer that is no stream is its only event: broken, it lacks its second half.
static void break_body(struct mock_play *p)
{
    str body = buf_view(&p->body);
    struct buf half;

    buf_init(&half, p->body.max);
    (void)buf_append(&half, str_sub(body, 0, body.len / 2)); // less than there was
    buf_done(&p->body);
    p->body = half;
    p->head.length = buf_len(&half);
}

void mock_play_start(struct mock_play *p)
{
    const struct mock_rule *r = p->rule;

    if (!p->say && r->fault.malformed_event == 1) break_body(p);
    p->entry->body_us = p->loop->now_us - p->entry->started_us;
    p->due_us = p->loop->now_us + mock_pace_next(&r->timing.ttft, &p->random, 0);
    p->head_us = p->loop->now_us + mock_pace_next(&r->timing.head, &p->random, 0);
    if (p->head_us > p->due_us) p->head_us = p->due_us;
    if (r->fault.end == MOCK_END_CLEAN) p->head.has_length = false; // it would tell
    p->head.length += r->fault.longer_length;
    if (r->fault.has_close_idle)
        server_call_limit_idle(p->call, (msec)(r->fault.close_idle_us / 1000));
    buf_init(&p->rest, REST_MAX);
    send_interim(p);
    go(p);
}
