// Any bytes as a filter: refused with a finding that lies in the text, or a filter that judges rows
// of a segment and rows in memory alike, keeps the bounds it tells, and finds all that it takes.
// Its negation takes the other rows, and one that pins a column takes no other value of it.
#include "base/list.h"
#include "base/memory.h"
#include "retrieval/vector/filter_bound.h"
#include "retrieval/vector/filter_parse.h"
#include "retrieval/vector/row_values.h"

#include <math.h>
#include <stdlib.h>

enum { ROWS = 40, COLUMNS = 5, PART_MAX = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void must(bool holds)
{
    if (!holds) abort();
}

// Rows as a segment has them, and as memory does.
static struct table {
    struct column_schema schema;
    struct column_value values[ROWS][COLUMNS];
    struct buf parts[COLUMNS][COLUMN_PART_COUNT];
    struct buf rows[ROWS];
    struct columns columns;
} table;

static void draw_row(struct column_value *v, uint32_t row)
{
    static const double scores[] = {0.5, (double)NAN, 0x1p53, -0.0, 1e300, -(double)INFINITY};
    static const str langs[] = {STR_INIT("de"), STR_INIT("en"), STR_INIT(""), STR_INIT("\xc3\xa9")};
    int64_t years[] = {2020, 2021, 9007199254740993, INT64_MIN, INT64_MAX};

    v[0] = (struct column_value){.type = COLUMN_I64, .i64 = years[row % 5]};
    v[1] = (struct column_value){.type = COLUMN_F64, .f64 = scores[row % 6]};
    v[2] = (struct column_value){.type = COLUMN_BOOL, .boolean = row % 3 == 0};
    v[3] = (struct column_value){.type = COLUMN_STRING, .text = langs[row % 4]};
    v[row % 4].type = row % 7 == 0 ? COLUMN_ABSENT : v[row % 4].type;
}

struct sink {
    struct column_sink sink;
    struct buf *parts;
};

static err keep(struct column_sink *s, enum column_part part, str bytes)
{
    return buf_append(&container_of(s, struct sink, sink)->parts[part], bytes);
}

static void build_column(uint32_t column, struct column_parts *out)
{
    struct sink sink = {{keep}, table.parts[column]};
    struct column_build b;

    column_build_init(&b, (enum column_type)table.schema.columns[column].type, ROWS, 1);
    for (uint32_t row = 0; row < ROWS; row++) {
        must(column_build_add(&b, &table.values[row][column]) == OK);
    }
    column_build_sort(&b);
    for (int part = 0; part < COLUMN_PART_COUNT; part++) {
        buf_init(&sink.parts[part], PART_MAX);
    }
    must(column_build_write(&b, &sink.sink) == OK);
    for (int part = 0; part < COLUMN_PART_COUNT; part++) {
        out->parts[part] = buf_view(&sink.parts[part]);
    }
    column_build_done(&b);
}

// The last column is one that the segment doesn't have.
static void build_table(void)
{
    static const char *const names[COLUMNS] = {"year", "score", "draft", "lang", "later"};
    struct column_parts parts[COLUMNS] = {0};

    column_schema_init(&table.schema);
    for (uint32_t i = 0; i < COLUMNS; i++) {
        enum column_type type = COLUMN_I64 + (enum column_type)(i % 4);
        must(column_schema_add(&table.schema, str_from_c(names[i]), type, 0) == OK);
    }
    for (uint32_t row = 0; row < ROWS; row++) {
        draw_row(table.values[row], row);
        buf_init(&table.rows[row], ROW_VALUES_BYTES_MAX);
        must(row_values_encode(&table.schema, table.values[row], &table.rows[row]) == OK);
    }
    for (uint32_t i = 0; i < COLUMNS - 1; i++) {
        build_column(i, &parts[i]);
    }
    must(columns_open(&table.schema, ROWS, parts, &table.columns) == OK);
}

static void check_findings(const struct diag *d, str text, err e)
{
    uint32_t lines = 1;

    must(e == ERR_SYNTAX || e == ERR_ABSENT || e == ERR_TYPE || e == ERR_RANGE || e == ERR_LIMIT);
    must(d->count > 0);
    for (size_t i = 0; i < text.len; i++) {
        lines += text.ptr[i] == '\n';
    }
    for (size_t i = 0; i < d->count && i < DIAG_MAX; i++) {
        const struct diag_finding *f = &d->findings[i];
        must(f->message.len > 0 && f->line >= 1 && f->line <= lines);
        must(f->column >= 1 && f->column <= text.len + 1);
    }
}

static bool is_same(const struct column_value *a, const struct column_value *b)
{
    if (a->type != b->type) return false;
    if (a->type == COLUMN_STRING) return str_eq(a->text, b->text);
    return column_value_key(a) == column_value_key(b);
}

static void check_pins(const struct filter *f, const bool *taken)
{
    for (uint32_t column = 0; column < COLUMNS; column++) {
        struct column_value pin;
        if (!filter_pins(f, column, &pin)) continue;
        for (uint32_t row = 0; row < ROWS; row++) {
            must(!taken[row] || is_same(&table.values[row][column], &pin));
        }
    }
}

static void check_rows(const struct filter_bound *b, const bool *taken, uint32_t taken_count)
{
    uint32_t rows[ROWS];
    uint32_t count = 0;

    must(b->rows_min <= taken_count && taken_count <= b->rows_max && b->rows_max <= ROWS);
    must(b->rows_min <= b->rows_guess && b->rows_guess <= b->rows_max);
    must(filter_bound_rows(b, rows, b->rows_max, &count) == OK && count == taken_count);
    for (uint32_t i = 0; i < count; i++) {
        must(taken[rows[i]] && (i == 0 || rows[i - 1] < rows[i]));
    }
}

// Which rows a filter takes; false where it is none.
static bool judge(str text, bool *taken)
{
    const struct filter *f;
    struct filter_bound b;
    struct arena arena;
    struct diag diag;
    uint32_t count = 0;

    arena_init(&arena, 4096);
    diag_init(&diag);
    err e = filter_parse(text, &table.schema, &arena, &diag, &f);
    if (e) {
        check_findings(&diag, text, e);
    } else {
        filter_bound_init(&b, f, &table.columns, &arena);
        for (uint32_t row = 0; row < ROWS; row++) {
            taken[row] = filter_bound_match(&b, row);
            must(taken[row] == filter_match(f, buf_view(&table.rows[row])));
            count += taken[row];
        }
        check_rows(&b, taken, count);
        check_pins(f, taken);
    }
    diag_done(&diag);
    arena_reset(&arena);
    return e == OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    bool taken[ROWS];
    bool left[ROWS];
    struct buf negated;

    if (table.schema.count == 0) build_table();
    if (!judge((str){(const char *)bytes, len}, taken)) return 0;
    buf_init(&negated, len + 16);
    must(buf_append(&negated, STR("{\"not\":")) == OK);
    must(buf_append(&negated, (str){(const char *)bytes, len}) == OK);
    must(buf_append(&negated, STR("}")) == OK);
    if (judge(buf_view(&negated), left)) { // one that nests as deep as it may has no negation
        for (uint32_t row = 0; row < ROWS; row++) {
            must(taken[row] != left[row]);
        }
    }
    buf_done(&negated);
    return 0;
}
