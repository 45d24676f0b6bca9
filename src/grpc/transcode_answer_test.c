#include "grpc/transcode_answer.h"

#include "grpc/json_to_protobuf.h"

#include "support/schemas.h"
#include "support/test.h"

#define S(text) STR_INIT(text)
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

struct bench {
    struct schemas schemas;
    const struct transcode_routes *routes;
    struct arena arena;
    struct buf message;
    struct buf out;
    struct transcode_answer answer;
    struct status why;
};

static void bench_init(struct bench *b)
{
    schemas_init(&b->schemas);
    const struct transcode_set set = {.pool = b->schemas.pools[SCHEMAS_LIBRARY]};
    CHECK_EQ(transcode_routes_build(&set, 1, &b->schemas.arena, &b->schemas.diag, &b->routes), OK);
    arena_init(&b->arena, 1 << 14);
    buf_init(&b->message, 4096);
    buf_init(&b->out, 1 << 14);
}

static void bench_done(struct bench *b)
{
    buf_done(&b->out);
    buf_done(&b->message);
    arena_reset(&b->arena);
    schemas_done(&b->schemas);
}

static void begin(struct bench *b, str method, str path, str accept)
{
    struct transcode_found found;

    CHECK_EQ(transcode_routes_find(b->routes, method, path, &b->arena, &found), OK);
    transcode_answer_init(&b->answer, found.route, accept);
    buf_clear(&b->out);
}

// Writes the message that the JSON stands for.
static err write(struct bench *b, str json)
{
    const struct json_to_protobuf_options options = {.pool = b->schemas.pools[SCHEMAS_LIBRARY],
                                                     .arena = &b->arena};
    struct message_fault fault;

    message_fault_init(&fault);
    buf_clear(&b->message);
    CHECK_EQ(json_to_protobuf(&options, b->answer.route->method->output, json, &b->message, &fault),
             OK);
    return transcode_answer_write(&b->answer, buf_view(&b->message), &b->arena, &b->out, &b->why);
}

struct whole_row {
    str method;
    str path;
    str message;
    str want;
};

static const struct whole_row wholes[] = {
    {S("GET"), S("/v1/shelves/1/books/2"), S("{\"title\":\"a\\nb\",\"pages\":\"7\"}"),
     S("{\"title\":\"a\\nb\",\"pages\":\"7\"}")},
    {S("GET"), S("/v1/shelves/1/books/2"), S("{}"), S("{}")},
    {S("DELETE"), S("/v1/shelves/1/books/2"), S("{\"text\":\"t\",\"number\":1}"), S("\"t\"")},
    {S("DELETE"), S("/v1/shelves/1/books/2"), S("{}"), S("\"\"")},
    {S("POST"), S("/v1/words/n"), S("{\"words\":[\"a\",\"b\"],\"name\":\"n\"}"),
     S("[\"a\",\"b\"]")},
    {S("POST"), S("/v1/words/n"), S("{\"name\":\"n\"}"), S("[]")},
    {S("SEARCH"), S("/v1/words"), S("{\"name\":\"n\"}"), S("\"n\"")},
    {S("GET"), S("/v1/answers/x:book"), S("{\"book\":{\"title\":\"t\"}}"), S("{\"title\":\"t\"}")},
    {S("GET"), S("/v1/answers/x:book"), S("{}"), S("null")},
    {S("GET"), S("/v1/answers/x:books"), S("{\"books\":[{\"title\":\"t\"},{}]}"),
     S("[{\"title\":\"t\"},{}]")},
    {S("GET"), S("/v1/answers/x:counts"), S("{\"counts\":{\"a\":1}}"), S("{\"a\":1}")},
    {S("GET"), S("/v1/answers/x:counts"), S("{}"), S("{}")},
    {S("GET"), S("/v1/answers/x:number"), S("{\"number\":5}"), S("5")},
    {S("POST"), S("/library.Library/GetBook"), S("{\"title\":\"t\"}"), S("{\"title\":\"t\"}")},
};

TEST(transcode_answer_shows_a_message_or_the_field_of_its_rule)
{
    struct bench b;

    bench_init(&b);
    for (size_t i = 0; i < COUNT(wholes); i++) {
        begin(&b, wholes[i].method, wholes[i].path, STR("text/event-stream"));
        CHECK_STR(b.answer.content_type, "application/json");
        CHECK_EQ(write(&b, wholes[i].message), OK);
        if (!str_eq(buf_view(&b.out), wholes[i].want))
            test_fail(__FILE__, __LINE__, "%" STR_FMT ": %" STR_FMT, STR_ARG(wholes[i].path),
                      STR_ARG(buf_view(&b.out)));
    }
    bench_done(&b);
}

TEST(transcode_answer_shows_defaults_and_declared_names_where_told_to)
{
    struct bench b;

    bench_init(&b);
    begin(&b, STR("POST"), STR("/library.Library/Find"), STR(""));
    b.answer.emits_defaults = true;
    CHECK_EQ(write(&b, STR("{\"text\":\"t\"}")), OK);
    CHECK(str_find(buf_view(&b.out), STR("\"number\":0")) < buf_len(&b.out));
    bench_done(&b);
}

struct form_row {
    str accept;
    enum transcode_answer_form form;
    str content_type;
};

#define LINES TRANSCODE_LINES, S("application/x-ndjson")
#define JSON_LINES TRANSCODE_LINES, S("application/json")
#define EVENTS TRANSCODE_EVENTS, S("text/event-stream")

static const struct form_row forms[] = {
    {S(""), LINES},
    {S("*/*"), LINES},
    {S("application/*"), LINES},
    {S("application/x-ndjson"), LINES},
    {S("application/json"), JSON_LINES},
    {S("Application/JSON; charset=utf-8"), JSON_LINES},
    {S("text/event-stream"), EVENTS},
    {S(" text/event-stream , */*"), EVENTS},
    {S("application/json, text/event-stream"), JSON_LINES},
    {S("application/json;q=0.5, text/event-stream"), EVENTS},
    {S("application/json;q=0.5, text/event-stream;q=0.499"), JSON_LINES},
    {S("text/event-stream;q=0.9, application/json;v=1;q=1.0"), JSON_LINES},
    {S("text/event-stream; Q = 0, */*;q=0.1"), LINES},
    {S("application/json;q=0"), LINES},
    {S("application/json;q=.5, text/event-stream;q=0.9"), JSON_LINES},
    {S("text/html"), LINES},
    {S("text/*"), LINES},
    {S(",;,"), LINES},
    {S("text/event-streams"), LINES},
};

TEST(transcode_answer_streams_in_the_form_that_the_client_likes_best)
{
    struct bench b;

    bench_init(&b);
    for (size_t i = 0; i < COUNT(forms); i++) {
        begin(&b, STR("GET"), STR("/v1/shelves/1:watch"), forms[i].accept);
        if (b.answer.form != forms[i].form || !str_eq(b.answer.content_type, forms[i].content_type))
            test_fail(__FILE__, __LINE__, "%" STR_FMT ": %d, %" STR_FMT, STR_ARG(forms[i].accept),
                      b.answer.form, STR_ARG(b.answer.content_type));
    }
    bench_done(&b);
}

TEST(transcode_answer_streams_lines_and_events)
{
    struct bench b;

    bench_init(&b);
    begin(&b, STR("GET"), STR("/v1/shelves/1:watch"), STR(""));
    CHECK_EQ(write(&b, STR("{\"text\":\"a\\n\\nb\"}")), OK);
    CHECK_EQ(write(&b, STR("{}")), OK);
    CHECK_STR(buf_view(&b.out), "{\"text\":\"a\\n\\nb\"}\n{}\n");

    begin(&b, STR("GET"), STR("/v1/shelves/1:watch"), STR("text/event-stream"));
    CHECK_EQ(write(&b, STR("{\"text\":\"a\\r\\nb\"}")), OK);
    CHECK_EQ(write(&b, STR("{}")), OK);
    CHECK_STR(buf_view(&b.out), "data: {\"text\":\"a\\r\\nb\"}\n\ndata: {}\n\n");

    begin(&b, STR("GET"), STR("/v1/shelves/1:watchBooks"), STR(""));
    CHECK_EQ(write(&b, STR("{\"book\":{\"title\":\"t\"}}")), OK);
    CHECK_EQ(write(&b, STR("{}")), OK);
    CHECK_STR(buf_view(&b.out), "{\"title\":\"t\"}\nnull\n");
    bench_done(&b);
}

TEST(transcode_answer_ends_a_stream_with_its_error)
{
    static const struct status gone = {STATUS_UNAVAILABLE, S("gone\n"), S("")};
    struct bench b;

    bench_init(&b);
    begin(&b, STR("GET"), STR("/v1/shelves/1:watch"), STR(""));
    CHECK_EQ(write(&b, STR("{}")), OK);
    CHECK_EQ(transcode_answer_error(&b.answer, &gone, &b.arena, &b.out), OK);
    CHECK_STR(buf_view(&b.out),
              "{}\n{\"error\":{\"code\":14,\"message\":\"gone\\n\",\"status\":\"UNAVAILABLE\"}}\n");

    begin(&b, STR("GET"), STR("/v1/shelves/1:watch"), STR("text/event-stream"));
    CHECK_EQ(write(&b, STR("{}")), OK);
    CHECK_EQ(transcode_answer_error(&b.answer, &gone, &b.arena, &b.out), OK);
    CHECK_STR(buf_view(&b.out), "data: {}\n\nevent: error\ndata: {\"error\":{\"code\":14,"
                                "\"message\":\"gone\\n\",\"status\":\"UNAVAILABLE\"}}\n\n");
    bench_done(&b);
}

// Nothing was sent yet: the HTTP status says it, and the body is one object, whatever the form.
TEST(transcode_answer_that_fails_at_once_is_an_error_alone)
{
    static const str paths[] = {S("/v1/shelves/1:watch"), S("/v1/shelves/1/books/2"),
                                S("/v1/files/x")};
    static const struct status absent = {STATUS_NOT_FOUND, S("no"), S("")};
    struct bench b;

    bench_init(&b);
    for (size_t i = 0; i < COUNT(paths); i++) {
        begin(&b, STR("GET"), paths[i], STR("text/event-stream"));
        CHECK_EQ(transcode_answer_error(&b.answer, &absent, &b.arena, &b.out), OK);
        CHECK_STR(buf_view(&b.out), "{\"code\":5,\"message\":\"no\",\"status\":\"NOT_FOUND\"}");
    }
    bench_done(&b);
}

TEST(transcode_answer_cannot_put_an_error_behind_a_body_that_is_one_value)
{
    static const struct status gone = {.code = STATUS_UNAVAILABLE};
    struct bench b;

    bench_init(&b);
    begin(&b, STR("GET"), STR("/v1/shelves/1/books/2"), STR(""));
    CHECK_EQ(write(&b, STR("{}")), OK);
    CHECK_EQ(transcode_answer_error(&b.answer, &gone, &b.arena, &b.out), ERR_UNSUPPORTED);
    CHECK_STR(buf_view(&b.out), "{}");
    begin(&b, STR("GET"), STR("/v1/files/x"), STR(""));
    CHECK_EQ(write(&b, STR("{\"data\":\"YQ==\"}")), OK);
    CHECK_EQ(transcode_answer_error(&b.answer, &gone, &b.arena, &b.out), ERR_UNSUPPORTED);
    CHECK_STR(buf_view(&b.out), "a");
    bench_done(&b);
}

TEST(transcode_answer_sends_raw_bodies_as_they_are)
{
    struct bench b;

    bench_init(&b);
    begin(&b, STR("GET"), STR("/v1/files/x"), STR("application/json"));
    CHECK_EQ(b.answer.form, TRANSCODE_RAW);
    CHECK_EQ(write(&b, STR("{\"contentType\":\"image/png\",\"data\":\"iVBORwA=\"}")), OK);
    CHECK_EQ(write(&b, STR("{\"contentType\":\"text/plain\",\"data\":\"e30=\"}")), OK);
    CHECK_SAME(buf_view(&b.out), STR("\x89PNG\0{}"));
    CHECK_STR(b.answer.content_type, "image/png");

    begin(&b, STR("GET"), STR("/v1/answers/x:file"), STR(""));
    CHECK_EQ(write(&b, STR("{\"file\":{\"contentType\":\"text/plain\",\"data\":\"aGk=\"}}")), OK);
    CHECK_STR(buf_view(&b.out), "hi");
    CHECK_STR(b.answer.content_type, "text/plain");

    begin(&b, STR("GET"), STR("/v1/answers/x:file"), STR(""));
    CHECK_EQ(write(&b, STR("{}")), OK);
    CHECK_STR(buf_view(&b.out), "");
    CHECK_STR(b.answer.content_type, "application/octet-stream");

    // What would be more than a content type is not passed on.
    begin(&b, STR("GET"), STR("/v1/files/x"), STR(""));
    CHECK_EQ(write(&b, STR("{\"contentType\":\"a\\r\\nb: c\",\"data\":\"aGk=\"}")), OK);
    CHECK_STR(b.answer.content_type, "application/octet-stream");
    bench_done(&b);
}

TEST(transcode_answer_says_what_cannot_be_shown)
{
    static const str broken[] = {S("\x0a\x05gone"), S("text"), S("\x0a\x01\xff")};
    struct bench b;

    bench_init(&b);
    for (size_t i = 0; i < COUNT(broken); i++) {
        begin(&b, STR("GET"), STR("/v1/shelves/1:watch"), STR(""));
        b.why.code = STATUS_OK;
        CHECK(transcode_answer_write(&b.answer, broken[i], &b.arena, &b.out, &b.why) != OK);
        CHECK_EQ(b.why.code, STATUS_INTERNAL);
        CHECK(b.why.message.len > 0);
        CHECK(!b.answer.is_begun);
    }
    begin(&b, STR("GET"), STR("/v1/files/x"), STR(""));
    CHECK_EQ(transcode_answer_write(&b.answer, STR("\x12\x05gone"), &b.arena, &b.out, &b.why),
             ERR_SYNTAX);
    CHECK_EQ(b.why.code, STATUS_INTERNAL);
    bench_done(&b);
}

TEST(transcode_answer_says_when_a_message_does_not_fit)
{
    struct bench b;

    bench_init(&b);
    buf_done(&b.out);
    buf_init(&b.out, 8);
    begin(&b, STR("GET"), STR("/v1/shelves/1:watch"), STR(""));
    CHECK_EQ(write(&b, STR("{\"text\":\"0123456789\"}")), ERR_LIMIT);
    CHECK_EQ(b.why.code, STATUS_INTERNAL);
    CHECK(b.why.message.len > 0);
    bench_done(&b);
}
