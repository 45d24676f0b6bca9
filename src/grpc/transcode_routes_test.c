#include "grpc/transcode_routes.h"

#include "support/schemas.h"
#include "support/test.h"

#define S(text) STR_INIT(text)
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

struct find_row {
    str method;
    str path;
    err want;
    str name;     // of the method
    str body;     // "*", a field, or empty
    str response; // a field, or empty
};

static const struct find_row finds[] = {
    {S("GET"), S("/v1/shelves/1/books/2"), OK, S("GetBook"), S(""), S("")},
    {S("GET"), S("/v1/shelves/1/books"), OK, S("Find"), S(""), S("")},
    {S("POST"), S("/v1/shelves/1/books:find"), OK, S("Find"), S("*"), S("")},
    {S("GET"), S("/v1/find/KIND_NOVEL/7/t/s"), OK, S("Find"), S(""), S("")},
    {S("PATCH"), S("/v1/shelves/1/books/2"), OK, S("Update"), S("book"), S("")},
    {S("PUT"), S("/v1/shelves/1/books/2"), OK, S("Update"), S("*"), S("")},
    {S("DELETE"), S("/v1/shelves/1/books/2"), OK, S("Remove"), S(""), S("text")},
    {S("SEARCH"), S("/v1/words"), OK, S("SetWords"), S(""), S("name")},
    {S("POST"), S("/v1/words/x"), OK, S("SetWords"), S("words"), S("words")},
    {S("GET"), S("/v1/shelves/1:watch"), OK, S("Watch"), S(""), S("")},
    {S("POST"), S("/library.Library/GetBook"), OK, S("GetBook"), S("*"), S("")},
    {S("POST"), S("/library.Library/Plain"), OK, S("Plain"), S("*"), S("")},
    {S("POST"), S("/sluice.v1.Chat/Complete"), OK, S("Complete"), S("*"), S("")},
    {S("POST"), S("/sluice/v1/chat"), OK, S("Complete"), S("*"), S("")},
    {S("POST"), S("/sluice/v1/chat:stream"), OK, S("Stream"), S("*"), S("")},

    {S("GET"), S("/library.Library/GetBook"), ERR_UNSUPPORTED, S(""), S(""), S("")},
    {S("POST"), S("/library.Library/getBook"), ERR_ABSENT, S(""), S(""), S("")},
    {S("POST"), S("/Library/GetBook"), ERR_ABSENT, S(""), S(""), S("")},
    {S("GET"), S("/v1/words"), ERR_UNSUPPORTED, S(""), S(""), S("")},
    {S("GET"), S("/v1/%zz"), ERR_SYNTAX, S(""), S(""), S("")},
};

TEST(transcode_routes_finds_methods_by_their_rules_and_their_own_paths)
{
    struct schemas schemas;
    const struct transcode_routes *t = NULL;

    schemas_init(&schemas);
    const struct transcode_set sets[] = {{.pool = schemas.pools[SCHEMAS_OWN]},
                                         {.pool = schemas.pools[SCHEMAS_LIBRARY]}};
    CHECK_EQ(transcode_routes_build(sets, 2, &schemas.arena, &schemas.diag, &t), OK);
    for (size_t i = 0; i < COUNT(finds); i++) {
        const struct find_row *row = &finds[i];
        struct transcode_found found = {0};
        err e = transcode_routes_find(t, row->method, row->path, &schemas.arena, &found);
        if (e != row->want)
            test_fail(__FILE__, __LINE__, "%" STR_FMT ": %s", STR_ARG(row->path), err_name(e));
        if (e) continue;
        CHECK_SAME(found.route->method->name, row->name);
        CHECK_EQ(found.route->is_body_whole, str_eq(row->body, STR("*")));
        CHECK_SAME(found.route->body ? found.route->body->name : STR(""),
                   found.route->is_body_whole ? STR("") : row->body);
        CHECK_SAME(found.route->response ? found.route->response->name : STR(""), row->response);
        CHECK_EQ(found.route->is_native, str_find_char(row->path, '.') < row->path.len);
    }
    schemas_done(&schemas);
}

TEST(transcode_routes_serves_only_the_services_it_is_told)
{
    static const str chat[] = {S("sluice.v1.Chat")};
    struct schemas schemas;
    const struct transcode_routes *t = NULL;
    struct transcode_found found;

    schemas_init(&schemas);
    const struct transcode_set set = {schemas.pools[SCHEMAS_OWN], chat, 1};
    CHECK_EQ(transcode_routes_build(&set, 1, &schemas.arena, &schemas.diag, &t), OK);
    CHECK_EQ(transcode_routes_find(t, STR("POST"), STR("/sluice/v1/chat"), &schemas.arena, &found),
             OK);
    CHECK_EQ(
        transcode_routes_find(t, STR("POST"), STR("/sluice/v1/embeddings"), &schemas.arena, &found),
        ERR_ABSENT);
    schemas_done(&schemas);
}

TEST(transcode_routes_names_a_service_that_is_not_there)
{
    static const str names[] = {S("sluice.v1.Chat"), S("sluice.v1.Chats")};
    struct schemas schemas;
    const struct transcode_routes *t = NULL;

    schemas_init(&schemas);
    const struct transcode_set set = {schemas.pools[SCHEMAS_OWN], names, 2};
    CHECK_EQ(transcode_routes_build(&set, 1, &schemas.arena, &schemas.diag, &t), ERR_ABSENT);
    CHECK_EQ(schemas.diag.count, 1);
    CHECK_STR(schemas.diag.findings[0].message,
              "the service sluice.v1.Chats is not in its descriptor set");
    schemas_done(&schemas);
}

// Two sets that both have a service are in each other's way, and both are named.
TEST(transcode_routes_refuses_a_service_twice)
{
    static const str chat[] = {S("grpc.health.v1.Health")};
    struct schemas schemas;
    const struct transcode_routes *t = NULL;

    schemas_init(&schemas);
    const struct transcode_set sets[] = {{schemas.pools[SCHEMAS_OWN], chat, 1},
                                         {schemas.pools[SCHEMAS_OWN], NULL, 0}};
    CHECK_EQ(transcode_routes_build(sets, 2, &schemas.arena, &schemas.diag, &t), ERR_IN_USE);
    CHECK(schemas.diag.count >= 2);
    str message = schemas.diag.findings[0].message;
    CHECK_STR(message, "POST /grpc.health.v1.Health/Check of grpc.health.v1.Health.Check and POST "
                       "/grpc.health.v1.Health/Check of grpc.health.v1.Health.Check match the same "
                       "requests");
    schemas_done(&schemas);
}

// A method of the library's with a rule of the test's.
struct rule_row {
    str method;
    struct descriptor_http_rule rule;
    err want;
    str message; // what a finding says
};

static const struct rule_row rules[] = {
    {S("GetBook"), {S("GET"), S("/x/{name}"), S(""), S("")}, OK, S("")},
    {S("Update"), {S("POST"), S("/x/{book.name}"), S("book"), S("")}, OK, S("")},
    {S("Find"), {S("DELETE"), S("/x/{since}/{bool_wrapper}"), S("*"), S("")}, OK, S("")},
    {S("SetWords"), {S("POST"), S("/x"), S("words"), S("words")}, OK, S("")},
    {S("GetBook"), {S("POST"), S("/library.Library/GetBook"), S("*"), S("")}, OK, S("")},

    {S("GetBook"),
     {S("GET"), S("/x/{nme}"), S(""), S("")},
     ERR_ABSENT,
     S("library.Library.GetBook: the path binds \"nme\", which is no field of "
       "library.GetRequest")},
    {S("Find"),
     {S("GET"), S("/x/{book}"), S(""), S("")},
     ERR_TYPE,
     S("binds \"book\", which is no single value")},
    {S("Find"),
     {S("GET"), S("/x/{words}"), S(""), S("")},
     ERR_TYPE,
     S("binds \"words\", which is no single value")},
    {S("Find"), {S("GET"), S("/x/{labels}"), S(""), S("")}, ERR_TYPE, S("no single value")},
    {S("Find"), {S("GET"), S("/x/{books.name}"), S(""), S("")}, ERR_TYPE, S("no single value")},
    {S("Find"), {S("GET"), S("/x/{book.nme}"), S(""), S("")}, ERR_ABSENT, S("no field of")},
    {S("GetBook"),
     {S("POST"), S("/x/{name}"), S("name"), S("")},
     ERR_TYPE,
     S("both path and body hold \"name\"")},
    {S("GetBook"),
     {S("POST"), S("/x"), S("nme"), S("")},
     ERR_ABSENT,
     S("\"nme\" is no field of library.GetRequest")},
    {S("Update"),
     {S("POST"), S("/x"), S("book.name"), S("")},
     ERR_ABSENT,
     S("\"book.name\" is no field of library.UpdateRequest")},
    {S("GetBook"),
     {S("POST"), S("/x"), S(""), S("nme")},
     ERR_ABSENT,
     S("\"nme\" is no field of library.Book")},
    {S("GetBook"), {S("GET"), S("/x"), S("*"), S("")}, ERR_TYPE, S("a GET request has no body")},
    {S("GetBook"),
     {S("GET"), S("/x/{name"), S(""), S("")},
     ERR_SYNTAX,
     S("GetBook: its path is the one of the finding before")},
    {S("GetBook"), {S("*"), S("/{name=**}"), S(""), S("")}, OK, S("")},
    {S("GetBook"),
     {S("POST"), S("/library.Library/Plain"), S("*"), S("")},
     ERR_IN_USE,
     S("of library.Library.GetBook and POST /library.Library/Plain of library.Library.Plain")},
};

static bool is_found(const struct diag *d, str message)
{
    for (size_t i = 0; i < d->count && i < DIAG_MAX; i++) {
        str text = d->findings[i].message;
        if (str_find(text, message) < text.len) return true;
    }
    return false;
}

// The library with its methods' rules replaced: one has `rule`, the others none.
static struct descriptor_pool with_rule(const struct schemas *s, str method,
                                        const struct descriptor_http_rule *rule,
                                        struct descriptor_service *service,
                                        struct descriptor_method *methods)
{
    struct descriptor_pool pool = *s->pools[SCHEMAS_LIBRARY];

    *service = pool.services[0];
    for (size_t i = 0; i < service->method_count; i++) {
        bool is_it = str_eq(service->methods[i].name, method);
        methods[i] = service->methods[i];
        methods[i].rules = rule;
        methods[i].rule_count = is_it ? 1 : 0;
    }
    service->methods = methods;
    pool.services = service;
    return pool;
}

TEST(transcode_routes_checks_what_rules_ask_for)
{
    enum { METHODS_MAX = 32 };

    for (size_t i = 0; i < COUNT(rules); i++) {
        struct descriptor_method methods[METHODS_MAX];
        struct descriptor_service service;
        struct schemas schemas;
        const struct transcode_routes *t = NULL;
        schemas_init(&schemas);
        struct descriptor_pool pool =
            with_rule(&schemas, rules[i].method, &rules[i].rule, &service, methods);
        CHECK(pool.service_count == 1 && service.method_count <= METHODS_MAX);
        const struct transcode_set set = {.pool = &pool};
        err e = transcode_routes_build(&set, 1, &schemas.arena, &schemas.diag, &t);
        str first = schemas.diag.count ? schemas.diag.findings[0].message : STR("");
        if (e != rules[i].want || !e != (schemas.diag.count == 0) ||
            (e && !is_found(&schemas.diag, rules[i].message)))
            test_fail(__FILE__, __LINE__, "row %zu: %s, \"%" STR_FMT "\"", i, err_name(e),
                      STR_ARG(first));
        schemas_done(&schemas);
    }
}

TEST(transcode_routes_of_nothing_find_nothing)
{
    const struct transcode_routes *t = NULL;
    struct transcode_found found;
    struct arena arena;
    struct diag d;

    arena_init(&arena, 1024);
    diag_init(&d);
    CHECK_EQ(transcode_routes_build(NULL, 0, &arena, &d, &t), OK);
    CHECK_EQ(transcode_routes_find(t, STR("GET"), STR("/x"), &arena, &found), ERR_ABSENT);
    diag_done(&d);
    arena_reset(&arena);
}
