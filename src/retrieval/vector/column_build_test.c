#include "retrieval/vector/column_build.h"

#include "base/memory.h"
#include "base/random.h"

#include "support/column_room.h"

#include <math.h>

static struct column_value random_value(struct random *r, enum column_type type)
{
    static const double odd[] = {
        0.0, -0.0, (double)NAN, -(double)NAN, (double)INFINITY, -(double)INFINITY, 1e-310, -2.5};
    static const str words[] = {STR_INIT(""), STR_INIT("de"), STR_INIT("den"), STR_INIT("zh")};
    struct column_value v = {.type = type};
    bool is_odd = random_below(r, 2);

    switch (type) {
    case COLUMN_I64: v.i64 = (int64_t)(is_odd ? random_u64(r) : random_below(r, 50)) - 25; break;
    case COLUMN_F64: v.f64 = is_odd ? odd[random_below(r, 8)] : random_normal(r); break;
    case COLUMN_BOOL: v.boolean = is_odd; break;
    default: v.text = words[random_below(r, 4)];
    }
    if (random_below(r, 5) == 0) v.type = COLUMN_ABSENT;
    return v;
}

// Whether the row at a place of the order may stand before that at the next.
static bool is_in_order(const struct column_view *v, uint32_t a, uint32_t b)
{
    bool has_a = column_view_is_present(v, a);
    bool has_b = column_view_is_present(v, b);

    if (has_a != has_b) return has_a;
    if (!has_a || column_view_key(v, a) == column_view_key(v, b)) return a < b;
    return column_view_key(v, a) < column_view_key(v, b);
}

static void check_order(const struct column_view *v)
{
    bool *seen = memory_alloc(v->row_count);

    for (uint32_t i = 0; i < v->row_count; i++) {
        uint32_t row = column_view_row(v, i);
        CHECK(row < v->row_count && !seen[row]);
        seen[row] = true;
        if (i) CHECK(is_in_order(v, column_view_row(v, i - 1), row));
    }
    memory_free(seen);
}

static void check_same(struct column_value got, const struct column_value *want)
{
    CHECK_EQ(got.type, want->type);
    if (got.type == COLUMN_ABSENT) return;
    if (got.type == COLUMN_STRING) {
        CHECK_SAME(got.text, want->text);
    } else {
        CHECK(column_value_key(&got) == column_value_key(want));
    }
}

static void check_built(struct random *r, enum column_type type, uint32_t rows)
{
    struct column_value *values = memory_alloc(sizeof(*values) * rows);
    struct column_room room;
    struct column_schema schema;
    struct columns c;

    for (uint32_t i = 0; i < rows; i++) {
        values[i] = random_value(r, type);
    }
    column_schema_init(&schema);
    CHECK_EQ(column_schema_add(&schema, STR("c"), type, 0), OK);
    column_room_build(&room, type, values, rows, 1);
    struct column_parts parts = column_room_parts(&room);
    CHECK_EQ(columns_open(&schema, rows, &parts, &c), OK);
    for (uint32_t i = 0; i < rows; i++) {
        check_same(columns_get(&c, i, 0), &values[i]);
    }
    if (c.views[0].type != COLUMN_ABSENT) check_order(&c.views[0]);
    column_room_done(&room);
    memory_free(values);
}

TEST(column_build_keeps_values_and_sorts_rows_of_every_type)
{
    struct random r;

    random_init(&r, test_seed());
    for (int turn = 0; turn < 200; turn++) {
        check_built(&r, COLUMN_I64 + (enum column_type)(turn % 4),
                    (uint32_t)random_below(&r, turn < 190 ? 40 : 5000));
    }
}

TEST(column_build_orders_every_number_by_its_key)
{
    static const double ascending[] = {
        -(double)INFINITY, -1e300,     -1.5, -5e-324, 0.0, 5e-324, 0.1, 1.5, 1e300,
        (double)INFINITY,  (double)NAN};
    static const int64_t whole[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX};

    for (size_t i = 1; i < sizeof(ascending) / sizeof(*ascending); i++) {
        CHECK(column_value_key_f64(ascending[i - 1]) < column_value_key_f64(ascending[i]));
    }
    for (size_t i = 1; i < sizeof(whole) / sizeof(*whole); i++) {
        CHECK(column_value_key_i64(whole[i - 1]) < column_value_key_i64(whole[i]));
    }
    CHECK(column_value_key_f64(-0.0) == column_value_key_f64(0.0));
    CHECK(column_value_key_f64(-(double)NAN) == column_value_key_f64((double)NAN));
}

TEST(column_build_sends_texts_longer_than_a_piece)
{
    static char text[COLUMN_TEXT_MAX];
    struct column_value values[20];
    struct column_room room;

    for (uint32_t i = 0; i < 20; i++) {
        values[i] = (struct column_value){.type = COLUMN_STRING, .text = {text, 4000 + i}};
    }
    column_room_build(&room, COLUMN_STRING, values, 20, 1);
    str dict = buf_view(&room.parts[COLUMN_PART_DICT]);
    CHECK_EQ(dict.len, (3 + 20) * 4 + 20 * 4000 + 190);
    column_room_done(&room);
}
