#include "provider/chat_walk.h"

#include "support/test.h"

#include <string.h>

struct walking {
    struct chat_walk walk;
    struct arena arena;
    struct chat_notes notes;
};

static void begin(struct walking *x, str body)
{
    *x = (struct walking){.notes = {.dropped_count = 0}};
    arena_init(&x->arena, 4096);
    chat_walk_init(&x->walk, body, &x->arena, &x->notes);
}

static const str names[] = {STR_INIT("a"), STR_INIT("b")};

// The "b" of an element is a text.
static err walk_element(struct chat_walk *w)
{
    struct chat_text text;
    size_t name;
    err e = OK;

    TRY(chat_walk_object(w));
    while (!(e = chat_walk_member(w, names, 2, &name))) {
        TRY(name < 2 ? chat_walk_text(w, &text) : chat_walk_drop(w));
    }
    return e == ERR_EOF ? OK : e;
}

// An object, whose "a" is an array of such.
static err walk(struct walking *x)
{
    size_t name;
    err e = OK;

    TRY(chat_walk_object(&x->walk));
    while (!(e = chat_walk_member(&x->walk, names, 2, &name))) {
        TRY(chat_walk_array(&x->walk));
        while (!(e = chat_walk_element(&x->walk))) {
            TRY(walk_element(&x->walk));
        }
        if (e != ERR_EOF) return e;
    }
    return e == ERR_EOF ? OK : e;
}

static void check_refused(str body, err want, const char *param, const char *problem)
{
    struct walking x;

    begin(&x, body);
    err e = walk(&x);
    CHECK_EQ(chat_walk_end(&x.walk, e), want);
    CHECK_SAME(x.notes.param, str_from_c(param));
    CHECK_SAME(x.notes.problem, str_from_c(problem));
    arena_reset(&x.arena);
}

TEST(chat_walk_tells_where_it_is)
{
    check_refused(STR("[]"), ERR_TYPE, "", "An object is expected here.");
    check_refused(STR("{\"a\":1}"), ERR_TYPE, "a", "An array is expected here.");
    check_refused(STR("{\"a\":[{},{\"b\":7}]}"), ERR_TYPE, "a[1].b", "A string is expected here.");
    check_refused(STR("{\"a\":[{},7]}"), ERR_TYPE, "a[1]", "An object is expected here.");
}

TEST(chat_walk_tells_what_is_wrong_with_a_text)
{
    check_refused(STR("{\"a\":[{\"b\":\"x\",}]}"), ERR_SYNTAX, "",
                  "The body can't be read: at byte 15 it is no JSON.");
    check_refused(STR("{\"a\":[{\"b\":\"x\""), ERR_SYNTAX, "",
                  "The body can't be read: at byte 14 it ends too early.");
    check_refused(STR("{\"a\":[{\"b\":\"x\xff\"}]}"), ERR_SYNTAX, "",
                  "The body can't be read: at byte 13 it is no UTF-8.");
    check_refused(STR("{\"a\":[{\"b\":\"x\xc3\"}]}"), ERR_SYNTAX, "",
                  "The body can't be read: at byte 13 it is no UTF-8.");
    check_refused(STR("{\"a\":[]} x"), ERR_SYNTAX, "",
                  "The body can't be read: at byte 9 it is no JSON.");
}

TEST(chat_walk_bounds_what_it_passes)
{
    static char deep[2000] = "{\"a\":[{\"c\":";
    struct walking x;

    memset(deep + 11, '[', 1000);
    begin(&x, (str){.ptr = deep, .len = 1011});
    CHECK_EQ(chat_walk_end(&x.walk, walk(&x)), ERR_LIMIT);
    CHECK(str_ends(x.notes.problem, STR("it nests too deeply.")));
    arena_reset(&x.arena);
}

TEST(chat_walk_takes_null_for_what_is_not_there)
{
    struct walking x;

    begin(&x, STR("{\"x\":null,\"a\":[{\"b\":null}]}"));
    CHECK_EQ(chat_walk_end(&x.walk, walk(&x)), OK);
    CHECK_EQ(x.notes.dropped_count, 0);
    arena_reset(&x.arena);
}

TEST(chat_walk_notes_what_it_drops_by_a_name_fit_to_show)
{
    struct walking x;

    begin(&x, STR("{\"a\":[{\"c\":1},{\"c\":2,\"d\":[],\"e\":false,\"f\":{}},{\"g\\n\":1},"
                  "{\"h i\":1},{\"\":1},{\"\xc3\xa4\":1}]}"));
    CHECK_EQ(chat_walk_end(&x.walk, walk(&x)), OK);
    CHECK_EQ(x.notes.dropped_count, 2);
    CHECK_STR(x.notes.dropped[0], "a.c");
    CHECK_STR(x.notes.dropped[1], "a.(other)");
    arena_reset(&x.arena);
}

static err count_of(str body, str *out)
{
    struct walking x;

    begin(&x, body);
    err e = chat_walk_count(&x.walk, 1, 10, out);
    CHECK(!e == !x.notes.problem.len);
    arena_reset(&x.arena);
    return e;
}

TEST(chat_walk_judges_counts_and_keeps_their_spelling)
{
    str out = STR("");

    CHECK_EQ(count_of(STR("1.0e1"), &out), OK);
    CHECK_STR(out, "1.0e1");
    CHECK_EQ(count_of(STR("0"), &out), ERR_RANGE);
    CHECK_EQ(count_of(STR("11"), &out), ERR_RANGE);
    CHECK_EQ(count_of(STR("-1"), &out), ERR_RANGE);
    CHECK_EQ(count_of(STR("1.5"), &out), ERR_TYPE);
    CHECK_EQ(count_of(STR("\"1\""), &out), ERR_TYPE);
    CHECK_STR(out, "1.0e1");
}

TEST(chat_walk_bounds_the_parts_of_all_messages)
{
    struct chat_parts parts = {.count = 0};
    struct chat_part *part = NULL;
    struct walking x;

    begin(&x, STR("{}"));
    for (size_t i = 0; i < CHAT_PARTS_MAX; i++) {
        if (i % 3 == 0) parts = (struct chat_parts){.count = 0};
        CHECK_EQ(chat_walk_add_part(&x.walk, &parts, CHAT_PART_FILE, &part), OK);
        CHECK(part == &parts.items[i % 3] && part->kind == CHAT_PART_FILE);
    }
    CHECK_EQ(chat_walk_add_part(&x.walk, &parts, CHAT_PART_FILE, &part), ERR_LIMIT);
    arena_reset(&x.arena);
}
