// Any bytes as metadata: as the parts of a column of a segment, as the values of a row and as a
// schema. What opens is read, searched and filtered without leaving it; a row in memory that passes
// its check is read as it is written again; a schema that is read is what writes it.
//
// Of the parts of a column all but the dictionary have a length that the number of rows tells: the
// bytes are dealt to them in turn, and what is missing is 0.
#include "base/list.h"
#include "base/memory.h"
#include "retrieval/vector/filter_bound.h"
#include "retrieval/vector/filter_parse.h"
#include "retrieval/vector/row_values.h"

#include <stdlib.h>

enum { ROWS_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void must(bool holds)
{
    if (!holds) abort();
}

static void read_schema(str bytes)
{
    struct column_schema s;
    struct buf again;
    err e = column_schema_read(bytes, &s);

    must(e == OK || e == ERR_DAMAGED || e == ERR_UNSUPPORTED);
    if (e) return;
    buf_init(&again, COLUMN_SCHEMA_BYTES_MAX);
    must(column_schema_write(&s, &again) == OK);
    must(str_eq(buf_view(&again), bytes));
    buf_done(&again);
}

// A column of each type, three times.
static void make_schema(struct column_schema *s)
{
    char name[] = "a";

    column_schema_init(s);
    for (int i = 0; i < 12; i++) {
        name[0] = (char)('a' + i);
        enum column_type type = COLUMN_I64 + (enum column_type)(i % 4);
        must(column_schema_add(s, str_from_c(name), type, 0) == OK);
    }
}

static void read_row(str bytes)
{
    struct column_value values[COLUMN_SCHEMA_MAX];
    struct column_schema s;
    struct buf again;

    make_schema(&s);
    for (uint32_t i = 0; i < s.count; i++) {
        values[i] = row_values_get(&s, bytes, i); // also of bytes that aren't good
    }
    if (row_values_check(&s, bytes)) return;
    buf_init(&again, ROW_VALUES_BYTES_MAX);
    must(row_values_encode(&s, values, &again) == OK);
    must(str_eq(buf_view(&again), bytes));
    buf_done(&again);
}

static void filter_all(const struct columns *c, const char *json)
{
    uint32_t rows[ROWS_MAX];
    const struct filter *f;
    struct filter_bound b;
    struct arena arena;
    struct diag diag;
    uint32_t count = 0;

    arena_init(&arena, 4096);
    diag_init(&diag);
    must(filter_parse(str_from_c(json), c->schema, &arena, &diag, &f) == OK);
    filter_bound_init(&b, f, c, &arena);
    must(b.rows_min <= b.rows_max && b.rows_max <= c->row_count);
    for (uint32_t row = 0; row <= c->row_count; row++) {
        (void)filter_bound_match(&b, row);
    }
    err e = filter_bound_rows(&b, rows, b.rows_max, &count);
    must(e == OK || e == ERR_LIMIT);
    for (uint32_t i = 0; e == OK && i < count; i++) {
        must(filter_bound_match(&b, rows[i]) && (i == 0 || rows[i - 1] < rows[i]));
    }
    diag_done(&diag);
    arena_reset(&arena);
}

static void read_column(const struct columns *c)
{
    static const char *const filters[COLUMN_TYPE_COUNT] = {
        [COLUMN_I64] = "{\"or\":[{\"field\":\"x\",\"gte\":0,\"lt\":90},"
                       "{\"field\":\"x\",\"in\":[-1,0,1,2]},{\"field\":\"x\",\"nin\":[3,4,5]}]}",
        [COLUMN_F64] = "{\"and\":[{\"field\":\"x\",\"gte\":0,\"lt\":1e9},"
                       "{\"field\":\"x\",\"nin\":[1,2.5]}]}",
        [COLUMN_BOOL] = "{\"or\":[{\"x\":true},{\"field\":\"x\",\"exists\":false}]}",
        [COLUMN_STRING] = "{\"or\":[{\"field\":\"x\",\"gt\":\"a\",\"lte\":\"b\"},"
                          "{\"field\":\"x\",\"in\":[\"\",\"a\",\"aa\",\"b\"]}]}",
    };
    const struct column_view *v = &c->views[0];

    for (uint32_t row = 0; row <= c->row_count; row++) {
        struct column_value got = columns_get(c, row, 0);
        must(got.type == COLUMN_ABSENT || got.type == v->type);
        if (got.type != COLUMN_STRING || got.text.len == 0) continue;
        must(got.text.ptr >= v->texts);
        must(got.text.ptr + got.text.len <= v->texts + v->text_bytes);
    }
    filter_all(c, filters[c->schema->columns[0].type]); // without rows the view has none
    filter_all(c, "{\"not\":{\"field\":\"x\",\"exists\":true}}");
}

// The next `want` bytes, in memory of their own, so that one too far is seen.
static char *deal(str *bytes, size_t want)
{
    char *part = memory_alloc(want);
    size_t len = want < bytes->len ? want : bytes->len;

    if (len) memcpy(part, bytes->ptr, len);
    *bytes = str_sub(*bytes, len, bytes->len);
    return part;
}

static void read_parts(str bytes)
{
    struct column_parts parts = {0};
    struct column_schema s;
    struct column_build sizes;
    struct columns c;

    if (bytes.len < 2) return;
    enum column_type type = COLUMN_I64 + (enum column_type)((unsigned char)bytes.ptr[0] % 4);
    uint32_t rows = (unsigned char)bytes.ptr[1] % (ROWS_MAX + 1);
    bytes = str_sub(bytes, 2, bytes.len);
    column_schema_init(&s);
    must(column_schema_add(&s, STR("x"), type, 0) == OK);
    column_build_init(&sizes, type, rows, 0);
    for (int i = 0; i < COLUMN_PART_COUNT; i++) {
        size_t len = (size_t)column_build_bytes(&sizes, (enum column_part)i);
        if (i == COLUMN_PART_DICT) len = type == COLUMN_STRING ? bytes.len : 0;
        parts.parts[i] = (str){deal(&bytes, len), len};
    }
    column_build_done(&sizes);
    err e = columns_open(&s, rows, &parts, &c);
    must(e == OK || (e == ERR_DAMAGED && type == COLUMN_STRING));
    if (e == OK) read_column(&c);
    for (int i = 0; i < COLUMN_PART_COUNT; i++) {
        memory_free((char *)(uintptr_t)parts.parts[i].ptr);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    str input = {(const char *)bytes, len};

    read_schema(input);
    read_row(input);
    read_parts(input);
    return 0;
}
