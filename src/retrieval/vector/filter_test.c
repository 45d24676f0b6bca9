#include "retrieval/vector/filter.h"

#include "retrieval/vector/filter_parse.h"

#include "support/test.h"

// What a filter pins a column to, as text; "-" where nothing.
static void check_pin(const char *json, const char *column, const char *want)
{
    struct column_schema schema;
    struct column_value v = {0};
    struct arena arena;
    struct diag diag;
    const struct filter *f;
    uint32_t number = 0;
    str got = STR("-");

    arena_init(&arena, 4096);
    diag_init(&diag);
    column_schema_init(&schema);
    CHECK_EQ(column_schema_add(&schema, STR("tenant"), COLUMN_STRING, 0), OK);
    CHECK_EQ(column_schema_add(&schema, STR("year"), COLUMN_I64, 0), OK);
    CHECK_EQ(column_schema_add(&schema, STR("score"), COLUMN_F64, 0), OK);
    CHECK_EQ(column_schema_add(&schema, STR("draft"), COLUMN_BOOL, 0), OK);
    CHECK_EQ(filter_parse(str_from_c(json), &schema, &arena, &diag, &f), OK);
    CHECK(column_schema_find(&schema, str_from_c(column), &number));
    if (filter_pins(f, number, &v)) {
        CHECK_EQ(v.type, schema.columns[number].type);
        if (v.type == COLUMN_STRING) got = v.text;
        if (v.type == COLUMN_I64) got = arena_format(&arena, "%lld", (long long)v.i64);
        if (v.type == COLUMN_F64) got = arena_format(&arena, "%g", v.f64);
        if (v.type == COLUMN_BOOL) got = v.boolean ? STR("true") : STR("false");
    }
    CHECK_SAME(got, str_from_c(want));
    diag_done(&diag);
    arena_reset(&arena);
}

TEST(filter_pins_a_column_that_has_to_be_one_value)
{
    check_pin("{\"tenant\":\"acme\"}", "tenant", "acme");
    check_pin("{\"tenant\":\"\"}", "tenant", "");
    check_pin("{\"field\":\"tenant\",\"in\":[\"acme\",\"acme\"]}", "tenant", "acme");
    check_pin("{\"field\":\"tenant\",\"gte\":\"a\",\"lte\":\"a\"}", "tenant", "a");
    check_pin("{\"year\":-5}", "year", "-5");
    check_pin("{\"field\":\"year\",\"gt\":6.5,\"lt\":8}", "year", "7");
    check_pin("{\"field\":\"year\",\"in\":[1,2,3],\"gt\":2}", "year", "3");
    check_pin("{\"score\":-2.5}", "score", "-2.5");
    check_pin("{\"score\":3}", "score", "3");
    check_pin("{\"draft\":false}", "draft", "false");
    check_pin("{\"draft\":true}", "draft", "true");
}

TEST(filter_pins_by_any_condition_that_has_to_hold)
{
    const char *json = "{\"year\":1,\"and\":[{\"or\":[{\"year\":2},{\"draft\":true}]},"
                       "{\"and\":[{\"tenant\":\"b\"}]}]}";

    check_pin(json, "tenant", "b");
    check_pin(json, "year", "1");
    check_pin(json, "draft", "-");
    check_pin("{\"not\":{\"or\":[{\"year\":2},{\"field\":\"tenant\",\"ne\":\"a\"}]}}", "tenant",
              "a");
}

TEST(filter_pins_nothing_that_may_be_another_value)
{
    check_pin("{}", "tenant", "-");
    check_pin("{\"or\":[]}", "tenant", "-");
    check_pin("{\"tenant\":\"a\"}", "year", "-");
    check_pin("{\"not\":{\"tenant\":\"a\"}}", "tenant", "-");
    check_pin("{\"field\":\"tenant\",\"ne\":\"a\"}", "tenant", "-");
    check_pin("{\"field\":\"tenant\",\"in\":[\"a\",\"b\"]}", "tenant", "-");
    check_pin("{\"field\":\"tenant\",\"gte\":\"a\"}", "tenant", "-");
    check_pin("{\"field\":\"tenant\",\"gte\":\"a\",\"lte\":\"b\"}", "tenant", "-");
    check_pin("{\"or\":[{\"tenant\":\"a\"},{\"year\":1}]}", "tenant", "-");
    check_pin("{\"or\":[{\"tenant\":\"a\"},{\"tenant\":\"a\"}]}", "tenant", "-");
    check_pin("{\"field\":\"year\",\"gte\":1,\"lte\":2}", "year", "-");
    check_pin("{\"field\":\"year\",\"exists\":true}", "year", "-");
}
