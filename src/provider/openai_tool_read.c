// The tools of a request, and which of them to call (openai_chat.h).

#include "provider/openai_chat.h"

#include <string.h>

enum { TOOLS_FIRST = 8 };

static err add_tool(struct chat_walk *w, struct openai_tools *tools, struct chat_tool **out)
{
    if (tools->count == CHAT_TOOLS_MAX)
        return chat_walk_refuse(w, ERR_LIMIT, STR("There are too many tools."));
    if (tools->count == tools->room) {
        size_t room = tools->room ? 2 * tools->room : TOOLS_FIRST;
        struct chat_tool *items = arena_array(w->arena, struct chat_tool, room);
        if (tools->count) memcpy(items, tools->items, tools->count * sizeof(*items));
        tools->items = items;
        tools->room = room;
    }
    *out = &tools->items[tools->count++];
    return OK;
}

// A function as it is declared.
static err read_function(struct chat_walk *w, struct chat_tool *tool)
{
    enum { NAME, DESCRIPTION, PARAMETERS, STRICT, COUNT };
    static const str names[COUNT] = {STR_INIT("name"), STR_INIT("description"),
                                     STR_INIT("parameters"), STR_INIT("strict")};
    size_t name;
    err e;

    TRY(chat_walk_object(w));
    while (!(e = chat_walk_member(w, names, COUNT, &name))) {
        switch (name) {
        case NAME: TRY(chat_walk_text(w, &tool->name)); break;
        case DESCRIPTION: TRY(chat_walk_text(w, &tool->description)); break;
        case PARAMETERS: TRY(chat_walk_raw(w, JSON_OBJECT, &tool->schema_json)); break;
        case STRICT: TRY(chat_walk_flag(w, &tool->strict)); break;
        default: TRY(chat_walk_drop(w)); break;
        }
    }
    if (e != ERR_EOF) return e;
    return chat_text_has(tool->name) ? OK : chat_walk_missing(w, names[NAME]);
}

static err read_tool(struct chat_walk *w, struct chat_tool *tool)
{
    enum { TYPE, FUNCTION, CACHE, COUNT };
    static const str names[COUNT] = {STR_INIT("type"), STR_INIT("function"),
                                     STR_INIT("cache_control")};
    struct chat_text type = {0};
    size_t name;
    err e;

    TRY(chat_walk_object(w));
    while (!(e = chat_walk_member(w, names, COUNT, &name))) {
        switch (name) {
        case TYPE: TRY(chat_walk_text(w, &type)); break;
        case FUNCTION: TRY(read_function(w, tool)); break;
        case CACHE: TRY(chat_walk_raw(w, JSON_OBJECT, &tool->cache_json)); break;
        default: TRY(chat_walk_drop(w)); break;
        }
    }
    if (e != ERR_EOF) return e;
    if (!chat_text_is_given(type)) return chat_walk_missing(w, names[TYPE]);
    if (!chat_text_is(type, STR("function")))
        return chat_walk_refuse_at(w, ERR_UNSUPPORTED, STR("type"),
                                   STR("Only tools of the type function can be translated."));
    return chat_text_is_given(tool->name) ? OK : chat_walk_missing(w, names[FUNCTION]);
}

typedef err read_one(struct chat_walk *w, struct chat_tool *tool);

static err read_each(struct chat_walk *w, read_one *read, struct openai_tools *out)
{
    struct chat_tool *tool = NULL;
    err e;

    TRY(chat_walk_array(w));
    while (!(e = chat_walk_element(w))) {
        TRY(add_tool(w, out, &tool));
        TRY(read(w, tool));
    }
    return e == ERR_EOF ? OK : e;
}

err openai_tool_read(struct chat_walk *w, struct openai_tools *out)
{
    return read_each(w, read_tool, out);
}

err openai_tool_read_functions(struct chat_walk *w, struct openai_tools *out)
{
    return read_each(w, read_function, out);
}

// "auto", "none" or "required".
static err read_mode(struct chat_walk *w, struct chat_tool_choice *out)
{
    struct chat_text mode;

    TRY(chat_walk_text(w, &mode));
    if (chat_text_is(mode, STR("auto"))) {
        out->kind = CHAT_CHOOSE_AUTO;
    } else if (chat_text_is(mode, STR("none"))) {
        out->kind = CHAT_CHOOSE_NONE;
    } else if (chat_text_is(mode, STR("required")) || chat_text_is(mode, STR("any"))) {
        out->kind = CHAT_CHOOSE_ANY; // "any" is how some servers spell it
    } else {
        return chat_walk_refuse(w, ERR_RANGE,
                                STR("The choice must be auto, none, required or a function."));
    }
    return OK;
}

// {"name":...}: the one function to call.
static err read_name(struct chat_walk *w, struct chat_tool_choice *out)
{
    static const str names[] = {STR_INIT("name")};
    size_t name;
    err e;

    TRY(chat_walk_object(w));
    while (!(e = chat_walk_member(w, names, 1, &name))) {
        if (name == 0) {
            TRY(chat_walk_text(w, &out->name));
        } else {
            TRY(chat_walk_drop(w));
        }
    }
    if (e != ERR_EOF) return e;
    if (!chat_text_has(out->name)) return chat_walk_missing(w, names[0]);
    out->kind = CHAT_CHOOSE_ONE;
    return OK;
}

err openai_tool_read_choice(struct chat_walk *w, struct chat_tool_choice *out)
{
    enum { TYPE, FUNCTION, COUNT };
    static const str names[COUNT] = {STR_INIT("type"), STR_INIT("function")};
    struct chat_text type = {0};
    enum json_kind kind;
    size_t name;
    err e;

    TRY(json_peek(&w->json, &kind));
    if (kind == JSON_STRING) return read_mode(w, out);
    TRY(chat_walk_object(w));
    while (!(e = chat_walk_member(w, names, COUNT, &name))) {
        switch (name) {
        case TYPE: TRY(chat_walk_text(w, &type)); break;
        case FUNCTION: TRY(read_name(w, out)); break;
        default: TRY(chat_walk_skip(w)); break; // of a type that is refused below
        }
    }
    if (e != ERR_EOF) return e;
    if (!chat_text_is_given(type)) return chat_walk_missing(w, names[TYPE]);
    if (!chat_text_is(type, STR("function")))
        return chat_walk_refuse_at(w, ERR_UNSUPPORTED, STR("type"),
                                   STR("Only the choice of a function can be translated."));
    return out->kind == CHAT_CHOOSE_ONE ? OK : chat_walk_missing(w, names[FUNCTION]);
}

err openai_tool_read_function_choice(struct chat_walk *w, struct chat_tool_choice *out)
{
    enum json_kind kind;

    TRY(json_peek(&w->json, &kind));
    return kind == JSON_STRING ? read_mode(w, out) : read_name(w, out);
}
