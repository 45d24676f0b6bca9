#include "provider/openai_media.h"

#include "codec/base64.h"

enum { URL_HEAD_MAX = 256 }; // what precedes the comma of a data URL, looked at

// Whether a raw string is more than its bytes, but for slashes that are escaped.
static bool has_escapes(str raw)
{
    for (size_t i = 0; i + 1 < raw.len; i++) {
        if (raw.ptr[i] != '\\') continue;
        if (raw.ptr[++i] != '/') return true;
    }
    return false;
}

static bool begins_nocase(str s, str prefix)
{
    return str_eq_nocase(str_sub(s, 0, prefix.len), prefix);
}

static bool split_url(struct chat_text url, struct arena *a, struct chat_media *out)
{
    const str scheme = STR("data:");
    const str encoding = STR(";base64");
    str head = str_sub(url.bytes, 0, URL_HEAD_MAX);
    size_t comma = str_find_char(head, ',');

    if (comma == head.len) return false;
    head = str_sub(head, 0, comma);
    if (url.is_json && has_escapes(head))
        return split_url(chat_text_plain(json_decode(url.bytes, a)), a, out);
    if (!begins_nocase(head, scheme) || head.len < scheme.len + encoding.len) return false;
    if (!begins_nocase(str_sub(head, head.len - encoding.len, head.len), encoding)) return false;
    str type = str_sub(head, scheme.len, head.len - scheme.len - encoding.len);
    type = str_sub(type, 0, str_find_char(type, ';'));
    out->source = CHAT_SOURCE_BASE64;
    out->content = (struct chat_text){str_sub(url.bytes, comma + 1, url.bytes.len), url.is_json};
    if (type.len) out->type = (struct chat_text){type, url.is_json};
    return true;
}

struct chat_media openai_media_of_url(struct chat_text url, struct arena *a)
{
    struct chat_media media = {.source = CHAT_SOURCE_URL, .content = url};

    (void)split_url(url, a, &media);
    return media;
}

err openai_media_read_image(struct chat_walk *w, struct chat_media *out)
{
    enum { URL, DETAIL, COUNT };
    static const str names[COUNT] = {STR_INIT("url"), STR_INIT("detail")};
    struct chat_text detail = {0};
    struct chat_text url = {0};
    size_t name;
    err e;

    TRY(chat_walk_object(w));
    while (!(e = chat_walk_member(w, names, COUNT, &name))) {
        switch (name) {
        case URL: TRY(chat_walk_text(w, &url)); break;
        case DETAIL: TRY(chat_walk_text(w, &detail)); break;
        default: TRY(chat_walk_drop(w)); break;
        }
    }
    if (e != ERR_EOF) return e;
    if (!chat_text_is_given(url)) return chat_walk_missing(w, STR("url"));
    *out = openai_media_of_url(url, w->arena);
    out->detail = detail;
    return OK;
}

// Formats of sounds whose name is not the end of their media type.
static const struct {
    str format;
    str type;
} sounds[] = {
    {STR_INIT("mp3"), STR_INIT("audio/mpeg")},     {STR_INIT("wav"), STR_INIT("audio/wav")},
    {STR_INIT("wav"), STR_INIT("audio/x-wav")},    {STR_INIT("wav"), STR_INIT("audio/wave")},
    {STR_INIT("wav"), STR_INIT("audio/vnd.wave")},
};

enum { SOUNDS = sizeof(sounds) / sizeof(*sounds) };

static struct chat_text sound_type(struct chat_text format, struct arena *a)
{
    for (size_t i = 0; i < SOUNDS; i++) {
        if (chat_text_is(format, sounds[i].format)) return chat_text_plain(sounds[i].type);
    }
    str name = chat_text_read(format, a);
    return chat_text_plain(arena_format(a, "audio/%" STR_FMT, STR_ARG(name)));
}

// What is behind "audio/" of a type that is escaped or not.
static struct chat_text sound_format(struct chat_text type)
{
    str s = type.bytes;

    for (size_t i = 0; i < SOUNDS; i++) {
        if (chat_text_is(type, sounds[i].type)) return chat_text_plain(sounds[i].format);
    }
    return (struct chat_text){str_sub(s, str_find_char(s, '/') + 1, s.len), type.is_json};
}

err openai_media_read_audio(struct chat_walk *w, struct chat_media *out)
{
    enum { CONTENT, FORMAT, COUNT };
    static const str names[COUNT] = {STR_INIT("data"), STR_INIT("format")};
    struct chat_text format = {0};
    struct chat_text content = {0};
    size_t name;
    err e;

    TRY(chat_walk_object(w));
    while (!(e = chat_walk_member(w, names, COUNT, &name))) {
        switch (name) {
        case CONTENT: TRY(chat_walk_text(w, &content)); break;
        case FORMAT: TRY(chat_walk_text(w, &format)); break;
        default: TRY(chat_walk_drop(w)); break;
        }
    }
    if (e != ERR_EOF) return e;
    if (!chat_text_is_given(content)) return chat_walk_missing(w, names[CONTENT]);
    if (!chat_text_has(format)) return chat_walk_missing(w, names[FORMAT]);
    *out = (struct chat_media){
        .source = CHAT_SOURCE_BASE64, .content = content, .type = sound_type(format, w->arena)};
    return OK;
}

// What is no data URL holds the digits alone; only PDF ever came so.
static struct chat_media media_of_file(struct chat_text content, struct arena *a)
{
    struct chat_media media = openai_media_of_url(content, a);

    if (media.source == CHAT_SOURCE_BASE64) return media;
    return (struct chat_media){.source = CHAT_SOURCE_BASE64,
                               .content = content,
                               .type = chat_text_plain(STR("application/pdf"))};
}

err openai_media_read_file(struct chat_walk *w, struct chat_media *out)
{
    enum { CONTENT, ID, NAME, COUNT };
    static const str names[COUNT] = {STR_INIT("file_data"), STR_INIT("file_id"),
                                     STR_INIT("filename")};
    struct chat_text texts[COUNT] = {0};
    size_t name;
    err e;

    TRY(chat_walk_object(w));
    while (!(e = chat_walk_member(w, names, COUNT, &name))) {
        if (name < COUNT) {
            TRY(chat_walk_text(w, &texts[name]));
        } else {
            TRY(chat_walk_drop(w));
        }
    }
    if (e != ERR_EOF) return e;
    if (chat_text_is_given(texts[CONTENT])) {
        *out = media_of_file(texts[CONTENT], w->arena);
    } else if (chat_text_is_given(texts[ID])) {
        *out = (struct chat_media){.source = CHAT_SOURCE_FILE_ID, .content = texts[ID]};
    } else {
        return chat_walk_missing(w, names[CONTENT]);
    }
    out->name = texts[NAME];
    return OK;
}

static bool is_inline(const struct chat_media *m)
{
    return m->source == CHAT_SOURCE_BASE64 || m->source == CHAT_SOURCE_BYTES;
}

static void add_digits(struct json_writer *w, struct gather *g, const struct chat_media *m)
{
    if (m->source == CHAT_SOURCE_BASE64) {
        chat_text_add(w, g, m->content);
    } else if (!w->error) {
        w->error = base64_encode(&g->text, m->content.bytes);
    }
}

static void write_url(struct json_writer *w, struct gather *g, const struct chat_media *m)
{
    chat_text_open(w);
    chat_text_add(w, g, chat_text_plain(STR("data:")));
    chat_text_add(w, g, m->type);
    chat_text_add(w, g, chat_text_plain(STR(";base64,")));
    add_digits(w, g, m);
    chat_text_close(w);
}

static void begin(struct json_writer *w, str type)
{
    json_write_object(w);
    json_write_key(w, STR("type"));
    json_write_str(w, type);
    json_write_key(w, type);
}

static err write_image(struct json_writer *w, struct gather *g, const struct chat_media *m,
                       str *problem)
{
    *problem = STR("An image can be given to this model as a URL or as base64.");
    if (m->source != CHAT_SOURCE_URL && !is_inline(m)) return ERR_UNSUPPORTED;
    *problem = STR("The media type of the image is needed.");
    if (is_inline(m) && !chat_text_has(m->type)) return ERR_UNSUPPORTED;
    begin(w, STR("image_url"));
    json_write_object(w);
    json_write_key(w, STR("url"));
    if (m->source == CHAT_SOURCE_URL) {
        chat_text_write(w, g, m->content);
    } else {
        write_url(w, g, m);
    }
    chat_text_write_member(w, g, STR("detail"), m->detail);
    json_write_object_end(w);
    json_write_object_end(w);
    return OK;
}

static err write_audio(struct json_writer *w, struct gather *g, const struct chat_media *m,
                       str *problem)
{
    *problem = STR("A sound can be given to this model as base64 with its media type.");
    if (!is_inline(m) || !chat_text_has(m->type)) return ERR_UNSUPPORTED;
    begin(w, STR("input_audio"));
    json_write_object(w);
    json_write_key(w, STR("data"));
    chat_text_open(w);
    add_digits(w, g, m);
    chat_text_close(w);
    json_write_key(w, STR("format"));
    chat_text_write(w, g, sound_format(m->type));
    json_write_object_end(w);
    json_write_object_end(w);
    return OK;
}

static void write_text(struct json_writer *w, struct gather *g, struct chat_text text)
{
    begin(w, STR("text"));
    chat_text_write(w, g, text);
    json_write_object_end(w);
}

// A file that comes with the request must have a name.
static void write_inline_file(struct json_writer *w, struct gather *g, const struct chat_media *m)
{
    struct chat_text name = m->name;

    if (!chat_text_has(name) && chat_text_is(m->type, STR("application/pdf")))
        name = chat_text_plain(STR("document.pdf"));
    if (!chat_text_has(name)) name = chat_text_plain(STR("document"));
    chat_text_write_member(w, g, STR("filename"), name);
    json_write_key(w, STR("file_data"));
    write_url(w, g, m);
}

static err write_file(struct json_writer *w, struct gather *g, const struct chat_media *m,
                      str *problem)
{
    if (m->source == CHAT_SOURCE_TEXT) {
        write_text(w, g, m->content);
        return OK;
    }
    *problem = STR("A file can be given to this model as base64, as text or by its id.");
    if (m->source == CHAT_SOURCE_URL) return ERR_UNSUPPORTED;
    *problem = STR("The media type of the file is needed.");
    if (is_inline(m) && !chat_text_has(m->type)) return ERR_UNSUPPORTED;
    begin(w, STR("file"));
    json_write_object(w);
    if (is_inline(m)) {
        write_inline_file(w, g, m);
    } else {
        chat_text_write_member(w, g, STR("file_id"), m->content);
        chat_text_write_member(w, g, STR("filename"), m->name);
    }
    json_write_object_end(w);
    json_write_object_end(w);
    return OK;
}

err openai_media_write(struct json_writer *w, struct gather *g, const struct chat_part *part,
                       str *problem)
{
    switch (part->kind) {
    case CHAT_PART_IMAGE: return write_image(w, g, &part->media, problem);
    case CHAT_PART_AUDIO: return write_audio(w, g, &part->media, problem);
    default: return write_file(w, g, &part->media, problem);
    }
}
