// The tools of a request, and which of them to call (openai_chat.h).

#include "provider/openai_chat.h"

// A schema that came as text is checked, as it becomes part of the JSON.
static err write_schema_text(struct json_writer *w, struct chat_text text, struct arena *a)
{
    str json = chat_text_read(text, a);

    if (json_check(json, NULL) || str_trim(json).ptr[0] != '{') return ERR_SYNTAX;
    json_write_raw(w, str_trim(json));
    return OK;
}

err openai_tool_write_schema(struct json_writer *w, str key, str json, struct chat_text text)
{
    struct arena scratch;

    if (!json.len && !chat_text_has(text)) return OK;
    json_write_key(w, key);
    if (json.len) {
        json_write_raw(w, json);
        return OK;
    }
    arena_init(&scratch, 4096);
    err e = write_schema_text(w, text, &scratch);
    arena_reset(&scratch);
    return e;
}

static err write_tool(const struct chat_tool *t, struct json_writer *w, struct gather *g)
{
    json_write_object(w);
    json_write_key(w, STR("type"));
    json_write_str(w, STR("function"));
    json_write_key(w, STR("function"));
    json_write_object(w);
    json_write_key(w, STR("name"));
    chat_text_write(w, g, t->name);
    chat_text_write_member(w, g, STR("description"), t->description);
    TRY(openai_tool_write_schema(w, STR("parameters"), t->schema_json, t->schema_text));
    if (t->strict) {
        json_write_key(w, STR("strict"));
        json_write_bool(w, t->strict == CHAT_YES);
    }
    json_write_object_end(w);
    json_write_object_end(w);
    return OK;
}

static void write_one(const struct chat_tool_choice *c, struct json_writer *w, struct gather *g)
{
    json_write_object(w);
    json_write_key(w, STR("type"));
    json_write_str(w, STR("function"));
    json_write_key(w, STR("function"));
    json_write_object(w);
    json_write_key(w, STR("name"));
    chat_text_write(w, g, c->name);
    json_write_object_end(w);
    json_write_object_end(w);
}

static void write_choice(const struct chat_tool_choice *c, struct json_writer *w, struct gather *g)
{
    static const str modes[] = {[CHAT_CHOOSE_AUTO] = STR_INIT("auto"),
                                [CHAT_CHOOSE_NONE] = STR_INIT("none"),
                                [CHAT_CHOOSE_ANY] = STR_INIT("required")};

    if (c->kind == CHAT_CHOOSE_UNSET) return;
    json_write_key(w, STR("tool_choice"));
    if (c->kind == CHAT_CHOOSE_ONE) {
        write_one(c, w, g);
    } else {
        json_write_str(w, modes[c->kind]);
    }
}

err openai_tool_write(const struct chat_request *q, struct json_writer *w, struct gather *g,
                      struct chat_notes *n)
{
    if (!q->tool_count) return OK; // a choice among none is refused
    json_write_key(w, STR("tools"));
    json_write_array(w);
    for (size_t i = 0; i < q->tool_count; i++) {
        if (q->tools[i].cache_json.len) chat_notes_drop(n, STR("cache_control"));
        if (write_tool(&q->tools[i], w, g))
            return chat_notes_refuse_at(n, ERR_SYNTAX, STR("The schema is no JSON object."),
                                        "tools[%zu].function.parameters", i);
    }
    json_write_array_end(w);
    write_choice(&q->tool_choice, w, g);
    if (q->tool_choice.parallel) {
        json_write_key(w, STR("parallel_tool_calls"));
        json_write_bool(w, q->tool_choice.parallel == CHAT_YES);
    }
    return OK;
}
