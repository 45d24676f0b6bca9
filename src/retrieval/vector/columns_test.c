#include "retrieval/vector/columns.h"

#include "base/memory.h"
#include "base/random.h"

#include "support/column_room.h"

enum { ROWS = 61 };

// A column of each type, the last of which the segment doesn't have.
struct table {
    struct column_schema schema;
    struct column_room rooms[4];
    struct column_parts parts[5];
};

static void table_begin(struct table *t)
{
    static const char *const names[] = {"i", "f", "b", "s", "later"};
    static const str words[] = {STR_INIT("b"), STR_INIT("a"), STR_INIT("c"), STR_INIT("")};
    struct column_value values[ROWS][4];

    *t = (struct table){0};
    column_schema_init(&t->schema);
    for (int i = 0; i < 5; i++) {
        enum column_type type = COLUMN_I64 + (enum column_type)(i % 4);
        CHECK_EQ(column_schema_add(&t->schema, str_from_c(names[i]), type, 0), OK);
    }
    for (int row = 0; row < ROWS; row++) {
        values[row][0] = (struct column_value){.type = COLUMN_I64, .i64 = row * 7 % 10};
        values[row][1] = (struct column_value){.type = COLUMN_F64, .f64 = row / 2.0};
        values[row][2] = (struct column_value){.type = COLUMN_BOOL, .boolean = row % 3 == 0};
        values[row][3] = (struct column_value){.type = COLUMN_STRING, .text = words[row % 4]};
        if (row % 6 == 5) values[row][row % 4].type = COLUMN_ABSENT;
    }
    for (uint32_t i = 0; i < 4; i++) {
        column_room_build(&t->rooms[i], (enum column_type)t->schema.columns[i].type, &values[0][i],
                          ROWS, 4);
        t->parts[i] = column_room_parts(&t->rooms[i]);
    }
}

static void table_end(struct table *t)
{
    for (int i = 0; i < 4; i++) {
        column_room_done(&t->rooms[i]);
    }
}

TEST(columns_find_codes_and_runs)
{
    struct table t;
    struct columns c;

    table_begin(&t);
    CHECK_EQ(columns_open(&t.schema, ROWS, t.parts, &c), OK);
    const struct column_view *s = &c.views[3];
    CHECK_EQ(s->text_count, 4);
    CHECK_STR(columns_text(s, 1), "a");
    CHECK_STR(columns_text(s, 4), "");
    CHECK_EQ(columns_code(s, STR("a"), false), 1);
    CHECK_EQ(columns_code(s, STR("a"), true), 2);
    CHECK_EQ(columns_code(s, STR("bb"), false), 3);
    CHECK_EQ(columns_code(s, STR("d"), false), 4);
    const struct column_view *i = &c.views[0];
    uint64_t key = column_value_key_i64(3);
    uint32_t start = columns_place(i, (struct columns_search){0, ROWS, false}, key);
    uint32_t end = columns_place(i, (struct columns_search){start, ROWS, true}, key);
    CHECK_EQ(end - start, 6);
    for (uint32_t at = start; at < end; at++) {
        CHECK_EQ(columns_get(&c, column_view_row(i, at), 0).i64, 3);
    }
    // Rows without a value stand behind the greatest key.
    CHECK_EQ(columns_place(i, (struct columns_search){0, ROWS, true}, UINT64_MAX), ROWS);
    const struct column_view *f = &c.views[1];
    CHECK_EQ(columns_place(f, (struct columns_search){0, ROWS, true}, UINT64_MAX), ROWS - 5);
    table_end(&t);
}

TEST(columns_that_a_segment_lacks_are_absent)
{
    struct table t;
    struct columns c;

    table_begin(&t);
    CHECK_EQ(columns_open(&t.schema, ROWS, t.parts, &c), OK);
    CHECK_EQ(columns_get(&c, 0, 4).type, COLUMN_ABSENT);
    CHECK_EQ(columns_get(&c, 0, 3).type, COLUMN_STRING);
    CHECK_EQ(columns_get(&c, ROWS, 3).type, COLUMN_ABSENT);
    table_end(&t);
}

TEST(columns_refuse_parts_of_a_wrong_length)
{
    struct table t;
    struct columns c;

    table_begin(&t);
    CHECK_EQ(columns_open(&t.schema, ROWS - 9, t.parts, &c), ERR_DAMAGED);
    for (int i = 0; i < 4; i++) {
        for (int p = 0; p < COLUMN_PART_COUNT; p++) {
            struct column_parts whole = t.parts[i];
            t.parts[i].parts[p].len--; // one less, or far too long where it was none
            CHECK_EQ(columns_open(&t.schema, ROWS, t.parts, &c), ERR_DAMAGED);
            t.parts[i] = whole;
            t.parts[i].parts[p].len++;
            CHECK_EQ(columns_open(&t.schema, ROWS, t.parts, &c), ERR_DAMAGED);
            t.parts[i] = whole;
        }
    }
    // A dictionary that says it has more than its bytes.
    CHECK(t.parts[3].parts[COLUMN_PART_DICT].len > 12);
    t.rooms[3].parts[COLUMN_PART_DICT].bytes[3] = (char)0xff;
    CHECK_EQ(columns_open(&t.schema, ROWS, t.parts, &c), ERR_DAMAGED);
    table_end(&t);
}

// Everything that can be asked, of a column whose bytes may be anything.
static void read_all(const struct columns *c, uint32_t column)
{
    const struct column_view *v = &c->views[column];
    uint64_t keys[] = {0, 2, column_value_key_i64(3), column_value_key_f64(4.0), UINT64_MAX};

    for (uint32_t row = 0; row < ROWS; row++) {
        struct column_value got = columns_get(c, row, column);
        CHECK(got.type == COLUMN_ABSENT || got.type == v->type);
        if (got.type == COLUMN_STRING && got.text.len)
            CHECK(got.text.ptr >= v->texts &&
                  got.text.ptr + got.text.len <= v->texts + v->text_bytes);
    }
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        struct columns_search s = {0, ROWS, i % 2};
        CHECK(columns_place(v, s, keys[i]) <= ROWS);
    }
    CHECK(columns_code(v, STR("b"), true) <= v->text_count);
}

TEST(columns_that_are_damaged_are_never_read_out_of_bounds)
{
    struct random r;
    struct table t;
    struct columns c;

    random_init(&r, test_seed());
    table_begin(&t);
    for (int turn = 0; turn < 5000; turn++) {
        struct column_parts parts[5] = {0};
        uint32_t column = (uint32_t)random_below(&r, 4);
        enum column_part part = (enum column_part)random_below(&r, COLUMN_PART_COUNT);
        str whole = t.parts[column].parts[part];
        if (whole.len == 0) continue;
        // In memory of its own, so that a byte too far is seen.
        char *copy = memory_alloc_raw(whole.len);
        memcpy(copy, whole.ptr, whole.len);
        for (int i = 0; i <= turn % 4; i++) {
            copy[random_below(&r, whole.len)] = (char)random_u64(&r);
        }
        memcpy(parts, t.parts, sizeof(parts));
        parts[column].parts[part].ptr = copy;
        err e = columns_open(&t.schema, ROWS, parts, &c);
        CHECK(e == OK || (e == ERR_DAMAGED && part == COLUMN_PART_DICT));
        if (!e) read_all(&c, column);
        memory_free(copy);
    }
    table_end(&t);
}
