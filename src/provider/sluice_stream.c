#include "provider/sluice_stream.h"

#include "codec/grpc_frame.h"
#include "codec/protobuf_write.h"
#include "codec/utf8.h"
#include "provider/sluice_answer.h"
#include "provider/sluice_fields.h"

enum { INDEX_MAX = 63 }; // of a choice that is told from others

// One event: the last of its kinds, as of any oneof. Number 0: none that is known.
static err find_kind(str data, struct protobuf_field *out)
{
    struct protobuf_field kind = {.number = 0};
    struct protobuf_reader p;
    struct protobuf_field f;
    err e = OK;

    protobuf_reader_init(&p, data);
    while (!(e = protobuf_next(&p, &f))) {
        if (f.number <= SLUICE_EVENT_USAGE && f.wire == PROTOBUF_BYTES) kind = f;
    }
    *out = kind;
    return e == ERR_EOF ? OK : ERR_SYNTAX;
}

static uint64_t bit_of(uint64_t index)
{
    return UINT64_C(1) << (index < INDEX_MAX ? index : INDEX_MAX);
}

static err take_delta(struct answer_stream *s, str message)
{
    struct answer_delta *d = &s->delta;
    struct protobuf_field kind = {.number = 0};
    struct protobuf_reader p;
    struct protobuf_field f;
    uint64_t choice = 0;
    err e = OK;

    protobuf_reader_init(&p, message);
    while (!(e = protobuf_next(&p, &f))) {
        if (f.number == SLUICE_DELTA_CHOICE) choice = f.value;
        if (f.number >= SLUICE_DELTA_TEXT && f.number <= SLUICE_DELTA_REFUSAL) kind = f;
        if (f.number > SLUICE_DELTA_REFUSAL) d->has_other = true; // log probabilities
    }
    if (e != ERR_EOF || (kind.number && kind.wire != PROTOBUF_BYTES)) return ERR_SYNTAX;
    bool is_text = kind.number == SLUICE_DELTA_TEXT && !choice;
    bool is_empty = kind.number != SLUICE_DELTA_TOOL_CALL && !kind.bytes.len;
    if (is_text && !utf8_is_valid(kind.bytes)) return ERR_SYNTAX;
    if (is_text) {
        d->content = kind.bytes;
        d->is_plain = true;
    } else if (kind.number && !is_empty) {
        d->has_reasoning =
            kind.number >= SLUICE_DELTA_REASONING && kind.number <= SLUICE_DELTA_REDACTED;
        d->has_other |= !d->has_reasoning || choice;
    }
    s->choices_seen |= bit_of(choice);
    s->parts += !is_empty;
    s->has_content |= !is_empty;
    return OK;
}

static err take_finish(struct answer_stream *s, str message)
{
    struct protobuf_reader p;
    struct protobuf_field f;
    uint64_t choice = 0;
    err e = OK;

    protobuf_reader_init(&p, message);
    while (!(e = protobuf_next(&p, &f))) {
        if (f.number == SLUICE_END_CHOICE) choice = f.value;
    }
    if (e != ERR_EOF) return ERR_SYNTAX;
    s->choices_seen |= bit_of(choice);
    s->choices_finished |= bit_of(choice);
    s->delta.is_finish = s->has_content = true;
    s->delta.has_other |= choice != 0;
    return OK;
}

static bool has_finished(const struct answer_stream *s)
{
    uint64_t count = (uint64_t)__builtin_popcountll(s->choices_finished);
    uint64_t expected = s->choices_expected < INDEX_MAX ? s->choices_expected : INDEX_MAX;

    return count && count >= expected && !(s->choices_seen & ~s->choices_finished);
}

err sluice_stream_event(struct answer_stream *s, str data)
{
    struct answer_stream next = *s;
    struct protobuf_field kind;

    next.delta = (struct answer_delta){.content = {.ptr = NULL}};
    TRY(find_kind(data, &kind));
    switch (kind.number) {
    case SLUICE_EVENT_DELTA: TRY(take_delta(&next, kind.bytes)); break;
    case SLUICE_EVENT_FINISH: TRY(take_finish(&next, kind.bytes)); break;
    case SLUICE_EVENT_USAGE:
        TRY(sluice_answer_read_usage(kind.bytes, &next.usage));
        next.delta.is_usage_only = true;
        break;
    default: break; // a start, or an event of a newer schema
    }
    next.is_finished = has_finished(&next);
    *s = next;
    return OK;
}

bool sluice_stream_is_complete(const struct answer_stream *s)
{
    return s->is_done && s->is_finished;
}

// --- With another text ---

static void put_fields(struct protobuf_writer *w, str message, uint32_t number, str text)
{
    struct protobuf_reader p;
    struct protobuf_field f;

    protobuf_reader_init(&p, message);
    while (!protobuf_next(&p, &f)) {
        if (f.number != number) protobuf_write_raw(w, f.whole);
    }
    protobuf_write_bytes(w, number, text);
}

err sluice_stream_splice(struct buf *out, str data, str text)
{
    static const char room[GRPC_FRAME_PREFIX_BYTES] = {0};
    struct protobuf_writer w;
    struct protobuf_field kind;

    TRY(find_kind(data, &kind));
    TRY(buf_append(out, (str){.ptr = room, .len = sizeof(room)}));
    size_t start = buf_len(out);
    protobuf_write_init(&w, out);
    size_t mark = protobuf_write_open(&w, SLUICE_EVENT_DELTA);
    put_fields(&w, kind.bytes, SLUICE_DELTA_TEXT, text);
    protobuf_write_close(&w, mark);
    TRY(w.error);
    return grpc_frame_write_prefix(out->bytes + out->start + start - GRPC_FRAME_PREFIX_BYTES,
                                   buf_len(out) - start, false);
}

struct token_usage sluice_stream_usage(str body)
{
    struct token_usage usage = {.is_known = false};
    struct protobuf_reader p;
    struct protobuf_field f;

    protobuf_reader_init(&p, body);
    while (!protobuf_next(&p, &f)) {
        if (f.number != SLUICE_RESPONSE_USAGE || f.wire != PROTOBUF_BYTES) continue;
        // What can't be read is no usage.
        (void)sluice_answer_read_usage(f.bytes, &usage);
    }
    return usage;
}
