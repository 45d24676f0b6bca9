// The events of a stream as they are read (openai_events.h).

#include "base/list.h"
#include "provider/chat_walk.h"
#include "provider/openai_events.h"
#include "provider/openai_usage.h"
#include "provider/openai_words.h"

// Design
//
// Members come in any order, but events have one: what an event says of a choice is collected as
// views of it, and told when all of the choice is known. A call is known by its choice and index;
// an id that was not seen with that index before makes another one.

enum { FIRST_CALLS = 4 };

#define NO_INDEX UINT64_MAX
#define FUNCTION_INDEX (UINT64_MAX - 1) // of the legacy function_call

struct call {
    uint32_t choice;
    uint32_t ordinal; // in its choice
    uint64_t index;
    str id; // its beginning, to be told from others
    bool has_begun;
};

struct reader {
    struct chat_reader port;
    struct arena *arena;
    struct call *calls;
    size_t call_count;
    size_t call_room;
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

// A call as it comes in pieces.
struct piece {
    uint64_t index;
    struct chat_text id;
    struct chat_text name;
    struct chat_text arguments;
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

static str id_of(const struct piece *p)
{
    return str_sub(p->id.bytes, 0, OPENAI_EVENTS_ID_MAX);
}

// The call that a piece is part of, the latest that it can be; NULL: a new one.
static struct call *find_call(struct reader *r, uint64_t choice, const struct piece *p)
{
    str id = id_of(p);

    for (size_t i = r->call_count; i-- > 0;) {
        struct call *c = &r->calls[i];
        bool is_other = id.len && c->id.len && !str_eq(id, c->id);
        if (c->choice != choice || is_other) continue;
        if (p->index == NO_INDEX || c->index == p->index) return c;
    }
    return NULL;
}

static uint32_t count_calls(const struct reader *r, uint64_t choice)
{
    uint32_t count = 0;

    for (size_t i = 0; i < r->call_count; i++) {
        count += r->calls[i].choice == choice;
    }
    return count;
}

static err add_call(struct reader *r, uint64_t choice, const struct piece *p, struct call **out)
{
    if (r->call_count == OPENAI_EVENTS_CALLS_MAX) return ERR_LIMIT;
    if (r->call_count == r->call_room) {
        size_t room = r->call_room ? 2 * r->call_room : FIRST_CALLS;
        struct call *more = arena_array(r->arena, struct call, room);
        for (size_t i = 0; i < r->call_count; i++) {
            more[i] = r->calls[i];
        }
        r->calls = more;
        r->call_room = room;
    }
    uint32_t ordinal = count_calls(r, choice);
    *out = &r->calls[r->call_count++];
    **out = (struct call){.choice = (uint32_t)choice, .ordinal = ordinal, .index = p->index};
    return OK;
}

static err begin_call(struct call *c, const struct piece *p, struct chat_sink *sink)
{
    struct chat_text id = p->id;

    // An id that came before the name was kept, if it isn't longer than any that was seen.
    if (!chat_text_is_given(id) && c->id.len && c->id.len < OPENAI_EVENTS_ID_MAX)
        id = chat_text_json(c->id);
    c->has_begun = true;
    return tell(sink, (struct chat_event){.kind = CHAT_EVENT_TOOL_CALL,
                                          .choice = c->choice,
                                          .tool = c->ordinal,
                                          .id = id,
                                          .name = p->name});
}

static err take_piece(struct reader *r, uint64_t choice, const struct piece *p,
                      struct chat_sink *sink)
{
    struct call *c = find_call(r, choice, p);
    bool is_new = !c;

    if (is_new) TRY(add_call(r, choice, p, &c));
    if (!c->id.len && chat_text_has(p->id)) c->id = arena_str(r->arena, id_of(p));
    bool has_arguments = chat_text_has(p->arguments);
    if (!c->has_begun && (chat_text_has(p->name) || has_arguments)) TRY(begin_call(c, p, sink));
    // An empty piece is one as well, but for that which comes with the call.
    if (!c->has_begun || !chat_text_is_given(p->arguments) || (is_new && !has_arguments)) return OK;
    return tell(sink, (struct chat_event){.kind = CHAT_EVENT_ARGUMENTS,
                                          .choice = c->choice,
                                          .tool = c->ordinal,
                                          .text = p->arguments});
}

static err read_function(struct chat_walk *w, struct piece *p)
{
    static const str names[] = {STR_INIT("name"), STR_INIT("arguments")};
    struct json_value v;
    size_t name;
    err e;

    TRY(chat_walk_object(w));
    while (!(e = chat_walk_member(w, names, 2, &name))) {
        TRY(json_value(&w->json, &v));
        if (name == 0 && v.kind == JSON_STRING) p->name = chat_text_json(json_raw(v));
        if (name != 1) continue;
        if (v.kind == JSON_STRING) p->arguments = chat_text_json(json_raw(v));
        if (v.kind == JSON_OBJECT) p->arguments = chat_text_plain(v.text);
    }
    return e == ERR_EOF ? OK : e;
}

static err read_piece(struct chat_walk *w, struct piece *p)
{
    enum { INDEX, ID, FUNCTION, COUNT };
    static const str names[COUNT] = {STR_INIT("index"), STR_INIT("id"), STR_INIT("function")};
    struct json_value v;
    size_t name;
    err e;

    TRY(chat_walk_object(w));
    while (!(e = chat_walk_member(w, names, COUNT, &name))) {
        if (name == ID) {
            TRY(take_text(w, &p->id));
        } else if (name == FUNCTION) {
            TRY(read_function(w, p));
        } else {
            TRY(json_value(&w->json, &v));
            if (name == INDEX) (void)json_to_u64(v, FUNCTION_INDEX - 1, &p->index); // else none
        }
    }
    return e == ERR_EOF ? OK : e;
}

static err take_calls(struct reader *r, const struct delta *d, struct chat_sink *sink)
{
    struct chat_walk w;
    err e;

    if (!d->calls.len) return OK;
    chat_walk_init(&w, d->calls, r->arena, NULL);
    TRY(chat_walk_array(&w));
    while (!(e = chat_walk_element(&w))) {
        struct piece p = {.index = NO_INDEX};
        TRY(read_piece(&w, &p));
        TRY(take_piece(r, d->choice, &p, sink));
    }
    return e == ERR_EOF ? OK : e;
}

static err take_function(struct reader *r, const struct delta *d, struct chat_sink *sink)
{
    struct piece p = {.index = FUNCTION_INDEX};
    struct chat_walk w;

    if (!d->function.len) return OK;
    chat_walk_init(&w, d->function, r->arena, NULL);
    TRY(read_function(&w, &p));
    return take_piece(r, d->choice, &p, sink);
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

// Calls that nothing was known of but an id.
static err begin_rest(struct reader *r, uint64_t choice, struct chat_sink *sink)
{
    const struct piece none = {.index = NO_INDEX};

    for (size_t i = 0; i < r->call_count; i++) {
        if (r->calls[i].choice == choice && !r->calls[i].has_begun)
            TRY(begin_call(&r->calls[i], &none, sink));
    }
    return OK;
}

static err take_finish(struct reader *r, const struct delta *d, struct chat_sink *sink)
{
    // An empty one is what some servers send in the place of null.
    if (!chat_text_has(d->finish)) return OK;
    TRY(begin_rest(r, d->choice, sink));
    enum chat_finish finish = openai_words_finish_of(d->finish);
    if (count_calls(r, d->choice)) finish = openai_words_finish_with_calls(finish);
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
    TRY(take_calls(r, d, sink));
    TRY(take_function(r, d, sink));
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
    return &r->port;
}
