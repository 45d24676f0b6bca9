// The form that an answer is wanted in (openai_chat.h).

#include "provider/openai_chat.h"

static err read_schema(struct chat_walk *w, struct chat_format *out)
{
    enum { NAME, DESCRIPTION, SCHEMA, STRICT, COUNT };
    static const str names[COUNT] = {STR_INIT("name"), STR_INIT("description"), STR_INIT("schema"),
                                     STR_INIT("strict")};
    size_t name;
    err e;

    TRY(chat_walk_object(w));
    while (!(e = chat_walk_member(w, names, COUNT, &name))) {
        switch (name) {
        case NAME: TRY(chat_walk_text(w, &out->name)); break;
        case DESCRIPTION: TRY(chat_walk_text(w, &out->description)); break;
        case SCHEMA: TRY(chat_walk_raw(w, JSON_OBJECT, &out->schema_json)); break;
        case STRICT: TRY(chat_walk_flag(w, &out->strict)); break;
        default: TRY(chat_walk_drop(w)); break;
        }
    }
    return e == ERR_EOF ? OK : e;
}

static err set_kind(struct chat_walk *w, struct chat_text type, bool has_schema,
                    struct chat_format *out)
{
    if (!chat_text_is_given(type)) return chat_walk_missing(w, STR("type"));
    if (chat_text_is(type, STR("text"))) {
        out->kind = CHAT_FORMAT_TEXT;
    } else if (chat_text_is(type, STR("json_object"))) {
        out->kind = CHAT_FORMAT_JSON;
    } else if (!chat_text_is(type, STR("json_schema"))) {
        return chat_walk_refuse_at(w, ERR_RANGE, STR("type"),
                                   STR("The type must be text, json_object or json_schema."));
    } else if (!has_schema) {
        return chat_walk_missing(w, STR("json_schema"));
    } else {
        out->kind = CHAT_FORMAT_SCHEMA;
    }
    return OK;
}

err openai_format_read(struct chat_walk *w, struct chat_format *out)
{
    enum { TYPE, SCHEMA, COUNT };
    static const str names[COUNT] = {STR_INIT("type"), STR_INIT("json_schema")};
    struct chat_text type = {0};
    bool has_schema = false;
    size_t name;
    err e;

    TRY(chat_walk_object(w));
    while (!(e = chat_walk_member(w, names, COUNT, &name))) {
        switch (name) {
        case TYPE: TRY(chat_walk_text(w, &type)); break;
        case SCHEMA:
            has_schema = true;
            TRY(read_schema(w, out));
            break;
        default: TRY(chat_walk_drop(w)); break;
        }
    }
    return e == ERR_EOF ? set_kind(w, type, has_schema, out) : e;
}

static err write_schema(const struct chat_format *f, struct json_writer *w, struct gather *g)
{
    json_write_key(w, STR("json_schema"));
    json_write_object(w);
    json_write_key(w, STR("name")); // which must be there
    chat_text_write(w, g, chat_text_has(f->name) ? f->name : chat_text_plain(STR("answer")));
    chat_text_write_member(w, g, STR("description"), f->description);
    TRY(openai_tool_write_schema(w, STR("schema"), f->schema_json, f->schema_text));
    if (f->strict) {
        json_write_key(w, STR("strict"));
        json_write_bool(w, f->strict == CHAT_YES);
    }
    json_write_object_end(w);
    return OK;
}

err openai_format_write(const struct chat_format *f, struct json_writer *w, struct gather *g,
                        struct chat_notes *n)
{
    static const str types[] = {[CHAT_FORMAT_TEXT] = STR_INIT("text"),
                                [CHAT_FORMAT_JSON] = STR_INIT("json_object"),
                                [CHAT_FORMAT_SCHEMA] = STR_INIT("json_schema")};

    if (f->kind == CHAT_FORMAT_UNSET) return OK;
    json_write_key(w, STR("response_format"));
    json_write_object(w);
    json_write_key(w, STR("type"));
    json_write_str(w, types[f->kind]);
    if (f->kind == CHAT_FORMAT_SCHEMA && write_schema(f, w, g))
        return chat_notes_refuse(n, ERR_SYNTAX, STR("The schema is no JSON object."),
                                 STR("response_format.json_schema.schema"));
    json_write_object_end(w);
    return OK;
}
