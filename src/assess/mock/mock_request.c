#include "assess/mock/mock_request.h"

struct reading {
    struct json_reader json;
    struct arena *arena;
    struct mock_request *out;
};

typedef err member_fn(struct reading *r);

static err read_str(struct reading *r, str *out)
{
    struct json_value v;

    TRY(json_value(&r->json, &v));
    if (v.kind == JSON_NULL) return OK;
    if (v.kind != JSON_STRING) return ERR_TYPE;
    *out = json_decode(json_raw(v), r->arena);
    return OK;
}

// Steps into the next value if it is of that kind; ERR_TYPE leaves it to be read.
static err enter(struct json_reader *json, enum json_kind wanted)
{
    enum json_kind kind = JSON_NULL;

    TRY(json_peek(json, &kind));
    return kind == wanted ? json_enter(json) : ERR_TYPE;
}

static err read_bool(struct reading *r, bool *out)
{
    struct json_value v;

    TRY(json_value(&r->json, &v));
    if (v.kind != JSON_TRUE && v.kind != JSON_FALSE && v.kind != JSON_NULL) return ERR_TYPE;
    *out = v.kind == JSON_TRUE;
    return OK;
}

static err read_u64(struct reading *r, uint64_t max, uint64_t *out)
{
    struct json_value v;

    TRY(json_value(&r->json, &v));
    return v.kind == JSON_NULL ? OK : json_to_u64(v, max, out);
}

uint64_t mock_request_words(str s)
{
    uint64_t words = 0;
    bool in_word = false;

    for (size_t i = 0; i < s.len; i++) {
        bool is_space = s.ptr[i] == ' ' || s.ptr[i] == '\n' || s.ptr[i] == '\t';
        if (!is_space && !in_word) words++;
        in_word = !is_space;
    }
    return words;
}

// A part of a content, as far as it was read.
struct part {
    str text;
    str type;
    struct mock_media media;
    bool has_media;
};

static err read_content(struct reading *r, unsigned level, str *text);

// "data:image/png;base64,AAAA", or any other URL.
static void note_url(struct part *p, str url)
{
    str head = url;
    str rest = url;

    p->has_media = true;
    p->media.content = url;
    if (!str_starts(url, STR("data:"))) return;
    head = str_cut(&rest, ',');
    if (!str_ends(head, STR(";base64"))) return;
    p->media.type = str_sub(head, STR("data:").len, head.len);
    p->media.type.len -= STR(";base64").len;
    p->media.content = rest;
    p->media.is_base64 = true;
}

static err read_url(struct reading *r, struct part *p)
{
    str url = STR("");

    TRY(read_str(r, &url));
    if (url.len) note_url(p, url);
    return OK;
}

// {"url"}, {"file_data"}, or {"type", "media_type", "data"}: an image or document in an object.
static err read_source(struct reading *r, struct part *p)
{
    enum json_kind kind = JSON_NULL;
    str type = STR("");
    str key = STR("");
    err e = OK;

    TRY(json_peek(&r->json, &kind));
    if (kind == JSON_STRING) return read_url(r, p);
    e = enter(&r->json, JSON_OBJECT);
    if (e == ERR_TYPE) return OK;
    while (!e && (e = json_member(&r->json, &key)) == OK) {
        if (json_string_is(key, STR("url")) || json_string_is(key, STR("file_data"))) {
            e = read_url(r, p);
        } else if (json_string_is(key, STR("media_type"))) {
            e = read_str(r, &p->media.type);
        } else if (json_string_is(key, STR("data")) || json_string_is(key, STR("file_id"))) {
            e = read_str(r, &p->media.content);
        } else if (json_string_is(key, STR("type"))) {
            e = read_str(r, &type);
        }
    }
    p->has_media = true;
    p->media.is_base64 |= str_eq(type, STR("base64"));
    return e == ERR_EOF ? OK : e;
}

static err read_part_member(struct reading *r, str key, unsigned level, struct part *p)
{
    static const str sources[] = {STR_INIT("image_url"), STR_INIT("source"), STR_INIT("file"),
                                  STR_INIT("file_data"), STR_INIT("file_url")};

    if (json_string_is(key, STR("text"))) return read_str(r, &p->text);
    if (json_string_is(key, STR("type"))) return read_str(r, &p->type);
    // What a tool said is nobody's last text, but may hold images.
    if (json_string_is(key, STR("content")) && level == 0) {
        str ignored = STR("");
        return read_content(r, level + 1, &ignored);
    }
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        if (json_string_is(key, sources[i])) return read_source(r, p);
    }
    return OK;
}

static void keep_media(struct reading *r, struct part *p)
{
    struct mock_request *out = r->out;

    p->media.is_document = str_eq(p->type, STR("document")) || str_eq(p->type, STR("file")) ||
                           str_eq(p->type, STR("input_file"));
    out->images += !p->media.is_document;
    if (!out->media) out->media = arena_array(r->arena, struct mock_media, MOCK_REQUEST_MEDIA_MAX);
    if (out->media_count < MOCK_REQUEST_MEDIA_MAX) out->media[out->media_count++] = p->media;
}

// One part of a content: text of any API, an image, or a tool's result with parts of its own.
static err read_part(struct reading *r, unsigned level, struct part *p)
{
    str key = STR("");
    err e = enter(&r->json, JSON_OBJECT);

    if (e == ERR_TYPE) return OK; // tokens as numbers, and the like
    while (!e && (e = json_member(&r->json, &key)) == OK) {
        e = read_part_member(r, key, level, p);
    }
    if (e != ERR_EOF) return e;
    if (p->has_media) keep_media(r, p);
    return OK;
}

// A string, or an array of strings and parts; the last text stays. `*text` is left as it was
// where all parts are results of tools.
static err read_content(struct reading *r, unsigned level, str *text)
{
    enum json_kind kind = JSON_NULL;
    err e = OK;

    TRY(json_peek(&r->json, &kind));
    if (kind != JSON_ARRAY) {
        *text = STR("");
        TRY(read_str(r, text));
        r->out->words += mock_request_words(*text);
        return OK;
    }
    TRY(enter(&r->json, JSON_ARRAY));
    while ((e = json_element(&r->json)) == OK) {
        struct part part = {0};
        TRY(json_peek(&r->json, &kind));
        if (kind == JSON_STRING) TRY(read_str(r, &part.text));
        if (kind == JSON_OBJECT) TRY(read_part(r, level, &part));
        if (part.text.len) {
            *text = part.text;
        } else if (part.has_media && !text->ptr) {
            *text = STR("");
        }
        r->out->words += mock_request_words(part.text);
    }
    return e == ERR_EOF ? OK : e;
}

static err read_message(struct reading *r)
{
    str role = STR("");
    str text = {0}; // nothing was said yet, not even an empty text
    str key = STR("");
    err e = OK;

    TRY(enter(&r->json, JSON_OBJECT));
    while ((e = json_member(&r->json, &key)) == OK) {
        if (json_string_is(key, STR("role"))) {
            TRY(read_str(r, &role));
        } else if (json_string_is(key, STR("content"))) {
            TRY(read_content(r, 0, &text));
        }
    }
    if (e != ERR_EOF) return e;
    if (str_eq(role, STR("user")) && text.ptr) r->out->text = text;
    return OK;
}

static err read_messages(struct reading *r)
{
    err e = enter(&r->json, JSON_ARRAY);

    while (!e && (e = json_element(&r->json)) == OK) {
        e = read_message(r);
    }
    r->out->has_input = true;
    return e == ERR_EOF ? OK : e;
}

static err read_prompt(struct reading *r)
{
    r->out->has_input = true;
    return read_content(r, 0, &r->out->text);
}

// Embeddings read the value once more, as written; responses may have messages here.
static err read_input(struct reading *r)
{
    struct json_reader ahead = r->json;
    struct json_value v;
    enum json_kind first = JSON_NULL;

    TRY(json_value(&ahead, &v));
    r->out->input = v.text;
    r->out->has_input = true;
    if (v.kind != JSON_ARRAY && v.kind != JSON_STRING) return ERR_TYPE;
    if (v.kind == JSON_STRING) return read_prompt(r);
    ahead = r->json;
    TRY(enter(&ahead, JSON_ARRAY));
    err e = json_element(&ahead);
    if (!e) TRY(json_peek(&ahead, &first));
    if (first == JSON_OBJECT && str_find(v.text, STR("\"role\"")) < v.text.len)
        return read_messages(r);
    return read_prompt(r);
}

static err read_function_name(struct reading *r, str *name)
{
    str key = STR("");
    err e = enter(&r->json, JSON_OBJECT);

    if (e == ERR_TYPE) return OK;
    while (!e && (e = json_member(&r->json, &key)) == OK) {
        if (json_string_is(key, STR("name"))) e = read_str(r, name);
    }
    return e == ERR_EOF ? OK : e;
}

// {"function":{"name"}} in chat, {"name"} elsewhere. The type of a choice may be all of it.
static err read_tool(struct reading *r, str *name, str *type)
{
    str key = STR("");
    err e = enter(&r->json, JSON_OBJECT);

    while (!e && (e = json_member(&r->json, &key)) == OK) {
        if (json_string_is(key, STR("name"))) e = read_str(r, name);
        if (json_string_is(key, STR("function"))) e = read_function_name(r, name);
        if (json_string_is(key, STR("type"))) e = read_str(r, type);
    }
    return e == ERR_EOF ? OK : e;
}

static err read_tools(struct reading *r)
{
    str first = STR("");
    err e = enter(&r->json, JSON_ARRAY);

    while (!e && (e = json_element(&r->json)) == OK) {
        str name = STR("");
        str type = STR("");
        e = read_tool(r, &name, &type);
        if (!first.len) first = name;
    }
    // A choice that came before stands.
    if (!r->out->tool_name.len) r->out->tool_name = first;
    return e == ERR_EOF ? OK : e;
}

// A word, or the tool that must be called.
static err read_tool_choice(struct reading *r)
{
    enum json_kind kind = JSON_NULL;
    str word = STR("");

    TRY(json_peek(&r->json, &kind));
    if (kind != JSON_OBJECT) {
        TRY(read_str(r, &word));
        r->out->needs_tool = str_eq(word, STR("required"));
        return OK;
    }
    str type = STR("");
    TRY(read_tool(r, &word, &type));
    r->out->needs_tool = !str_eq(type, STR("auto")) && !str_eq(type, STR("none"));
    if (word.len) r->out->tool_name = word;
    return OK;
}

static err read_stream_options(struct reading *r)
{
    str key = STR("");
    err e = enter(&r->json, JSON_OBJECT);

    if (e == ERR_TYPE) {
        struct json_value v;
        TRY(json_value(&r->json, &v));
        return v.kind == JSON_NULL ? OK : ERR_TYPE;
    }
    while (!e && (e = json_member(&r->json, &key)) == OK) {
        if (json_string_is(key, STR("include_usage"))) e = read_bool(r, &r->out->include_usage);
    }
    return e == ERR_EOF ? OK : e;
}

static err read_model(struct reading *r)
{
    return read_str(r, &r->out->model);
}

static err read_stream(struct reading *r)
{
    return read_bool(r, &r->out->is_stream);
}

static err read_choices(struct reading *r)
{
    TRY(read_u64(r, MOCK_REQUEST_CHOICES_MAX, &r->out->choices));
    return r->out->choices ? OK : ERR_RANGE;
}

static err read_tokens_max(struct reading *r)
{
    return read_u64(r, UINT64_MAX, &r->out->tokens_max);
}

// A word, or a list of them.
static err read_stops(struct reading *r)
{
    enum json_kind kind = JSON_NULL;
    str stop = STR("");
    err e = OK;

    TRY(json_peek(&r->json, &kind));
    bool is_list = kind == JSON_ARRAY;
    if (is_list) TRY(json_enter(&r->json));
    while (!is_list || (e = json_element(&r->json)) == OK) {
        TRY(read_str(r, &stop));
        if (stop.len && r->out->stop_count < MOCK_REQUEST_STOPS_MAX)
            r->out->stops[r->out->stop_count++] = arena_str(r->arena, stop);
        if (!is_list) return OK;
    }
    return e == ERR_EOF ? OK : e;
}

static err read_thinking(struct reading *r)
{
    str type = STR("");
    str key = STR("");
    err e = enter(&r->json, JSON_OBJECT);

    if (e == ERR_TYPE) return OK; // an API that has no such member
    while (!e && (e = json_member(&r->json, &key)) == OK) {
        if (json_string_is(key, STR("type"))) e = read_str(r, &type);
    }
    r->out->wants_thinking = str_eq(type, STR("enabled")) || str_eq(type, STR("adaptive"));
    return e == ERR_EOF ? OK : e;
}

static err read_system(struct reading *r)
{
    str ignored = STR("");

    return read_content(r, 0, &ignored);
}

static err read_dimensions(struct reading *r)
{
    TRY(read_u64(r, MOCK_REQUEST_DIMENSIONS_MAX, &r->out->dimensions));
    return r->out->dimensions ? OK : ERR_RANGE;
}

static err read_encoding(struct reading *r)
{
    str name = STR("float");

    TRY(read_str(r, &name));
    r->out->is_base64 = str_eq(name, STR("base64"));
    return r->out->is_base64 || str_eq(name, STR("float")) ? OK : ERR_RANGE;
}

static const struct {
    str name;
    member_fn *read;
} members[] = {
    {STR_INIT("model"), read_model},
    {STR_INIT("messages"), read_messages},
    {STR_INIT("prompt"), read_prompt},
    {STR_INIT("input"), read_input},
    {STR_INIT("stream"), read_stream},
    {STR_INIT("stream_options"), read_stream_options},
    {STR_INIT("n"), read_choices},
    {STR_INIT("tools"), read_tools},
    {STR_INIT("tool_choice"), read_tool_choice},
    {STR_INIT("system"), read_system},
    {STR_INIT("stop"), read_stops},
    {STR_INIT("stop_sequences"), read_stops},
    {STR_INIT("thinking"), read_thinking},
    {STR_INIT("max_tokens"), read_tokens_max},
    {STR_INIT("max_completion_tokens"), read_tokens_max},
    {STR_INIT("max_output_tokens"), read_tokens_max},
    {STR_INIT("dimensions"), read_dimensions},
    {STR_INIT("encoding_format"), read_encoding},
};

static err read_member(struct reading *r, str key, str *param)
{
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (!json_string_is(key, members[i].name)) continue;
        *param = members[i].name;
        TRY(members[i].read(r));
        *param = STR("");
    }
    return OK;
}

err mock_request_read(str body, struct arena *arena, struct mock_request *out, str *param)
{
    struct reading r = {.arena = arena, .out = out};
    str key = STR("");

    *out = (struct mock_request){.choices = 1};
    *param = STR("");
    json_reader_init(&r.json, body);
    err e = enter(&r.json, JSON_OBJECT);
    while (!e && (e = json_member(&r.json, &key)) == OK) {
        e = read_member(&r, key, param);
    }
    if (e != ERR_EOF) return e;
    return json_end(&r.json);
}
