#include "provider/json_whole.h"

#include "support/test.h"

static bool is_whole(const char *text)
{
    struct json_whole at_once = {0};
    struct json_whole j = {0};
    str s = str_from_c(text);

    json_whole_take(&at_once, s);
    for (size_t i = 0; i < s.len; i++) {
        json_whole_take(&j, str_sub(s, i, 1));
    }
    CHECK_EQ(at_once.is_whole, j.is_whole);
    return j.is_whole;
}

TEST(json_whole_knows_where_an_object_ends)
{
    CHECK(is_whole("{}"));
    CHECK(is_whole(" {\"a\":[1,{\"b\":2}]} \n"));
    CHECK(is_whole("{\"}\\\"}\":\"{\\\\\"}"));
    CHECK(!is_whole(""));
    CHECK(!is_whole("{"));
    CHECK(!is_whole("{\"a\":{}"));
    CHECK(!is_whole("{\"a\":\"}"));
    CHECK(!is_whole("{\"a\":\"\\\"}"));
}

TEST(json_whole_takes_nothing_else_for_one)
{
    CHECK(!is_whole("[]"));
    CHECK(!is_whole("\"{}\""));
    CHECK(!is_whole("1"));
    CHECK(!is_whole("}"));
    CHECK(!is_whole("{}}"));
    CHECK(!is_whole("{} {}"));
}
