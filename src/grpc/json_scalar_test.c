#include "grpc/json_scalar.h"

#include "support/test.h"

#define S(text) STR_INIT(text)

static err read_number(enum descriptor_type type, str text, uint64_t *out)
{
    struct descriptor_field f = {.type = type};
    struct json_scalar from_json = {0};
    struct json_scalar from_text = {0};
    struct json_value v = {.kind = JSON_NUMBER, .text = text};
    struct arena arena;

    arena_init(&arena, 1024);
    err e = json_scalar_read(&f, v, &arena, &from_json);
    CHECK_EQ(json_scalar_read_text(&f, text, &arena, &from_text), e);
    CHECK(from_json.value == from_text.value && from_json.wire == from_text.wire);
    arena_reset(&arena);
    *out = from_json.value;
    return e;
}

// The ends of each type, which are read, and the numbers beyond, which are not.
TEST(json_scalar_read_knows_the_ends_of_each_type)
{
    static const struct {
        enum descriptor_type type;
        str low;
        str high;
        str below;
        str above;
        uint64_t low_value;
        uint64_t high_value;
    } rows[] = {
        {DESCRIPTOR_INT32, S("-2147483648"), S("2147483647"), S("-2147483649"), S("2147483648"),
         (uint64_t)INT32_MIN, INT32_MAX},
        {DESCRIPTOR_SINT32, S("-2147483648"), S("2147483647"), S("-2147483649"), S("2147483648"),
         UINT32_MAX, UINT32_MAX - 1},
        {DESCRIPTOR_SFIXED32, S("-2147483648"), S("2147483647"), S("-2147483649"), S("2147483648"),
         (uint64_t)INT32_MIN, INT32_MAX},
        {DESCRIPTOR_UINT32, S("0"), S("4294967295"), S("-1"), S("4294967296"), 0, UINT32_MAX},
        {DESCRIPTOR_FIXED32, S("-0"), S("4294967295"), S("-1"), S("4294967296"), 0, UINT32_MAX},
        {DESCRIPTOR_INT64, S("-9223372036854775808"), S("9223372036854775807"),
         S("-9223372036854775809"), S("9223372036854775808"), (uint64_t)INT64_MIN, INT64_MAX},
        {DESCRIPTOR_SINT64, S("-9223372036854775808"), S("9223372036854775807"),
         S("-9223372036854775809"), S("9223372036854775808"), UINT64_MAX, UINT64_MAX - 1},
        {DESCRIPTOR_SFIXED64, S("-9223372036854775808"), S("9223372036854775807"),
         S("-9223372036854775809"), S("9223372036854775808"), (uint64_t)INT64_MIN, INT64_MAX},
        {DESCRIPTOR_UINT64, S("0"), S("18446744073709551615"), S("-1"), S("18446744073709551616"),
         0, UINT64_MAX},
        {DESCRIPTOR_FIXED64, S("0e5"), S("18446744073709551615"), S("-1"),
         S("18446744073709551616"), 0, UINT64_MAX},
    };
    uint64_t value = 0;

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        CHECK_EQ(read_number(rows[i].type, rows[i].low, &value), OK);
        CHECK(value == rows[i].low_value);
        CHECK_EQ(read_number(rows[i].type, rows[i].high, &value), OK);
        CHECK(value == rows[i].high_value);
        CHECK_EQ(read_number(rows[i].type, rows[i].below, &value), ERR_RANGE);
        CHECK_EQ(read_number(rows[i].type, rows[i].above, &value), ERR_RANGE);
        CHECK_EQ(read_number(rows[i].type, STR("1.5"), &value), ERR_TYPE);
    }
}

TEST(json_scalar_read_takes_strings_whose_surrogates_are_pairs)
{
    static const struct {
        str text;
        bool is_text;
    } rows[] = {
        {S("\"\""), true},
        {S("\"\\ud83d\\ude00\""), true},
        {S("\"a\\\\ud83d\""), true}, // a backslash, then letters
        {S("\"\\ud83d\""), false},
        {S("\"\\ude00\""), false},
        {S("\"\\ud83d\\n\""), false},
        {S("\"\\ud83d\\ud83d\\ude00\""), false},
        {S("\"\\ud83d\\ude00\\ude00\""), false},
        {S("\"\\n\\uDBFF\\uDFFF\\u0000\""), true},
    };
    struct descriptor_field f = {.type = DESCRIPTOR_STRING};
    struct json_scalar s;
    struct arena arena;

    arena_init(&arena, 1024);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct json_value v = {.kind = JSON_STRING, .text = rows[i].text};
        CHECK_EQ(json_scalar_read(&f, v, &arena, &s), rows[i].is_text ? OK : ERR_TYPE);
    }
    arena_reset(&arena);
}
