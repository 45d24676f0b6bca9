#include "retrieval/ingest/values_file.h"

#include "base/list.h"
#include "base/memory.h"
#include "codec/utf8.h"
#include "retrieval/vector/column_json.h"
#include "retrieval/vector/row_values.h"

#include <string.h>

enum { ARENA_BYTES = 64 * 1024 };

static str text_of(const struct values_file *f)
{
    return (str){.ptr = (const char *)f->file.bytes, .len = f->file.len};
}

// A line of the file, without its end.
static str line_of(const struct values_file *f, uint64_t row)
{
    str line = str_sub(text_of(f), f->starts[row], f->starts[row + 1] - f->starts[row]);

    if (str_ends(line, STR("\n"))) line.len--;
    return line;
}

static uint64_t count_lines(str text)
{
    uint64_t lines = 0;

    for (size_t at = 0; at < text.len; lines++)
        at += str_find_char(str_sub(text, at, text.len), '\n') + 1;
    return lines;
}

static void find_lines(struct values_file *f)
{
    str text = text_of(f);
    uint64_t at = 0;

    for (uint64_t i = 0; i < f->count; i++) {
        f->starts[i] = at;
        at += str_find_char(str_sub(text, at, text.len), '\n') + 1;
    }
    f->starts[f->count] = text.len;
}

// The values of a line, encoded; or why it has none.
static const char *read_line(struct values_file *f, str line)
{
    struct column_value values[COLUMN_SCHEMA_MAX] = {0};

    arena_reset(&f->arena);
    buf_clear(&f->encoded);
    if (line.len > VALUES_FILE_LINE_MAX) return "is longer than 1 MiB";
    if (!utf8_is_valid(line)) return "is not UTF-8";
    switch (column_json_read_row(f->schema, line, &f->arena, values)) {
    case OK: break;
    case ERR_SYNTAX: return "is no JSON";
    default: return "is no object, or a value does not fit its column";
    }
    return row_values_encode(f->schema, values, &f->encoded) ? "has values that are too long"
                                                             : NULL;
}

static err check_lines(struct values_file *f, struct values_file_problem *problem)
{
    for (uint64_t i = 0; i < f->count; i++) {
        problem->what = read_line(f, line_of(f, i));
        if (!problem->what) continue;
        problem->line = i + 1;
        return ERR_SYNTAX;
    }
    return OK;
}

static err fetch(struct index_values *values, uint64_t row, str *out)
{
    struct values_file *f = container_of(values, struct values_file, values);

    if (read_line(f, line_of(f, row))) return ERR_DAMAGED; // it was good when the file was opened
    *out = buf_view(&f->encoded);
    return OK;
}

err values_file_open(struct values_file *f, str path, const struct column_schema *schema,
                     struct values_file_problem *problem)
{
    *problem = (struct values_file_problem){0};
    *f = (struct values_file){.values = {.fetch = fetch}, .schema = schema};
    TRY(mapped_file_open(&f->file, path));
    f->count = count_lines(text_of(f));
    if (f->count > VALUES_FILE_ROWS_MAX) {
        problem->what = "has too many lines";
        mapped_file_close(&f->file);
        return ERR_LIMIT;
    }
    f->starts = memory_alloc_raw((f->count + 1) * sizeof(f->starts[0]));
    arena_init(&f->arena, ARENA_BYTES);
    buf_init(&f->encoded, ROW_VALUES_BYTES_MAX);
    find_lines(f);
    err e = check_lines(f, problem);
    if (e) values_file_close(f);
    return e;
}

void values_file_close(struct values_file *f)
{
    mapped_file_close(&f->file);
    memory_free(f->starts);
    arena_reset(&f->arena);
    buf_done(&f->encoded);
}
