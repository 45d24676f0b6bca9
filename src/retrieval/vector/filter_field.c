#include "retrieval/vector/filter_field.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_LEN_MAX = 400, SHOWN_MAX = 60, PARTS_MAX = 4 };

enum op { OP_EQ, OP_LT, OP_LTE, OP_GT, OP_GTE, OP_IN, OP_NE, OP_NIN, OP_EXISTS, OP_FIELD, OPS };

// As enum filter_comparison up to OP_GTE.
static const str op_names[OPS] = {
    STR_INIT("eq"), STR_INIT("lt"), STR_INIT("lte"), STR_INIT("gt"),     STR_INIT("gte"),
    STR_INIT("in"), STR_INIT("ne"), STR_INIT("nin"), STR_INIT("exists"), STR_INIT("field"),
};

// One object, as far as it is read.
struct field {
    struct filter_build *b;
    uint32_t column;
    enum column_type type;
    unsigned seen;           // a bit an op
    struct json_value list;  // of "in"
    struct filter_leaf leaf; // of all comparisons
    struct filter_leaf parts[PARTS_MAX];
    uint32_t part_count;
};

static str shown(str text)
{
    return str_sub(text, 0, SHOWN_MAX);
}

static str did_you_mean(struct filter_build *b, str name, const str *known, size_t count)
{
    str near = diag_nearest(name, known, count);

    if (near.len == 0) return STR("");
    return arena_format(b->arena, "did you mean \"%" STR_FMT "\"?", STR_ARG(near));
}

// Finds a column; `words` of filters might have been meant as well.
static bool find_column(struct filter_build *b, str at, str name, bool is_short, uint32_t *out)
{
    str known[COLUMN_SCHEMA_MAX + 4] = {STR("and"), STR("or"), STR("not"), STR("field")};
    size_t words = is_short ? 4 : 0;

    if (column_schema_find(b->schema, name, out)) return true;
    for (uint32_t i = 0; i < b->schema->count; i++) {
        known[words + i] = column_schema_name(b->schema, i);
    }
    str hint = did_you_mean(b, name, known, words + b->schema->count);
    if (hint.len == 0 && b->schema->count == 0) hint = STR("the index has no columns");
    filter_build_fail(b, at, ERR_ABSENT, hint, "no column \"%" STR_FMT "\"", STR_ARG(shown(name)));
    return false;
}

// A whole number that fits as I64, any other as the nearest F64.
static err read_number(struct json_value v, struct column_value *out)
{
    char copy[NUMBER_LEN_MAX + 1];
    struct json_value size = v;
    bool is_negative = str_starts(v.text, STR("-"));
    uint64_t max = is_negative ? UINT64_C(1) << 63 : INT64_MAX;
    uint64_t whole = 0;

    if (is_negative) size.text = str_sub(v.text, 1, v.text.len);
    if (json_to_u64(size, max, &whole) == OK) {
        out->type = COLUMN_I64;
        out->i64 = (int64_t)(is_negative ? 0 - whole : whole);
        return OK;
    }
    out->type = COLUMN_F64;
    if (v.text.len > NUMBER_LEN_MAX) return ERR_RANGE;
    memcpy(copy, v.text.ptr, v.text.len);
    copy[v.text.len] = '\0';
    out->f64 = strtod(copy, NULL);
    return isfinite(out->f64) ? OK : ERR_RANGE;
}

static const char *kind_name(enum json_kind kind)
{
    static const char *const names[] = {"null",     "a bool",   "a bool",   "a number",
                                        "a string", "an array", "an object"};

    return names[kind];
}

static void fail_type(struct field *f, struct json_value v)
{
    str name = column_schema_name(f->b->schema, f->column);
    str hint = STR("");

    if (v.kind == JSON_NULL)
        hint = arena_format(f->b->arena,
                            "{\"field\":\"%" STR_FMT "\",\"exists\":false} finds rows without one",
                            STR_ARG(name));
    filter_build_fail(f->b, v.text, ERR_TYPE, hint, "\"%" STR_FMT "\" is of type %s, not %s",
                      STR_ARG(name), column_schema_type_name(f->type), kind_name(v.kind));
}

// A value to compare with; false where it was found to be none.
static bool read_literal(struct field *f, struct json_value v, struct column_value *out)
{
    struct column_value literal = {0};
    err e = OK;

    if (!filter_build_count_value(f->b, v.text)) return false;
    if (v.kind == JSON_NUMBER) e = read_number(v, &literal);
    if (v.kind == JSON_STRING) {
        literal.type = COLUMN_STRING;
        literal.text = arena_str(f->b->arena, json_decode(json_raw(v), f->b->arena));
        e = literal.text.len > COLUMN_TEXT_MAX ? ERR_LIMIT : OK;
    }
    if (v.kind == JSON_TRUE || v.kind == JSON_FALSE) {
        literal.type = COLUMN_BOOL;
        literal.boolean = v.kind == JSON_TRUE;
    }
    if (literal.type == COLUMN_ABSENT || !filter_leaf_compares(f->type, literal.type)) {
        fail_type(f, v);
        return false;
    }
    if (e == ERR_RANGE) filter_build_fail(f->b, v.text, e, STR(""), "a number beyond 64 bits");
    if (e == ERR_LIMIT)
        filter_build_fail(f->b, v.text, e, STR(""), "a string of more than %d bytes",
                          COLUMN_TEXT_MAX);
    *out = literal;
    return e == OK;
}

// How many elements an array has, as far as they are going to be read.
static uint32_t count_elements(struct json_value list)
{
    struct json_reader r;
    uint32_t count = 0;

    json_reader_init(&r, list.text);
    if (json_enter(&r)) return 0; // can't be: it is an array
    while (count < FILTER_VALUES_MAX && json_element(&r) == OK) {
        count++;
    }
    return count;
}

// All values of an array, for which there is room; false at the first that the column can't have.
static bool read_list(struct field *f, struct json_value list, struct column_value *out)
{
    struct json_reader r;
    struct json_value v;
    uint32_t count = 0;

    json_reader_init(&r, list.text);
    if (json_enter(&r)) return false; // can't be: it is an array
    while (json_element(&r) == OK && json_value(&r, &v) == OK) {
        struct column_value literal;
        if (!read_literal(f, v, &literal)) return false;
        out[count++] = literal;
    }
    return true;
}

// Narrows a leaf to the values of an array.
static void apply_list(struct field *f, struct json_value list, struct filter_leaf *leaf)
{
    if (list.kind != JSON_ARRAY) {
        filter_build_fail(f->b, list.text, ERR_TYPE, STR(""), "a list is an array, not %s",
                          kind_name(list.kind));
        return;
    }
    uint32_t count = count_elements(list);
    struct column_value *values = memory_alloc_raw(sizeof(*values) * count);
    if (read_list(f, list, values)) filter_leaf_list(leaf, values, count, f->b->arena);
    memory_free(values);
}

static struct filter_leaf *add_part(struct field *f, bool is_negated)
{
    struct filter_leaf *part = &f->parts[f->part_count++];

    filter_leaf_init(part, f->column, f->type);
    part->is_negated = is_negated;
    return part;
}

static void apply_comparison(struct field *f, enum op op, struct json_value v)
{
    struct column_value literal;

    if (f->type == COLUMN_BOOL && op != OP_EQ) {
        filter_build_fail(f->b, v.text, ERR_TYPE, STR(""),
                          "bools have no order for \"%" STR_FMT "\"", STR_ARG(op_names[op]));
        return;
    }
    if (read_literal(f, v, &literal))
        filter_leaf_compare(&f->leaf, (enum filter_comparison)op, &literal);
}

static void apply_not_equal(struct field *f, struct json_value v)
{
    struct column_value literal;
    struct filter_leaf *part = add_part(f, true);

    if (read_literal(f, v, &literal)) filter_leaf_compare(part, FILTER_EQ, &literal);
}

static void apply_exists(struct field *f, struct json_value v)
{
    struct filter_leaf *part = add_part(f, v.kind == JSON_FALSE);

    filter_leaf_init_present(part, f->column, f->type);
    part->is_negated = v.kind == JSON_FALSE;
    if (v.kind != JSON_TRUE && v.kind != JSON_FALSE)
        filter_build_fail(f->b, v.text, ERR_TYPE, STR(""), "\"exists\" is true or false, not %s",
                          kind_name(v.kind));
}

static void apply(struct field *f, enum op op, struct json_value v)
{
    switch (op) {
    case OP_IN: f->list = v; break; // after the comparisons, wherever it stands
    case OP_NE: apply_not_equal(f, v); break;
    case OP_NIN: apply_list(f, v, add_part(f, true)); break;
    case OP_EXISTS: apply_exists(f, v); break;
    case OP_FIELD: break;
    default: apply_comparison(f, op, v);
    }
}

static enum op find_op(str key)
{
    for (int i = 0; i < OPS; i++) {
        if (json_string_is(key, op_names[i])) return (enum op)i;
    }
    return OPS;
}

// One member, unless it is unknown or repeated.
static void read_member(struct field *f, str key, struct json_value v)
{
    enum op op = find_op(key);

    if (op == OPS) {
        filter_build_fail(f->b, key, ERR_SYNTAX, did_you_mean(f->b, key, op_names, OPS),
                          "no comparison \"%" STR_FMT "\"", STR_ARG(shown(key)));
        return;
    }
    if (f->seen >> op & 1) {
        filter_build_fail(f->b, key, ERR_SYNTAX, STR("put each into an object of its own"),
                          "\"%" STR_FMT "\" stands twice in one object", STR_ARG(op_names[op]));
        return;
    }
    f->seen |= 1U << op;
    apply(f, op, v);
}

static void add_parts(struct field *f, struct filter_spot spot)
{
    unsigned comparisons =
        (1U << OP_IN | 1U << OP_EQ | 1U << OP_LT | 1U << OP_LTE | 1U << OP_GT | 1U << OP_GTE);

    if (f->seen >> OP_IN & 1) apply_list(f, f->list, &f->leaf);
    if (f->seen & comparisons) f->parts[f->part_count++] = f->leaf;
    if (f->part_count > 1) spot.parent = filter_build_group(f->b, spot, FILTER_AND);
    for (uint32_t i = 0; i < f->part_count; i++) {
        filter_build_leaf(f->b, spot, f->parts[i]);
    }
}

// The value of "field" of an object; false where it names no column.
static bool find_field(struct filter_build *b, str object, uint32_t *column)
{
    struct json_reader r;
    struct json_value v = {.text = object};
    str key;

    json_reader_init(&r, object);
    if (json_enter(&r)) return false; // can't be: it is an object
    while (json_member(&r, &key) == OK && json_value(&r, &v) == OK) {
        if (json_string_is(key, STR("field"))) break;
    }
    if (v.kind != JSON_STRING) {
        filter_build_fail(b, v.text, ERR_TYPE, STR(""), "\"field\" is the name of a column, not %s",
                          kind_name(v.kind));
        return false;
    }
    return find_column(b, v.text, json_decode(json_raw(v), b->arena), false, column);
}

static void field_init(struct field *f, struct filter_build *b, uint32_t column)
{
    *f = (struct field){.b = b, .column = column};
    f->type = (enum column_type)b->schema->columns[column].type;
    filter_leaf_init(&f->leaf, column, f->type);
}

void filter_field_read(struct filter_build *b, struct filter_spot spot, str object)
{
    struct json_reader r;
    struct json_value v;
    struct field f;
    uint32_t column = 0;
    str key;

    if (!find_field(b, object, &column)) return;
    field_init(&f, b, column);
    json_reader_init(&r, object);
    if (json_enter(&r)) return; // can't be: it is an object
    while (!b->is_stopped && json_member(&r, &key) == OK && json_value(&r, &v) == OK) {
        read_member(&f, key, v);
    }
    if (f.seen == 1U << OP_FIELD)
        filter_build_fail(
            b, object, ERR_SYNTAX, STR("add \"eq\", \"in\", \"gte\", \"exists\" or the like"),
            "nothing is asked of \"%" STR_FMT "\"", STR_ARG(column_schema_name(b->schema, column)));
    add_parts(&f, spot);
}

void filter_field_read_short(struct filter_build *b, struct filter_spot spot, str key,
                             struct json_value value)
{
    struct field f;
    uint32_t column = 0;

    if (!find_column(b, key, json_decode(key, b->arena), true, &column)) return;
    field_init(&f, b, column);
    if (value.kind == JSON_ARRAY || value.kind == JSON_OBJECT) {
        str hint = arena_format(b->arena, "write {\"field\":\"%" STR_FMT "\",\"%s\":...}",
                                STR_ARG(column_schema_name(b->schema, column)),
                                value.kind == JSON_ARRAY ? "in" : "gte");
        filter_build_fail(b, value.text, ERR_TYPE, hint, "one value is compared here, not %s",
                          kind_name(value.kind));
        return;
    }
    apply_comparison(&f, OP_EQ, value);
    filter_build_leaf(b, spot, f.leaf);
}
