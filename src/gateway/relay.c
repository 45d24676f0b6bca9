#include "gateway/relay.h"

#include "codec/sse.h"

void relay_init(struct relay *r, enum openai_stream_kind kind, size_t event_bytes_max)
{
    *r = (struct relay){.stream = {.kind = kind}, .event_bytes_max = event_bytes_max};
    // Behind a held part a whole piece may come.
    buf_init(&r->hold, event_bytes_max + 64 * 1024);
    buf_init(&r->join, event_bytes_max);
}

void relay_done(struct relay *r)
{
    buf_done(&r->hold);
    buf_done(&r->join);
}

static err take_event(struct relay *r, str bytes)
{
    struct sse_event event;

    TRY(sse_parse_event(bytes, &r->join, &event));
    if (!event.has_data) return OK;
    return openai_stream_event(&r->stream, event.data);
}

// The length of the whole events at the front of `bytes`.
static err take_events(struct relay *r, str bytes, size_t *whole)
{
    size_t len = 0;

    *whole = 0;
    for (;;) {
        str rest = str_sub(bytes, *whole, bytes.len);
        if (!rest.len) return OK;
        bool is_part = sse_find_event(rest, &r->scanned, &len) != OK;
        if ((is_part ? rest.len : len) > r->event_bytes_max) return ERR_LIMIT;
        if (is_part) return OK;
        r->scanned = 0;
        TRY(take_event(r, str_sub(rest, 0, len)));
        *whole += len;
    }
}

err relay_take(struct relay *r, str piece, str *forward)
{
    size_t whole = 0;

    buf_consume(&r->hold, r->ready);
    r->ready = 0;
    if (buf_len(&r->hold) == 0) {
        if (r->hold.bytes) buf_done(&r->hold);
        err e = take_events(r, piece, &whole);
        *forward = str_sub(piece, 0, whole);
        if (e) return e;
        return buf_append(&r->hold, str_sub(piece, whole, piece.len));
    }
    *forward = STR("");
    TRY(buf_append(&r->hold, piece));
    err e = take_events(r, buf_view(&r->hold), &whole);
    *forward = str_sub(buf_view(&r->hold), 0, whole);
    r->ready = whole;
    return e;
}

// A last event may lack its blank line; it counts if it can be read, else it is dropped.
static void end_event(struct relay *r)
{
    buf_consume(&r->hold, r->ready);
    r->ready = 0;
    // A lone LF is the rest of the CRLF that ended the last event.
    if (!buf_len(&r->hold) || str_eq(buf_view(&r->hold), STR("\n"))) return;
    if (take_event(r, buf_view(&r->hold)) || buf_append(&r->hold, STR("\n\n"))) buf_clear(&r->hold);
}

err relay_end(struct relay *r, str *tail)
{
    end_event(r);
    if (!openai_stream_is_complete(&r->stream)) return ERR_CLOSED;
    if (r->stream.kind == OPENAI_STREAM_CHAT && !r->stream.is_done && !r->stream.has_failed)
        TRY(buf_append(&r->hold, STR("data: [DONE]\n\n")));
    *tail = buf_view(&r->hold);
    return OK;
}
