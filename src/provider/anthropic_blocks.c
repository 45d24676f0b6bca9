#include "provider/anthropic_blocks.h"

#include "codec/base64.h"
#include "codec/json.h"
#include "codec/json_string.h"
#include "codec/octet.h"
#include "codec/utf8.h"

#include <inttypes.h>

enum { ARENA_BYTES = 4096, SHOWN_BYTES_MAX = 64 };

void anthropic_blocks_init(struct anthropic_blocks *b, struct gather *out, struct chat_notes *n)
{
    *b = (struct anthropic_blocks){.out = out, .notes = n};
    arena_init(&b->arena, ARENA_BYTES);
    json_write_init(&b->w, &out->text);
}

void anthropic_blocks_done(struct anthropic_blocks *b)
{
    arena_reset(&b->arena);
}

// --- White space ---

static bool is_space(uint32_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

// The length of the white space, escaped or not, that begins a raw text; 0 where there is none.
static size_t space_at(str s, bool is_json)
{
    if (!is_json || s.ptr[0] != '\\') return is_space((unsigned char)s.ptr[0]);
    if (s.len >= JSON_UNICODE_ESCAPE && s.ptr[1] == 'u')
        return is_space(json_string_hex(s.ptr + 2)) ? JSON_UNICODE_ESCAPE : 0;
    return s.len > 1 && is_space((unsigned char)json_string_escape(s.ptr[1])) ? JSON_SHORT_ESCAPE
                                                                              : 0;
}

bool anthropic_blocks_is_blank(struct chat_text t)
{
    str s = t.bytes;

    while (s.len) {
        size_t space = space_at(s, t.is_json);
        if (!space) return false;
        s = str_sub(s, space, s.len);
    }
    return true;
}

// Whether `len` bytes at the end are one escape, rather than the end of an escaped backslash.
static bool ends_with_escape(str s, size_t len)
{
    size_t backslashes = 0;

    if (s.len < len || s.ptr[s.len - len] != '\\') return false;
    while (backslashes < s.len - len && s.ptr[s.len - len - backslashes - 1] == '\\') {
        backslashes++;
    }
    return backslashes % 2 == 0;
}

// The length of the white space that ends a raw text; 0 where there is none.
static size_t space_before_end(str s, bool is_json)
{
    static const size_t lengths[] = {JSON_SHORT_ESCAPE, JSON_UNICODE_ESCAPE};

    for (size_t i = 0; is_json && i < 2; i++) {
        str end = str_sub(s, s.len - lengths[i], lengths[i]);
        if (ends_with_escape(s, lengths[i]) && space_at(end, true) == lengths[i]) return lengths[i];
    }
    return is_space((unsigned char)s.ptr[s.len - 1]);
}

struct chat_text anthropic_blocks_trim(struct chat_text t)
{
    while (t.bytes.len) {
        size_t space = space_before_end(t.bytes, t.is_json);
        if (!space) break;
        t.bytes.len -= space;
    }
    return t;
}

// --- Calls ---

static bool is_id_byte(char c)
{
    return octet_is_digit(c) || c == '_' || c == '-' || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

// FNV-1a, 64 bits (Fowler, Noll, Vo): ids that differ only where "_" stands now stay different.
static uint64_t hash_of(str s)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < s.len; i++) {
        hash = (hash ^ (unsigned char)s.ptr[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

str anthropic_blocks_id(struct chat_text id, struct arena *a)
{
    str plain = chat_text_read(id, a);
    size_t good = 0;

    while (good < plain.len && is_id_byte(plain.ptr[good])) {
        good++;
    }
    if (plain.len && good == plain.len && good <= SHOWN_BYTES_MAX) return plain;
    str front = str_sub(plain, 0, SHOWN_BYTES_MAX / 2);
    char *made = arena_alloc(a, front.len + 1);
    for (size_t i = 0; i < front.len; i++) {
        made[i] = front.ptr[i];
        if (!is_id_byte(made[i])) made[i] = '_';
    }
    return arena_format(a, "%" STR_FMT "_%016" PRIx64, (int)front.len, made, hash_of(plain));
}

err anthropic_blocks_arguments(struct chat_text arguments, struct arena *a, str *out)
{
    struct json_reader r;
    struct json_value v;

    if (anthropic_blocks_is_blank(arguments)) {
        *out = STR("{}");
        return OK;
    }
    json_reader_init(&r, chat_text_read(arguments, a));
    if (json_value(&r, &v) || json_end(&r) || v.kind != JSON_OBJECT) return ERR_SYNTAX;
    *out = v.text;
    return OK;
}

// --- Blocks ---

bool anthropic_blocks_has(const struct anthropic_blocks *b, const struct chat_part *p)
{
    switch (p->kind) {
    case CHAT_PART_TEXT:
    case CHAT_PART_REFUSAL: return !anthropic_blocks_is_blank(p->text);
    case CHAT_PART_REASONING:
        if (chat_text_has(p->redacted) || chat_text_has(p->signature)) return true;
        if (b->is_answer) return chat_text_has(p->text);
        chat_notes_drop(b->notes, STR("messages.reasoning_content"));
        return false;
    default: return true;
    }
}

static void open_block(struct anthropic_blocks *b, str type)
{
    json_write_object(&b->w);
    json_write_key(&b->w, STR("type"));
    json_write_str(&b->w, type);
}

static void write_raw(struct anthropic_blocks *b, str key, str json)
{
    if (!json.len) return;
    json_write_key(&b->w, key);
    json_write_raw(&b->w, json);
}

static void close_block(struct anthropic_blocks *b, const struct chat_part *p)
{
    if (!b->is_answer) write_raw(b, STR("cache_control"), p->cache_json);
    json_write_object_end(&b->w);
}

static void write_text_member(struct anthropic_blocks *b, str key, struct chat_text t)
{
    chat_text_write_member(&b->w, b->out, key,
                           chat_text_is_given(t) ? t : chat_text_plain(STR("")));
}

static void write_text(struct anthropic_blocks *b, const struct chat_part *p)
{
    open_block(b, STR("text"));
    write_text_member(b, STR("text"), p->text);
    write_raw(b, STR("citations"), p->citations_json);
    close_block(b, p);
}

static void write_reasoning(struct anthropic_blocks *b, const struct chat_part *p)
{
    if (chat_text_has(p->redacted)) {
        open_block(b, STR("redacted_thinking"));
        write_text_member(b, STR("data"), p->redacted);
    } else {
        open_block(b, STR("thinking"));
        write_text_member(b, STR("thinking"), p->text);
        write_text_member(b, STR("signature"), p->signature);
    }
    json_write_object_end(&b->w); // it takes no cache_control
}

static err refuse(struct anthropic_blocks *b, err e, str problem, size_t index)
{
    return chat_notes_refuse_at(b->notes, e, problem, "messages[%zu].content[%zu]", b->message,
                                index);
}

static err write_call(struct anthropic_blocks *b, const struct chat_part *p, size_t index)
{
    str arguments = {.ptr = NULL};

    err e = anthropic_blocks_arguments(p->arguments, &b->arena, &arguments);
    if (e && !b->is_answer)
        return refuse(b, e, STR("The arguments of this call of a tool are no JSON object."), index);
    open_block(b, STR("tool_use"));
    json_write_key(&b->w, STR("id"));
    json_write_str(&b->w, anthropic_blocks_id(p->id, &b->arena));
    write_text_member(b, STR("name"), p->name);
    if (e) {
        write_text_member(b, STR("input"), p->arguments);
    } else {
        write_raw(b, STR("input"), arguments);
    }
    close_block(b, p);
    return OK;
}

// --- Media ---

// Of base64 digits, by the first bytes of what they stand for.
static str type_of_digits(str digits)
{
    static const struct {
        str digits;
        str type;
    } rows[] = {
        {STR_INIT("iVBORw0KGgo"), STR_INIT("image/png")},
        {STR_INIT("/9j/"), STR_INIT("image/jpeg")},
        {STR_INIT("\\/9j"), STR_INIT("image/jpeg")},
        {STR_INIT("R0lGOD"), STR_INIT("image/gif")},
        {STR_INIT("UklGR"), STR_INIT("image/webp")},
        {STR_INIT("JVBERi"), STR_INIT("application/pdf")},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        if (str_starts(digits, rows[i].digits)) return rows[i].type;
    }
    return STR("");
}

// As the API spells it; empty where nobody says.
static struct chat_text type_of(const struct chat_media *m)
{
    if (chat_text_is(m->type, STR("image/jpg"))) return chat_text_plain(STR("image/jpeg"));
    if (chat_text_has(m->type) || m->source != CHAT_SOURCE_BASE64) return m->type;
    return chat_text_plain(type_of_digits(m->content.bytes));
}

static void open_source(struct anthropic_blocks *b, str type)
{
    json_write_key(&b->w, STR("source"));
    open_block(b, type);
}

static void write_digits(struct anthropic_blocks *b, const struct chat_media *m,
                         struct chat_text type)
{
    open_source(b, STR("base64"));
    write_text_member(b, STR("media_type"), type);
    if (m->source == CHAT_SOURCE_BASE64) {
        write_text_member(b, STR("data"), m->content);
    } else {
        json_write_key(&b->w, STR("data"));
        chat_text_open(&b->w);
        if (!b->w.error) b->w.error = base64_encode(&b->out->text, m->content.bytes);
        chat_text_close(&b->w);
    }
    json_write_object_end(&b->w);
}

static void write_url(struct anthropic_blocks *b, const struct chat_media *m)
{
    open_source(b, STR("url"));
    write_text_member(b, STR("url"), m->content);
    json_write_object_end(&b->w);
}

static err write_image(struct anthropic_blocks *b, const struct chat_part *p, size_t index)
{
    const struct chat_media *m = &p->media;

    if (m->source == CHAT_SOURCE_FILE_ID || m->source == CHAT_SOURCE_TEXT)
        return refuse(b, ERR_UNSUPPORTED,
                      STR("This image is a file that only another provider has."), index);
    if (chat_text_has(m->detail) && !chat_text_is(m->detail, STR("auto")))
        chat_notes_drop(b->notes, STR("messages.content.image_url.detail"));
    open_block(b, STR("image"));
    if (m->source == CHAT_SOURCE_URL) {
        write_url(b, m);
    } else {
        struct chat_text type = type_of(m);
        write_digits(b, m, chat_text_has(type) ? type : chat_text_plain(STR("image/png")));
    }
    close_block(b, p);
    return OK;
}

// A document of text that came encoded: the API takes it as text only. ERR_SYNTAX: it is none.
static err decode_text(struct anthropic_blocks *b, const struct chat_media *m, str *out)
{
    if (m->source == CHAT_SOURCE_BYTES) {
        *out = m->content.bytes;
    } else {
        str digits = chat_text_read(m->content, &b->arena);
        char *bytes = arena_alloc_raw(&b->arena, base64_decoded_max(digits.len) + 1);
        *out = (str){.ptr = bytes};
        TRY(base64_decode(digits, BASE64_LENIENT, bytes, &out->len));
    }
    return utf8_is_valid(*out) ? OK : ERR_SYNTAX;
}

static void write_text_source(struct anthropic_blocks *b, struct chat_text text)
{
    open_source(b, STR("text"));
    json_write_key(&b->w, STR("media_type"));
    json_write_str(&b->w, STR("text/plain"));
    write_text_member(b, STR("data"), text);
    json_write_object_end(&b->w);
}

static bool is_text_type(struct chat_text type)
{
    return str_starts(type.bytes, STR("text/")) || str_starts(type.bytes, STR("text\\/"));
}

static err write_document(struct anthropic_blocks *b, const struct chat_part *p, size_t index)
{
    const struct chat_media *m = &p->media;
    struct chat_text type = type_of(m);
    struct chat_text text = m->content;
    bool is_coded = m->source == CHAT_SOURCE_BASE64 || m->source == CHAT_SOURCE_BYTES;
    bool is_text = m->source == CHAT_SOURCE_TEXT || (is_coded && is_text_type(type));
    str decoded;

    if (m->source == CHAT_SOURCE_FILE_ID)
        return refuse(b, ERR_UNSUPPORTED, STR("This file's id means nothing to another provider."),
                      index);
    if (is_coded && !is_text && !chat_text_is(type, STR("application/pdf")))
        return refuse(b, ERR_UNSUPPORTED, STR("A document is a PDF or plain text."), index);
    if (is_text && is_coded) {
        if (decode_text(b, m, &decoded))
            return refuse(b, ERR_SYNTAX, STR("This file is no text in UTF-8 and base64."), index);
        text = chat_text_plain(decoded);
    }
    if (is_text && anthropic_blocks_is_blank(text))
        return refuse(b, ERR_UNSUPPORTED, STR("This document is empty."), index);
    open_block(b, STR("document"));
    if (is_text) {
        write_text_source(b, text);
    } else if (is_coded) {
        write_digits(b, m, type);
    } else {
        write_url(b, m);
    }
    if (chat_text_has(m->name)) write_text_member(b, STR("title"), m->name);
    close_block(b, p);
    return OK;
}

// What a result is made of: as other parts, but for what no result has.
static err write_result(struct anthropic_blocks *b, const struct chat_part *p, size_t index)
{
    bool has_content = false;

    open_block(b, STR("tool_result"));
    json_write_key(&b->w, STR("tool_use_id"));
    json_write_str(&b->w, anthropic_blocks_id(p->id, &b->arena));
    for (size_t i = 0; i < p->part_count; i++) {
        const struct chat_part *inner = &p->parts[i];
        if (inner->kind == CHAT_PART_TOOL_RESULT || inner->kind == CHAT_PART_TOOL_CALL ||
            inner->kind == CHAT_PART_REASONING || !anthropic_blocks_has(b, inner))
            continue;
        if (!has_content) {
            json_write_key(&b->w, STR("content"));
            json_write_array(&b->w);
            has_content = true;
        }
        TRY(anthropic_blocks_write(b, inner, index));
    }
    if (has_content) json_write_array_end(&b->w);
    if (p->is_error) {
        json_write_key(&b->w, STR("is_error"));
        json_write_bool(&b->w, true);
    }
    close_block(b, p);
    return OK;
}

err anthropic_blocks_write(struct anthropic_blocks *b, const struct chat_part *p, size_t index)
{
    switch (p->kind) {
    case CHAT_PART_TEXT:
    case CHAT_PART_REFUSAL: write_text(b, p); break;
    case CHAT_PART_REASONING: write_reasoning(b, p); break;
    case CHAT_PART_IMAGE: TRY(write_image(b, p, index)); break;
    case CHAT_PART_FILE: TRY(write_document(b, p, index)); break;
    case CHAT_PART_TOOL_CALL: TRY(write_call(b, p, index)); break;
    case CHAT_PART_TOOL_RESULT: TRY(write_result(b, p, index)); break;
    case CHAT_PART_AUDIO:
        return refuse(b, ERR_UNSUPPORTED, STR("This model takes no sound."), index);
    }
    return b->w.error;
}
