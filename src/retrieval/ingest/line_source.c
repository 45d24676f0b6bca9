#include "retrieval/ingest/line_source.h"

#include "base/list.h"
#include "codec/utf8.h"
#include "retrieval/ingest/content_hash.h"
#include "retrieval/vector/column_json.h"
#include "retrieval/vector/row_values.h"

enum {
    ARENA_BYTES = 64 * 1024,
    TOLD_BYTES_MAX = 4 * 1024 * 1024, // of lines, after which a call tells no more
};

// The next line without its end; false at the end of the file.
static bool next_line(struct line_source *s, str *out)
{
    if (s->is_empty || s->at >= s->file.len) return false;
    str rest = {.ptr = (const char *)s->file.bytes + s->at, .len = s->file.len - s->at};
    str line = str_sub(rest, 0, str_find_char(rest, '\n'));
    s->at += line.len + 1;
    s->line++;
    if (str_ends(line, STR("\r"))) line.len--;
    *out = line;
    return true;
}

// What one line says, member by member.
struct line_reading {
    struct line_source *source;
    struct column_value values[COLUMN_SCHEMA_MAX];
    struct chunk chunk;
    bool has_id;
    const char *why; // it can't be used
};

static bool read_id(struct line_reading *r, struct json_value v)
{
    uint64_t number = 0;

    r->has_id = true;
    if (v.kind == JSON_STRING) {
        r->chunk.key = content_hash(json_decode(json_raw(v), &r->source->arena), 0);
        return true;
    }
    if (json_to_u64(v, UINT64_MAX, &number)) return false;
    r->chunk.key = number;
    return true;
}

static err read_member(struct line_reading *r, struct json_reader *reader, str raw_key)
{
    struct line_source *s = r->source;
    str key = json_decode(raw_key, &s->arena);
    struct json_value v;

    TRY(json_value(reader, &v));
    if (str_eq(key, STR("text"))) {
        if (v.kind != JSON_STRING) r->why = "\"text\" is no string";
        if (v.kind == JSON_STRING) r->chunk.text = json_decode(json_raw(v), &s->arena);
    } else if (str_eq(key, STR("id"))) {
        if (!read_id(r, v)) r->why = "\"id\" is neither a string nor a whole number";
    } else if (s->schema && column_json_read_member(s->schema, key, v, &s->arena, r->values)) {
        r->why = "a value does not fit its column";
    }
    return OK;
}

static err read_object(struct line_reading *r, str line)
{
    struct json_reader reader;
    enum json_kind kind;
    str key = STR("");
    err e = OK;

    json_reader_init(&reader, line);
    TRY(json_peek(&reader, &kind));
    if (kind != JSON_OBJECT) return ERR_TYPE;
    TRY(json_enter(&reader));
    while (!(e = json_member(&reader, &key)))
        TRY(read_member(r, &reader, key));
    return e == ERR_EOF ? json_end(&reader) : e;
}

static void read_json(struct line_reading *r, str line)
{
    struct line_source *s = r->source;

    if (read_object(r, line)) {
        r->why = "no JSON object";
    } else if (!r->why && !str_trim(r->chunk.text).len) {
        r->why = "no \"text\"";
    } else if (!r->why && s->schema) {
        buf_clear(&s->attributes);
        if (row_values_encode(s->schema, r->values, &s->attributes)) {
            r->why = "its values are too long";
        } else {
            r->chunk.attributes = arena_str(&s->arena, buf_view(&s->attributes));
        }
    }
}

// Reads a line into `*out`; false where there is nothing to be had of it.
static bool read_line(struct line_source *s, str line, struct chunk *out)
{
    struct line_reading r = {.source = s};

    if (!str_trim(line).len) return false;
    if (line.len > LINE_SOURCE_TEXT_MAX) {
        r.why = "the line is longer than 1 MiB";
    } else if (!utf8_is_valid(line)) {
        r.why = "the line is not UTF-8";
    } else if (s->is_jsonl) {
        read_json(&r, line);
    } else {
        r.chunk.text = line;
    }
    if (r.why) {
        s->bad_line(s, s->line, r.why);
        return false;
    }
    if (!r.has_id) r.chunk.key = content_hash(r.chunk.text, 0);
    *out = r.chunk;
    return true;
}

// What is gone of the file is read as zeros.
static bool is_cut(const struct line_source *s)
{
    uint64_t fault = 0;

    if (s->is_empty) return false;
    return mapped_file_size(&s->file) < s->file.len || mapped_file_fault(&s->file, &fault);
}

static err next(struct chunk_source *source, struct chunk *out, size_t max,
                const atomic_bool *cancel, size_t *count)
{
    struct line_source *s = container_of(source, struct line_source, source);
    uint64_t start = s->at;
    size_t told = 0;
    str line = STR("");

    arena_reset(&s->arena);
    while (told < max && s->at - start < TOLD_BYTES_MAX) {
        if (atomic_load_explicit(cancel, memory_order_relaxed)) return ERR_CANCELED;
        if (!next_line(s, &line)) break;
        told += read_line(s, line, &out[told]);
        if (told) continue;
        start = s->at; // it waits for the first
        arena_reset(&s->arena);
    }
    if (is_cut(s)) return ERR_DAMAGED;
    if (!told) return ERR_EOF;
    *count = told;
    return OK;
}

err line_source_open(struct line_source *s, str path)
{
    err e = mapped_file_open(&s->file, path);

    if (e && e != ERR_EOF) return e;
    s->is_empty = e == ERR_EOF;
    s->is_jsonl = str_ends(path, STR(".jsonl"));
    s->source = (struct chunk_source){.next = next};
    arena_init(&s->arena, ARENA_BYTES);
    buf_init(&s->attributes, ROW_VALUES_BYTES_MAX);
    return OK;
}

void line_source_close(struct line_source *s)
{
    if (!s->is_empty) mapped_file_close(&s->file);
    arena_reset(&s->arena);
    buf_done(&s->attributes);
}
