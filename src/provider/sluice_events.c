// Design: events number the parts of a choice; the model has tools numbered apart. A writer gives
// each part the next number when it begins: a tool when it is called, anything else when its kind
// or number is not that of the piece before. A reader counts the calls that it sees.
#include "base/list.h"
#include "codec/grpc_frame.h"
#include "provider/sluice.h"
#include "provider/sluice_answer.h"
#include "provider/sluice_fields.h"
#include "provider/sluice_parts.h"

enum {
    TOOLS_MAX = 128,      // of a choice, in a stream
    SCRATCH_BYTES = 1024, // of an event; more than most texts decode to
};

// --- Reading ---

// What is known of a choice, once it says something.
struct read_choice {
    uint32_t tool_parts[TOOLS_MAX]; // the part that each call is
    uint32_t tool_count;
};

struct reader {
    struct chat_reader base;
    struct arena *arena;
    struct read_choice *choices[CHAT_CHOICES_MAX];
};

static struct read_choice *read_choice_of(struct reader *r, uint32_t index)
{
    if (!r->choices[index]) r->choices[index] = arena_new(r->arena, struct read_choice);
    return r->choices[index];
}

static err take_tool_call(struct reader *r, struct sluice_reading *in, str message,
                          struct chat_event *e)
{
    struct read_choice *c = read_choice_of(r, e->choice);
    struct protobuf_reader p;
    struct protobuf_field f;
    err end = OK;

    if (c->tool_count == TOOLS_MAX) return ERR_SYNTAX;
    e->kind = CHAT_EVENT_TOOL_CALL;
    e->tool = c->tool_count++;
    c->tool_parts[e->tool] = e->part;
    protobuf_reader_init(&p, message);
    while (!(end = protobuf_next(&p, &f))) {
        if (f.number == SLUICE_CALL_ID) TRY(sluice_wire_text(in, &f, &e->id));
        if (f.number == SLUICE_CALL_NAME) TRY(sluice_wire_text(in, &f, &e->name));
    }
    return end == ERR_EOF ? OK : ERR_SYNTAX;
}

static err find_tool(struct reader *r, struct chat_event *e)
{
    const struct read_choice *c = read_choice_of(r, e->choice);

    for (uint32_t i = 0; i < c->tool_count; i++) {
        if (c->tool_parts[i] != e->part) continue;
        e->tool = i;
        return OK;
    }
    return ERR_SYNTAX; // more of a call that never began
}

static err take_kind(struct reader *r, struct sluice_reading *in, const struct protobuf_field *f,
                     struct chat_event *e)
{
    static const enum chat_event_kind kinds[] = {
        [SLUICE_DELTA_TEXT] = CHAT_EVENT_TEXT,
        [SLUICE_DELTA_REASONING] = CHAT_EVENT_REASONING,
        [SLUICE_DELTA_SIGNATURE] = CHAT_EVENT_SIGNATURE,
        [SLUICE_DELTA_REDACTED] = CHAT_EVENT_REDACTED,
        [SLUICE_DELTA_ARGUMENTS] = CHAT_EVENT_ARGUMENTS,
        [SLUICE_DELTA_REFUSAL] = CHAT_EVENT_REFUSAL,
    };

    if (f->number == SLUICE_DELTA_TOOL_CALL) return take_tool_call(r, in, f->bytes, e);
    e->kind = kinds[f->number];
    if (e->kind == CHAT_EVENT_ARGUMENTS) TRY(find_tool(r, e));
    return sluice_wire_text(in, f, &e->text);
}

static err take_delta(struct reader *r, struct sluice_reading *in, str message,
                      struct chat_sink *sink)
{
    struct chat_event e = {.kind = CHAT_EVENT_TEXT};
    struct protobuf_field kind = {.number = 0};
    struct protobuf_reader p;
    struct protobuf_field f;
    err end = OK;

    protobuf_reader_init(&p, message);
    while (!(end = protobuf_next(&p, &f))) {
        if (f.number == SLUICE_DELTA_CHOICE) e.choice = (uint32_t)f.value;
        if (f.number == SLUICE_DELTA_PART) e.part = (uint32_t)f.value;
        if (f.number >= SLUICE_DELTA_TEXT && f.number <= SLUICE_DELTA_REFUSAL) kind = f;
    }
    if (end != ERR_EOF || e.choice >= CHAT_CHOICES_MAX) return ERR_SYNTAX;
    if (!kind.number || kind.wire != PROTOBUF_BYTES) return OK; // log probabilities alone, say
    if (take_kind(r, in, &kind, &e)) return ERR_SYNTAX;
    return sink->event(sink, &e);
}

static err take_start(struct sluice_reading *in, str message, struct chat_sink *sink)
{
    struct chat_event e = {.kind = CHAT_EVENT_START};
    struct protobuf_reader p;
    struct protobuf_field f;
    err end = OK;

    protobuf_reader_init(&p, message);
    while (!(end = protobuf_next(&p, &f))) {
        if (f.number == SLUICE_START_ID) TRY(sluice_wire_text(in, &f, &e.id));
        if (f.number == SLUICE_START_MODEL) TRY(sluice_wire_text(in, &f, &e.model));
    }
    return end == ERR_EOF ? sink->event(sink, &e) : ERR_SYNTAX;
}

static err take_finish(struct sluice_reading *in, str message, struct chat_sink *sink)
{
    struct chat_event e = {.kind = CHAT_EVENT_FINISH};
    struct protobuf_reader p;
    struct protobuf_field f;
    err end = OK;

    protobuf_reader_init(&p, message);
    while (!(end = protobuf_next(&p, &f))) {
        if (f.number == SLUICE_END_CHOICE) e.choice = (uint32_t)f.value;
        if (f.number == SLUICE_END_REASON) e.finish = sluice_answer_finish(f.value);
        if (f.number == SLUICE_END_STOP_SEQUENCE) TRY(sluice_wire_text(in, &f, &e.stop_sequence));
    }
    if (end != ERR_EOF || e.choice >= CHAT_CHOICES_MAX) return ERR_SYNTAX;
    if (chat_text_has(e.stop_sequence)) e.finish = CHAT_FINISH_STOP_SEQUENCE;
    return sink->event(sink, &e);
}

// One ChatEvent, without its frame; an empty one is the end, as no event is empty.
static err take(struct chat_reader *base, str data, struct chat_sink *sink)
{
    struct reader *r = container_of(base, struct reader, base);
    struct chat_notes notes = {.dropped_count = 0};
    struct sluice_reading in = {.arena = base->scratch, .notes = &notes};
    struct chat_event usage = {.kind = CHAT_EVENT_USAGE};
    struct protobuf_field last = {.number = 0};
    struct protobuf_reader p;
    struct protobuf_field f;
    err e = OK;

    if (!data.len) return sink->event(sink, &(struct chat_event){.kind = CHAT_EVENT_END});
    protobuf_reader_init(&p, data);
    while (!(e = protobuf_next(&p, &f))) {
        if (f.number <= SLUICE_EVENT_USAGE && f.wire == PROTOBUF_BYTES) last = f;
    }
    if (e != ERR_EOF) return ERR_SYNTAX;
    switch (last.number) {
    case SLUICE_EVENT_START: return take_start(&in, last.bytes, sink);
    case SLUICE_EVENT_DELTA: return take_delta(r, &in, last.bytes, sink);
    case SLUICE_EVENT_FINISH: return take_finish(&in, last.bytes, sink);
    case SLUICE_EVENT_USAGE:
        TRY(sluice_answer_read_usage(last.bytes, &usage.usage));
        return sink->event(sink, &usage);
    default: return OK; // of a newer schema
    }
}

struct chat_reader *sluice_events_reader_new(struct arena *a)
{
    struct reader *r = arena_new(a, struct reader);

    r->base.take = take;
    r->arena = a;
    return &r->base;
}

// --- Writing ---

struct written_choice {
    uint32_t tool_parts[TOOLS_MAX];
    uint32_t part_count;
    uint32_t source_part; // of the newest part, as its reader numbers it
    enum chat_event_kind kind;
};

struct writer {
    struct chat_writer base;
    struct chat_reply reply;
    struct arena *arena;
    struct arena scratch; // of one event
    bool has_started;
    struct written_choice *choices[CHAT_CHOICES_MAX];
};

static struct written_choice *written_choice_of(struct writer *w, uint32_t index)
{
    if (!w->choices[index]) w->choices[index] = arena_new(w->arena, struct written_choice);
    return w->choices[index];
}

static void put_start(struct writer *w, struct protobuf_writer *out, const struct chat_event *e)
{
    size_t mark = protobuf_write_open(out, SLUICE_EVENT_START);
    str id = arena_format(&w->scratch, "chat-%" STR_FMT, STR_ARG(w->reply.id_seed));

    protobuf_write_bytes(out, SLUICE_START_ID, id);
    sluice_parts_write_text(out, SLUICE_START_MODEL,
                            w->reply.model.len ? chat_text_plain(w->reply.model) : e->model,
                            &w->scratch);
    protobuf_write_close(out, mark);
}

// A signature belongs to the thoughts before it.
static bool continues(enum chat_event_kind kind, enum chat_event_kind before)
{
    if (kind == CHAT_EVENT_SIGNATURE) return before == CHAT_EVENT_REASONING;
    return kind == before && kind != CHAT_EVENT_REDACTED;
}

// The number of the part that an event is of.
static uint32_t part_of(struct writer *w, const struct chat_event *e)
{
    struct written_choice *c = written_choice_of(w, e->choice);
    bool is_more = c->part_count && continues(e->kind, c->kind) &&
                   (e->kind == CHAT_EVENT_SIGNATURE || e->part == c->source_part);

    if (e->kind == CHAT_EVENT_ARGUMENTS) return c->tool_parts[e->tool];
    if (e->kind != CHAT_EVENT_TOOL_CALL && is_more) return c->part_count - 1;
    if (e->kind == CHAT_EVENT_TOOL_CALL) c->tool_parts[e->tool] = c->part_count;
    c->kind = e->kind;
    c->source_part = e->part;
    return c->part_count++;
}

static void put_delta(struct writer *w, struct protobuf_writer *out, const struct chat_event *e)
{
    static const uint32_t numbers[] = {
        [CHAT_EVENT_TEXT] = SLUICE_DELTA_TEXT,
        [CHAT_EVENT_REFUSAL] = SLUICE_DELTA_REFUSAL,
        [CHAT_EVENT_REASONING] = SLUICE_DELTA_REASONING,
        [CHAT_EVENT_SIGNATURE] = SLUICE_DELTA_SIGNATURE,
        [CHAT_EVENT_REDACTED] = SLUICE_DELTA_REDACTED,
        [CHAT_EVENT_TOOL_CALL] = SLUICE_DELTA_TOOL_CALL,
        [CHAT_EVENT_ARGUMENTS] = SLUICE_DELTA_ARGUMENTS,
    };
    size_t mark = protobuf_write_open(out, SLUICE_EVENT_DELTA);
    uint32_t part = part_of(w, e);

    if (e->choice) protobuf_write_varint(out, SLUICE_DELTA_CHOICE, e->choice);
    if (part) protobuf_write_varint(out, SLUICE_DELTA_PART, part);
    if (e->kind == CHAT_EVENT_TOOL_CALL) {
        size_t inner = protobuf_write_open(out, SLUICE_DELTA_TOOL_CALL);
        sluice_parts_write_text(out, SLUICE_CALL_ID, e->id, &w->scratch);
        sluice_parts_write_text(out, SLUICE_CALL_NAME, e->name, &w->scratch);
        protobuf_write_close(out, inner);
    } else { // an empty one is data too
        protobuf_write_bytes(out, numbers[e->kind], chat_text_read(e->text, &w->scratch));
    }
    protobuf_write_close(out, mark);
}

static void put_finish(struct writer *w, struct protobuf_writer *out, const struct chat_event *e)
{
    size_t mark = protobuf_write_open(out, SLUICE_EVENT_FINISH);

    if (e->choice) protobuf_write_varint(out, SLUICE_END_CHOICE, e->choice);
    protobuf_write_varint(out, SLUICE_END_REASON, sluice_answer_reason(e->finish));
    sluice_parts_write_text(out, SLUICE_END_STOP_SEQUENCE, e->stop_sequence, &w->scratch);
    protobuf_write_close(out, mark);
}

static void put_event(struct writer *w, struct protobuf_writer *out, const struct chat_event *e)
{
    switch (e->kind) {
    case CHAT_EVENT_START: put_start(w, out, e); break;
    case CHAT_EVENT_FINISH: put_finish(w, out, e); break;
    case CHAT_EVENT_USAGE: sluice_answer_write_usage(out, SLUICE_EVENT_USAGE, &e->usage); break;
    case CHAT_EVENT_END: break;
    default: put_delta(w, out, e); break;
    }
}

// The prefix is kept room for and filled in when the message is whole.
static err put_frame(struct writer *w, const struct chat_event *e, struct buf *out)
{
    static const char room[GRPC_FRAME_PREFIX_BYTES] = {0};
    struct protobuf_writer message;

    TRY(buf_append(out, (str){.ptr = room, .len = sizeof(room)}));
    size_t start = buf_len(out);
    protobuf_write_init(&message, out);
    put_event(w, &message, e);
    TRY(message.error);
    return grpc_frame_write_prefix(out->bytes + out->start + start - GRPC_FRAME_PREFIX_BYTES,
                                   buf_len(out) - start, false);
}

static err put(struct chat_writer *base, const struct chat_event *e, struct buf *out)
{
    struct writer *w = container_of(base, struct writer, base);
    char room[SCRATCH_BYTES];
    bool is_told = e->kind == CHAT_EVENT_END || (e->kind == CHAT_EVENT_START && w->has_started) ||
                   (e->kind == CHAT_EVENT_USAGE && !e->usage.is_known);

    if (is_told) return OK;
    if (e->choice >= CHAT_CHOICES_MAX || e->tool >= TOOLS_MAX) return ERR_LIMIT;
    w->has_started |= e->kind == CHAT_EVENT_START;
    arena_init_in(&w->scratch, room, sizeof(room), SCRATCH_BYTES);
    err failure = put_frame(w, e, out);
    arena_reset(&w->scratch);
    return failure;
}

// How a stream ends is the call's status, which is not written here.
static err fail(struct chat_writer *base, const struct chat_error *e, struct buf *out)
{
    (void)base;
    (void)e;
    (void)out;
    return OK;
}

struct chat_writer *sluice_events_writer_new(struct arena *a, const struct chat_reply *r)
{
    struct writer *w = arena_new(a, struct writer);

    w->base = (struct chat_writer){.put = put, .fail = fail};
    w->reply = *r;
    w->arena = a;
    w->has_started = r->is_resumed;
    return &w->base;
}
