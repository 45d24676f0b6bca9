#include "provider/openai_calls.h"

#include "provider/chat_walk.h"

enum { CALLS_FIRST = 4 };

#define NO_INDEX UINT64_MAX
#define FUNCTION_INDEX (UINT64_MAX - 1) // of the legacy function_call

struct openai_call {
    uint32_t choice;
    uint32_t ordinal; // in its choice
    uint64_t index;
    str id; // its beginning, to be told from others
    bool has_begun;
};

// A call as it comes in pieces.
struct piece {
    uint64_t index;
    struct chat_text id;
    struct chat_text name;
    struct chat_text arguments;
};

static str id_of(const struct piece *p)
{
    return str_sub(p->id.bytes, 0, OPENAI_CALLS_ID_MAX);
}

// The call that a piece is part of, the latest that it can be; NULL: a new one.
static struct openai_call *find_call(struct openai_calls *c, uint32_t choice, const struct piece *p)
{
    str id = id_of(p);

    for (size_t i = c->count; i-- > 0;) {
        struct openai_call *call = &c->items[i];
        bool is_other = id.len && call->id.len && !str_eq(id, call->id);
        if (call->choice != choice || is_other) continue;
        if (p->index == NO_INDEX || call->index == p->index) return call;
    }
    return NULL;
}

uint32_t openai_calls_count(const struct openai_calls *c, uint32_t choice)
{
    uint32_t count = 0;

    for (size_t i = 0; i < c->count; i++) {
        count += c->items[i].choice == choice;
    }
    return count;
}

static err add_call(struct openai_calls *c, uint32_t choice, uint64_t index,
                    struct openai_call **out)
{
    if (c->count == OPENAI_CALLS_MAX) return ERR_LIMIT;
    if (c->count == c->room) {
        size_t room = c->room ? 2 * c->room : CALLS_FIRST;
        struct openai_call *more = arena_array(c->arena, struct openai_call, room);
        for (size_t i = 0; i < c->count; i++) {
            more[i] = c->items[i];
        }
        c->items = more;
        c->room = room;
    }
    uint32_t ordinal = openai_calls_count(c, choice);
    *out = &c->items[c->count++];
    **out = (struct openai_call){.choice = choice, .ordinal = ordinal, .index = index};
    return OK;
}

static err begin_call(struct openai_call *call, const struct piece *p, struct chat_sink *sink)
{
    struct chat_event e = {.kind = CHAT_EVENT_TOOL_CALL,
                           .choice = call->choice,
                           .tool = call->ordinal,
                           .id = p->id,
                           .name = p->name};

    call->has_begun = true;
    // An id that came before the name was kept, if it isn't longer than any that was seen.
    if (!chat_text_is_given(e.id) && call->id.len && call->id.len < OPENAI_CALLS_ID_MAX)
        e.id = chat_text_json(call->id);
    return sink->event(sink, &e);
}

static err take_piece(struct openai_calls *c, uint32_t choice, const struct piece *p,
                      struct chat_sink *sink)
{
    struct openai_call *call = find_call(c, choice, p);
    bool has_arguments = chat_text_has(p->arguments);
    bool is_new = !call;

    if (is_new) TRY(add_call(c, choice, p->index, &call));
    if (!call->id.len && chat_text_has(p->id)) call->id = arena_str(c->arena, id_of(p));
    if (!call->has_begun && (chat_text_has(p->name) || has_arguments))
        TRY(begin_call(call, p, sink));
    // An empty piece is one as well, but for that which comes with the call.
    if (!call->has_begun || !chat_text_is_given(p->arguments) || (is_new && !has_arguments))
        return OK;
    const struct chat_event e = {.kind = CHAT_EVENT_ARGUMENTS,
                                 .choice = choice,
                                 .tool = call->ordinal,
                                 .text = p->arguments};
    return sink->event(sink, &e);
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
        if (name == FUNCTION) {
            TRY(read_function(w, p));
            continue;
        }
        TRY(json_value(&w->json, &v));
        if (name == ID && v.kind == JSON_STRING) p->id = chat_text_json(json_raw(v));
        if (name == INDEX) (void)json_to_u64(v, FUNCTION_INDEX - 1, &p->index); // else it has none
    }
    return e == ERR_EOF ? OK : e;
}

err openai_calls_take(struct openai_calls *c, uint32_t choice, str calls, struct chat_sink *sink)
{
    struct chat_walk w;
    err e;

    if (!calls.len) return OK;
    chat_walk_init(&w, calls, c->arena, NULL);
    TRY(chat_walk_array(&w));
    while (!(e = chat_walk_element(&w))) {
        struct piece p = {.index = NO_INDEX};
        TRY(read_piece(&w, &p));
        TRY(take_piece(c, choice, &p, sink));
    }
    return e == ERR_EOF ? OK : e;
}

err openai_calls_take_function(struct openai_calls *c, uint32_t choice, str function,
                               struct chat_sink *sink)
{
    struct piece p = {.index = FUNCTION_INDEX};
    struct chat_walk w;

    if (!function.len) return OK;
    chat_walk_init(&w, function, c->arena, NULL);
    TRY(read_function(&w, &p));
    return take_piece(c, choice, &p, sink);
}

err openai_calls_end(struct openai_calls *c, uint32_t choice, struct chat_sink *sink)
{
    const struct piece none = {.index = NO_INDEX};

    for (size_t i = 0; i < c->count; i++) {
        if (c->items[i].choice == choice && !c->items[i].has_begun)
            TRY(begin_call(&c->items[i], &none, sink));
    }
    return OK;
}
