#include "retrieval/vector/column_schema.h"

#include "support/test.h"

static void check_refused(str bytes, err want)
{
    struct column_schema s;

    CHECK_EQ(column_schema_read(bytes, &s), want);
}

TEST(column_schema_comes_back_as_it_was_written)
{
    struct column_schema s;
    struct column_schema again;
    struct buf b;
    uint32_t column = 0;

    buf_init(&b, COLUMN_SCHEMA_BYTES_MAX);
    column_schema_init(&s);
    CHECK_EQ(column_schema_add(&s, STR("year"), COLUMN_I64, 0), OK);
    CHECK_EQ(column_schema_add(&s, STR("score"), COLUMN_F64, 0), OK);
    CHECK_EQ(column_schema_add(&s, STR("draft"), COLUMN_BOOL, 0), OK);
    CHECK_EQ(column_schema_add(&s, STR("größe"), COLUMN_STRING, COLUMN_FLAG_PARTITION), OK);
    CHECK_EQ(column_schema_write(&s, &b), OK);
    CHECK_EQ(column_schema_read(buf_view(&b), &again), OK);
    CHECK_EQ(again.count, 4);
    CHECK(column_schema_find(&again, STR("größe"), &column));
    CHECK_EQ(column, 3);
    CHECK_EQ(again.columns[3].flags, COLUMN_FLAG_PARTITION);
    CHECK(again.wide_mask == 3 && again.bool_mask == 4 && again.string_mask == 8);
    CHECK(!column_schema_find(&again, STR("grö"), &column));
    // Cut anywhere, and with a byte more, it is refused.
    for (size_t len = 0; len < buf_len(&b); len++) {
        check_refused(str_sub(buf_view(&b), 0, len), ERR_DAMAGED);
    }
    CHECK_EQ(buf_append_char(&b, 0), OK);
    check_refused(buf_view(&b), ERR_DAMAGED);
    buf_done(&b);
}

TEST(column_schema_has_64_columns_with_the_longest_names)
{
    struct column_schema s;
    struct buf b;
    char name[COLUMN_NAME_MAX];

    buf_init(&b, COLUMN_SCHEMA_BYTES_MAX);
    memset(name, 'x', sizeof(name));
    column_schema_init(&s);
    for (int i = 0; i < COLUMN_SCHEMA_MAX; i++) {
        name[0] = (char)('0' + i);
        CHECK_EQ(column_schema_add(&s, (str){name, sizeof(name)}, COLUMN_BOOL, 0), OK);
    }
    CHECK_EQ(column_schema_add(&s, STR("more"), COLUMN_BOOL, 0), ERR_LIMIT);
    CHECK_EQ(column_schema_write(&s, &b), OK);
    CHECK_EQ(column_schema_read(buf_view(&b), &s), OK);
    CHECK_EQ(s.count, COLUMN_SCHEMA_MAX);
    buf_done(&b);
}

TEST(column_schema_refuses_names_and_types_that_cannot_be)
{
    static const str names[] = {
        STR_INIT(""),     STR_INIT("and"),  STR_INIT("or"),    STR_INIT("not"),  STR_INIT("a\nb"),
        STR_INIT("\x7f"), STR_INIT("\xff"), STR_INIT("field"), STR_INIT("here"),
    };
    struct column_schema s;
    char longer[COLUMN_NAME_MAX + 1];

    memset(longer, 'x', sizeof(longer));
    column_schema_init(&s);
    CHECK_EQ(column_schema_add(&s, STR("here"), COLUMN_I64, 0), OK);
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        CHECK_EQ(column_schema_add(&s, names[i], COLUMN_I64, 0), ERR_SYNTAX);
    }
    CHECK_EQ(column_schema_add(&s, (str){longer, sizeof(longer)}, COLUMN_I64, 0), ERR_SYNTAX);
    CHECK_EQ(column_schema_add(&s, STR("a"), COLUMN_ABSENT, 0), ERR_TYPE);
    CHECK_EQ(column_schema_add(&s, STR("a"), COLUMN_TYPE_COUNT, 0), ERR_TYPE);
    CHECK_EQ(column_schema_add(&s, STR("a"), COLUMN_I64, 2), ERR_UNSUPPORTED);
    CHECK_EQ(s.count, 1);
    check_refused(STR("\2\0"), ERR_UNSUPPORTED);
    check_refused(STR("\1\1\1\0\0"), ERR_DAMAGED);                  // no name
    check_refused(STR("\1\1\1\2\1a"), ERR_DAMAGED);                 // no such flag
    check_refused(STR("\1\1\5\0\1a"), ERR_DAMAGED);                 // no such type
    check_refused(STR("\1\2\1\0\1a\1\0\1a"), ERR_DAMAGED);          // twice the same name
    check_refused(STR("\1\xff\1\0\1a\1\0\1b\1\0\1c"), ERR_DAMAGED); // not as many
}
