#include "grpc/path_router.h"

#include "base/random.h"

#include "support/test.h"

#define S(text) STR_INIT(text)
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

struct bench {
    struct arena arena;
    struct diag diag;
    const struct path_router *router;
};

static err build(struct bench *b, const struct path_router_route *routes, size_t count)
{
    arena_init(&b->arena, 4096);
    diag_init(&b->diag);
    b->router = NULL;
    return path_router_build(routes, count, &b->arena, &b->diag, &b->router);
}

static void bench_done(struct bench *b)
{
    diag_done(&b->diag);
    arena_reset(&b->arena);
}

static const struct path_router_route library[] = {
    {S("GET"), S("/v1/shelves"), S("List")},
    {S("POST"), S("/v1/shelves"), S("Create")},
    {S("GET"), S("/v1/{name=shelves/*}"), S("Get")},
    {S("DELETE"), S("/v1/{name=shelves/*}"), S("Delete")},
    {S("GET"), S("/v1/shelves/first"), S("First")},
    {S("GET"), S("/v1/{name=shelves/*/books/**}"), S("Book")},
    {S("GET"), S("/v1/{name=shelves/*}/books/*/pages"), S("Pages")},
    {S("POST"), S("/v1/{name=shelves/*}:merge"), S("Merge")},
    {S("POST"), S("/v1/shelves:sort"), S("Sort")},
    {S("POST"), S("/v1/shelves/first:merge"), S("MergeFirst")},
    {S("GET"), S("/v1/{rest=**}"), S("Rest")},
    {S("*"), S("/v1/{any=**}"), S("Any")},
    {S("GET"), S("/a/{b}/c"), S("Abc")},
    {S("PUT"), S("/a/b/{c}"), S("PutC")},
    {S("POST"), S("/"), S("Root")},
};

struct find_row {
    str method;
    str path;
    str want; // the name and the values, or the error
};

static const struct find_row finds[] = {
    {S("GET"), S("/v1/shelves"), S("List")},
    {S("POST"), S("/v1/shelves"), S("Create")},
    {S("GET"), S("/v1/shelves/1"), S("Get shelves/1")},
    {S("DELETE"), S("/v1/shelves/first"), S("Delete shelves/first")},
    {S("GET"), S("/v1/shelves/first"), S("First")},
    {S("GET"), S("/v1/shelves/1/books/2"), S("Book shelves/1/books/2")},
    {S("GET"), S("/v1/shelves/1/books"), S("Book shelves/1/books")},
    {S("GET"), S("/v1/shelves/1/books/2/pages"), S("Pages shelves/1")},
    {S("GET"), S("/v1/shelves/1/books/2/pages/3"), S("Book shelves/1/books/2/pages/3")},
    {S("POST"), S("/v1/shelves/1:merge"), S("Merge shelves/1")},
    {S("POST"), S("/v1/shelves/first:merge"), S("MergeFirst")},
    {S("POST"), S("/v1/shelves:sort"), S("Sort")},
    {S("GET"), S("/v1/shelves/first:other"), S("Get shelves/first:other")},
    {S("POST"), S("/v1/shelves/1:split"), S("Any shelves/1:split")},
    {S("GET"), S("/v1"), S("Rest ")},
    {S("GET"), S("/v1/else/where"), S("Rest else/where")},
    {S("PATCH"), S("/v1/shelves/1"), S("Any shelves/1")},
    {S("get"), S("/v1/shelves"), S("Any shelves")},
    {S("GET"), S("/a/b/c"), S("Abc b")},
    {S("PUT"), S("/a/b/c"), S("PutC c")},
    {S("POST"), S("/"), S("Root")},

    {S("GET"), S("/v2/shelves"), S("ERR_ABSENT")},
    {S("GET"), S("/a/b"), S("ERR_ABSENT")},
    {S("GET"), S("/a//c"), S("ERR_ABSENT")},
    {S("GET"), S("/a/b/d"), S("PUT")},
    {S("POST"), S("/a/b/c"), S("PUT, GET")},
    {S("GET"), S("/"), S("POST")},
    {S("GET"), S("/v1/%"), S("ERR_SYNTAX")},
    {S("GET"), S("*"), S("ERR_SYNTAX")},
};

static void check_find(struct bench *b, const struct find_row *row)
{
    struct path_router_match m = {0};
    struct buf told;
    err e = path_router_find(b->router, row->method, row->path, &b->arena, &m);

    buf_init(&told, 1024);
    if (e) {
        str what = e == ERR_UNSUPPORTED ? m.allow : str_from_c(err_name(e));
        CHECK_EQ(buf_append(&told, what), OK);
    } else {
        CHECK_EQ(buf_append(&told, library[m.route].name), OK);
    }
    for (size_t i = 0; !e && i < m.path->variable_count; i++) {
        CHECK_EQ(buf_append_format(&told, " %" STR_FMT, STR_ARG(m.values[i])), OK);
    }
    if (!str_eq(buf_view(&told), row->want))
        test_fail(__FILE__, __LINE__, "%" STR_FMT " %" STR_FMT ": %" STR_FMT, STR_ARG(row->method),
                  STR_ARG(row->path), STR_ARG(buf_view(&told)));
    buf_done(&told);
}

TEST(path_router_finds_the_narrowest_route)
{
    struct bench b;

    CHECK_EQ(build(&b, library, COUNT(library)), OK);
    for (size_t i = 0; i < COUNT(finds); i++) {
        check_find(&b, &finds[i]);
    }
    bench_done(&b);
}

TEST(path_router_without_routes_finds_nothing)
{
    struct bench b;
    struct path_router_match m;

    CHECK_EQ(build(&b, NULL, 0), OK);
    CHECK_EQ(path_router_find(b.router, STR("GET"), STR("/"), &b.arena, &m), ERR_ABSENT);
    bench_done(&b);
}

struct clash_row {
    struct path_router_route routes[2];
    err want;
};

static const struct clash_row clashes[] = {
    {{{S("GET"), S("/v1/a"), S("One")}, {S("GET"), S("/v1/a"), S("Two")}}, ERR_IN_USE},
    {{{S("GET"), S("/v1/{a}"), S("One")}, {S("GET"), S("/v1/{b}"), S("Two")}}, ERR_IN_USE},
    {{{S("GET"), S("/{a}/x"), S("One")}, {S("GET"), S("/y/{b}"), S("Two")}}, ERR_IN_USE},
    {{{S("GET"), S("/v1/**"), S("One")}, {S("GET"), S("/{a}/x"), S("Two")}}, ERR_IN_USE},
    {{{S("*"), S("/v1/a"), S("One")}, {S("GET"), S("/v1/{a}"), S("Two")}}, ERR_IN_USE},
    {{{S("GET"), S("/v1/{a}"), S("One")}, {S("*"), S("/v1/a"), S("Two")}}, ERR_IN_USE},
    {{{S("*"), S("/v1/a"), S("One")}, {S("*"), S("/v1/a"), S("Two")}}, ERR_IN_USE},
    {{{S("*"), S("/{a}/x"), S("One")}, {S("GET"), S("/y/{b}"), S("Two")}}, ERR_IN_USE},

    {{{S("GET"), S("/v1/a"), S("One")}, {S("POST"), S("/v1/a"), S("Two")}}, OK},
    {{{S("GET"), S("/v1/a"), S("One")}, {S("GET"), S("/v1/b"), S("Two")}}, OK},
    {{{S("GET"), S("/v1/a"), S("One")}, {S("GET"), S("/v1/{b}"), S("Two")}}, OK},
    {{{S("GET"), S("/v1/a"), S("One")}, {S("*"), S("/v1/a"), S("Two")}}, OK},
    {{{S("GET"), S("/v1/a"), S("One")}, {S("*"), S("/v1/{b}"), S("Two")}}, OK},
    {{{S("GET"), S("/{a}/x"), S("One")}, {S("PUT"), S("/y/{b}"), S("Two")}}, OK},
    {{{S("GET"), S("/v1/{a}:v"), S("One")}, {S("GET"), S("/v1/{b}"), S("Two")}}, OK},
};

TEST(path_router_names_both_of_two_routes_in_each_others_way)
{
    for (size_t i = 0; i < COUNT(clashes); i++) {
        struct bench b;
        err e = build(&b, clashes[i].routes, 2);
        str message = e ? b.diag.findings[0].message : STR("");
        bool has_both = str_find(message, STR("One")) < message.len &&
                        str_find(message, STR("Two")) < message.len;
        if (e != clashes[i].want || b.diag.count != (e != OK) || has_both != (e != OK))
            test_fail(__FILE__, __LINE__, "row %zu: %s, \"%" STR_FMT "\"", i, err_name(e),
                      STR_ARG(message));
        bench_done(&b);
    }
}

TEST(path_router_says_everything_that_is_wrong_with_its_templates)
{
    static const struct path_router_route broken[] = {
        {S("GET"), S("v1"), S("One")},
        {S("GET"), S("/v1/{a"), S("Two")},
        {S("GET"), S("/v1/{a}"), S("Three")},
    };
    struct bench b;

    CHECK_EQ(build(&b, broken, COUNT(broken)), ERR_SYNTAX);
    CHECK_EQ(b.diag.count, 2);
    CHECK(b.router == NULL);
    bench_done(&b);
}

TEST(path_router_refuses_more_routes_than_it_serves)
{
    struct bench b;

    CHECK_EQ(build(&b, library, PATH_ROUTER_ROUTES_MAX + 1), ERR_LIMIT);
    CHECK_EQ(b.diag.count, 1);
    bench_done(&b);
}

// A template or path of few words, so that many meet.
static str random_text(struct random *r, struct arena *arena, bool is_path)
{
    static const str words[] = {S("/a"), S("/b"), S("/*"), S("/**")};
    static const str segments[] = {S("/a"), S("/b"), S("/c"), S("/a:v"), S("/b:w"), S("/")};
    str text = STR("");

    for (size_t left = (size_t)random_below(r, 4) + 1; left; left--) {
        str word = is_path ? segments[random_below(r, 6)] : words[random_below(r, 4)];
        text = arena_format(arena, "%" STR_FMT "%" STR_FMT, STR_ARG(text), STR_ARG(word));
        if (str_eq(word, STR("/**"))) break;
    }
    bool has_verb = !is_path && random_below(r, 3) == 0;
    return has_verb ? arena_format(arena, "%" STR_FMT ":v", STR_ARG(text)) : text;
}

// What the router finds is what asking each template finds, the narrowest of those that match.
static void check_by_asking_each(struct bench *b, const struct path_router_route *routes,
                                 size_t count, str path)
{
    struct path_router_match m;
    struct path_template_parts parts;
    struct path_template best;
    struct path_template t;
    long want = -1;

    CHECK_EQ(path_template_split(path, &b->arena, &parts), OK);
    for (size_t i = 0; i < count; i++) {
        CHECK_EQ(path_template_compile(routes[i].path, &b->arena, &b->diag, &t), OK);
        if (!path_template_match(&t, &parts)) continue;
        if (want >= 0 && path_template_relate(&t, &best) != PATH_TEMPLATE_INSIDE) continue;
        want = (long)i;
        best = t;
    }
    err e = path_router_find(b->router, STR("GET"), path, &b->arena, &m);
    if (e != (want < 0 ? ERR_ABSENT : OK) || (!e && (long)m.route != want))
        test_fail(__FILE__, __LINE__, "%" STR_FMT ": %s %zu, not %ld", STR_ARG(path), err_name(e),
                  m.route, want);
}

TEST(path_router_agrees_with_asking_each_template)
{
    struct random r;
    size_t built = 0;

    random_init(&r, test_seed());
    for (int round = 0; round < 4000; round++) {
        struct path_router_route routes[4];
        struct arena texts;
        struct bench b;
        size_t count = (size_t)random_below(&r, 4) + 1;
        arena_init(&texts, 4096);
        for (size_t i = 0; i < count; i++) {
            routes[i] =
                (struct path_router_route){STR("GET"), random_text(&r, &texts, false), STR("Any")};
        }
        if (build(&b, routes, count) == OK) {
            built++;
            for (int i = 0; i < 20; i++) {
                check_by_asking_each(&b, routes, count, random_text(&r, &texts, true));
            }
        }
        bench_done(&b);
        arena_reset(&texts);
    }
    CHECK(built > 500);
}
