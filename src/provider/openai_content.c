#include "provider/openai_content.h"

#include "provider/openai_media.h"

#include <string.h>

// The members of a part; which of them counts is what its type says, wherever that stands.
struct part {
    struct chat_text type;
    struct chat_text text;
    struct chat_text refusal;
    struct chat_media image;
    struct chat_media audio;
    struct chat_media file;
    str cache_json;
};

static err take_part_member(struct chat_walk *w, size_t name, struct part *p)
{
    switch (name) {
    case 0: return chat_walk_text(w, &p->type);
    case 1: return chat_walk_text(w, &p->text);
    case 2: return chat_walk_text(w, &p->refusal);
    case 3: return openai_media_read_image(w, &p->image);
    case 4: return openai_media_read_audio(w, &p->audio);
    case 5: return openai_media_read_file(w, &p->file);
    case 6: return chat_walk_raw(w, JSON_OBJECT, &p->cache_json);
    default: return chat_walk_drop(w);
    }
}

static const str part_names[] = {
    STR_INIT("type"),        STR_INIT("text"), STR_INIT("refusal"),       STR_INIT("image_url"),
    STR_INIT("input_audio"), STR_INIT("file"), STR_INIT("cache_control"),
};

enum { PART_NAMES = sizeof(part_names) / sizeof(*part_names) };

static err add_text(struct chat_walk *w, const struct part *p, enum chat_part_kind kind,
                    struct chat_parts *out)
{
    struct chat_text text = kind == CHAT_PART_TEXT ? p->text : p->refusal;
    struct chat_part *part;

    if (!chat_text_is_given(text))
        return chat_walk_missing(w, kind == CHAT_PART_TEXT ? STR("text") : STR("refusal"));
    TRY(chat_walk_add_part(w, out, kind, &part));
    part->text = text;
    part->cache_json = p->cache_json;
    return OK;
}

static err add_media(struct chat_walk *w, const struct part *p, enum chat_part_kind kind,
                     struct chat_parts *out)
{
    const struct chat_media *media = kind == CHAT_PART_IMAGE   ? &p->image
                                     : kind == CHAT_PART_AUDIO ? &p->audio
                                                               : &p->file;
    struct chat_part *part;

    if (!chat_text_is_given(media->content)) {
        return chat_walk_missing(w, kind == CHAT_PART_IMAGE   ? STR("image_url")
                                    : kind == CHAT_PART_AUDIO ? STR("input_audio")
                                                              : STR("file"));
    }
    TRY(chat_walk_add_part(w, out, kind, &part));
    part->media = *media;
    part->cache_json = p->cache_json;
    return OK;
}

static err add_part(struct chat_walk *w, const struct part *p, struct chat_parts *out)
{
    if (!chat_text_is_given(p->type)) return chat_walk_missing(w, STR("type"));
    if (chat_text_is(p->type, STR("text"))) return add_text(w, p, CHAT_PART_TEXT, out);
    if (chat_text_is(p->type, STR("refusal"))) return add_text(w, p, CHAT_PART_REFUSAL, out);
    if (chat_text_is(p->type, STR("image_url"))) return add_media(w, p, CHAT_PART_IMAGE, out);
    if (chat_text_is(p->type, STR("input_audio"))) return add_media(w, p, CHAT_PART_AUDIO, out);
    if (chat_text_is(p->type, STR("file"))) return add_media(w, p, CHAT_PART_FILE, out);
    if (!w->notes) return OK; // an upstream's own
    return chat_walk_refuse_at(w, ERR_RANGE, STR("type"), STR("Parts of this type are not known."));
}

static err read_part(struct chat_walk *w, struct chat_parts *out)
{
    struct part p = {.cache_json = {0}};
    size_t name;
    err e;

    TRY(chat_walk_object(w));
    while (!(e = chat_walk_member(w, part_names, PART_NAMES, &name))) {
        TRY(take_part_member(w, name, &p));
    }
    return e == ERR_EOF ? add_part(w, &p, out) : e;
}

err openai_content_read(struct chat_walk *w, struct chat_parts *out)
{
    struct chat_part *part;
    enum json_kind kind;
    err e;

    TRY(json_peek(&w->json, &kind));
    if (kind == JSON_STRING) {
        TRY(chat_walk_add_part(w, out, CHAT_PART_TEXT, &part));
        return chat_walk_text(w, &part->text);
    }
    if (kind != JSON_ARRAY)
        return chat_walk_refuse(w, ERR_TYPE, STR("A string or an array is expected here."));
    TRY(chat_walk_array(w));
    while (!(e = chat_walk_element(w))) {
        TRY(read_part(w, out));
    }
    return e == ERR_EOF ? OK : e;
}

// A JSON text as a string; some upstreams answer with what it says.
static err read_arguments(struct chat_walk *w, struct chat_text *out)
{
    enum json_kind kind;
    str object;

    TRY(json_peek(&w->json, &kind));
    if (w->notes || kind != JSON_OBJECT) return chat_walk_text(w, out);
    TRY(chat_walk_raw(w, JSON_OBJECT, &object));
    *out = chat_text_plain(object);
    return OK;
}

// A {"name":..., "arguments":...}.
static err read_function(struct chat_walk *w, struct chat_part *call)
{
    enum { NAME, ARGUMENTS, COUNT };
    static const str names[COUNT] = {STR_INIT("name"), STR_INIT("arguments")};
    size_t name;
    err e;

    TRY(chat_walk_object(w));
    while (!(e = chat_walk_member(w, names, COUNT, &name))) {
        switch (name) {
        case NAME: TRY(chat_walk_text(w, &call->name)); break;
        case ARGUMENTS: TRY(read_arguments(w, &call->arguments)); break;
        default: TRY(chat_walk_drop(w)); break;
        }
    }
    if (e != ERR_EOF) return e;
    if (!chat_text_has(call->name)) return chat_walk_missing(w, names[NAME]);
    if (!chat_text_is_given(call->arguments)) call->arguments = chat_text_plain(STR(""));
    return OK;
}

static err read_call(struct chat_walk *w, struct chat_parts *out)
{
    enum { ID, TYPE, FUNCTION, INDEX, COUNT };
    static const str names[COUNT] = {STR_INIT("id"), STR_INIT("type"), STR_INIT("function"),
                                     STR_INIT("index")};
    struct chat_text type = {0};
    struct chat_part *call;
    size_t name;
    err e;

    TRY(chat_walk_add_part(w, out, CHAT_PART_TOOL_CALL, &call));
    TRY(chat_walk_object(w));
    while (!(e = chat_walk_member(w, names, COUNT, &name))) {
        switch (name) {
        case ID: TRY(chat_walk_text(w, &call->id)); break;
        case TYPE: TRY(chat_walk_text(w, &type)); break;
        case FUNCTION: TRY(read_function(w, call)); break;
        case INDEX: TRY(chat_walk_skip(w)); break; // of a delta that came back
        default: TRY(chat_walk_drop(w)); break;
        }
    }
    if (e != ERR_EOF) return e;
    if (chat_text_is_given(type) && !chat_text_is(type, STR("function")))
        return chat_walk_refuse_at(w, ERR_UNSUPPORTED, STR("type"),
                                   STR("Only calls of functions can be translated."));
    if (!chat_text_is_given(call->name)) return chat_walk_missing(w, names[FUNCTION]);
    return OK;
}

err openai_content_read_calls(struct chat_walk *w, struct chat_parts *out)
{
    err e;

    TRY(chat_walk_array(w));
    while (!(e = chat_walk_element(w))) {
        TRY(read_call(w, out));
    }
    return e == ERR_EOF ? OK : e;
}

err openai_content_read_function(struct chat_walk *w, struct chat_parts *out)
{
    struct chat_part *call;

    TRY(chat_walk_add_part(w, out, CHAT_PART_TOOL_CALL, &call));
    return read_function(w, call);
}

static void add_all(struct chat_parts *to, const struct chat_parts *more)
{
    if (more->count) memcpy(to->items + to->count, more->items, more->count * sizeof(*more->items));
    to->count += more->count;
}

static err add_said(struct chat_walk *w, struct chat_parts *to, enum chat_part_kind kind,
                    struct chat_text text)
{
    struct chat_part *part;

    if (!chat_text_has(text)) return OK;
    TRY(chat_walk_add_part(w, to, kind, &part));
    part->text = text;
    return OK;
}

err openai_content_said(struct chat_walk *w, const struct openai_said *said, struct chat_parts *out)
{
    size_t more = (size_t)chat_text_has(said->reasoning) + chat_text_has(said->refusal);
    struct chat_parts all = {.room = more + said->content.count + said->calls.count};

    if (all.room == said->content.count) {
        *out = said->content;
        return OK;
    }
    all.items = arena_array(w->arena, struct chat_part, all.room);
    TRY(add_said(w, &all, CHAT_PART_REASONING, said->reasoning));
    add_all(&all, &said->content);
    TRY(add_said(w, &all, CHAT_PART_REFUSAL, said->refusal));
    add_all(&all, &said->calls);
    *out = all;
    return OK;
}
