#include "provider/anthropic_content.h"

#include "provider/members.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { NAME_BYTES_MAX = 64, PLACE_BYTES_MAX = 100, PARTS_FIRST = 4 };

void anthropic_content_enter(struct anthropic_content *c, const char *name, size_t index)
{
    assert(c->depth < ANTHROPIC_CONTENT_PLACES_MAX);
    c->places[c->depth].name = name;
    c->places[c->depth].index = index;
    c->depth++;
}

void anthropic_content_leave(struct anthropic_content *c)
{
    c->depth--;
}

err anthropic_content_refuse(struct anthropic_content *c, err e, str problem, const char *leaf)
{
    char place[PLACE_BYTES_MAX] = "";
    size_t len = 0;

    for (size_t i = 0; i < c->depth && len < sizeof(place); i++) {
        const char *name = c->places[i].name;
        size_t index = c->places[i].index;
        int added = index == SIZE_MAX
                        ? snprintf(place + len, sizeof(place) - len, "%s", name)
                        : snprintf(place + len, sizeof(place) - len, "%s[%zu]", name, index);
        len += (size_t)added;
    }
    return chat_notes_refuse_at(c->notes, e, problem, "%s%s", place, leaf);
}

void anthropic_content_drop(struct anthropic_content *c, const char *outer, str key)
{
    if (c->notes->dropped_count == CHAT_DROPPED_MAX) return;
    key = str_sub(key, 0, NAME_BYTES_MAX);
    chat_notes_drop(c->notes, arena_format(c->arena, "%s%" STR_FMT, outer, STR_ARG(key)));
}

void anthropic_content_drop_all(struct anthropic_content *c, const char *outer, const str *keys,
                                size_t count)
{
    for (size_t i = 0; i < count; i++) {
        anthropic_content_drop(c, outer, keys[i]);
    }
}

struct chat_part *anthropic_content_add(struct anthropic_content *c, struct anthropic_parts *out)
{
    if (c->part_count == CHAT_PARTS_MAX) return NULL;
    c->part_count++;
    if (out->count == out->room) {
        size_t room = out->room ? 2 * out->room : PARTS_FIRST;
        struct chat_part *items = arena_array(c->arena, struct chat_part, room);
        if (out->count) memcpy(items, out->items, out->count * sizeof(*items));
        out->items = items;
        out->room = room;
    }
    out->items[out->count] = (struct chat_part){.kind = CHAT_PART_TEXT};
    return &out->items[out->count++];
}

// What a block of any type may have.
enum member {
    TYPE,
    TEXT,
    SOURCE,
    TITLE,
    CONTEXT,
    CITATIONS,
    CACHE,
    ID,
    NAME,
    INPUT,
    USE_ID,
    CONTENT,
    IS_ERROR,
    THINKING,
    SIGNATURE,
    REDACTED,
    CALLER, // of a call: that it came directly is no news to others
    MEMBERS_KNOWN,
};

static const str member_names[MEMBERS_KNOWN] = {
    [TYPE] = STR_INIT("type"),           [TEXT] = STR_INIT("text"),
    [SOURCE] = STR_INIT("source"),       [TITLE] = STR_INIT("title"),
    [CONTEXT] = STR_INIT("context"),     [CITATIONS] = STR_INIT("citations"),
    [CACHE] = STR_INIT("cache_control"), [ID] = STR_INIT("id"),
    [NAME] = STR_INIT("name"),           [INPUT] = STR_INIT("input"),
    [USE_ID] = STR_INIT("tool_use_id"),  [CONTENT] = STR_INIT("content"),
    [IS_ERROR] = STR_INIT("is_error"),   [THINKING] = STR_INIT("thinking"),
    [SIGNATURE] = STR_INIT("signature"), [REDACTED] = STR_INIT("data"),
    [CALLER] = STR_INIT("caller"),
};

// A block being read.
struct block {
    struct json_value found[MEMBERS_KNOWN];
    struct anthropic_parts *out;
};

static err add(struct anthropic_content *c, struct anthropic_parts *out, enum chat_part_kind kind,
               struct chat_part **part)
{
    *part = anthropic_content_add(c, out);
    if (!*part)
        return anthropic_content_refuse(c, ERR_LIMIT, STR("The request has too many parts."), "");
    (*part)->kind = kind;
    return OK;
}

static err read_text(struct anthropic_content *c, struct json_value v, const char *leaf,
                     struct chat_text *out)
{
    if (v.kind != JSON_STRING)
        return anthropic_content_refuse(c, ERR_TYPE, STR("A string is required here."), leaf);
    *out = chat_text_json(json_raw(v));
    return OK;
}

// One that may be missing.
static err read_option(struct anthropic_content *c, struct json_value v, const char *leaf,
                       struct chat_text *out)
{
    return v.kind == JSON_NULL ? OK : read_text(c, v, leaf, out);
}

// A text of its own before what it belongs to, if it says anything.
static err add_text(struct anthropic_content *c, struct block *b, enum member which,
                    const char *leaf)
{
    struct chat_text text = {0};
    struct chat_part *part;

    TRY(read_option(c, b->found[which], leaf, &text));
    if (!chat_text_has(text)) return OK;
    TRY(add(c, b->out, CHAT_PART_TEXT, &part));
    part->text = text;
    return OK;
}

static err read_text_block(struct anthropic_content *c, struct block *b)
{
    struct chat_part *part;

    TRY(add(c, b->out, CHAT_PART_TEXT, &part));
    part->cache_json = b->found[CACHE].text;
    if (b->found[CITATIONS].kind == JSON_ARRAY) part->citations_json = b->found[CITATIONS].text;
    return read_text(c, b->found[TEXT], ".text", &part->text);
}

enum source_member { SOURCE_TYPE, MEDIA_TYPE, DATA, URL, FILE_ID, BLOCKS, SOURCE_MEMBERS };

static err read_source(struct anthropic_content *c, const struct json_value *found,
                       bool is_document, struct chat_media *out)
{
    enum { BASE64, BY_URL, BY_FILE, AS_TEXT, COUNT };
    static const str types[COUNT] = {STR_INIT("base64"), STR_INIT("url"), STR_INIT("file"),
                                     STR_INIT("text")};
    size_t type = COUNT;

    if (found[SOURCE_TYPE].kind == JSON_STRING)
        type = members_find(types, COUNT, json_raw(found[SOURCE_TYPE]));
    TRY(read_option(c, found[MEDIA_TYPE], ".source.media_type", &out->type));
    switch (type) {
    case BASE64:
        out->source = CHAT_SOURCE_BASE64;
        return read_text(c, found[DATA], ".source.data", &out->content);
    case BY_URL:
        out->source = CHAT_SOURCE_URL;
        return read_text(c, found[URL], ".source.url", &out->content);
    case BY_FILE:
        out->source = CHAT_SOURCE_FILE_ID;
        return read_text(c, found[FILE_ID], ".source.file_id", &out->content);
    case AS_TEXT:
        out->source = CHAT_SOURCE_TEXT;
        if (is_document) return read_text(c, found[DATA], ".source.data", &out->content);
        break;
    default: break;
    }
    return anthropic_content_refuse(c, ERR_UNSUPPORTED, STR("This type of source is unknown."),
                                    ".source.type");
}

static err find_source(struct anthropic_content *c, const struct block *b, struct json_value *found)
{
    static const str names[SOURCE_MEMBERS] = {
        [SOURCE_TYPE] = STR_INIT("type"), [MEDIA_TYPE] = STR_INIT("media_type"),
        [DATA] = STR_INIT("data"),        [URL] = STR_INIT("url"),
        [FILE_ID] = STR_INIT("file_id"),  [BLOCKS] = STR_INIT("content"),
    };
    struct members m = {.names = names, .count = SOURCE_MEMBERS, .values = found};

    err e = members_read_value(b->found[SOURCE], &m);
    return e == ERR_TYPE
               ? anthropic_content_refuse(c, e, STR("An object is required here."), ".source")
               : e;
}

static err read_image(struct anthropic_content *c, struct block *b)
{
    struct json_value found[SOURCE_MEMBERS];
    struct chat_part *part;

    TRY(find_source(c, b, found));
    TRY(add(c, b->out, CHAT_PART_IMAGE, &part));
    part->cache_json = b->found[CACHE].text;
    return read_source(c, found, false, &part->media);
}

// Asked for, they can't come from elsewhere.
static void drop_citations(struct anthropic_content *c, struct json_value v)
{
    static const str names[] = {STR_INIT("enabled")};
    struct json_value found[1];
    struct members m = MEMBERS(names, found);

    if (!members_read_value(v, &m) && found[0].kind == JSON_TRUE)
        anthropic_content_drop(c, "messages.content.", STR("citations"));
}

// What consists of blocks: they stand for it.
static err read_blocks(struct anthropic_content *c, struct block *b, struct json_value blocks,
                       const char *leaf)
{
    TRY(add_text(c, b, TITLE, ".title"));
    TRY(add_text(c, b, CONTEXT, ".context"));
    anthropic_content_enter(c, leaf, SIZE_MAX);
    TRY(anthropic_content_read(c, blocks, ANTHROPIC_IN_DOCUMENT, b->out));
    anthropic_content_leave(c);
    return OK;
}

static err read_document(struct anthropic_content *c, struct block *b)
{
    struct json_value found[SOURCE_MEMBERS];
    struct chat_part *part;

    drop_citations(c, b->found[CITATIONS]);
    TRY(find_source(c, b, found));
    if (found[BLOCKS].kind != JSON_NULL) return read_blocks(c, b, found[BLOCKS], ".source.content");
    TRY(add_text(c, b, CONTEXT, ".context"));
    TRY(add(c, b->out, CHAT_PART_FILE, &part));
    part->cache_json = b->found[CACHE].text;
    TRY(read_option(c, b->found[TITLE], ".title", &part->media.name));
    return read_source(c, found, true, &part->media);
}

static err read_search_result(struct anthropic_content *c, struct block *b)
{
    drop_citations(c, b->found[CITATIONS]);
    return read_blocks(c, b, b->found[CONTENT], ".content");
}

static err read_tool_use(struct anthropic_content *c, struct block *b)
{
    struct chat_part *part;

    TRY(add(c, b->out, CHAT_PART_TOOL_CALL, &part));
    part->cache_json = b->found[CACHE].text;
    part->arguments = chat_text_plain(STR("{}"));
    if (b->found[INPUT].kind == JSON_OBJECT) {
        part->arguments = chat_text_plain(b->found[INPUT].text);
    } else if (b->found[INPUT].kind == JSON_STRING) {
        // What a model wrote that is no object comes so in our answers (anthropic_blocks.h).
        part->arguments = chat_text_json(json_raw(b->found[INPUT]));
    } else if (b->found[INPUT].kind != JSON_NULL) {
        return anthropic_content_refuse(c, ERR_TYPE, STR("An object is required here."), ".input");
    }
    TRY(read_text(c, b->found[ID], ".id", &part->id));
    return read_text(c, b->found[NAME], ".name", &part->name);
}

static err read_tool_result(struct anthropic_content *c, struct block *b)
{
    struct anthropic_parts parts = {0};
    struct chat_part *part;
    struct chat_text id = {0};
    enum json_kind is_error = b->found[IS_ERROR].kind;

    TRY(read_text(c, b->found[USE_ID], ".tool_use_id", &id));
    if (is_error != JSON_NULL && is_error != JSON_TRUE && is_error != JSON_FALSE)
        return anthropic_content_refuse(c, ERR_TYPE, STR("A boolean is required here."),
                                        ".is_error");
    if (b->found[CONTENT].kind != JSON_NULL) {
        anthropic_content_enter(c, ".content", SIZE_MAX);
        TRY(anthropic_content_read(c, b->found[CONTENT], ANTHROPIC_IN_RESULT, &parts));
        anthropic_content_leave(c);
    }
    TRY(add(c, b->out, CHAT_PART_TOOL_RESULT, &part));
    part->id = id;
    part->is_error = is_error == JSON_TRUE;
    part->parts = parts.items;
    part->part_count = parts.count;
    part->cache_json = b->found[CACHE].text;
    return OK;
}

static err read_thinking(struct anthropic_content *c, struct block *b)
{
    struct chat_part *part;

    TRY(add(c, b->out, CHAT_PART_REASONING, &part));
    TRY(read_option(c, b->found[SIGNATURE], ".signature", &part->signature));
    // Our answers have an empty one where there was none.
    if (!chat_text_has(part->signature)) part->signature = (struct chat_text){0};
    return read_text(c, b->found[THINKING], ".thinking", &part->text);
}

static err read_redacted(struct anthropic_content *c, struct block *b)
{
    struct chat_part *part;

    TRY(add(c, b->out, CHAT_PART_REASONING, &part));
    return read_text(c, b->found[REDACTED], ".data", &part->redacted);
}

static const struct {
    str type;
    unsigned where; // it may stand
    err (*read)(struct anthropic_content *c, struct block *b);
} kinds[] = {
    {STR_INIT("text"),
     ANTHROPIC_IN_SYSTEM | ANTHROPIC_IN_USER | ANTHROPIC_IN_ASSISTANT | ANTHROPIC_IN_RESULT |
         ANTHROPIC_IN_DOCUMENT,
     read_text_block},
    {STR_INIT("image"), ANTHROPIC_IN_USER | ANTHROPIC_IN_RESULT | ANTHROPIC_IN_DOCUMENT,
     read_image},
    {STR_INIT("document"), ANTHROPIC_IN_USER | ANTHROPIC_IN_RESULT, read_document},
    {STR_INIT("search_result"), ANTHROPIC_IN_USER | ANTHROPIC_IN_RESULT, read_search_result},
    {STR_INIT("tool_use"), ANTHROPIC_IN_ASSISTANT, read_tool_use},
    {STR_INIT("tool_result"), ANTHROPIC_IN_USER, read_tool_result},
    {STR_INIT("thinking"), ANTHROPIC_IN_ASSISTANT, read_thinking},
    {STR_INIT("redacted_thinking"), ANTHROPIC_IN_ASSISTANT, read_redacted},
};

// What Anthropic's servers do on their own.
static bool is_theirs(str type)
{
    static const str names[] = {STR_INIT("container_upload"), STR_INIT("tool_reference"),
                                STR_INIT("browser_state")};
    const size_t count = sizeof(names) / sizeof(*names);

    return str_ends(type, STR("_tool_use")) || str_ends(type, STR("_tool_result")) ||
           members_find(names, count, type) < count;
}

static err refuse_kind(struct anthropic_content *c, str type, enum anthropic_where where)
{
    if (c->is_answer) return OK;
    if ((where == ANTHROPIC_IN_ASSISTANT || where == ANTHROPIC_IN_RESULT) && is_theirs(type)) {
        anthropic_content_drop(c, "messages.content.", type);
        return OK;
    }
    type = str_sub(type, 0, NAME_BYTES_MAX);
    return anthropic_content_refuse(
        c, ERR_UNSUPPORTED,
        arena_format(c->arena, "A block of the type '%" STR_FMT "' can't be translated here.",
                     STR_ARG(type)),
        ".type");
}

static err read_block(struct anthropic_content *c, struct json_value v, enum anthropic_where where,
                      struct anthropic_parts *out)
{
    struct block b = {.out = out};
    struct members m = MEMBERS(member_names, b.found);
    err e = members_read_value(v, &m);

    if (e == ERR_TYPE)
        return anthropic_content_refuse(c, e, STR("A block is an object with a type."), "");
    if (e) return e;
    if (b.found[TYPE].kind != JSON_STRING)
        return anthropic_content_refuse(c, ERR_TYPE, STR("A block is an object with a type."),
                                        ".type");
    str type = json_raw(b.found[TYPE]);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (!json_string_is(type, kinds[i].type)) continue;
        if (!(kinds[i].where & where)) break;
        if (!c->is_answer)
            anthropic_content_drop_all(c, "messages.content.", m.strangers, m.stranger_count);
        return kinds[i].read(c, &b);
    }
    return refuse_kind(c, type, where);
}

err anthropic_content_read(struct anthropic_content *c, struct json_value content,
                           enum anthropic_where where, struct anthropic_parts *out)
{
    struct json_reader r;
    struct json_value v;
    struct chat_part *part;
    err e = OK;

    if (content.kind == JSON_STRING) {
        TRY(add(c, out, CHAT_PART_TEXT, &part));
        part->text = chat_text_json(json_raw(content));
        return OK;
    }
    if (content.kind != JSON_ARRAY)
        return anthropic_content_refuse(c, ERR_TYPE,
                                        STR("A string or a list of blocks is required here."), "");
    json_reader_init(&r, content.text);
    TRY(json_enter(&r));
    size_t *index = &c->places[c->depth - 1].index;
    *index = 0;
    while (!(e = json_element(&r))) {
        TRY(json_value(&r, &v));
        TRY(read_block(c, v, where, out));
        ++*index;
    }
    *index = SIZE_MAX;
    return e == ERR_EOF ? OK : e;
}
