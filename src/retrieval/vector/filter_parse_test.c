#include "retrieval/vector/filter_parse.h"

#include "retrieval/vector/row_values.h"

#include "support/test.h"

// A schema of one column a type, and what a parse leaves behind.
struct desk {
    struct column_schema schema;
    struct arena arena;
    struct diag diag;
    const struct filter *filter;
};

static void desk_begin(struct desk *d)
{
    *d = (struct desk){0};
    arena_init(&d->arena, 4096);
    diag_init(&d->diag);
    column_schema_init(&d->schema);
    CHECK_EQ(column_schema_add(&d->schema, STR("year"), COLUMN_I64, 0), OK);
    CHECK_EQ(column_schema_add(&d->schema, STR("score"), COLUMN_F64, 0), OK);
    CHECK_EQ(column_schema_add(&d->schema, STR("draft"), COLUMN_BOOL, 0), OK);
    CHECK_EQ(column_schema_add(&d->schema, STR("lang"), COLUMN_STRING, 0), OK);
}

static void desk_end(struct desk *d)
{
    diag_done(&d->diag);
    arena_reset(&d->arena);
}

static err desk_parse(struct desk *d, str json)
{
    return filter_parse(json, &d->schema, &d->arena, &d->diag, &d->filter);
}

// Whether a filter takes the row {year 2021, score 0.5, lang "de"}, of which draft is absent.
static bool takes(const char *json)
{
    struct column_value values[4] = {
        {.type = COLUMN_I64, .i64 = 2021},
        {.type = COLUMN_F64, .f64 = 0.5},
        {.type = COLUMN_ABSENT},
        {.type = COLUMN_STRING, .text = STR("de")},
    };
    struct desk d;
    struct buf row;

    desk_begin(&d);
    buf_init(&row, ROW_VALUES_BYTES_MAX);
    CHECK_EQ(row_values_encode(&d.schema, values, &row), OK);
    if (desk_parse(&d, str_from_c(json)))
        test_fail(__FILE__, __LINE__, "refused: %s: %" STR_FMT, json,
                  STR_ARG(d.diag.findings[0].message));
    bool is_taken = filter_match(d.filter, buf_view(&row));
    buf_done(&row);
    desk_end(&d);
    return is_taken;
}

TEST(filter_parse_takes_each_comparison)
{
    CHECK(takes("{\"field\":\"year\",\"eq\":2021}") && !takes("{\"field\":\"year\",\"eq\":2022}"));
    CHECK(takes("{\"field\":\"year\",\"ne\":2022}") && !takes("{\"field\":\"year\",\"ne\":2021}"));
    CHECK(takes("{\"field\":\"year\",\"lt\":2022}") && !takes("{\"field\":\"year\",\"lt\":2021}"));
    CHECK(takes("{\"field\":\"year\",\"lte\":2021}") && !takes("{\"field\":\"year\",\"lte\":20}"));
    CHECK(takes("{\"field\":\"year\",\"gt\":2020}") && !takes("{\"field\":\"year\",\"gt\":2021}"));
    CHECK(takes("{\"field\":\"year\",\"gte\":2021}") && !takes("{\"field\":\"year\",\"gte\":3e3}"));
    CHECK(takes("{\"field\":\"lang\",\"in\":[\"en\",\"de\"]}"));
    CHECK(!takes("{\"field\":\"lang\",\"in\":[\"en\"]}"));
    CHECK(takes("{\"field\":\"lang\",\"nin\":[\"en\"]}"));
    CHECK(!takes("{\"field\":\"lang\",\"nin\":[\"en\",\"de\"]}"));
    CHECK(takes("{\"field\":\"lang\",\"exists\":true}"));
    CHECK(!takes("{\"field\":\"lang\",\"exists\":false}"));
}

TEST(filter_parse_takes_members_that_all_have_to_hold)
{
    CHECK(takes("{\"field\":\"year\",\"gte\":2020,\"lt\":2024,\"ne\":2022}"));
    CHECK(!takes("{\"field\":\"year\",\"gte\":2020,\"lt\":2024,\"ne\":2021}"));
    CHECK(takes("{\"lt\":2024,\"field\":\"year\"}"));
    CHECK(takes("{\"year\":2021,\"lang\":\"de\"}"));
    CHECK(!takes("{\"year\":2021,\"lang\":\"en\"}"));
    CHECK(takes("{\"year\":2021,\"or\":[{\"lang\":\"en\"},{\"score\":0.5}]}"));
    CHECK(!takes("{\"field\":\"lang\",\"in\":[\"a\",\"de\"],\"gt\":\"de\"}"));
}

TEST(filter_parse_negates_what_is_within)
{
    CHECK(takes("{\"not\":{\"field\":\"year\",\"eq\":2020}}"));
    CHECK(!takes("{\"not\":{\"not\":{\"year\":2020}}}"));
    CHECK(!takes("{\"not\":{\"or\":[{\"year\":2020},{\"lang\":\"de\"}]}}"));
    CHECK(takes("{\"not\":{\"and\":[{\"year\":2020},{\"lang\":\"de\"}]}}"));
    CHECK(takes("{\"not\":{\"year\":2021,\"lang\":\"en\"}}"));
}

TEST(filter_parse_takes_rows_without_a_value_in_no_comparison)
{
    CHECK(!takes("{\"draft\":true}") && !takes("{\"draft\":false}"));
    CHECK(takes("{\"field\":\"draft\",\"ne\":true}") && takes("{\"not\":{\"draft\":true}}"));
    CHECK(takes("{\"field\":\"draft\",\"nin\":[true,false]}"));
    CHECK(takes("{\"field\":\"draft\",\"exists\":false}"));
}

TEST(filter_parse_reads_empty_groups)
{
    CHECK(takes("{}") && takes("{\"and\":[]}") && takes("{\"and\":[{}]}"));
    CHECK(!takes("{\"or\":[]}") && takes("{\"or\":[{}]}") && takes("{\"not\":{\"or\":[]}}"));
    CHECK(!takes("{\"not\":{}}") && !takes("{\"field\":\"lang\",\"in\":[]}"));
    CHECK(takes("{\"or\":[{\"or\":[]},{\"and\":[]}]}"));
}

TEST(filter_parse_compares_numbers_of_both_types)
{
    CHECK(takes("{\"year\":2021.0}") && !takes("{\"year\":2021.5}"));
    CHECK(takes("{\"field\":\"year\",\"gt\":2020.5,\"lt\":2021.5}"));
    CHECK(takes("{\"field\":\"year\",\"lt\":1e300,\"gt\":-1e300}"));
    CHECK(takes("{\"field\":\"year\",\"lt\":18446744073709551615}"));
    CHECK(takes("{\"field\":\"score\",\"gt\":0,\"lt\":1}"));
    CHECK(takes("{\"field\":\"score\",\"lte\":5e-1,\"in\":[5e-1,9]}"));
}

TEST(filter_parse_decodes_names_and_texts)
{
    CHECK(takes("{\"\\u006cang\":\"d\\u0065\"}"));
    CHECK(takes("{\"fi\\u0065ld\":\"l\\u0061ng\",\"\\u0065q\":\"de\"}"));
    CHECK(takes("{\"\\u0061nd\":[{\"lang\":\"de\"}]}"));
}

// What a text is refused with, and the first thing that is said.
static void check_refused(const char *json, err e, const char *message, const char *hint)
{
    struct desk d;

    desk_begin(&d);
    CHECK_EQ(desk_parse(&d, str_from_c(json)), e);
    CHECK(d.diag.count > 0 && !d.filter);
    CHECK_SAME(d.diag.findings[0].message, str_from_c(message));
    CHECK_SAME(d.diag.findings[0].hint, str_from_c(hint));
    desk_end(&d);
}

TEST(filter_parse_refuses_unknown_names_with_the_nearest)
{
    check_refused("{\"yeer\":1}", ERR_ABSENT, "no column \"yeer\"", "did you mean \"year\"?");
    check_refused("{\"ad\":[]}", ERR_ABSENT, "no column \"ad\"", "did you mean \"and\"?");
    check_refused("{\"field\":\"lnag\",\"eq\":\"a\"}", ERR_ABSENT, "no column \"lnag\"",
                  "did you mean \"lang\"?");
    check_refused("{\"field\":\"something else\"}", ERR_ABSENT, "no column \"something else\"", "");
    check_refused("{\"field\":\"year\",\"gtee\":1}", ERR_SYNTAX, "no comparison \"gtee\"",
                  "did you mean \"gte\"?");
}

TEST(filter_parse_refuses_values_of_another_type)
{
    check_refused("{\"year\":\"2020\"}", ERR_TYPE, "\"year\" is of type i64, not a string", "");
    check_refused("{\"lang\":1}", ERR_TYPE, "\"lang\" is of type string, not a number", "");
    check_refused("{\"lang\":null}", ERR_TYPE, "\"lang\" is of type string, not null",
                  "{\"field\":\"lang\",\"exists\":false} finds rows without one");
    check_refused("{\"draft\":0}", ERR_TYPE, "\"draft\" is of type bool, not a number", "");
    check_refused("{\"field\":\"draft\",\"lt\":true}", ERR_TYPE, "bools have no order for \"lt\"",
                  "");
    check_refused("{\"lang\":[\"a\"]}", ERR_TYPE, "one value is compared here, not an array",
                  "write {\"field\":\"lang\",\"in\":...}");
    check_refused("{\"year\":{\"gt\":1}}", ERR_TYPE, "one value is compared here, not an object",
                  "write {\"field\":\"year\",\"gte\":...}");
    check_refused("{\"field\":\"year\",\"in\":1}", ERR_TYPE, "a list is an array, not a number",
                  "");
    check_refused("{\"field\":\"year\",\"in\":[1,true]}", ERR_TYPE,
                  "\"year\" is of type i64, not a bool", "");
    check_refused("{\"field\":\"year\",\"exists\":1}", ERR_TYPE,
                  "\"exists\" is true or false, not a number", "");
    check_refused("{\"field\":1}", ERR_TYPE, "\"field\" is the name of a column, not a number", "");
    check_refused("{\"and\":{}}", ERR_TYPE, "\"and\" takes an array of filters", "");
    check_refused("{\"or\":[1]}", ERR_TYPE, "a filter is an object",
                  "such as {\"field\":\"year\",\"gte\":2020}");
    check_refused("{\"score\":1e999}", ERR_RANGE, "a number beyond 64 bits", "");
}

TEST(filter_parse_refuses_what_is_no_filter)
{
    check_refused("", ERR_SYNTAX, "not JSON", "");
    check_refused("{\"year\":1", ERR_SYNTAX, "not JSON", "");
    check_refused("[]", ERR_TYPE, "a filter is an object",
                  "such as {\"field\":\"year\",\"gte\":2020}");
    check_refused("{\"field\":\"year\"}", ERR_SYNTAX, "nothing is asked of \"year\"",
                  "add \"eq\", \"in\", \"gte\", \"exists\" or the like");
    check_refused("{\"field\":\"year\",\"lt\":1,\"lt\":2}", ERR_SYNTAX,
                  "\"lt\" stands twice in one object", "put each into an object of its own");
}

TEST(filter_parse_tells_every_mistake_and_its_place)
{
    struct desk d;

    desk_begin(&d);
    CHECK_EQ(desk_parse(&d, STR("{\"and\":[\n  {\"yeer\":1},\n  {\"lang\":2}]}")), ERR_ABSENT);
    CHECK_EQ(d.diag.count, 2);
    CHECK_EQ(d.diag.findings[0].line, 2);
    CHECK_EQ(d.diag.findings[0].column, 5); // of the name, behind its quote
    CHECK_EQ(d.diag.findings[1].line, 3);
    CHECK_EQ(d.diag.findings[1].column, 11);
    desk_end(&d);
}

// `count` times `part`, separated by commas, between `before` and `after`.
static err parse_repeated(const char *before, const char *part, uint32_t count, const char *after)
{
    struct desk d;
    struct buf json;

    desk_begin(&d);
    buf_init(&json, 2 * FILTER_TEXT_MAX);
    CHECK_EQ(buf_append(&json, str_from_c(before)), OK);
    for (uint32_t i = 0; i < count; i++) {
        CHECK_EQ(buf_append(&json, str_from_c(part)), OK);
        if (i + 1 < count) CHECK_EQ(buf_append(&json, STR(",")), OK);
    }
    CHECK_EQ(buf_append(&json, str_from_c(after)), OK);
    err e = desk_parse(&d, buf_view(&json));
    CHECK_EQ(d.diag.count, e != OK);
    buf_done(&json);
    desk_end(&d);
    return e;
}

TEST(filter_parse_bounds_conditions_and_values)
{
    // The first node is the "and" itself.
    CHECK_EQ(parse_repeated("{\"and\":[", "{\"year\":1}", FILTER_NODES_MAX, "]}"), OK);
    CHECK_EQ(parse_repeated("{\"and\":[", "{\"year\":1}", FILTER_NODES_MAX + 1, "]}"), ERR_LIMIT);
    CHECK_EQ(parse_repeated("{\"and\":[", "{\"year\":1}", 5000, "]}"), ERR_LIMIT);
    const char *list = "{\"field\":\"year\",\"in\":[";
    CHECK_EQ(parse_repeated(list, "7", FILTER_VALUES_MAX, "]}"), OK);
    CHECK_EQ(parse_repeated(list, "7", FILTER_VALUES_MAX + 1, "]}"), ERR_LIMIT);
    CHECK_EQ(parse_repeated(list, "7", 50'000, "]}"), ERR_LIMIT);
}

static err parse_nested(const char *open, uint32_t depth, const char *inner, const char *close)
{
    struct desk d;
    struct buf json;

    desk_begin(&d);
    buf_init(&json, FILTER_TEXT_MAX);
    for (uint32_t i = 0; i < depth; i++) {
        CHECK_EQ(buf_append(&json, str_from_c(open)), OK);
    }
    CHECK_EQ(buf_append(&json, str_from_c(inner)), OK);
    for (uint32_t i = 0; i < depth; i++) {
        CHECK_EQ(buf_append(&json, str_from_c(close)), OK);
    }
    err e = desk_parse(&d, buf_view(&json));
    CHECK_EQ(d.diag.count, e != OK);
    buf_done(&json);
    desk_end(&d);
    return e;
}

TEST(filter_parse_bounds_its_depth)
{
    const char *inner = "{\"year\":1,\"lang\":\"de\"}";

    CHECK_EQ(parse_nested("{\"not\":", FILTER_DEPTH_MAX, inner, "}"), OK);
    CHECK_EQ(parse_nested("{\"not\":", FILTER_DEPTH_MAX + 1, inner, "}"), ERR_LIMIT);
    CHECK_EQ(parse_nested("{\"and\":[", FILTER_DEPTH_MAX, inner, "]}"), OK);
    CHECK_EQ(parse_nested("{\"or\":[", FILTER_DEPTH_MAX + 1, inner, "]}"), ERR_LIMIT);
    CHECK_EQ(parse_nested("{\"or\":[", 10'000, inner, "]}"), ERR_LIMIT); // of JSON itself
}

TEST(filter_parse_bounds_texts)
{
    struct desk d;
    struct buf json;

    for (size_t len = COLUMN_TEXT_MAX; len <= COLUMN_TEXT_MAX + 1; len++) {
        desk_begin(&d);
        buf_init(&json, 2 * COLUMN_TEXT_MAX);
        CHECK_EQ(buf_append(&json, STR("{\"lang\":\"")), OK);
        for (size_t i = 0; i < len; i++) {
            CHECK_EQ(buf_append(&json, STR("x")), OK);
        }
        CHECK_EQ(buf_append(&json, STR("\"}")), OK);
        CHECK_EQ(desk_parse(&d, buf_view(&json)), len > COLUMN_TEXT_MAX ? ERR_LIMIT : OK);
        buf_done(&json);
        desk_end(&d);
    }
}

TEST(filter_parse_bounds_its_bytes)
{
    struct desk d;
    struct buf json;

    desk_begin(&d);
    buf_init(&json, 2 * FILTER_TEXT_MAX);
    while (buf_len(&json) < FILTER_TEXT_MAX - 2) {
        CHECK_EQ(buf_append_char(&json, ' '), OK);
    }
    CHECK_EQ(buf_append(&json, STR("{}")), OK);
    CHECK_EQ(desk_parse(&d, buf_view(&json)), OK);
    CHECK_EQ(buf_append_char(&json, ' '), OK);
    CHECK_EQ(desk_parse(&d, buf_view(&json)), ERR_LIMIT);
    buf_done(&json);
    desk_end(&d);
}
