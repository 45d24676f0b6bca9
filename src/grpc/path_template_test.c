#include "grpc/path_template.h"

#include "base/random.h"

#include "support/test.h"

#define S(text) STR_INIT(text)

// What the tests need of one template.
struct bench {
    struct arena arena;
    struct diag diag;
};

static void bench_init(struct bench *b)
{
    arena_init(&b->arena, 4096);
    diag_init(&b->diag);
}

static void bench_done(struct bench *b)
{
    diag_done(&b->diag);
    arena_reset(&b->arena);
}

static struct path_template compiled(struct bench *b, str text)
{
    struct path_template t;

    if (path_template_compile(text, &b->arena, &b->diag, &t))
        test_fail(__FILE__, __LINE__, "%" STR_FMT ": %" STR_FMT, STR_ARG(text),
                  STR_ARG(b->diag.findings[0].message));
    return t;
}

// "name=value;" for each variable, or why there is none.
static str told_match(struct bench *b, str template, str path, struct buf *told)
{
    struct path_template t = compiled(b, template);
    struct path_template_parts parts;
    str values[PATH_TEMPLATE_VARIABLES_MAX];
    err e = path_template_split(path, &b->arena, &parts);

    buf_clear(told);
    if (e) return e == ERR_LIMIT ? STR("limit") : STR("syntax");
    if (!path_template_match(&t, &parts)) return STR("no");
    path_template_capture(&t, &parts, &b->arena, values);
    CHECK_EQ(buf_append(told, STR("yes;")), OK);
    for (size_t i = 0; i < t.variable_count; i++) {
        CHECK_EQ(buf_append_format(told, "%" STR_FMT "=%" STR_FMT ";",
                                   STR_ARG(t.variables[i].field_path), STR_ARG(values[i])),
                 OK);
    }
    return buf_view(told);
}

struct match_row {
    str template;
    str path;
    str want;
};

static const struct match_row matches[] = {
    {S("/v1/shelves"), S("/v1/shelves"), S("yes;")},
    {S("/"), S("/"), S("yes;")},
    {S("/v1/{name}"), S("/v1/a"), S("yes;name=a;")},
    {S("/v1/{name=*}"), S("/v1/a"), S("yes;name=a;")},
    {S("/v1/{name=shelves/*}"), S("/v1/shelves/1"), S("yes;name=shelves/1;")},
    {S("/v1/{name=shelves/*/books/**}"), S("/v1/shelves/1/books/a/b/c"),
     S("yes;name=shelves/1/books/a/b/c;")},
    {S("/v1/{name=shelves/*/books/**}"), S("/v1/shelves/1/books"), S("yes;name=shelves/1/books;")},
    {S("/v1/{name=**}"), S("/v1"), S("yes;name=;")},
    {S("/v1/{name=**}"), S("/v1/"), S("yes;name=;")},
    {S("/v1/{name=**}"), S("/v1/a//b/"), S("yes;name=a//b/;")},
    {S("/v1/{a.b.c}/x/{d}"), S("/v1/1/x/2"), S("yes;a.b.c=1;d=2;")},
    {S("/v1/*/x"), S("/v1/anything/x"), S("yes;")},
    {S("/v1/{name=shelves/*}/books/{book.id}"), S("/v1/shelves/1/books/2"),
     S("yes;name=shelves/1;book.id=2;")},

    // Verbs.
    {S("/v1/{name}:cancel"), S("/v1/a:cancel"), S("yes;name=a;")},
    {S("/v1/{name}:cancel"), S("/v1/a:b:cancel"), S("yes;name=a:b;")},
    {S("/v1/shelves:sort"), S("/v1/shelves:sort"), S("yes;")},
    {S("/v1/{name=**}:cancel"), S("/v1/a/b:cancel"), S("yes;name=a/b;")},
    {S("/v1/{name=shelves/*}:cancel"), S("/v1/shelves/1:cancel"), S("yes;name=shelves/1;")},
    {S("/v1/{name}"), S("/v1/a:cancel"), S("yes;name=a:cancel;")},
    {S("/v1/{name=**}"), S("/v1/a:cancel/b:x"), S("yes;name=a:cancel/b:x;")},

    // Escapes: one segment is decoded whole, several keep "%2F".
    {S("/v1/{name}"), S("/v1/a%20b%2Fc%2fd"), S("yes;name=a b/c/d;")},
    {S("/v1/{name=*}"), S("/v1/%E0%B8%81"), S("yes;name=\xe0\xb8\x81;")},
    {S("/v1/{name=**}"), S("/v1/a%20b%2Fc%2fd/e%3A"), S("yes;name=a b%2Fc%2fd/e:;")},
    {S("/v1/{name=**}"), S("/v1/%252F"), S("yes;name=%2F;")},
    {S("/v1/{name=shelves/*}"), S("/v1/shelves/a%2Fb%25"), S("yes;name=shelves/a%2Fb%;")},
    {S("/v1/{name}:cancel"), S("/v1/a%20:cancel"), S("yes;name=a ;")},
    {S("/v1/{name=**}:cancel"), S("/v1/x/a%2F%20:cancel"), S("yes;name=x/a%2F ;")},
    {S("/v1/shelves"), S("/v1/sh%65lves"), S("yes;")},
    {S("/v1/{name}"), S("/v1/a+b"), S("yes;name=a+b;")},

    {S("/v1/shelves"), S("/v1/shelf"), S("no")},
    {S("/v1/shelves"), S("/v1/shelves/"), S("no")},
    {S("/v1/shelves"), S("/v1"), S("no")},
    {S("/v1/shelves"), S("/V1/shelves"), S("no")},
    {S("/"), S("/v1"), S("no")},
    {S("/v1"), S("/"), S("no")},
    {S("/v1/{name}"), S("/v1/"), S("no")},
    {S("/v1/{name}"), S("/v1"), S("no")},
    {S("/v1/{name}"), S("/v1/a/b"), S("no")},
    {S("/v1/{name}"), S("/v1//"), S("no")},
    {S("/v1/{name=shelves/*}"), S("/v1/shelves"), S("no")},
    {S("/v1/{name=shelves/**}"), S("/v1/shelf/1"), S("no")},
    {S("/v1/{name}:cancel"), S("/v1/a"), S("no")},
    {S("/v1/{name}:cancel"), S("/v1/a:Cancel"), S("no")},
    {S("/v1/{name}:cancel"), S("/v1/:cancel"), S("no")},
    {S("/v1/{name}:cancel"), S("/v1/a%3Acancel"), S("no")},
    {S("/v1/{name}:cancel"), S("/v1/a:c%61ncel"), S("no")},
    {S("/v1/{name}:cancel"), S("/v1/a:cancel:"), S("no")},
    {S("/v1/{name=**}:cancel"), S("/v1:cancel"), S("no")},
    {S("/v1/{name}:cancel"), S("/v1/a:cancel/b"), S("no")},
    {S("/v1/a/b"), S("/v1/a%2Fb"), S("no")},
    {S("/v1/{name}"), S("/v1/%"), S("syntax")},
    {S("/v1/{name}"), S("/v1/%4"), S("syntax")},
    {S("/v1/{name}"), S("/v1/%zz:x"), S("syntax")},
    {S("/v1/{name}"), S("v1/a"), S("syntax")},
    {S("/v1/{name}"), S("*"), S("syntax")},
    {S("/v1/{name}"), S(""), S("syntax")},
};

TEST(path_template_matches_and_captures)
{
    struct bench b;
    struct buf told;

    bench_init(&b);
    buf_init(&told, 4096);
    for (size_t i = 0; i < sizeof(matches) / sizeof(*matches); i++) {
        const struct match_row *row = &matches[i];
        str got = told_match(&b, row->template, row->path, &told);
        if (!str_eq(got, row->want))
            test_fail(__FILE__, __LINE__, "%" STR_FMT " on %" STR_FMT ": %" STR_FMT,
                      STR_ARG(row->template), STR_ARG(row->path), STR_ARG(got));
    }
    buf_done(&told);
    bench_done(&b);
}

struct mistake {
    str template;
    err want;
    str message;
};

static const struct mistake mistakes[] = {
    {S(""), ERR_SYNTAX, S("does not begin with \"/\", at 1")},
    {S("v1/a"), ERR_SYNTAX, S("does not begin with \"/\", at 1")},
    {S("//"), ERR_SYNTAX, S("a segment is missing, at 2")},
    {S("/v1/"), ERR_SYNTAX, S("a segment is missing, at 5")},
    {S("/v1//a"), ERR_SYNTAX, S("a segment is missing, at 5")},
    {S("/v1/{}"), ERR_SYNTAX, S("the name of a field is missing, at 6")},
    {S("/v1/{1a}"), ERR_SYNTAX, S("the name of a field is missing")},
    {S("/v1/{a.}"), ERR_SYNTAX, S("the name of a field is missing, at 8")},
    {S("/v1/{.a}"), ERR_SYNTAX, S("the name of a field is missing")},
    {S("/v1/{a-b}"), ERR_SYNTAX, S("a \"}\" is missing, at 7")},
    {S("/v1/{a"), ERR_SYNTAX, S("a \"}\" is missing")},
    {S("/v1/{a=}"), ERR_SYNTAX, S("a segment is missing")},
    {S("/v1/{a=b/}"), ERR_SYNTAX, S("a segment is missing")},
    {S("/v1/{a=/b}"), ERR_SYNTAX, S("a segment is missing")},
    {S("/v1/{a={b}}"), ERR_SYNTAX, S("a variable in a variable")},
    {S("/v1/{a}b"), ERR_SYNTAX, S("no place here, at 8")},
    {S("/v1/x{a}"), ERR_SYNTAX, S("no place here, at 6")},
    {S("/v1/a*"), ERR_SYNTAX, S("no place here")},
    {S("/v1/***"), ERR_SYNTAX, S("no place here")},
    {S("/v1/a}"), ERR_SYNTAX, S("no place here")},
    {S("/v1/a%20b"), ERR_SYNTAX, S("no place here")},
    {S("/v1/a b"), ERR_SYNTAX, S("no place here")},
    {S("/v1/a?b=c"), ERR_SYNTAX, S("no place here")},
    {S("/v1/a:b/c"), ERR_SYNTAX, S("no place here")},
    {S("/v1/**/a"), ERR_SYNTAX, S("nothing but a verb may follow \"**\"")},
    {S("/v1/{a=**}/b"), ERR_SYNTAX, S("nothing but a verb may follow \"**\"")},
    {S("/v1/{a=**/b}"), ERR_SYNTAX, S("nothing but a verb may follow \"**\"")},
    {S("/v1/a:"), ERR_SYNTAX, S("a verb is missing")},
    {S("/v1/a:b:c"), ERR_SYNTAX, S("no place here, at 6")},
    {S("/v1/a:{b}"), ERR_SYNTAX, S("no place here")},
    {S("/:a"), ERR_SYNTAX, S("a segment is missing")},
    {S("/v1/{a}/{a}"), ERR_SYNTAX, S("a field is bound twice")},
    {S("/v1/{a}/{a.b}"), ERR_SYNTAX, S("a field is bound twice")},
    {S("/v1/{a.b.c}/{a.b}"), ERR_SYNTAX, S("a field is bound twice")},
    {S("/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a"), ERR_LIMIT,
     S("too many segments")},
    {S("/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}/{j}/{k}/{l}/{m}/{n}/{o}/{p}/{q}"), ERR_LIMIT,
     S("too many variables")},
};

TEST(path_template_says_what_is_wrong_and_where)
{
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
        const struct mistake *row = &mistakes[i];
        struct path_template t = {.text = S("untouched")};
        struct bench b;
        bench_init(&b);
        err e = path_template_compile(row->template, &b.arena, &b.diag, &t);
        str message = b.diag.count ? b.diag.findings[0].message : STR("");
        if (e != row->want || b.diag.count != 1 || str_find(message, row->message) == message.len ||
            str_find(message, row->template) == message.len)
            test_fail(__FILE__, __LINE__, "%" STR_FMT ": %s, %" STR_FMT, STR_ARG(row->template),
                      err_name(e), STR_ARG(message));
        CHECK_STR(t.text, "untouched");
        bench_done(&b);
    }
}

TEST(path_template_binds_names_that_only_look_alike)
{
    struct bench b;

    bench_init(&b);
    CHECK_EQ(compiled(&b, STR("/{a}/{ab}/{b.a}/{b.ab}")).variable_count, 4);
    bench_done(&b);
}

TEST(path_template_split_refuses_more_segments_than_it_keeps)
{
    struct bench b;
    struct path_template_parts parts;
    char path[2 * (PATH_TEMPLATE_PARTS_MAX + 1)];

    bench_init(&b);
    for (size_t i = 0; i < sizeof(path); i++) {
        path[i] = i % 2 ? 'a' : '/';
    }
    CHECK_EQ(path_template_split((str){path, sizeof(path) - 2}, &b.arena, &parts), OK);
    CHECK_EQ(parts.count, PATH_TEMPLATE_PARTS_MAX);
    CHECK_EQ(path_template_split((str){path, sizeof(path)}, &b.arena, &parts), ERR_LIMIT);
    bench_done(&b);
}

struct relation_row {
    str a;
    str b;
    enum path_template_relation want;
};

static const struct relation_row relations[] = {
    {S("/v1/a"), S("/v1/a"), PATH_TEMPLATE_SAME},
    {S("/v1/{a}"), S("/v1/{b=*}"), PATH_TEMPLATE_SAME},
    {S("/v1/{a}/{b}"), S("/v1/{c=*/*}"), PATH_TEMPLATE_SAME},
    {S("/v1/{a=x/**}"), S("/v1/x/**"), PATH_TEMPLATE_SAME},
    {S("/v1/{a}:v"), S("/v1/*:v"), PATH_TEMPLATE_SAME},
    {S("/"), S("/"), PATH_TEMPLATE_SAME},

    {S("/v1/a"), S("/v1/{a}"), PATH_TEMPLATE_INSIDE},
    {S("/v1/a"), S("/v1/**"), PATH_TEMPLATE_INSIDE},
    {S("/v1"), S("/v1/**"), PATH_TEMPLATE_INSIDE},
    {S("/"), S("/**"), PATH_TEMPLATE_INSIDE},
    {S("/v1/{a}"), S("/v1/{b=**}"), PATH_TEMPLATE_INSIDE},
    {S("/v1/{a}/x"), S("/v1/{b}/{c}"), PATH_TEMPLATE_INSIDE},
    {S("/v1/{a}/**"), S("/v1/**"), PATH_TEMPLATE_INSIDE},
    {S("/v1/a:v"), S("/v1/{b}:v"), PATH_TEMPLATE_INSIDE},
    {S("/v1/a:v"), S("/v1/{b}"), PATH_TEMPLATE_INSIDE},
    {S("/v1/{a}:v"), S("/v1/{b}"), PATH_TEMPLATE_INSIDE},
    {S("/v1/{a}:v"), S("/v1/**"), PATH_TEMPLATE_INSIDE},
    {S("/v1/{a}:v"), S("/v1/**:v"), PATH_TEMPLATE_INSIDE},
    {S("/v1/a:v"), S("/v1/**:v"), PATH_TEMPLATE_INSIDE},
    {S("/v1/**:v"), S("/v1/**"), PATH_TEMPLATE_INSIDE},

    {S("/v1/a"), S("/v1/b"), PATH_TEMPLATE_APART},
    {S("/v1/a"), S("/v1/a/b"), PATH_TEMPLATE_APART},
    {S("/v1/{a}"), S("/v1/{a}/{b}"), PATH_TEMPLATE_APART},
    {S("/v1/a"), S("/v1/a:v"), PATH_TEMPLATE_APART},
    {S("/v1/a"), S("/v1/{a}:v"), PATH_TEMPLATE_APART},
    {S("/v1/{a}:v"), S("/v1/{a}:w"), PATH_TEMPLATE_APART},
    {S("/v1/**:v"), S("/v1/**:w"), PATH_TEMPLATE_APART},
    {S("/v1/a:v"), S("/v1/**:w"), PATH_TEMPLATE_APART},
    {S("/v1:v"), S("/v1/**"), PATH_TEMPLATE_APART},
    {S("/v1:v"), S("/v1/**:v"), PATH_TEMPLATE_APART},
    {S("/a/**"), S("/b/**"), PATH_TEMPLATE_APART},
    {S("/"), S("/{a}"), PATH_TEMPLATE_APART},

    {S("/v1/{a}/x"), S("/v1/y/{b}"), PATH_TEMPLATE_CROSSING},
    {S("/v1/**"), S("/{a}/x"), PATH_TEMPLATE_CROSSING},
    {S("/{a}/{b}:v"), S("/x/{c}"), PATH_TEMPLATE_CROSSING},
    {S("/v1/{a}/**"), S("/v1/x"), PATH_TEMPLATE_AROUND},
    {S("/v1/{a}/**"), S("/v1/**:v"), PATH_TEMPLATE_CROSSING},
    {S("/v1/{a}/{b}"), S("/v1/**:v"), PATH_TEMPLATE_CROSSING},
    {S("/**:v"), S("/x/**"), PATH_TEMPLATE_CROSSING},
};

// Each row forwards and backwards.
TEST(path_template_relates_templates)
{
    for (size_t i = 0; i < sizeof(relations) / sizeof(*relations); i++) {
        const struct relation_row *row = &relations[i];
        enum path_template_relation back = row->want == PATH_TEMPLATE_INSIDE ? PATH_TEMPLATE_AROUND
                                           : row->want == PATH_TEMPLATE_AROUND
                                               ? PATH_TEMPLATE_INSIDE
                                               : row->want;
        struct bench b;
        bench_init(&b);
        struct path_template first = compiled(&b, row->a);
        struct path_template second = compiled(&b, row->b);
        if (path_template_relate(&first, &second) != row->want ||
            path_template_relate(&second, &first) != back)
            test_fail(__FILE__, __LINE__, "%" STR_FMT " and %" STR_FMT ": %d, %d", STR_ARG(row->a),
                      STR_ARG(row->b), path_template_relate(&first, &second),
                      path_template_relate(&second, &first));
        bench_done(&b);
    }
}

// A random template of few words, or a path.
static str random_text(struct random *r, struct arena *arena, bool is_path)
{
    static const str words[] = {S("a"), S("b"), S("*"), S("*"), S("**")};
    static const str segments[] = {S("a"), S("b"), S("c"), S(""), S("a:v"), S(":v"), S("b:w")};
    static const str verbs[] = {S(""), S(":v"), S(":w")};
    struct buf text;

    buf_init(&text, 256);
    for (size_t left = (size_t)random_below(r, 5); left; left--) {
        str word = is_path ? segments[random_below(r, 7)] : words[random_below(r, 5)];
        CHECK_EQ(buf_append_format(&text, "/%" STR_FMT, STR_ARG(word)), OK);
        if (word.len == 2 && word.ptr[0] == '*') break;
    }
    if (!is_path && buf_len(&text)) CHECK_EQ(buf_append(&text, verbs[random_below(r, 3)]), OK);
    if (!buf_len(&text)) CHECK_EQ(buf_append(&text, STR("/")), OK);
    str copy = arena_str(arena, buf_view(&text));
    buf_done(&text);
    return copy;
}

// No path may contradict what the relation of two templates says.
TEST(path_template_relations_hold_of_random_paths)
{
    struct random r;

    random_init(&r, test_seed());
    for (int round = 0; round < 3000; round++) {
        struct bench b;
        bench_init(&b);
        struct path_template first = compiled(&b, random_text(&r, &b.arena, false));
        struct path_template second = compiled(&b, random_text(&r, &b.arena, false));
        enum path_template_relation relation = path_template_relate(&first, &second);
        for (int i = 0; i < 40; i++) {
            struct path_template_parts parts;
            CHECK_EQ(path_template_split(random_text(&r, &b.arena, true), &b.arena, &parts), OK);
            bool is_first = path_template_match(&first, &parts);
            bool is_second = path_template_match(&second, &parts);
            bool is_wrong = (relation == PATH_TEMPLATE_APART && is_first && is_second) ||
                            (relation == PATH_TEMPLATE_SAME && is_first != is_second) ||
                            (relation == PATH_TEMPLATE_INSIDE && is_first && !is_second) ||
                            (relation == PATH_TEMPLATE_AROUND && is_second && !is_first);
            if (is_wrong)
                test_fail(__FILE__, __LINE__, "%" STR_FMT " and %" STR_FMT " are %d, but for %s",
                          STR_ARG(first.text), STR_ARG(second.text), relation,
                          parts.count ? parts.raw[0].ptr : "/");
        }
        bench_done(&b);
    }
}
