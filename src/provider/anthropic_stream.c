// The events of a stream that passes as it is (anthropic.h).

#include "provider/anthropic.h"
#include "provider/anthropic_usage.h"
#include "provider/members.h"

enum event_type { START, BLOCK_START, BLOCK_DELTA, BLOCK_STOP, DELTA, STOP, PING, ERROR, OTHER };

static const str event_types[OTHER] = {
    [START] = STR_INIT("message_start"),
    [BLOCK_START] = STR_INIT("content_block_start"),
    [BLOCK_DELTA] = STR_INIT("content_block_delta"),
    [BLOCK_STOP] = STR_INIT("content_block_stop"),
    [DELTA] = STR_INIT("message_delta"),
    [STOP] = STR_INIT("message_stop"),
    [PING] = STR_INIT("ping"),
    [ERROR] = STR_INIT("error"),
};

// What a delta or a block is made of: its members of interest, by the names below.
enum {
    PART_TYPE,
    PART_TEXT,
    PART_THINKING,
    PART_SIGNATURE,
    PART_JSON,
    PART_CITATION,
    PART_STOP_REASON,
    PART_COUNT
};

static const str part_names[PART_COUNT] = {
    [PART_TYPE] = STR_INIT("type"),
    [PART_TEXT] = STR_INIT("text"),
    [PART_THINKING] = STR_INIT("thinking"),
    [PART_SIGNATURE] = STR_INIT("signature"),
    [PART_JSON] = STR_INIT("partial_json"),
    [PART_CITATION] = STR_INIT("citation"),
    [PART_STOP_REASON] = STR_INIT("stop_reason"),
};

// An event being taken.
struct event {
    enum event_type type;
    bool has_error;
    bool has_part;
    uint64_t index;
    struct json_value part[PART_COUNT]; // of its delta or its content_block
    struct token_usage usage;
};

// An empty string is none.
static str text_of(struct json_value v)
{
    return v.kind == JSON_STRING ? json_raw(v) : (str){.ptr = NULL};
}

static err read_part(struct json_reader *r, struct event *t)
{
    struct members m = MEMBERS(part_names, t->part);
    struct json_value v;
    err e = members_read(r, &m);

    t->has_part |= !e;
    return e == ERR_TYPE ? json_value(r, &v) : e;
}

// The message that a stream starts with.
static err read_message(struct json_reader *r, struct event *t)
{
    enum json_kind kind;
    struct json_value v;
    str key;
    err e = OK;

    TRY(json_peek(r, &kind));
    if (kind != JSON_OBJECT) return json_value(r, &v);
    TRY(json_enter(r));
    while (!(e = json_member(r, &key))) {
        if (json_string_is(key, STR("usage"))) {
            TRY(anthropic_usage_read(r, &t->usage));
        } else {
            TRY(json_value(r, &v));
        }
    }
    return e == ERR_EOF ? OK : e;
}

static err read_members(struct json_reader *r, struct event *t)
{
    enum { TYPE, INDEX, THE_DELTA, BLOCK, MESSAGE, USAGE, THE_ERROR, COUNT };
    static const str names[COUNT] = {
        STR_INIT("type"),    STR_INIT("index"), STR_INIT("delta"), STR_INIT("content_block"),
        STR_INIT("message"), STR_INIT("usage"), STR_INIT("error")};
    struct json_value v;
    str key;
    err e = OK;

    while (!(e = json_member(r, &key))) {
        switch (members_find(names, COUNT, key)) {
        case THE_DELTA:
        case BLOCK: TRY(read_part(r, t)); continue;
        case MESSAGE: TRY(read_message(r, t)); continue;
        case USAGE: TRY(anthropic_usage_read(r, &t->usage)); continue;
        case TYPE:
            TRY(json_value(r, &v));
            if (v.kind == JSON_STRING)
                t->type = (enum event_type)members_find(event_types, OTHER, json_raw(v));
            continue;
        case INDEX:
            TRY(json_value(r, &v));
            // One without is a single text's, as far as one can tell.
            (void)json_to_u64(v, UINT64_MAX - 1, &t->index);
            continue;
        case THE_ERROR:
            TRY(json_value(r, &v));
            t->has_error |= v.kind == JSON_OBJECT;
            continue;
        default: TRY(json_value(r, &v));
        }
    }
    return e == ERR_EOF ? OK : e;
}

// A text, at the start of its block or behind it.
static void take_text(struct answer_stream *s, const struct event *t)
{
    str text = text_of(t->part[PART_TEXT]);

    if (!s->text_block) s->text_block = t->index + 1;
    if (s->text_block != t->index + 1) {
        s->delta.has_other |= text.len != 0;
    } else if (text.len || t->type == BLOCK_DELTA) {
        s->delta.content = text;
    }
}

static void take_block(struct answer_stream *s, const struct event *t)
{
    enum { TEXT, THINKING, REDACTED, COUNT };
    static const str types[COUNT] = {STR_INIT("text"), STR_INIT("thinking"),
                                     STR_INIT("redacted_thinking")};

    switch (members_find(types, COUNT, text_of(t->part[PART_TYPE]))) {
    case TEXT: take_text(s, t); break;
    case THINKING: s->delta.has_reasoning = text_of(t->part[PART_THINKING]).len != 0; break;
    case REDACTED: s->delta.has_reasoning = true; break;
    default: s->delta.has_other = true; // a call of a tool has its name here
    }
}

static void take_delta(struct answer_stream *s, const struct event *t)
{
    enum { TEXT, JSON, THINKING, SIGNATURE, COUNT };
    static const str types[COUNT] = {STR_INIT("text_delta"), STR_INIT("input_json_delta"),
                                     STR_INIT("thinking_delta"), STR_INIT("signature_delta")};

    switch (members_find(types, COUNT, text_of(t->part[PART_TYPE]))) {
    case TEXT: take_text(s, t); break;
    case JSON: s->delta.has_other = text_of(t->part[PART_JSON]).len != 0; break;
    case THINKING: s->delta.has_reasoning = text_of(t->part[PART_THINKING]).len != 0; break;
    case SIGNATURE: s->delta.has_reasoning = text_of(t->part[PART_SIGNATURE]).len != 0; break;
    default: s->delta.has_other = true; // a citation
    }
}

static void take(struct answer_stream *s, const struct event *t)
{
    struct answer_delta *d = &s->delta;

    d->begins_block = t->type == BLOCK_START && s->text_block && s->text_block != t->index + 1;
    d->ends_text = t->type == BLOCK_STOP && s->text_block == t->index + 1;
    if (t->type == BLOCK_START && t->has_part) take_block(s, t);
    if (t->type == BLOCK_DELTA && t->has_part) take_delta(s, t);
    d->is_finish = t->type == DELTA && text_of(t->part[PART_STOP_REASON]).len != 0;
    s->is_finished |= d->is_finish;
    s->is_done |= t->type == STOP;
    bool is_part = d->content.len || d->has_reasoning || d->has_other;
    s->parts += is_part;
    s->has_content |= is_part || d->is_finish;
}

err anthropic_stream_event(struct answer_stream *s, str data)
{
    struct event t;
    struct json_reader r;
    enum json_kind kind;

    t.type = OTHER;
    t.has_error = t.has_part = false;
    t.index = 0;
    t.part[PART_STOP_REASON].kind = JSON_NULL;
    t.usage = s->usage;
    json_reader_init(&r, data);
    if (json_peek(&r, &kind) || kind != JSON_OBJECT || json_enter(&r)) return ERR_SYNTAX;
    if (read_members(&r, &t) || json_end(&r)) return ERR_SYNTAX;
    s->usage = t.usage;
    s->delta = (struct answer_delta){0};
    if (t.type == ERROR || t.has_error) {
        s->delta.is_error = s->has_failed = true;
    } else {
        take(s, &t);
    }
    return OK;
}
