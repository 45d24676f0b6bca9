#include "retrieval/vector/column_json.h"

#include "support/test.h"

static err read_one(const char *json, enum column_type type, struct column_value *out)
{
    struct json_reader reader;
    struct json_value value;
    struct arena arena;

    arena_init(&arena, 1024);
    json_reader_init(&reader, str_from_c(json));
    CHECK_EQ(json_value(&reader, &value), OK);
    err e = column_json_read(value, type, &arena, out);
    arena_reset(&arena); // texts without escapes are not in it
    return e;
}

TEST(column_json_reads_whole_numbers_to_the_last_bit)
{
    struct column_value v;

    CHECK_EQ(read_one("9223372036854775807", COLUMN_I64, &v), OK);
    CHECK(v.i64 == INT64_MAX);
    CHECK_EQ(read_one("-9223372036854775808", COLUMN_I64, &v), OK);
    CHECK(v.i64 == INT64_MIN);
    CHECK_EQ(read_one("9007199254740993", COLUMN_I64, &v), OK);
    CHECK(v.i64 == 9007199254740993);
    CHECK_EQ(read_one("-3.0e2", COLUMN_I64, &v), OK);
    CHECK_EQ(v.i64, -300);
}

TEST(column_json_refuses_numbers_that_do_not_fit)
{
    struct column_value v;

    CHECK_EQ(read_one("9223372036854775808", COLUMN_I64, &v), ERR_RANGE);
    CHECK_EQ(read_one("1.5", COLUMN_I64, &v), ERR_TYPE);
    CHECK_EQ(read_one("1e999", COLUMN_F64, &v), ERR_RANGE);
}

TEST(column_json_reads_each_type_and_null_as_none)
{
    struct column_value v;

    CHECK_EQ(read_one("2.5", COLUMN_F64, &v), OK);
    CHECK(v.f64 == 2.5);
    CHECK_EQ(read_one("true", COLUMN_BOOL, &v), OK);
    CHECK(v.boolean);
    CHECK_EQ(read_one("\"plain\"", COLUMN_STRING, &v), OK);
    CHECK_STR(v.text, "plain");
    CHECK_EQ(read_one("null", COLUMN_STRING, &v), OK);
    CHECK_EQ(v.type, COLUMN_ABSENT);
}

TEST(column_json_refuses_other_kinds)
{
    struct column_value v;

    CHECK_EQ(read_one("\"1\"", COLUMN_I64, &v), ERR_TYPE);
    CHECK_EQ(read_one("1", COLUMN_BOOL, &v), ERR_TYPE);
    CHECK_EQ(read_one("[1]", COLUMN_F64, &v), ERR_TYPE);
    CHECK_EQ(read_one("{}", COLUMN_STRING, &v), ERR_TYPE);
}

TEST(column_json_reads_an_object_as_a_row)
{
    struct column_value values[2] = {0};
    struct column_schema schema;
    struct arena arena;

    arena_init(&arena, 1024);
    column_schema_init(&schema);
    CHECK_EQ(column_schema_add(&schema, STR("year"), COLUMN_I64, 0), OK);
    CHECK_EQ(column_schema_add(&schema, STR("ok"), COLUMN_BOOL, 0), OK);
    CHECK_EQ(column_json_read_row(&schema, STR("{\"x\":{},\"y\\u0065ar\":7}"), &arena, values), OK);
    CHECK_EQ(values[0].i64, 7);
    CHECK_EQ(values[1].type, COLUMN_ABSENT);
    CHECK_EQ(column_json_read_row(&schema, STR("[]"), &arena, values), ERR_TYPE);
    CHECK_EQ(column_json_read_row(&schema, STR("{\"ok\":1}"), &arena, values), ERR_TYPE);
    CHECK_EQ(column_json_read_row(&schema, STR("{\"ok\":true} x"), &arena, values), ERR_SYNTAX);
    arena_reset(&arena);
}
