#include "grpc/transcode_request.h"

#include "grpc/protobuf_to_json.h"

#include "support/schemas.h"
#include "support/test.h"

#define S(text) STR_INIT(text)
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

struct bench {
    struct schemas schemas;
    const struct transcode_routes *routes;
    struct arena arena;
    struct buf message;
    struct buf json;
    struct status why;
};

static void bench_init(struct bench *b)
{
    schemas_init(&b->schemas);
    const struct transcode_set set = {.pool = b->schemas.pools[SCHEMAS_LIBRARY]};
    CHECK_EQ(transcode_routes_build(&set, 1, &b->schemas.arena, &b->schemas.diag, &b->routes), OK);
    arena_init(&b->arena, 1 << 14);
    buf_init(&b->message, 4096);
    buf_init(&b->json, 1 << 14);
}

static void bench_done(struct bench *b)
{
    buf_done(&b->json);
    buf_done(&b->message);
    arena_reset(&b->arena);
    schemas_done(&b->schemas);
}

struct row {
    str method;
    str target; // path and query
    str body;
    str want; // the message in JSON, or what is wrong
};

// Transcodes a request; `r` says all but where it goes. The message in JSON, or what is wrong.
static str transcoded(struct bench *b, str method, str target, struct transcode_request r, err *e)
{
    struct transcode_found found;
    struct message_fault fault;
    str query = target;
    str path = str_cut(&query, '?');

    buf_clear(&b->message);
    buf_clear(&b->json);
    b->why = (struct status){.code = STATUS_OK};
    CHECK_EQ(transcode_routes_find(b->routes, method, path, &b->arena, &found), OK);
    r.found = &found;
    r.query = query;
    *e = transcode_request(&r, &b->arena, &b->message, &b->why);
    if (*e) return b->why.message;
    const struct protobuf_to_json_options options = {.pool = found.route->pool, .arena = &b->arena};
    message_fault_init(&fault);
    CHECK_EQ(protobuf_to_json(&options, found.route->method->input, buf_view(&b->message), &b->json,
                              &fault),
             OK);
    return buf_view(&b->json);
}

static const struct row good[] = {
    // What the path captures.
    {S("GET"), S("/v1/shelves/1/books/2"), S(""), S("{\"name\":\"shelves/1/books/2\"}")},
    {S("GET"), S("/v1/shelves/a%20b/books/c%2Fd"), S(""),
     S("{\"name\":\"shelves/a b/books/c%2Fd\"}")},
    {S("GET"), S("/v1/find/KIND_NOVEL/-7/a%2Fb/2020-01-02T03:04:05Z"), S(""),
     S("{\"int32Value\":-7,\"kind\":\"KIND_NOVEL\",\"book\":{\"title\":\"a/b\"},"
       "\"since\":\"2020-01-02T03:04:05Z\"}")},
    {S("GET"), S("/v1/find/2/0/t/2020-01-02T03:04:05Z"), S(""),
     S("{\"kind\":\"KIND_ATLAS\",\"book\":{\"title\":\"t\"},\"since\":\"2020-01-02T03:04:05Z\"}")},

    // What a query says.
    {S("GET"), S("/v1/shelves/1/books?text=a+b%26%C3%A9&flag=true&raw=-_8&double_value=1.5"), S(""),
     S("{\"parent\":\"shelves/1\",\"text\":\"a b&\xc3\xa9\",\"doubleValue\":1.5,\"flag\":true,"
       "\"raw\":\"+/8=\"}")},
    {S("GET"),
     S("/v1/shelves/1/books?int64_value=-9223372036854775808&uint64Value=18446744073709551615"),
     S(""),
     S("{\"parent\":\"shelves/1\",\"int64Value\":\"-9223372036854775808\","
       "\"uint64Value\":\"18446744073709551615\"}")},
    {S("GET"),
     S("/v1/shelves/1/books?words=a&words=b&numbers=1&words=&numbers=-2&kinds=1&kinds=KIND_ATLAS"),
     S(""),
     S("{\"parent\":\"shelves/1\",\"words\":[\"a\",\"b\",\"\"],\"numbers\":[1,-2],"
       "\"kinds\":[\"KIND_NOVEL\",\"KIND_ATLAS\"]}")},
    {S("GET"),
     S("/v1/shelves/1/books?book.title=t&book.pages=7&book.shelf.first.authors=x"
       "&book.shelf.first.authors=y&book%2Ekind=1"),
     S(""),
     S("{\"parent\":\"shelves/"
       "1\",\"book\":{\"title\":\"t\",\"pages\":\"7\",\"kind\":\"KIND_NOVEL\","
       "\"shelf\":{\"first\":{\"authors\":[\"x\",\"y\"]}}}}")},
    {S("GET"), S("/v1/shelves/1/books?since=2020-01-02T03:04:05.5Z&within=1.5s&mask=a,b.c"), S(""),
     S("{\"parent\":\"shelves/1\",\"since\":\"2020-01-02T03:04:05.500Z\",\"within\":\"1.500s\","
       "\"mask\":\"a,b.c\"}")},
    {S("GET"), S("/v1/shelves/1/books?string_wrapper=&bool_wrapper=false&int64_wrapper=5"), S(""),
     S("{\"parent\":\"shelves/1\",\"stringWrapper\":\"\",\"boolWrapper\":false,"
       "\"int64Wrapper\":\"5\"}")},
    {S("GET"), S("/v1/shelves/1/books?page_size=0&by_name=x"), S(""),
     S("{\"parent\":\"shelves/1\",\"byName\":\"x\",\"pageSize\":0}")},
    {S("GET"), S("/v1/shelves/1/books?"), S(""), S("{\"parent\":\"shelves/1\"}")},
    {S("GET"), S("/v1/shelves/1/books?&&text=a&"), S(""),
     S("{\"parent\":\"shelves/1\",\"text\":\"a\"}")},
    {S("GET"), S("/v1/shelves/1/books?text"), S(""), S("{\"parent\":\"shelves/1\"}")},

    // What a body says.
    {S("POST"), S("/v1/shelves/1/books:find"), S("{\"text\":\"t\",\"books\":[{\"pages\":\"5\"}]}"),
     S("{\"parent\":\"shelves/1\",\"text\":\"t\",\"books\":[{\"pages\":\"5\"}]}")},
    {S("POST"), S("/v1/shelves/1/books:find"), S(""), S("{\"parent\":\"shelves/1\"}")},
    {S("POST"), S("/v1/shelves/1/books:find"), S(" \r\n"), S("{\"parent\":\"shelves/1\"}")},
    {S("PATCH"), S("/v1/shelves/1/books/2?update_mask=title&dry=true"), S("{\"title\":\"t\"}"),
     S("{\"book\":{\"name\":\"shelves/1/books/2\",\"title\":\"t\"},\"updateMask\":\"title\","
       "\"dry\":true}")},
    {S("PATCH"), S("/v1/shelves/1/books/2"), S("null"),
     S("{\"book\":{\"name\":\"shelves/1/books/2\"}}")},
    {S("POST"), S("/v1/words/n"), S("[\"a\",\"b\"]"),
     S("{\"words\":[\"a\",\"b\"],\"name\":\"n\"}")},
    {S("POST"), S("/v1/words/n"), S(""), S("{\"name\":\"n\"}")},
    {S("POST"), S("/library.Library/GetBook"), S("{\"name\":\"x\"}"), S("{\"name\":\"x\"}")},
    {S("POST"), S("/library.Library/Plain"), S("{}"), S("{}")},

    // The path has the last word.
    {S("POST"), S("/v1/shelves/1/books:find"), S("{\"parent\":\"shelves/2\"}"),
     S("{\"parent\":\"shelves/1\"}")},
    {S("PATCH"), S("/v1/shelves/1/books/2"), S("{\"name\":\"other\",\"pages\":3}"),
     S("{\"book\":{\"name\":\"shelves/1/books/2\",\"pages\":\"3\"}}")},
    {S("PUT"), S("/v1/shelves/1/books/2"), S("{\"book\":{\"name\":\"other\",\"pages\":3}}"),
     S("{\"book\":{\"name\":\"shelves/1/books/2\",\"pages\":\"3\"}}")},
};

TEST(transcode_request_makes_messages_of_path_query_and_body)
{
    struct bench b;

    bench_init(&b);
    for (size_t i = 0; i < COUNT(good); i++) {
        err e = OK;
        str got = transcoded(&b, good[i].method, good[i].target,
                             (struct transcode_request){.body = good[i].body}, &e);
        if (e || !str_eq(got, good[i].want))
            test_fail(__FILE__, __LINE__, "%" STR_FMT ": %s, %" STR_FMT, STR_ARG(good[i].target),
                      err_name(e), STR_ARG(got));
        CHECK_EQ(b.why.code, STATUS_OK);
    }
    bench_done(&b);
}

static const struct row bad[] = {
    {S("GET"), S("/v1/shelves/1/books?nothing=1"), S(""), S("parameter \"nothing\" is unknown")},
    {S("GET"), S("/v1/shelves/1/books?=1"), S(""), S("parameter \"\" is unknown")},
    {S("GET"), S("/v1/shelves/1/books?book.nothing=1"), S(""),
     S("parameter \"book.nothing\" is unknown")},
    {S("GET"), S("/v1/shelves/1/books?parent=shelves/2"), S(""),
     S("parameter \"parent\" is unknown")},
    {S("GET"), S("/v1/find/1/7/t/2020-01-02T03:04:05Z?book.title=u"), S(""),
     S("parameter \"book.title\" is unknown")},
    {S("PATCH"), S("/v1/shelves/1/books/2?book.title=t"), S("{}"),
     S("parameter \"book.title\" is unknown")},
    {S("POST"), S("/v1/shelves/1/books:find?text=t"), S("{}"), S("parameter \"text\" is unknown")},
    {S("GET"), S("/v1/shelves/1/books?book={}"), S(""),
     S("parameter \"book\" is no single value, nor a list")},
    {S("GET"), S("/v1/shelves/1/books?books=x"), S(""),
     S("parameter \"books\" is no single value")},
    {S("GET"), S("/v1/shelves/1/books?labels=x"), S(""),
     S("parameter \"labels\" is no single value")},
    {S("GET"), S("/v1/shelves/1/books?labels.key=x"), S(""), S("is no single value")},
    {S("GET"), S("/v1/shelves/1/books?struct=x"), S(""), S("is no single value")},
    {S("GET"), S("/v1/shelves/1/books?text.x=1"), S(""), S("is no single value")},
    {S("GET"), S("/v1/shelves/1/books?text=a&text=b"), S(""),
     S("parameter \"text\" is given twice")},
    {S("GET"), S("/v1/shelves/1/books?int32_value=1&int32Value=1"), S(""),
     S("parameter \"int32Value\" is given twice")},
    {S("GET"), S("/v1/shelves/1/books?by_name=a&by_number=1"), S(""),
     S("parameters \"by_name\" and \"by_number\" exclude each other")},
    {S("GET"), S("/v1/shelves/1/books?int32_value=x"), S(""), S("int32Value: expected")},
    {S("GET"), S("/v1/shelves/1/books?int32_value="), S(""), S("int32Value: expected")},
    {S("GET"), S("/v1/shelves/1/books?int32_value=2147483648"), S(""),
     S("int32Value: the number is out of range, in the query")},
    {S("GET"), S("/v1/shelves/1/books?uint64_value=-1"), S(""),
     S("uint64Value: the number is out of range")},
    {S("GET"), S("/v1/shelves/1/books?flag=yes"), S(""), S("flag: expected")},
    {S("GET"), S("/v1/shelves/1/books?flag"), S(""), S("flag: expected")},
    {S("GET"), S("/v1/shelves/1/books?kind=NOVEL"), S(""),
     S("kind: not a value of library.Kind, in the query")},
    {S("GET"), S("/v1/shelves/1/books?raw=!"), S(""), S("raw: expected")},
    {S("GET"), S("/v1/shelves/1/books?since=today"), S(""), S("since: expected")},
    {S("GET"), S("/v1/shelves/1/books?book.pages=1,\"title\":2"), S(""), S("book.pages: expected")},
    {S("GET"), S("/v1/shelves/1/books?text=%"), S(""), S("the query has a broken escape")},
    {S("GET"), S("/v1/shelves/1/books?te%4xt=1"), S(""), S("the query has a broken escape")},
    {S("GET"), S("/v1/shelves/1/books?text=%FF"), S(""), S("text: it is not UTF-8, in the query")},

    {S("GET"), S("/v1/find/NOVEL/7/t/2020-01-02T03:04:05Z"), S(""),
     S("kind: not a value of library.Kind, in the path")},
    {S("GET"), S("/v1/find/1/7x/t/2020-01-02T03:04:05Z"), S(""), S("int32Value: expected")},
    {S("GET"), S("/v1/find/1/7/%80/2020-01-02T03:04:05Z"), S(""),
     S("book.title: it is not UTF-8, in the path")},
    {S("GET"), S("/v1/find/1/7/t/x"), S(""), S("since: expected")},

    {S("POST"), S("/v1/shelves/1/books:find"), S("{"), S("")},
    {S("POST"), S("/v1/shelves/1/books:find"), S("[]"), S("")},
    {S("POST"), S("/v1/shelves/1/books:find"), S("{\"nothing\":1}"), S("nothing")},
    {S("POST"), S("/v1/shelves/1/books:find"), S("{\"book\":{\"pages\":\"x\"}}"),
     S("book.pages: ")},
    {S("PATCH"), S("/v1/shelves/1/books/2"), S("{\"title\":1}"), S("title: ")},
    {S("PATCH"), S("/v1/shelves/1/books/2"), S("{},\"dry\":true"), S("")},
    {S("PATCH"), S("/v1/shelves/1/books/2"), S("{}}"), S("")},
    {S("POST"), S("/v1/words/n"), S("\"a\""), S("")},
    {S("GET"), S("/v1/shelves/1/books"), S("{}"), S("this request has no body")},
    {S("DELETE"), S("/v1/shelves/1/books/2"), S("x"), S("this request has no body")},
};

TEST(transcode_request_says_what_is_wrong_and_where)
{
    struct bench b;

    bench_init(&b);
    for (size_t i = 0; i < COUNT(bad); i++) {
        err e = OK;
        str got = transcoded(&b, bad[i].method, bad[i].target,
                             (struct transcode_request){.body = bad[i].body}, &e);
        bool is_said = bad[i].want.len == 0 || str_find(got, bad[i].want) < got.len;
        if (!e || !is_said || got.len == 0 || b.why.code != STATUS_INVALID_ARGUMENT)
            test_fail(__FILE__, __LINE__, "%" STR_FMT " %" STR_FMT ": %s, %" STR_FMT,
                      STR_ARG(bad[i].target), STR_ARG(bad[i].body), err_name(e), STR_ARG(got));
    }
    bench_done(&b);
}

TEST(transcode_request_ignores_what_it_is_told_to)
{
    struct bench b;
    err e = OK;

    bench_init(&b);
    CHECK_STR(transcoded(&b, STR("GET"), STR("/v1/shelves/1/books?key=k&parent=x&text=t&a.b=c"),
                         (struct transcode_request){.ignores_parameters = true}, &e),
              "{\"parent\":\"shelves/1\",\"text\":\"t\"}");
    CHECK_STR(transcoded(&b, STR("POST"), STR("/v1/shelves/1/books:find?text=t"),
                         (struct transcode_request){.body = STR("{}"), .ignores_parameters = true},
                         &e),
              "{\"parent\":\"shelves/1\"}");
    CHECK_STR(
        transcoded(&b, STR("POST"), STR("/v1/shelves/1/books:find"),
                   (struct transcode_request){.body = STR("{\"a\":{\"b\":[1]},\"text\":\"t\"}"),
                                              .ignores_unknown = true},
                   &e),
        "{\"parent\":\"shelves/1\",\"text\":\"t\"}");
    // What is known but can't be is refused all the same.
    (void)transcoded(&b, STR("GET"), STR("/v1/shelves/1/books?book=x"),
                     (struct transcode_request){.ignores_parameters = true}, &e);
    CHECK_EQ(e, ERR_TYPE);
    bench_done(&b);
}

TEST(transcode_request_takes_raw_bodies_as_they_are)
{
    struct bench b;
    err e = OK;

    bench_init(&b);
    CHECK_STR(transcoded(&b, STR("POST"), STR("/v1/files/a/b%2Fc"),
                         (struct transcode_request){.body = STR("\x89PNG\0{"),
                                                    .content_type = STR("image/png")},
                         &e),
              "{\"name\":\"a/b%2Fc\",\"file\":{\"contentType\":\"image/png\","
              "\"data\":\"iVBORwB7\"}}");
    CHECK_STR(transcoded(&b, STR("POST"), STR("/v1/file"),
                         (struct transcode_request){.body = STR("{\"data\":1}"),
                                                    .content_type = STR("application/json")},
                         &e),
              "{\"contentType\":\"application/json\",\"data\":\"eyJkYXRhIjoxfQ==\"}");
    CHECK_STR(transcoded(&b, STR("POST"), STR("/v1/file"), (struct transcode_request){0}, &e),
              "{}");
    bench_done(&b);
}

TEST(transcode_request_refuses_methods_that_take_a_stream)
{
    struct bench b;
    err e = OK;

    bench_init(&b);
    (void)transcoded(&b, STR("POST"), STR("/v1/send"),
                     (struct transcode_request){.body = STR("{}")}, &e);
    CHECK_EQ(e, ERR_UNSUPPORTED);
    CHECK_EQ(b.why.code, STATUS_UNIMPLEMENTED);
    CHECK(b.why.message.len > 0);
    bench_done(&b);
}

TEST(transcode_request_refuses_what_does_not_fit)
{
    static const struct row rows[] = {
        {S("GET"), S("/v1/shelves/1/books?text=0123456789"), S(""), S("")},
        {S("POST"), S("/v1/words/n"), S("[\"0123456789\",\"0123456789\"]"), S("")},
        {S("POST"), S("/v1/file"), S("0123456789"), S("")},
        {S("GET"), S("/v1/shelves/0123456789/books"), S(""), S("")},
        {S("PATCH"), S("/v1/shelves/0123456789/books/1"), S(""), S("")},
    };
    struct bench b;

    bench_init(&b);
    buf_done(&b.message);
    buf_init(&b.message, 12);
    for (size_t i = 0; i < COUNT(rows); i++) {
        err e = OK;
        (void)transcoded(&b, rows[i].method, rows[i].target,
                         (struct transcode_request){.body = rows[i].body}, &e);
        CHECK_EQ(e, ERR_LIMIT);
        CHECK_EQ(b.why.code, STATUS_INVALID_ARGUMENT);
        CHECK(b.why.message.len > 0);
    }
    bench_done(&b);
}

TEST(transcode_request_bounds_the_parameters_of_a_query)
{
    struct bench b;
    struct buf target;
    err e = OK;

    bench_init(&b);
    buf_init(&target, 1 << 16);
    CHECK_EQ(buf_append(&target, STR("/v1/shelves/1/books?")), OK);
    for (int i = 0; i < TRANSCODE_REQUEST_PARAMETERS_MAX; i++) {
        CHECK_EQ(buf_append(&target, STR("numbers=1&")), OK);
    }
    (void)transcoded(&b, STR("GET"), buf_view(&target), (struct transcode_request){0}, &e);
    CHECK_EQ(e, OK);
    CHECK_EQ(buf_append(&target, STR("numbers=1")), OK);
    (void)transcoded(&b, STR("GET"), buf_view(&target), (struct transcode_request){0}, &e);
    CHECK_EQ(e, ERR_LIMIT);
    buf_done(&target);
    bench_done(&b);
}

TEST(transcode_request_writes_a_message_within_in_one_place)
{
    static const struct {
        str method;
        str target;
        str body;
        str want;
    } rows[] = {
        // The book of the body, then its name of the path.
        {S("PATCH"), S("/v1/shelves/1/books/2"), S("{\"title\":\"t\"}"),
         S("\x0a\x16\x12\x01t\x0a\x11shelves/1/books/2")},
        {S("GET"), S("/v1/shelves/1/books?book.title=t&flag=true&book%2Epages=7"), S(""),
         S("\x38\x01\x0a\x09shelves/1\x6a\x05\x12\x01t\x18\x07")},
    };
    struct bench b;
    err e = OK;

    bench_init(&b);
    for (size_t i = 0; i < COUNT(rows); i++) {
        (void)transcoded(&b, rows[i].method, rows[i].target,
                         (struct transcode_request){.body = rows[i].body}, &e);
        CHECK_EQ(e, OK);
        CHECK_SAME(buf_view(&b.message), rows[i].want);
    }
    bench_done(&b);
}
