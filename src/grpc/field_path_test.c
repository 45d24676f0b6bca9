#include "grpc/field_path.h"

#include "support/schemas.h"
#include "support/test.h"

#define S(text) STR_INIT(text)
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const struct descriptor_message *find_request(const struct schemas *s)
{
    return descriptor_find_message(s->pools[SCHEMAS_LIBRARY], STR("library.FindRequest"));
}

struct row {
    str path;
    str text;
    str want; // what is written; empty for a path that can't be
    err e;    // of resolving it
    bool is_textual;
};

static const struct row rows[] = {
    {S("text"), S("a \"b\""), S("{\"text\":\"a \\\"b\\\"\"}"), OK, true},
    {S("int32_value"), S("7"), S("{\"int32Value\":\"7\"}"), OK, true},
    {S("int32Value"), S("7"), S("{\"int32Value\":\"7\"}"), OK, true},
    {S("double_value"), S("NaN"), S("{\"doubleValue\":\"NaN\"}"), OK, true},
    {S("flag"), S("true"), S("{\"flag\":true}"), OK, true},
    {S("flag"), S("false"), S("{\"flag\":false}"), OK, true},
    {S("flag"), S("True"), S("{\"flag\":\"True\"}"), OK, true},
    {S("flag"), S("1"), S("{\"flag\":\"1\"}"), OK, true},
    {S("raw"), S("YQ"), S("{\"raw\":\"YQ\"}"), OK, true},
    {S("kind"), S("KIND_NOVEL"), S("{\"kind\":\"KIND_NOVEL\"}"), OK, true},
    {S("kind"), S("1"), S("{\"kind\":1}"), OK, true},
    {S("kind"), S("-12"), S("{\"kind\":-12}"), OK, true},
    {S("kind"), S("01"), S("{\"kind\":\"01\"}"), OK, true},
    {S("kind"), S("-"), S("{\"kind\":\"-\"}"), OK, true},
    {S("kind"), S("-01"), S("{\"kind\":\"-01\"}"), OK, true},
    {S("kind"), S("0"), S("{\"kind\":0}"), OK, true},
    {S("kind"), S(""), S("{\"kind\":\"\"}"), OK, true},
    {S("kind"), S("1,\"text\":2"), S("{\"kind\":\"1,\\\"text\\\":2\"}"), OK, true},
    {S("words"), S("a"), S("{\"words\":[\"a\"]}"), OK, true},
    {S("kinds"), S("2"), S("{\"kinds\":[2]}"), OK, true},
    {S("since"), S("2020-01-01T00:00:00Z"), S("{\"since\":\"2020-01-01T00:00:00Z\"}"), OK, true},
    {S("mask"), S("a,b"), S("{\"mask\":\"a,b\"}"), OK, true},
    {S("string_wrapper"), S("true"), S("{\"stringWrapper\":\"true\"}"), OK, true},
    {S("bool_wrapper"), S("true"), S("{\"boolWrapper\":true}"), OK, true},
    {S("int64_wrapper"), S("5"), S("{\"int64Wrapper\":\"5\"}"), OK, true},
    {S("book.title"), S("x"), S("{\"book\":{\"title\":\"x\"}}"), OK, true},
    {S("book.shelf.first.authors"), S("x"),
     S("{\"book\":{\"shelf\":{\"first\":{\"authors\":[\"x\"]}}}}"), OK, true},

    {S("book"), S(""), S(""), OK, false},
    {S("books"), S(""), S(""), OK, false},
    {S("labels"), S(""), S(""), OK, false},
    {S("struct"), S(""), S(""), OK, false},
    {S(""), S(""), S(""), ERR_ABSENT, false},
    {S("nothing"), S(""), S(""), ERR_ABSENT, false},
    {S("book.nothing"), S(""), S(""), ERR_ABSENT, false},
    {S("book."), S(""), S(""), ERR_ABSENT, false},
    {S(".book"), S(""), S(""), ERR_ABSENT, false},
    {S("book..title"), S(""), S(""), ERR_ABSENT, false},
    {S("text.more"), S(""), S(""), ERR_TYPE, false},
    {S("books.title"), S(""), S(""), ERR_TYPE, false},
    {S("labels.value"), S(""), S(""), ERR_TYPE, false},
    {S("book.shelf.first.shelf.first.shelf.first.shelf.first.shelf.first.shelf.first.shelf.first."
       "shelf.first.title"),
     S(""), S(""), ERR_LIMIT, false},
};

TEST(field_path_resolves_and_writes_what_one_text_can_say)
{
    struct schemas schemas;

    schemas_init(&schemas);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct field_path path = {.count = 0};
        struct json_writer w;
        struct buf out;
        err e = field_path_resolve(find_request(&schemas), rows[i].path, &path);
        if (e != rows[i].e)
            test_fail(__FILE__, __LINE__, "row %zu, %" STR_FMT ": %s", i, STR_ARG(rows[i].path),
                      err_name(e));
        CHECK_EQ(path.count > 0, e == OK);
        if (e) continue;
        CHECK_EQ(field_path_is_textual(field_path_last(&path)), rows[i].is_textual);
        if (!rows[i].is_textual) continue;
        buf_init(&out, 256);
        json_write_init(&w, &out);
        field_path_write(&path, rows[i].text, &w);
        CHECK_EQ(w.error, OK);
        CHECK_SAME(buf_view(&out), rows[i].want);
        buf_done(&out);
    }
    schemas_done(&schemas);
}
