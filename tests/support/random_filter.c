#include "support/random_filter.h"

#include "support/test.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

// How a number is written, and what it then is.
struct number {
    const char *json;
    struct column_value value;
};

#define WHOLE(json, number)                                                                        \
    {                                                                                              \
        json,                                                                                      \
        {                                                                                          \
            .type = COLUMN_I64, .i64 = (number)                                                    \
        }                                                                                          \
    }
#define REAL(json, number)                                                                         \
    {                                                                                              \
        json,                                                                                      \
        {                                                                                          \
            .type = COLUMN_F64, .f64 = (number)                                                    \
        }                                                                                          \
    }

static const struct number numbers[] = {
    WHOLE("9223372036854775807", INT64_MAX),
    WHOLE("-9223372036854775808", INT64_MIN),
    WHOLE("9007199254740993", 9007199254740993),
    WHOLE("9007199254740992.0", 9007199254740992),
    WHOLE("-9007199254740993", -9007199254740993),
    WHOLE("4611686018427387905", 4611686018427387905),
    WHOLE("9223372036854774784", 9223372036854774784), // the f64 below 2^63
    WHOLE("-0.0", 0),
    WHOLE("1e1", 10),
    REAL("0.5", 0.5),
    REAL("-0.5", -0.5),
    REAL("2.5e0", 2.5),
    REAL("9223372036854775808", 0x1p63),
    REAL("-9223372036854777856", -0x1.0000000000001p63),
    REAL("1e300", 1e300),
    REAL("-1e300", -1e300),
    REAL("5e-324", 5e-324),
};

struct text {
    const char *json;
    const char *text;
};

static const struct text texts[] = {
    {"\"\"", ""},         {"\"a\"", "a"}, {"\"aa\"", "aa"},
    {"\"ab\"", "ab"},     {"\"b\"", "b"}, {"\"\\u00e9\"", "\xc3\xa9"},
    {"\"\\\"b\"", "\"b"}, {"\"B\"", "B"}, {"\"never in a row\"", "never in a row"},
};

enum { NUMBERS = sizeof(numbers) / sizeof(*numbers), TEXTS = sizeof(texts) / sizeof(*texts) };

// How a row's value stands to a literal: a bit each, so that a comparison is a set of them.
enum { BELOW = 1, EQUAL = 2, ABOVE = 4, UNORDERED = 8 };

struct comparison {
    const char *name;
    unsigned holds;
};

static const struct comparison comparisons[] = {
    {"eq", EQUAL}, {"ne", BELOW | ABOVE | UNORDERED},
    {"lt", BELOW}, {"lte", BELOW | EQUAL},
    {"gt", ABOVE}, {"gte", ABOVE | EQUAL},
};

enum { EQ, NE, COMPARISONS = 6, IN = COMPARISONS, NIN, EXISTS, CONDITIONS };

static uint32_t below(struct random *r, uint32_t bound)
{
    return (uint32_t)random_below(r, bound);
}

static int64_t small_number(struct random *r)
{
    return (int64_t)random_below(r, 5) - 2;
}

static double draw_f64(struct random *r)
{
    static const double odd[] = {
        (double)NAN, (double)INFINITY, -(double)INFINITY, -0.0, 0x1p53, -0x1p63, 0x1p62};
    const struct column_value *v = &numbers[below(r, NUMBERS)].value;

    if (below(r, 2)) return (double)small_number(r);
    if (below(r, 2)) return odd[below(r, sizeof(odd) / sizeof(*odd))];
    return v->type == COLUMN_F64 ? v->f64 : (double)v->i64;
}

// A value of a row, or none.
static struct column_value draw_value(struct random *r, enum column_type type)
{
    struct column_value v = {.type = type};
    const struct column_value *odd = &numbers[below(r, NUMBERS)].value;

    if (below(r, 6) == 0) return (struct column_value){.type = COLUMN_ABSENT};
    switch (type) {
    case COLUMN_I64:
        v.i64 = below(r, 2) && odd->type == COLUMN_I64 ? odd->i64 : small_number(r);
        break;
    case COLUMN_F64: v.f64 = draw_f64(r); break;
    case COLUMN_BOOL: v.boolean = below(r, 2); break;
    default: v.text = str_from_c(texts[below(r, TEXTS - 1)].text);
    }
    return v;
}

static enum column_type type_of(const struct random_filter_table *t, uint32_t column)
{
    return (enum column_type)t->schema.columns[column].type;
}

void random_filter_table_init(struct random_filter_table *t, struct random *r)
{
    uint32_t columns = 1 + below(r, RANDOM_FILTER_COLUMNS_MAX);
    char name[] = "c0";

    *t = (struct random_filter_table){.row_count = below(r, RANDOM_FILTER_ROWS_MAX + 1)};
    column_schema_init(&t->schema);
    for (uint32_t i = 0; i < columns; i++) {
        enum column_type type = COLUMN_I64 + (enum column_type)below(r, 4);
        name[1] = (char)('0' + i);
        CHECK_EQ(column_schema_add(&t->schema, str_from_c(name), type, 0), OK);
    }
    t->column_count = columns - (columns > 1 && below(r, 3) == 0);
    for (uint32_t row = 0; row < t->row_count; row++) {
        for (uint32_t i = 0; i < t->column_count; i++) {
            t->values[row][i] = draw_value(r, type_of(t, i));
        }
    }
}

[[gnu::format(printf, 2, 3)]] static void put(struct random_filter *f, const char *format, ...)
{
    char piece[64];
    va_list args;

    va_start(args, format);
    int len = vsnprintf(piece, sizeof(piece), format, args);
    va_end(args);
    CHECK(len >= 0 && (size_t)len < sizeof(piece));
    CHECK_EQ(buf_append(f->json, str_from_c(piece)), OK);
}

// Writes a literal that is comparable with a column.
static struct column_value put_literal(struct random_filter *f, enum column_type type)
{
    struct column_value v = {.type = type};
    const struct number *n = &numbers[below(f->random, NUMBERS)];
    const struct text *t = &texts[below(f->random, TEXTS)];

    if (type == COLUMN_STRING) {
        put(f, "%s", t->json);
        v.text = str_from_c(t->text);
    } else if (type == COLUMN_BOOL) {
        v.boolean = below(f->random, 2);
        put(f, "%s", v.boolean ? "true" : "false");
    } else if (below(f->random, 2)) {
        v = (struct column_value){.type = COLUMN_I64, .i64 = small_number(f->random)};
        put(f, "%d", (int)v.i64);
    } else {
        v = n->value;
        put(f, "%s", n->json);
    }
    return v;
}

static long double real_of(const struct column_value *v)
{
    if (v->type == COLUMN_I64) return (long double)v->i64;
    return v->type == COLUMN_F64 ? (long double)v->f64 : (long double)v->boolean;
}

static unsigned stand_of(const struct column_value *v, const struct column_value *literal)
{
    if (v->type == COLUMN_ABSENT) return UNORDERED;
    if (v->type == COLUMN_STRING) {
        int order = str_compare(v->text, literal->text);
        return order < 0 ? BELOW : order > 0 ? ABOVE : EQUAL;
    }
    long double x = real_of(v);
    long double y = real_of(literal);
    if (isnan(x)) return UNORDERED;
    return x < y ? BELOW : x > y ? ABOVE : EQUAL;
}

// Writes a literal, and keeps the rows whose value stands so to it.
static void compare(struct random_filter *f, uint32_t column, unsigned holds,
                    struct random_filter_truth *t)
{
    struct column_value literal = put_literal(f, type_of(f->table, column));

    for (uint32_t row = 0; row < f->table->row_count; row++) {
        if (!(stand_of(&f->table->values[row][column], &literal) & holds)) t->takes[row] = false;
    }
}

static void list(struct random_filter *f, uint32_t column, bool is_negated,
                 struct random_filter_truth *t)
{
    struct random_filter_truth is_in = {0};
    uint32_t count = below(f->random, 7);

    put(f, "[");
    for (uint32_t i = 0; i < count; i++) {
        if (i) put(f, ",");
        struct column_value literal = put_literal(f, type_of(f->table, column));
        for (uint32_t row = 0; row < f->table->row_count; row++) {
            if (stand_of(&f->table->values[row][column], &literal) == EQUAL)
                is_in.takes[row] = true;
        }
    }
    put(f, "]");
    for (uint32_t row = 0; row < f->table->row_count; row++) {
        if (is_in.takes[row] == is_negated) t->takes[row] = false;
    }
}

static void exist(struct random_filter *f, uint32_t column, struct random_filter_truth *t)
{
    bool wanted = below(f->random, 2);

    put(f, "%s", wanted ? "true" : "false");
    for (uint32_t row = 0; row < f->table->row_count; row++) {
        bool is_there = f->table->values[row][column].type != COLUMN_ABSENT;
        if (is_there != wanted) t->takes[row] = false;
    }
}

static void condition(struct random_filter *f, uint32_t column, unsigned which,
                      struct random_filter_truth *t)
{
    static const char *const names[] = {[IN] = "in", [NIN] = "nin", [EXISTS] = "exists"};

    put(f, ",\"%s\":", which < COMPARISONS ? comparisons[which].name : names[which]);
    if (which < COMPARISONS) {
        compare(f, column, comparisons[which].holds, t);
    } else if (which == EXISTS) {
        exist(f, column, t);
    } else {
        list(f, column, which == NIN, t);
    }
}

// {"field": ...} with some conditions.
static void field(struct random_filter *f, struct random_filter_truth *t)
{
    uint32_t column = below(f->random, f->table->schema.count);
    bool has_order = type_of(f->table, column) != COLUMN_BOOL;
    uint32_t odds = 2 + below(f->random, 8);
    bool is_empty = true;

    put(f, "{\"field\":\"c%u\"", (unsigned)column);
    while (is_empty) {
        for (unsigned which = 0; which < CONDITIONS; which++) {
            bool is_fit = has_order || which <= NE || which >= IN;
            if (!is_fit || below(f->random, odds)) continue;
            condition(f, column, which, t);
            is_empty = false;
        }
        if (is_empty) odds = 2;
    }
    put(f, "}");
}

// "and" or "or".
static void group(struct random_filter *f, unsigned depth, bool is_and,
                  struct random_filter_truth *t)
{
    uint32_t count = below(f->random, 4);
    struct random_filter_truth any = {0};

    put(f, is_and ? "\"and\":[" : "\"or\":[");
    for (uint32_t i = 0; i < count; i++) {
        struct random_filter_truth part;
        if (i) put(f, ",");
        random_filter_draw(f, depth - 1, &part);
        for (uint32_t row = 0; row < f->table->row_count; row++) {
            if (part.takes[row]) any.takes[row] = true;
            if (is_and && !part.takes[row]) t->takes[row] = false;
        }
    }
    put(f, "]");
    for (uint32_t row = 0; row < f->table->row_count; row++) {
        if (!is_and && !any.takes[row]) t->takes[row] = false;
    }
}

static void negation(struct random_filter *f, unsigned depth, struct random_filter_truth *t)
{
    struct random_filter_truth part;

    put(f, "\"not\":");
    random_filter_draw(f, depth - 1, &part);
    for (uint32_t row = 0; row < f->table->row_count; row++) {
        if (part.takes[row]) t->takes[row] = false;
    }
}

// A member of an object without "field".
static void member(struct random_filter *f, unsigned depth, struct random_filter_truth *t)
{
    uint32_t column = below(f->random, f->table->schema.count);

    switch (depth ? below(f->random, 4) : 3) {
    case 0: group(f, depth, true, t); break;
    case 1: group(f, depth, false, t); break;
    case 2: negation(f, depth, t); break;
    default: put(f, "\"c%u\":", (unsigned)column); compare(f, column, EQUAL, t);
    }
}

void random_filter_draw(struct random_filter *f, unsigned depth, struct random_filter_truth *out)
{
    uint32_t members = below(f->random, 4) ? 1 : below(f->random, 4);

    for (uint32_t row = 0; row < RANDOM_FILTER_ROWS_MAX; row++) {
        out->takes[row] = row < f->table->row_count;
    }
    if (below(f->random, 3) == 0) {
        field(f, out);
        return;
    }
    put(f, "{");
    for (uint32_t i = 0; i < members; i++) {
        if (i) put(f, ",");
        member(f, depth, out);
    }
    put(f, "}");
}
