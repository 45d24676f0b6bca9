#include "grpc/field_path.h"

#include "support/schemas.h"
#include "support/test.h"

#define S(text) STR_INIT(text)
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

struct row {
    str message;
    str path;
    err want;
    str last; // declared name
    bool is_textual;
};

#define FIND S("library.FindRequest")

static const struct row rows[] = {
    {FIND, S("text"), OK, S("text"), true},
    {FIND, S("int32_value"), OK, S("int32_value"), true},
    {FIND, S("int32Value"), OK, S("int32_value"), true},
    {FIND, S("flag"), OK, S("flag"), true},
    {FIND, S("raw"), OK, S("raw"), true},
    {FIND, S("kind"), OK, S("kind"), true},
    {FIND, S("words"), OK, S("words"), true},
    {FIND, S("since"), OK, S("since"), true},
    {FIND, S("within"), OK, S("within"), true},
    {FIND, S("mask"), OK, S("mask"), true},
    {FIND, S("string_wrapper"), OK, S("string_wrapper"), true},
    {FIND, S("book.title"), OK, S("title"), true},
    {FIND, S("book.shelf.first.authors"), OK, S("authors"), true},
    {FIND, S("since.seconds"), OK, S("seconds"), true},

    {FIND, S("book"), OK, S("book"), false},
    {FIND, S("books"), OK, S("books"), false},
    {FIND, S("labels"), OK, S("labels"), false},
    {FIND, S("struct"), OK, S("struct"), false},
    {FIND, S(""), ERR_ABSENT, S(""), false},
    {FIND, S("nothing"), ERR_ABSENT, S(""), false},
    {FIND, S("book.nothing"), ERR_ABSENT, S(""), false},
    {FIND, S("book."), ERR_ABSENT, S(""), false},
    {FIND, S(".book"), ERR_ABSENT, S(""), false},
    {FIND, S("book..title"), ERR_ABSENT, S(""), false},
    {FIND, S("text.more"), ERR_TYPE, S(""), false},
    {FIND, S("books.title"), ERR_TYPE, S(""), false},
    {FIND, S("labels.value"), ERR_TYPE, S(""), false},
    {S("test.old.Old"), S("group.number"), ERR_TYPE, S(""), false},
    {FIND,
     S("book.shelf.first.shelf.first.shelf.first.shelf.first.shelf.first.shelf.first.shelf.first."
       "title"),
     OK, S("title"), true},
    {FIND,
     S("book.shelf.first.shelf.first.shelf.first.shelf.first.shelf.first.shelf.first.shelf.first."
       "shelf.name"),
     ERR_LIMIT, S(""), false},
};

TEST(field_path_resolves_names_of_either_kind)
{
    struct schemas schemas;

    schemas_init(&schemas);
    for (size_t i = 0; i < COUNT(rows); i++) {
        bool is_old = str_starts(rows[i].message, STR("test"));
        const struct descriptor_pool *pool =
            schemas.pools[is_old ? SCHEMAS_KINDS : SCHEMAS_LIBRARY];
        struct field_path path = {.count = 0};
        err e =
            field_path_resolve(descriptor_find_message(pool, rows[i].message), rows[i].path, &path);
        if (e != rows[i].want)
            test_fail(__FILE__, __LINE__, "row %zu, %" STR_FMT ": %s", i, STR_ARG(rows[i].path),
                      err_name(e));
        CHECK_EQ(path.count > 0, e == OK);
        if (e) continue;
        CHECK_SAME(field_path_last(&path)->name, rows[i].last);
        CHECK_EQ(field_path_is_textual(field_path_last(&path)), rows[i].is_textual);
    }
    schemas_done(&schemas);
}
