#include "retrieval/vector/row_values.h"

#include "base/random.h"

#include "support/test.h"

#include <math.h>

static void schema_make(struct column_schema *s)
{
    column_schema_init(s);
    CHECK_EQ(column_schema_add(s, STR("year"), COLUMN_I64, 0), OK);
    CHECK_EQ(column_schema_add(s, STR("lang"), COLUMN_STRING, 0), OK);
    CHECK_EQ(column_schema_add(s, STR("draft"), COLUMN_BOOL, 0), OK);
    CHECK_EQ(column_schema_add(s, STR("score"), COLUMN_F64, 0), OK);
    CHECK_EQ(column_schema_add(s, STR("title"), COLUMN_STRING, 0), OK);
}

static void check_value(struct column_value got, const struct column_value *want)
{
    CHECK_EQ(got.type, want->type);
    if (got.type == COLUMN_STRING) CHECK_SAME(got.text, want->text);
    if (got.type != COLUMN_STRING && got.type != COLUMN_ABSENT)
        CHECK(column_value_key(&got) == column_value_key(want));
}

TEST(row_values_come_back_whichever_are_absent)
{
    const struct column_value full[] = {
        {.type = COLUMN_I64, .i64 = INT64_MIN},   {.type = COLUMN_STRING, .text = STR("de")},
        {.type = COLUMN_BOOL, .boolean = true},   {.type = COLUMN_F64, .f64 = -0.5},
        {.type = COLUMN_STRING, .text = STR("")},
    };
    struct column_schema s;
    struct buf b;

    schema_make(&s);
    buf_init(&b, ROW_VALUES_BYTES_MAX);
    for (unsigned mask = 0; mask < 32; mask++) {
        struct column_value values[5] = {0};
        for (unsigned i = 0; i < 5; i++) {
            if (mask >> i & 1) values[i] = full[i];
        }
        buf_clear(&b);
        CHECK_EQ(row_values_encode(&s, values, &b), OK);
        CHECK_EQ(buf_len(&b) == 0, mask == 0);
        CHECK_EQ(row_values_check(&s, buf_view(&b)), OK);
        for (unsigned i = 0; i < 5; i++) {
            check_value(row_values_get(&s, buf_view(&b), i), &values[i]);
        }
    }
    buf_done(&b);
}

TEST(row_values_of_an_older_schema_are_absent_in_newer_columns)
{
    struct column_schema s;
    struct buf b;
    struct column_value values[6] = {{.type = COLUMN_I64, .i64 = 7}};

    schema_make(&s);
    buf_init(&b, ROW_VALUES_BYTES_MAX);
    CHECK_EQ(row_values_encode(&s, values, &b), OK);
    CHECK_EQ(buf_len(&b), 10);
    for (int i = 0; i < 20; i++) {
        char name = (char)('a' + i);
        CHECK_EQ(column_schema_add(&s, (str){&name, 1}, COLUMN_I64, 0), OK);
    }
    CHECK_EQ(row_values_check(&s, buf_view(&b)), OK);
    CHECK_EQ(row_values_get(&s, buf_view(&b), 0).i64, 7);
    CHECK_EQ(row_values_get(&s, buf_view(&b), 24).type, COLUMN_ABSENT);
    buf_done(&b);
}

TEST(row_values_refuse_wrong_types_and_long_texts)
{
    static char text[COLUMN_TEXT_MAX + 1];
    struct column_schema s;
    struct buf b;
    struct column_value values[COLUMN_SCHEMA_MAX] = {{.type = COLUMN_F64, .f64 = 1}};

    schema_make(&s);
    buf_init(&b, ROW_VALUES_BYTES_MAX);
    CHECK_EQ(row_values_encode(&s, values, &b), ERR_TYPE);
    values[0] = (struct column_value){.type = COLUMN_ABSENT};
    values[1] = (struct column_value){.type = COLUMN_STRING, .text = {text, sizeof(text)}};
    CHECK_EQ(row_values_encode(&s, values, &b), ERR_LIMIT);
    column_schema_init(&s);
    for (int i = 0; i < COLUMN_SCHEMA_MAX; i++) {
        char name = (char)('0' + i);
        CHECK_EQ(column_schema_add(&s, (str){&name, 1}, COLUMN_STRING, 0), OK);
        values[i] = (struct column_value){.type = COLUMN_STRING, .text = {text, 1023}};
    }
    CHECK_EQ(row_values_encode(&s, values, &b), OK);
    CHECK(buf_len(&b) <= ROW_VALUES_BYTES_MAX);
    values[3].text.len = 1100;
    CHECK_EQ(row_values_encode(&s, values, &b), ERR_LIMIT);
    buf_done(&b);
}

// Cut and changed at random: always read within its bounds, and what passes the check is what its
// values are encoded as.
TEST(row_values_that_are_damaged_are_never_read_out_of_bounds)
{
    struct random r;
    struct column_schema s;
    struct buf b;
    struct buf again;
    const struct column_value values[] = {
        {.type = COLUMN_I64, .i64 = 7},
        {.type = COLUMN_STRING, .text = STR("de")},
        {.type = COLUMN_BOOL, .boolean = true},
        {.type = COLUMN_F64, .f64 = (double)NAN},
        {.type = COLUMN_STRING, .text = STR("a title")},
    };

    random_init(&r, test_seed());
    schema_make(&s);
    buf_init(&b, ROW_VALUES_BYTES_MAX);
    buf_init(&again, ROW_VALUES_BYTES_MAX);
    CHECK_EQ(row_values_encode(&s, values, &b), OK);
    str whole = buf_view(&b);
    for (int turn = 0; turn < 20'000; turn++) {
        char copy[64];
        size_t len = random_below(&r, whole.len + 1);
        memcpy(copy, whole.ptr, len);
        if (len) copy[random_below(&r, len)] = (char)random_u64(&r);
        // From behind, so that a byte too far is beyond the array.
        memmove(copy + sizeof(copy) - len, copy, len);
        str row = {copy + sizeof(copy) - len, len};
        struct column_value got[5];
        for (uint32_t i = 0; i < s.count; i++) {
            got[i] = row_values_get(&s, row, i);
            if (got[i].type != COLUMN_STRING) continue;
            str text = got[i].text;
            CHECK(text.ptr >= row.ptr && text.ptr + text.len <= row.ptr + row.len);
        }
        if (row_values_check(&s, row)) continue;
        buf_clear(&again);
        CHECK_EQ(row_values_encode(&s, got, &again), OK);
        CHECK_SAME(buf_view(&again), row);
    }
    buf_done(&again);
    buf_done(&b);
}
