// Design: what passes is a range of the bytes that came, as long as nothing is left out or changed;
// the first event that is copies what stands before it to `out`, which is then what goes on.
#include "gateway/relay.h"

#include "codec/json.h"
#include "codec/json_write.h"
#include "gateway/event_framing.h"
#include "provider/sluice_stream.h"

enum verdict { PASSES, DROPPED, SPLICED };

enum { ARENA_CHUNK = 2048 };

void relay_init(struct relay *r, enum answer_kind kind, size_t event_bytes_max,
                struct transcript *t, enum relay_manner manner)
{
    *r = (struct relay){.stream = {.kind = kind},
                        .event_bytes_max = event_bytes_max,
                        .transcript = t,
                        .manner = manner};
    // Behind a held part a whole piece may come.
    buf_init(&r->hold, event_bytes_max + 64 * 1024);
    buf_init(&r->join, event_bytes_max);
    buf_init(&r->out, 2 * event_bytes_max + 128 * 1024);
    buf_init(&r->splice, event_bytes_max + 1024);
    buf_init(&r->told, event_bytes_max);
    arena_init(&r->arena, ARENA_CHUNK);
}

void relay_done(struct relay *r)
{
    buf_done(&r->hold);
    buf_done(&r->join);
    buf_done(&r->out);
    buf_done(&r->splice);
    buf_done(&r->told);
    arena_reset(&r->arena);
}

// Whether the client has blocks as an upstream wrote them.
static bool has_blocks(const struct relay *r)
{
    return r->stream.kind == ANSWER_ANTHROPIC && !r->is_translated;
}

static enum event_framing framing_of(const struct relay *r)
{
    return r->stream.kind == ANSWER_SLUICE ? EVENT_FRAMING_GRPC : EVENT_FRAMING_SSE;
}

// The event again, as one line, with `text` in the place of its own. Several data lines were joined
// by line feeds, which are white space to JSON.
static err splice_content(struct relay *r, str data, str text)
{
    struct buf quoted;

    buf_init(&quoted, 6 * text.len + 2);
    err e = json_write_quoted(&quoted, text);
    str raw = str_sub(buf_view(&quoted), 1, buf_len(&quoted) - 2);
    if (!e) e = buf_append(&r->splice, STR("data: "));
    if (!e) e = openai_splice_content(&r->splice, data, r->stream.delta.content, raw);
    buf_done(&quoted);
    TRY(e);
    for (size_t i = r->splice.start; i < r->splice.end; i++) {
        if (r->splice.bytes[i] == '\n') r->splice.bytes[i] = ' ';
    }
    return OK;
}

// A text may have come with the start of its block, which the client has.
static err write_delta(struct relay *r, str text)
{
    TRY(buf_append(&r->splice, STR("event: content_block_delta\n"
                                   "data: {\"type\":\"content_block_delta\",\"index\":")));
    TRY(buf_append_u64(&r->splice, r->stream.text_block - 1));
    TRY(buf_append(&r->splice, STR(",\"delta\":{\"type\":\"text_delta\",\"text\":")));
    TRY(json_write_quoted(&r->splice, text));
    return buf_append(&r->splice, STR("}}"));
}

static err splice(struct relay *r, str data, str text)
{
    bool is_delta = r->stream.kind == ANSWER_ANTHROPIC;

    buf_clear(&r->splice);
    if (r->stream.kind == ANSWER_SLUICE) return sluice_stream_splice(&r->splice, data, text);
    TRY(is_delta ? write_delta(r, text) : splice_content(r, data, text));
    return buf_append(&r->splice, STR("\n\n"));
}

// A prefill goes without the white space at its end; a continuation that brings it brings it twice.
static str skip_repeated_space(const struct relay *r, str text)
{
    str all = buf_view(&r->transcript->text);
    size_t space = 0;

    while (space < all.len && all.ptr[all.len - 1 - space] <= ' ') {
        space++;
    }
    str tail = str_sub(all, all.len - space, space);
    while (tail.len && !str_starts(text, tail)) {
        tail = str_sub(tail, 1, tail.len);
    }
    return str_sub(text, tail.len, text.len);
}

// The text of an event, all of which may be new: what of it is, or how it fails.
static err find_new(struct relay *r, str text, str *fresh)
{
    size_t left = buf_len(&r->transcript->text) - r->matched;

    if (r->manner == RELAY_CONTINUE) {
        *fresh = skip_repeated_space(r, text);
        return OK;
    }
    size_t same = transcript_match(r->transcript, r->matched, text);
    if (same < text.len && same < left) return ERR_TYPE;
    r->matched += same;
    *fresh = str_sub(text, same, text.len);
    return OK;
}

// The end of the one block that the client has, where a stream goes on without telling it.
static err close_block(struct relay *r, str bytes)
{
    buf_clear(&r->splice);
    r->transcript->is_ended = true;
    TRY(buf_append(&r->splice, STR("event: content_block_stop\n"
                                   "data: {\"type\":\"content_block_stop\",\"index\":0}\n\n")));
    return buf_append(&r->splice, bytes);
}

// An event that brings nothing of an answer, but perhaps its start or its counts.
static bool is_receipt(const struct relay *r)
{
    const struct answer_delta *d = &r->stream.delta;

    return !d->content.len && !d->has_reasoning && !d->has_other && !d->is_finish &&
           !r->stream.is_done;
}

// Whether an event ends the text that the client has, or stands behind it.
static bool is_behind(const struct relay *r)
{
    const struct answer_delta *d = &r->stream.delta;

    return d->has_other || d->is_finish || (has_blocks(r) && (d->ends_text || d->begins_block));
}

// Whether an event would put a block where the client has one.
static bool is_misplaced(const struct relay *r)
{
    const struct answer_delta *d = &r->stream.delta;

    return has_blocks(r) && (r->stream.text_block > 1 || (d->has_other && !r->stream.text_block));
}

// The first event that passes of a stream that finishes another one's answer: how. `text` is its
// own, `fresh` what is new of it.
static err join(struct relay *r, str bytes, str data, str text, str fresh, enum verdict *v)
{
    const struct answer_delta *d = &r->stream.delta;
    struct transcript *t = r->transcript;

    r->manner = RELAY_FIRST;
    *v = SPLICED;
    if (fresh.len < text.len || (fresh.len && has_blocks(r))) {
        // What was spliced is noted here, for the event itself holds more.
        t->has_finish |= d->is_finish;
        t->has_other |= d->has_other;
        TRY(splice(r, data, fresh));
        return buf_append(&t->text, fresh);
    }
    if (has_blocks(r) && !d->ends_text && !t->is_ended) {
        t->has_finish |= d->is_finish;
        t->has_other |= d->has_other || d->begins_block;
        return close_block(r, bytes);
    }
    *v = has_blocks(r) && d->ends_text && t->is_ended ? DROPPED : PASSES;
    return OK;
}

// An event of a stream that finishes another one's answer, before it has brought anything new.
static err take_repeated(struct relay *r, str bytes, str data, enum verdict *v)
{
    const struct answer_delta *d = &r->stream.delta;
    str text = STR("");
    str fresh = STR("");

    *v = r->is_translated && is_receipt(r) ? PASSES : DROPPED;
    if (d->content.len) {
        text = d->is_plain ? d->content : json_decode(d->content, &r->arena);
        TRY(find_new(r, text, &fresh));
    }
    if (is_misplaced(r) || (fresh.len && r->transcript->is_ended)) return ERR_TYPE;
    bool is_told = r->manner == RELAY_CONTINUE || r->matched == buf_len(&r->transcript->text);
    if (is_behind(r) && !is_told) return ERR_TYPE; // it ends, or does something else, too soon
    if (!fresh.len && !is_behind(r)) return OK;    // its role, or what was said before
    return join(r, bytes, data, text, fresh, v);
}

static err take_event(struct relay *r, str bytes, enum verdict *v)
{
    const struct answer_delta *d = &r->stream.delta;
    struct sse_event event;

    *v = PASSES;
    TRY(event_framing_parse(framing_of(r), bytes, &r->join, &event));
    if (!event.has_data) {
        if (r->manner != RELAY_FIRST) *v = DROPPED;
        return OK;
    }
    if (!event.data.len && r->stream.kind == ANSWER_SLUICE) { // which would stand for the end
        *v = DROPPED;
        return OK;
    }
    err e = answer_stream_event(&r->stream, event.data);
    if (e && r->manner == RELAY_FIRST && answer_stream_is_complete(&r->stream)) {
        *v = DROPPED; // the answer is whole without it
        return OK;
    }
    TRY(e);
    if (str_eq(event.data, STR("[DONE]"))) {
        if (r->manner != RELAY_FIRST) *v = DROPPED;
        return OK;
    }
    if (d->is_error) {
        r->failure = failure_of_event(event.data);
        // One that does not fit is told in our own words.
        if (buf_append(&r->told, bytes)) buf_clear(&r->told);
        return ERR_REFUSED;
    }
    r->tokens = r->stream.parts;
    if (d->is_usage_only && r->hides_usage) {
        *v = DROPPED;
        return OK;
    }
    if (r->manner != RELAY_FIRST) {
        e = take_repeated(r, bytes, event.data, v);
        if (e || *v != PASSES) return e;
    }
    transcript_note(r->transcript, d, has_blocks(r), &r->arena);
    if (r->arena.held > ARENA_CHUNK) arena_reset(&r->arena);
    return OK;
}

// The next event of `bytes` from `at` on: OK with its length, ERR_AGAIN where only a part is there.
static err find_event(struct relay *r, str bytes, size_t at, size_t *len)
{
    str rest = str_sub(bytes, at, bytes.len);

    if (!rest.len) return ERR_AGAIN;
    err e = event_framing_find(framing_of(r), rest, &r->scanned, len);
    if (e == ERR_SYNTAX) return e;
    if (*len > r->event_bytes_max) return ERR_LIMIT;
    if (!e) r->scanned = 0;
    return e;
}

// The whole events at the front of `bytes`, of which `*whole` are taken: what of them goes on.
static err take_events(struct relay *r, str bytes, size_t *whole, str *forward)
{
    bool is_composed = false;
    size_t from = 0; // what passes and is not in `out` yet begins here
    size_t len = 0;
    err e = OK;

    *whole = 0;
    buf_clear(&r->out);
    for (;;) {
        enum verdict v = PASSES;
        e = find_event(r, bytes, *whole, &len);
        if (!e) e = take_event(r, str_sub(bytes, *whole, len), &v);
        if (e) break;
        if (v != PASSES) {
            e = buf_append(&r->out, str_sub(bytes, from, *whole - from));
            if (!e && v == SPLICED) e = buf_append(&r->out, buf_view(&r->splice));
            if (e) break;
            is_composed = true;
            from = *whole + len;
        }
        *whole += len;
    }
    if (e == ERR_AGAIN) e = OK;
    if (is_composed && buf_append(&r->out, str_sub(bytes, from, *whole - from))) return ERR_LIMIT;
    *forward = is_composed ? buf_view(&r->out) : str_sub(bytes, 0, *whole);
    return e;
}

err relay_take(struct relay *r, str piece, str *forward)
{
    size_t whole = 0;

    buf_consume(&r->hold, r->ready);
    r->ready = 0;
    *forward = STR("");
    if (buf_len(&r->hold) == 0) {
        if (r->hold.bytes) buf_done(&r->hold);
        TRY(take_events(r, piece, &whole, forward));
        return buf_append(&r->hold, str_sub(piece, whole, piece.len));
    }
    TRY(buf_append(&r->hold, piece));
    err e = take_events(r, buf_view(&r->hold), &whole, forward);
    r->ready = whole;
    return e;
}

// A last event may lack its blank line; it counts if it can be read, else it is dropped.
static err end_event(struct relay *r, str *tail)
{
    str held = STR("");
    enum verdict v = DROPPED;

    buf_consume(&r->hold, r->ready);
    r->ready = 0;
    buf_clear(&r->out);
    held = buf_view(&r->hold);
    if (held.len && r->stream.kind == ANSWER_SLUICE) return ERR_CLOSED; // within a message
    // A lone LF is the rest of the CRLF that ended the last event.
    if (!held.len || str_eq(held, STR("\n"))) {
        *tail = held;
        return OK;
    }
    err e = take_event(r, held, &v);
    if (e == ERR_REFUSED || e == ERR_TYPE) return e;
    if (e || v == DROPPED) return OK;
    TRY(buf_append(&r->out, v == SPLICED ? buf_view(&r->splice) : held));
    if (v == PASSES) TRY(buf_append(&r->out, STR("\n\n")));
    *tail = buf_view(&r->out);
    return OK;
}

// What stands behind the finish of a stream.
static str end_mark(enum answer_kind kind)
{
    switch (kind) {
    case ANSWER_OPENAI_CHAT: return STR("data: [DONE]\n\n");
    case ANSWER_ANTHROPIC: return STR("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    case ANSWER_SLUICE: return STR("\0\0\0\0\0"); // an empty message: a stream has none of its own
    case ANSWER_OPENAI_RESPONSES: break;
    }
    return STR("");
}

err relay_end(struct relay *r, str *tail)
{
    *tail = STR("");
    TRY(end_event(r, tail));
    if (!answer_stream_is_complete(&r->stream)) return ERR_CLOSED;
    if (r->manner != RELAY_FIRST) return ERR_TYPE; // all of it, and not what was delivered
    if (r->stream.kind != ANSWER_SLUICE && (r->stream.is_done || r->stream.has_failed)) return OK;
    if (!buf_len(&r->out)) TRY(buf_append(&r->out, *tail));
    TRY(buf_append(&r->out, end_mark(r->stream.kind)));
    *tail = buf_view(&r->out);
    return OK;
}
