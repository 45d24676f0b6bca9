// The events of a stream as they are read (openai_events.h).

#include "base/list.h"
#include "provider/chat_walk.h"
#include "provider/openai_calls.h"
#include "provider/openai_events.h"
#include "provider/openai_usage.h"
#include "provider/openai_words.h"

// Design
//
// Members come in any order, but events have one: what an event says of a choice is collected as
// views of it, and told when all of the choice is known.

struct reader {
    struct chat_reader port;
    struct arena *arena;
    struct openai_calls calls;
    uint64_t finished[(CHAT_CHOICES_MAX + 63) / 64];
    bool has_started;
    bool has_ended;
};

// What one event says of a choice.
struct delta {
    uint64_t choice;
    struct chat_text reasoning_content;
    struct chat_text reasoning;
    struct chat_text refusal;
    struct chat_text finish;
    struct json_value content;
    str calls;
    str function;
};

static err tell(struct chat_sink *sink, struct chat_event e)
{
    return sink->event(sink, &e);
}

static err tell_text(struct chat_sink *sink, enum chat_event_kind kind, uint64_t choice,
                     struct chat_text text)
{
    if (!chat_text_has(text)) return OK;
    return tell(sink, (struct chat_event){.kind = kind, .choice = (uint32_t)choice, .text = text});
}

// What is no text is none: a value that is passed over.
static err take_text(struct chat_walk *w, struct chat_text *out)
{
    struct json_value v;

    TRY(json_value(&w->json, &v));
    if (v.kind == JSON_STRING) *out = chat_text_json(json_raw(v));
    return OK;
}

static err take_raw(struct chat_walk *w, enum json_kind kind, str *out)
{
    struct json_value v;

    TRY(json_value(&w->json, &v));
    if (v.kind == kind) *out = v.text;
    return OK;
}

static bool is_finished(const struct reader *r, uint64_t choice)
{
    return r->finished[choice / 64] >> choice % 64 & 1;
}

// A content in parts, of which those with a text are told.
static err take_parts(struct reader *r, const struct delta *d, struct chat_sink *sink)
{
    static const str names[] = {STR_INIT("text")};
    struct chat_text text = {0};
    enum json_kind kind;
    struct chat_walk w;
    size_t name;
    err e;

    chat_walk_init(&w, d->content.text, r->arena, NULL);
    TRY(chat_walk_array(&w));
    while (!(e = chat_walk_element(&w))) {
        TRY(json_peek(&w.json, &kind));
        if (kind != JSON_OBJECT) continue;
        TRY(chat_walk_object(&w));
        while (!(e = chat_walk_member(&w, names, 1, &name))) {
            text = (struct chat_text){0};
            TRY(take_text(&w, &text));
            if (name == 0) TRY(tell_text(sink, CHAT_EVENT_TEXT, d->choice, text));
        }
        if (e != ERR_EOF) return e;
    }
    return e == ERR_EOF ? OK : e;
}

static err take_content(struct reader *r, const struct delta *d, struct chat_sink *sink)
{
    if (d->content.kind == JSON_ARRAY) return take_parts(r, d, sink);
    if (d->content.kind != JSON_STRING) return OK;
    return tell_text(sink, CHAT_EVENT_TEXT, d->choice, chat_text_json(json_raw(d->content)));
}

static err take_finish(struct reader *r, const struct delta *d, struct chat_sink *sink)
{
    // An empty one is what some servers send in the place of null.
    if (!chat_text_has(d->finish)) return OK;
    TRY(openai_calls_end(&r->calls, (uint32_t)d->choice, sink));
    enum chat_finish finish = openai_words_finish_of(d->finish);
    if (openai_calls_count(&r->calls, (uint32_t)d->choice))
        finish = openai_words_finish_with_calls(finish);
    r->finished[d->choice / 64] |= UINT64_C(1) << d->choice % 64;
    return tell(sink, (struct chat_event){.kind = CHAT_EVENT_FINISH,
                                          .choice = (uint32_t)d->choice,
                                          .finish = finish});
}

static err take_delta(struct reader *r, const struct delta *d, struct chat_sink *sink)
{
    bool has_both = chat_text_has(d->reasoning_content);

    if (is_finished(r, d->choice)) return OK; // whatever follows is none of the answer
    TRY(tell_text(sink, CHAT_EVENT_REASONING, d->choice,
                  has_both ? d->reasoning_content : d->reasoning));
    TRY(take_content(r, d, sink));
    TRY(tell_text(sink, CHAT_EVENT_REFUSAL, d->choice, d->refusal));
    TRY(openai_calls_take(&r->calls, (uint32_t)d->choice, d->calls, sink));
    TRY(openai_calls_take_function(&r->calls, (uint32_t)d->choice, d->function, sink));
    return take_finish(r, d, sink);
}

static err read_delta(struct chat_walk *w, struct delta *d)
{
    enum { CONTENT, REASONING_CONTENT, REASONING, REFUSAL, CALLS, FUNCTION, COUNT };
    static const str names[COUNT] = {STR_INIT("content"),    STR_INIT("reasoning_content"),
                                     STR_INIT("reasoning"),  STR_INIT("refusal"),
                                     STR_INIT("tool_calls"), STR_INIT("function_call")};
    size_t name;
    err e;

    TRY(chat_walk_object(w));
    while (!(e = chat_walk_member(w, names, COUNT, &name))) {
        switch (name) {
        case CONTENT: TRY(json_value(&w->json, &d->content)); break;
        case REASONING_CONTENT: TRY(take_text(w, &d->reasoning_content)); break;
        case REASONING: TRY(take_text(w, &d->reasoning)); break;
        case REFUSAL: TRY(take_text(w, &d->refusal)); break;
        case CALLS: TRY(take_raw(w, JSON_ARRAY, &d->calls)); break;
        case FUNCTION: TRY(take_raw(w, JSON_OBJECT, &d->function)); break;
        default: TRY(chat_walk_skip(w)); break;
        }
    }
    return e == ERR_EOF ? OK : e;
}

static err read_choice(struct reader *r, struct chat_walk *w, struct chat_sink *sink)
{
    enum { INDEX, DELTA, MESSAGE, FINISH, COUNT };
    static const str names[COUNT] = {STR_INIT("index"), STR_INIT("delta"), STR_INIT("message"),
                                     STR_INIT("finish_reason")};
    struct delta d = {.content = {.kind = JSON_NULL}};
    struct json_value v;
    size_t name;
    err e;

    TRY(chat_walk_object(w));
    while (!(e = chat_walk_member(w, names, COUNT, &name))) {
        switch (name) {
        case INDEX:
            TRY(json_value(&w->json, &v));
            if (json_to_u64(v, CHAT_CHOICES_MAX - 1, &d.choice)) return ERR_SYNTAX;
            break;
        case DELTA:
        case MESSAGE: TRY(read_delta(w, &d)); break;
        case FINISH: TRY(take_text(w, &d.finish)); break;
        default: TRY(chat_walk_skip(w)); break;
        }
    }
    return e == ERR_EOF ? take_delta(r, &d, sink) : e;
}

static err take_choices(struct reader *r, str choices, struct chat_sink *sink)
{
    struct chat_walk w;
    err e;

    if (!choices.len) return OK;
    chat_walk_init(&w, choices, r->arena, NULL);
    TRY(chat_walk_array(&w));
    while (!(e = chat_walk_element(&w))) {
        TRY(read_choice(r, &w, sink));
    }
    return e == ERR_EOF ? OK : e;
}

static err take_usage(str text, struct chat_sink *sink)
{
    struct chat_event e = {.kind = CHAT_EVENT_USAGE};
    struct json_reader json;

    if (!text.len) return OK;
    json_reader_init(&json, text);
    TRY(openai_usage_read(&json, &e.usage));
    return e.usage.is_known ? tell(sink, e) : OK;
}

struct chunk {
    struct chat_text id;
    struct chat_text model;
    str choices;
    str usage;
    bool is_error;
};

// SDKs throw on any of these.
static bool is_error(struct json_value v)
{
    return v.kind == JSON_OBJECT || v.kind == JSON_TRUE ||
           (v.kind == JSON_STRING && v.text.len > 2);
}

static err read_chunk(struct chat_walk *w, struct chunk *c)
{
    enum { ID, MODEL, CHOICES, USAGE, ERROR, COUNT };
    static const str names[COUNT] = {STR_INIT("id"), STR_INIT("model"), STR_INIT("choices"),
                                     STR_INIT("usage"), STR_INIT("error")};
    struct json_value v;
    size_t name;
    err e = chat_walk_object(w);

    while (!e && !(e = chat_walk_member(w, names, COUNT, &name))) {
        switch (name) {
        case ID: e = take_text(w, &c->id); break;
        case MODEL: e = take_text(w, &c->model); break;
        case CHOICES: e = take_raw(w, JSON_ARRAY, &c->choices); break;
        case USAGE: e = take_raw(w, JSON_OBJECT, &c->usage); break;
        default:
            e = json_value(&w->json, &v);
            if (!e && name == ERROR) c->is_error |= is_error(v);
            break;
        }
    }
    return chat_walk_end(w, e == ERR_EOF ? OK : e);
}

static err start(struct reader *r, const struct chunk *c, struct chat_sink *sink)
{
    if (r->has_started) return OK;
    r->has_started = true;
    return tell(sink,
                (struct chat_event){.kind = CHAT_EVENT_START, .id = c->id, .model = c->model});
}

static err end(struct reader *r, struct chat_sink *sink)
{
    const struct chunk none = {.is_error = false};

    if (r->has_ended) return OK;
    TRY(start(r, &none, sink));
    r->has_ended = true;
    return tell(sink, (struct chat_event){.kind = CHAT_EVENT_END});
}

static err take(struct chat_reader *port, str data, struct chat_sink *sink)
{
    struct reader *r = container_of(port, struct reader, port);
    struct chunk c = {.is_error = false};
    struct chat_walk w;

    if (str_eq(data, STR("[DONE]"))) return end(r, sink);
    chat_walk_init(&w, data, r->arena, NULL);
    if (read_chunk(&w, &c)) return ERR_SYNTAX;
    if (c.is_error) return ERR_REFUSED;
    if (r->has_ended) return OK;
    TRY(start(r, &c, sink));
    err e = take_choices(r, c.choices, sink);
    if (!e) e = take_usage(c.usage, sink);
    return e == ERR_TYPE ? ERR_SYNTAX : e;
}

struct chat_reader *openai_events_read_new(struct arena *a)
{
    struct reader *r = arena_new(a, struct reader);

    r->port = (struct chat_reader){.take = take, .scratch = a};
    r->arena = a;
    r->calls.arena = a;
    return &r->port;
}
