#include "assess/mock/mock_shape.h"

#include "support/test.h"

static const str colours[] = {STR_INIT("red"), STR_INIT("blue"), STR_INIT("")};
static const struct mock_shape_field dot_fields[] = {
    {.name = STR_INIT("type"), .kinds = MOCK_SHAPE_STRING},
    {.name = STR_INIT("x"), .kinds = MOCK_SHAPE_INTEGER, .is_required = true},
    {.name = STR_INIT("colour"), .kinds = MOCK_SHAPE_STRING, .words = colours},
};
static const struct mock_shape dot = {.fields = dot_fields, .count = 3};
static const struct mock_shape anything = {.is_open = true};
static const struct mock_shape_variant variants[] = {
    {STR_INIT("dot"), &dot}, {STR_INIT("any"), &anything}, {STR_INIT(""), NULL}};
static const struct mock_shape figure = {.tag = STR_INIT("type"), .variants = variants};
static const struct mock_shape_field picture_fields[] = {
    {.name = STR_INIT("list"),
     .kinds = MOCK_SHAPE_ARRAY | MOCK_SHAPE_NULL,
     .elements = MOCK_SHAPE_OBJECT,
     .is_filled = true,
     .inner = &figure},
    {.name = STR_INIT("size"),
     .kinds = MOCK_SHAPE_NUMBER,
     .is_bounded = true,
     .min = 0,
     .max = 2.5},
    {.name = STR_INIT("title"), .kinds = MOCK_SHAPE_STRING, .is_filled = true},
};
static const struct mock_shape picture = {.fields = picture_fields, .count = 3};

TEST(mock_shape_takes_what_is_as_its_tables_say)
{
    static const str texts[] = {
        STR_INIT("{}"),
        STR_INIT("{\"list\":null,\"size\":2.5,\"title\":\"t\"}"),
        STR_INIT("{\"size\":0,\"list\":[{\"x\":1,\"type\":\"dot\",\"colour\":\"bl\\u0075e\"},"
                 "{\"type\":\"any\",\"more\":[1,{}]}]} "),
    };
    struct mock_shape_finding f;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        CHECK(mock_shape_check(texts[i], &picture, true, &f));
    }
}

TEST(mock_shape_finds_the_first_mistake_and_its_path)
{
    static const struct {
        str text;
        enum mock_shape_flaw flaw;
        const char *path;
    } cases[] = {
        {STR_INIT(""), MOCK_SHAPE_BROKEN, ""},
        {STR_INIT("7"), MOCK_SHAPE_BROKEN, ""},
        {STR_INIT("{\"title\":\"t\""), MOCK_SHAPE_BROKEN, ""},
        {STR_INIT("{}{}"), MOCK_SHAPE_BROKEN, ""},
        {STR_INIT("{\"more\":1}"), MOCK_SHAPE_UNKNOWN, "more"},
        {STR_INIT("{\"list\":7}"), MOCK_SHAPE_TYPE, "list"},
        {STR_INIT("{\"list\":[]}"), MOCK_SHAPE_EMPTY, "list"},
        {STR_INIT("{\"list\":[7]}"), MOCK_SHAPE_TYPE, "list[0]"},
        {STR_INIT("{\"list\":[{\"type\":\"any\"},{}]}"), MOCK_SHAPE_MISSING, "list[1].type"},
        {STR_INIT("{\"list\":[{\"type\":\"no\"}]}"), MOCK_SHAPE_TAG, "list[0].type"},
        {STR_INIT("{\"list\":[{\"type\":[]}]}"), MOCK_SHAPE_TAG, "list[0].type"},
        {STR_INIT("{\"list\":[{\"type\":\"dot\"}]}"), MOCK_SHAPE_MISSING, "list[0].x"},
        {STR_INIT("{\"list\":[{\"type\":\"dot\",\"x\":1.5}]}"), MOCK_SHAPE_TYPE, "list[0].x"},
        {STR_INIT("{\"list\":[{\"type\":\"dot\",\"x\":1,\"colour\":\"bluer\"}]}"), MOCK_SHAPE_WORD,
         "list[0].colour"},
        {STR_INIT("{\"size\":-0.1}"), MOCK_SHAPE_BELOW, "size"},
        {STR_INIT("{\"size\":3}"), MOCK_SHAPE_ABOVE, "size"},
        {STR_INIT("{\"size\":null}"), MOCK_SHAPE_TYPE, "size"},
        {STR_INIT("{\"title\":\"\"}"), MOCK_SHAPE_EMPTY, "title"},
        {STR_INIT("{\"title\":\"t\",\"size\":00}"), MOCK_SHAPE_BROKEN, "size"},
    };
    struct mock_shape_finding f;
    struct arena arena;

    arena_init(&arena, 4096);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CHECK(!mock_shape_check(cases[i].text, &picture, true, &f));
        CHECK_EQ(f.flaw, cases[i].flaw);
        if (f.flaw != MOCK_SHAPE_BROKEN)
            CHECK_SAME(mock_shape_path(&f, true, &arena), str_from_c(cases[i].path));
    }
    CHECK(!mock_shape_check(STR("{\"list\":[{}]}"), &picture, true, &f));
    CHECK_STR(mock_shape_path(&f, false, &arena), "list.0.type");
    arena_reset(&arena);
}

TEST(mock_shape_passes_unknown_members_unless_it_is_closed)
{
    struct mock_shape_finding f;

    CHECK(mock_shape_check(STR("{\"more\":[{}]}"), &picture, false, &f));
    CHECK(!mock_shape_check(STR("{\"more\":[{}}"), &picture, false, &f));
    CHECK_EQ(f.flaw, MOCK_SHAPE_BROKEN);
}

TEST(mock_shape_finds_numbers_longer_than_anybody_writes_above_all_bounds)
{
    struct mock_shape_finding f;

    CHECK(!mock_shape_check(STR("{\"size\":0.00000000000000000000000000000000000000000000000000000"
                                "0000000000000000001}"),
                            &picture, true, &f));
    CHECK_EQ(f.flaw, MOCK_SHAPE_ABOVE);
}

TEST(mock_shape_gives_out_members_elements_and_texts)
{
    static const str names[] = {STR_INIT("a"), STR_INIT("b")};
    struct json_reader walk;
    struct json_value v[2];
    struct json_value element;
    struct arena arena;

    arena_init(&arena, 4096);
    mock_shape_members(STR("{\"b\":[\"x\\n\",7],\"c\":1}"), names, v, 2);
    CHECK_EQ(v[0].kind, JSON_NULL);
    CHECK_EQ(v[0].text.len, 0);
    mock_shape_elements(&walk, v[1]);
    CHECK(mock_shape_next(&walk, &element));
    CHECK_STR(mock_shape_text(element, &arena), "x\n");
    CHECK(mock_shape_next(&walk, &element));
    CHECK_EQ(mock_shape_text(element, &arena).len, 0);
    CHECK(!mock_shape_next(&walk, &element));
    mock_shape_elements(&walk, v[0]);
    CHECK(!mock_shape_next(&walk, &element));
    arena_reset(&arena);
}

TEST(mock_shape_knows_names)
{
    CHECK(mock_shape_is_name(STR("get_Weather-2"), 13));
    CHECK(!mock_shape_is_name(STR("get_Weather-2"), 12));
    CHECK(!mock_shape_is_name(STR(""), 12));
    CHECK(!mock_shape_is_name(STR("a b"), 12));
    CHECK(!mock_shape_is_name(STR("a@"), 12));
}
