// The stream of an answer, read (anthropic_dialect.h).

#include "base/list.h"
#include "provider/anthropic_dialect.h"
#include "provider/anthropic_finish.h"
#include "provider/anthropic_usage.h"
#include "provider/members.h"

enum { OPEN_MAX = 32 }; // blocks at once; the API has one

enum block_kind { TEXT, THINKING, REDACTED, TOOL, OTHER };

struct open_block {
    uint32_t index;
    uint32_t tool;
    enum block_kind kind;
    bool has_arguments;
};

struct reader {
    struct chat_reader base;
    struct token_usage usage;
    struct open_block open[OPEN_MAX];
    size_t open_count;
    uint32_t tool_count;
};

enum member { TYPE, INDEX, DELTA, BLOCK, MESSAGE, USAGE, THE_ERROR, MEMBERS_KNOWN };

static const str member_names[MEMBERS_KNOWN] = {
    [TYPE] = STR_INIT("type"),       [INDEX] = STR_INIT("index"),
    [DELTA] = STR_INIT("delta"),     [BLOCK] = STR_INIT("content_block"),
    [USAGE] = STR_INIT("usage"),     [MESSAGE] = STR_INIT("message"),
    [THE_ERROR] = STR_INIT("error"),
};

// Where an event goes, and what it says.
struct taken {
    struct reader *r;
    struct chat_sink *sink;
    struct json_value found[MEMBERS_KNOWN];
    uint32_t index;
};

static struct chat_text text_of(struct json_value v)
{
    return v.kind == JSON_STRING ? chat_text_json(json_raw(v)) : (struct chat_text){0};
}

static err give(struct taken *t, struct chat_event e)
{
    return t->sink->event(t->sink, &e);
}

static err give_text(struct taken *t, enum chat_event_kind kind, struct json_value v)
{
    struct chat_text text = text_of(v);

    if (!chat_text_has(text)) return OK;
    return give(t, (struct chat_event){.kind = kind, .part = t->index, .text = text});
}

static err read_usage(struct reader *r, struct json_value v)
{
    struct json_reader json;

    if (v.kind != JSON_OBJECT) return OK;
    json_reader_init(&json, v.text);
    return anthropic_usage_read(&json, &r->usage);
}

static err take_start(struct taken *t)
{
    enum { ID, MODEL, COUNTS, COUNT };
    static const str names[COUNT] = {STR_INIT("id"), STR_INIT("model"), STR_INIT("usage")};
    struct json_value found[COUNT] = {0};
    struct members m = MEMBERS(names, found);

    // A message that is no object tells nothing.
    (void)members_read_value(t->found[MESSAGE], &m);
    TRY(read_usage(t->r, found[COUNTS]));
    return give(t, (struct chat_event){.kind = CHAT_EVENT_START,
                                       .id = text_of(found[ID]),
                                       .model = text_of(found[MODEL]),
                                       .usage = t->r->usage});
}

static struct open_block *find_block(struct taken *t)
{
    for (size_t i = 0; i < t->r->open_count; i++) {
        if (t->r->open[i].index == t->index) return &t->r->open[i];
    }
    return NULL;
}

// A call begins. Its input comes in deltas, but for servers that have it whole here.
static err take_call(struct taken *t, struct open_block *b, const struct json_value *id_name_input)
{
    struct json_value input = id_name_input[2];
    struct json_reader r;
    str key;

    b->tool = t->r->tool_count++;
    TRY(give(t, (struct chat_event){.kind = CHAT_EVENT_TOOL_CALL,
                                    .part = t->index,
                                    .tool = b->tool,
                                    .id = text_of(id_name_input[0]),
                                    .name = text_of(id_name_input[1])}));
    if (input.kind != JSON_OBJECT) return OK;
    json_reader_init(&r, input.text);
    TRY(json_enter(&r));
    if (json_member(&r, &key)) return OK; // it is empty
    b->has_arguments = true;
    return give(t, (struct chat_event){.kind = CHAT_EVENT_ARGUMENTS,
                                       .part = t->index,
                                       .tool = b->tool,
                                       .text = chat_text_plain(input.text)});
}

static err take_block(struct taken *t)
{
    enum { ID, NAME, INPUT, KIND, SAID, THOUGHT, SIGNATURE, DATA, COUNT };
    static const str names[COUNT] = {STR_INIT("id"),        STR_INIT("name"), STR_INIT("input"),
                                     STR_INIT("type"),      STR_INIT("text"), STR_INIT("thinking"),
                                     STR_INIT("signature"), STR_INIT("data")};
    static const str kinds[OTHER] = {
        [TEXT] = STR_INIT("text"),
        [THINKING] = STR_INIT("thinking"),
        [REDACTED] = STR_INIT("redacted_thinking"),
        [TOOL] = STR_INIT("tool_use"),
    };
    struct json_value found[COUNT];
    struct members m = MEMBERS(names, found);
    struct open_block *b = find_block(t);

    if (members_read_value(t->found[BLOCK], &m)) return ERR_SYNTAX;
    if (!b) {
        if (t->r->open_count == OPEN_MAX) return ERR_SYNTAX;
        b = &t->r->open[t->r->open_count++];
    }
    *b = (struct open_block){.index = t->index, .kind = OTHER};
    if (found[KIND].kind == JSON_STRING)
        b->kind = (enum block_kind)members_find(kinds, OTHER, json_raw(found[KIND]));
    switch (b->kind) {
    case TEXT: return give_text(t, CHAT_EVENT_TEXT, found[SAID]);
    case THINKING:
        TRY(give_text(t, CHAT_EVENT_REASONING, found[THOUGHT]));
        return give_text(t, CHAT_EVENT_SIGNATURE, found[SIGNATURE]);
    case REDACTED: return give_text(t, CHAT_EVENT_REDACTED, found[DATA]);
    case TOOL: return take_call(t, b, found);
    case OTHER: break;
    }
    return OK;
}

// A piece of a call's arguments, which may be empty.
static err take_arguments(struct taken *t, struct json_value json)
{
    struct open_block *b = find_block(t);

    if (!b) return ERR_SYNTAX;
    if (b->kind != TOOL || json.kind != JSON_STRING) return OK;
    b->has_arguments |= chat_text_has(text_of(json));
    return give(t, (struct chat_event){.kind = CHAT_EVENT_ARGUMENTS,
                                       .part = t->index,
                                       .tool = b->tool,
                                       .text = text_of(json)});
}

static err take_delta(struct taken *t)
{
    enum { KIND, SAID, JSON, THOUGHT, SIGNATURE, COUNT };
    enum { TEXT_DELTA, JSON_DELTA, THINKING_DELTA, SIGNATURE_DELTA, KINDS };
    static const str names[COUNT] = {STR_INIT("type"), STR_INIT("text"), STR_INIT("partial_json"),
                                     STR_INIT("thinking"), STR_INIT("signature")};
    static const str kinds[KINDS] = {STR_INIT("text_delta"), STR_INIT("input_json_delta"),
                                     STR_INIT("thinking_delta"), STR_INIT("signature_delta")};
    struct json_value found[COUNT];
    struct members m = MEMBERS(names, found);
    size_t kind = KINDS;

    if (members_read_value(t->found[DELTA], &m)) return ERR_SYNTAX;
    if (found[KIND].kind == JSON_STRING) kind = members_find(kinds, KINDS, json_raw(found[KIND]));
    switch (kind) {
    case TEXT_DELTA: return give_text(t, CHAT_EVENT_TEXT, found[SAID]);
    case JSON_DELTA: return take_arguments(t, found[JSON]);
    case THINKING_DELTA: return give_text(t, CHAT_EVENT_REASONING, found[THOUGHT]);
    case SIGNATURE_DELTA: return give_text(t, CHAT_EVENT_SIGNATURE, found[SIGNATURE]);
    default: return OK; // a citation, or what is not known yet
    }
}

// A call without any arguments has an empty object of them.
static err take_block_stop(struct taken *t)
{
    struct open_block *b = find_block(t);

    if (!b) return OK;
    struct open_block closed = *b;
    *b = t->r->open[--t->r->open_count];
    if (closed.kind != TOOL || closed.has_arguments) return OK;
    return give(t, (struct chat_event){.kind = CHAT_EVENT_ARGUMENTS,
                                       .part = t->index,
                                       .tool = closed.tool,
                                       .text = chat_text_plain(STR("{}"))});
}

static err take_message_delta(struct taken *t)
{
    enum { REASON, SEQUENCE, COUNT };
    static const str names[COUNT] = {STR_INIT("stop_reason"), STR_INIT("stop_sequence")};
    struct json_value found[COUNT] = {0};
    struct members m = MEMBERS(names, found);

    // Without a delta there is only usage.
    (void)members_read_value(t->found[DELTA], &m);
    TRY(read_usage(t->r, t->found[USAGE]));
    if (found[REASON].kind == JSON_STRING)
        TRY(give(t, (struct chat_event){.kind = CHAT_EVENT_FINISH,
                                        .finish = anthropic_finish_read(json_raw(found[REASON])),
                                        .stop_sequence = text_of(found[SEQUENCE])}));
    if (t->found[USAGE].kind != JSON_OBJECT) return OK;
    return give(t, (struct chat_event){.kind = CHAT_EVENT_USAGE, .usage = t->r->usage});
}

static err dispatch(struct taken *t)
{
    enum { START, BLOCK_START, BLOCK_DELTA, BLOCK_STOP, MESSAGE_DELTA, STOP, ERROR, COUNT };
    static const str types[COUNT] = {
        [START] = STR_INIT("message_start"),
        [BLOCK_START] = STR_INIT("content_block_start"),
        [BLOCK_DELTA] = STR_INIT("content_block_delta"),
        [BLOCK_STOP] = STR_INIT("content_block_stop"),
        [MESSAGE_DELTA] = STR_INIT("message_delta"),
        [STOP] = STR_INIT("message_stop"),
        [ERROR] = STR_INIT("error"),
    };
    size_t type = COUNT;

    if (t->found[TYPE].kind == JSON_STRING)
        type = members_find(types, COUNT, json_raw(t->found[TYPE]));
    if (type == ERROR || t->found[THE_ERROR].kind == JSON_OBJECT) return ERR_REFUSED;
    switch (type) {
    case START: return take_start(t);
    case BLOCK_START: return take_block(t);
    case BLOCK_DELTA: return take_delta(t);
    case BLOCK_STOP: return take_block_stop(t);
    case MESSAGE_DELTA: return take_message_delta(t);
    case STOP: return give(t, (struct chat_event){.kind = CHAT_EVENT_END});
    default: return OK; // a ping, or what is not known yet
    }
}

static err reader_take(struct chat_reader *base, str data, struct chat_sink *sink)
{
    struct taken t = {.r = container_of(base, struct reader, base), .sink = sink};
    struct members m = MEMBERS(member_names, t.found);
    struct json_reader json;
    uint64_t index = 0;

    json_reader_init(&json, data);
    if (members_read(&json, &m) || json_end(&json)) return ERR_SYNTAX;
    if (t.found[INDEX].kind != JSON_NULL && json_to_u64(t.found[INDEX], UINT32_MAX, &index))
        return ERR_SYNTAX;
    t.index = (uint32_t)index;
    return dispatch(&t);
}

struct chat_reader *anthropic_event_reader_new(struct arena *a)
{
    struct reader *r = arena_new(a, struct reader);

    r->base.take = reader_take;
    return &r->base;
}
