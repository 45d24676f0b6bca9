#include "grpc/message_join.h"

#include "support/schemas.h"
#include "support/test.h"

// UpdateRequest of tests/transcode: its first field is a Book, whose third is a Shelf.
struct fixture {
    struct schemas schemas;
    const struct descriptor_message *message;
    struct buf out;
};

static void start(struct fixture *f)
{
    schemas_init(&f->schemas);
    f->message =
        descriptor_find_message(f->schemas.pools[SCHEMAS_LIBRARY], STR("library.UpdateRequest"));
    CHECK(f->message != NULL);
    buf_init(&f->out, 1 << 16);
}

static void finish(struct fixture *f)
{
    buf_done(&f->out);
    schemas_done(&f->schemas);
}

static void check(str message, const str *names, size_t count, str want)
{
    struct fixture f;
    struct field_path paths[4];
    const struct field_path *all[4];

    start(&f);
    for (size_t i = 0; i < count; i++) {
        CHECK_EQ(field_path_resolve(f.message, names[i], &paths[i]), OK);
        all[i] = &paths[i];
    }
    CHECK_EQ(message_join(all, count, message, &f.schemas.arena, &f.out), OK);
    CHECK_SAME(buf_view(&f.out), want);
    finish(&f);
}

TEST(message_join_leaves_a_message_alone_where_no_path_goes_through_another_one)
{
    const str names[] = {STR("book"), STR("dry")};

    check(STR("\x0a\x03\x0a\x01z\x18\x01\x0a\x00"), names, 2,
          STR("\x0a\x03\x0a\x01z\x18\x01\x0a\x00"));
}

TEST(message_join_joins_the_parts_behind_all_others)
{
    const str names[] = {STR("book.name")};

    check(STR("\x0a\x03\x12\x01t\x18\x01\x0a\x03\x0a\x01n"), names, 1,
          STR("\x18\x01\x0a\x06\x12\x01t\x0a\x01n"));
    check(STR("\x0a\x03\x12\x01t"), names, 1, STR("\x0a\x03\x12\x01t"));
    check(STR("\x0a\x00"), names, 1, STR("\x0a\x00")); // there, and empty
    check(STR("\x18\x01"), names, 1, STR("\x18\x01")); // not there
    check(STR(""), names, 1, STR(""));
}

TEST(message_join_joins_on_every_level_of_a_path)
{
    const str names[] = {STR("book.shelf.name"), STR("dry"), STR("book.title"),
                         STR("book.shelf.first.name")};

    check(STR("\x0a\x05\x32\x03\x12\x01t"           // book.shelf.theme
              "\x0a\x05\x32\x03\x0a\x01n"           // book.shelf.name
              "\x18\x01"                            // dry
              "\x0a\x03\x12\x01T"                   // book.title
              "\x0a\x07\x32\x05\x1a\x03\x12\x01u"   // book.shelf.first.title
              "\x0a\x07\x32\x05\x1a\x03\x0a\x01m"), // book.shelf.first.name
          names, 4,
          STR("\x18\x01"
              "\x0a\x13\x12\x01T"
              "\x32\x0e\x12\x01t\x0a\x01n"
              "\x1a\x06\x12\x01u\x0a\x01m"));
}

TEST(message_join_keeps_what_it_does_not_know)
{
    const str names[] = {STR("book.name")};

    // Field 100, and the book's number as a number.
    check(STR("\xa2\x06\x01x\x08\x05\x0a\x03\xa2\x06\x00"), names, 1,
          STR("\xa2\x06\x01x\x08\x05\x0a\x03\xa2\x06\x00"));
}

TEST(message_join_tells_what_is_broken_or_does_not_fit)
{
    static const str broken[] = {STR_INIT("\x0a\x03z"), STR_INIT("\x0a\x02\x32\x05"),
                                 STR_INIT("\x0a")};
    struct fixture f;
    struct field_path path;
    const struct field_path *paths[] = {&path};

    for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
        start(&f);
        CHECK_EQ(field_path_resolve(f.message, STR("book.shelf.name"), &path), OK);
        CHECK_EQ(message_join(paths, 1, broken[i], &f.schemas.arena, &f.out), ERR_SYNTAX);
        finish(&f);
    }
    start(&f);
    CHECK_EQ(field_path_resolve(f.message, STR("book.name"), &path), OK);
    struct buf small;
    buf_init(&small, 3);
    CHECK_EQ(message_join(paths, 1, STR("\x0a\x03\x0a\x01n"), &f.schemas.arena, &small), ERR_LIMIT);
    buf_done(&small);
    finish(&f);
}
