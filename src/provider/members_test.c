#include "provider/members.h"

#include "support/test.h"

#include <string.h>

static const str names[] = {STR_INIT("a"), STR_INIT("model")};

TEST(members_are_found_by_name_whatever_their_order_and_escapes)
{
    struct json_value values[2];
    struct members m = MEMBERS(names, values);
    struct json_reader r;

    json_reader_init(&r, STR("{\"x\":[1],\"mod\\u0065l\":\"m\",\"a\":1,\"y\":null,\"a\":2}"));
    CHECK_EQ(members_read(&r, &m), OK);
    CHECK_EQ(json_end(&r), OK);
    CHECK_STR(values[0].text, "2");
    CHECK_STR(values[1].text, "\"m\"");
    CHECK_EQ(m.stranger_count, 1);
    CHECK_STR(m.strangers[0], "x");
}

TEST(members_that_are_not_there_are_null)
{
    struct json_value values[2] = {{.kind = JSON_TRUE}, {.kind = JSON_TRUE}};
    struct members m = MEMBERS(names, values);

    CHECK_EQ(members_read_value((struct json_value){JSON_OBJECT, STR("{\"a\":null}")}, &m), OK);
    CHECK_EQ(values[0].kind, JSON_NULL);
    CHECK_EQ(values[1].kind, JSON_NULL);
}

TEST(members_keeps_only_so_many_strangers)
{
    struct json_value values[2];
    struct members m = MEMBERS(names, values);
    char text[200] = "{\"x\":1";
    size_t len = 6;

    for (int i = 0; i < MEMBERS_STRANGERS_MAX + 3; i++) {
        memcpy(text + len, ",\"x\":1", 6);
        len += 6;
    }
    text[len++] = '}';
    str whole = {.ptr = text, .len = len};
    CHECK_EQ(members_read_value((struct json_value){JSON_OBJECT, whole}, &m), OK);
    CHECK_EQ(m.stranger_count, MEMBERS_STRANGERS_MAX);
}

TEST(members_refuses_what_is_no_object)
{
    struct json_value values[2];
    struct members m = MEMBERS(names, values);
    struct json_reader r;
    struct json_value v;

    json_reader_init(&r, STR("[1]"));
    CHECK_EQ(members_read(&r, &m), ERR_TYPE);
    CHECK_EQ(json_value(&r, &v), OK);
    CHECK_EQ(members_read_value((struct json_value){JSON_STRING, STR("\"a\"")}, &m), ERR_TYPE);
    json_reader_init(&r, STR("{\"a\":}"));
    CHECK_EQ(members_read(&r, &m), ERR_SYNTAX);
}
