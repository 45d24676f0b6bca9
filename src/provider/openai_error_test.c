#include "provider/openai_error.h"

#include "support/chat_dump.h"
#include "support/test.h"

static void check_read(unsigned status, str body, const char *want)
{
    struct chat_error error;
    struct arena a;
    struct buf out;

    arena_init(&a, 4096);
    buf_init(&out, 1 << 16);
    openai_error_read(status, body, &a, &error);
    chat_dump_error(&error, &out);
    CHECK_SAME(buf_view(&out), str_from_c(want));
    buf_done(&out);
    arena_reset(&a);
}

TEST(openai_error_reads_what_servers_send)
{
    check_read(400,
               STR("{\"error\":{\"message\":\"a \\\"b\\\"\",\"type\":\"invalid_request_error\","
                   "\"param\":\"max_tokens\",\"code\":\"unsupported_parameter\"}}"),
               "error 400 type=\"invalid_request_error\" code=\"unsupported_parameter\" "
               "param=\"max_tokens\" message=\"a \\\"b\\\"\"\n");
    check_read(503, STR("{\"error\":\"busy\"}"), "error 503 message=\"busy\"\n");
    check_read(422, STR("{\"detail\":\"no\"}"), "error 422 message=\"no\"\n");
    check_read(404,
               STR("{\"object\":\"error\",\"message\":\"m\",\"type\":\"NotFoundError\","
                   "\"param\":null,\"code\":404}"),
               "error 404 type=\"NotFoundError\" code=\"404\" message=\"m\"\n");
    check_read(400, STR("[{\"error\":{\"code\":400,\"message\":\"m\",\"status\":\"X\"}}]"),
               "error 400 code=\"400\" message=\"m\"\n");
    check_read(429,
               STR("{\"error\":{\"type\":\"rate_limit_error\",\"message\":\"m\"},"
                   "\"type\":\"error\"}"),
               "error 429 type=\"rate_limit_error\" message=\"m\"\n");
    check_read(429,
               STR("{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\","
                   "\"message\":\"m\"},\"request_id\":\"r\"}"),
               "error 429 type=\"rate_limit_error\" message=\"m\"\n");
}

TEST(openai_error_has_a_message_whatever_came)
{
    static const str bodies[] = {
        STR_INIT(""),
        STR_INIT("<html>502</html>"),
        STR_INIT("{}"),
        STR_INIT("[]"),
        STR_INIT("7"),
        STR_INIT("[1"),
        STR_INIT("{\"error\":{"),
        STR_INIT("nul"),
        STR_INIT("{\"error\":null}"),
    };

    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
        check_read(502, bodies[i],
                   "error 502 message=\"The model's provider answered with status 502.\"\n");
    }
}

TEST(openai_error_of_a_stream_has_the_status_that_it_tells_of)
{
    check_read(200, STR("{\"error\":{\"code\":429,\"message\":\"m\"}}"),
               "error 429 code=\"429\" message=\"m\"\n");
    check_read(0, STR("{\"error\":{\"type\":\"overloaded_error\",\"message\":\"m\"}}"),
               "error 503 type=\"overloaded_error\" message=\"m\"\n");
    check_read(200, STR("{\"error\":{\"message\":\"m\"}}"), "error 500 message=\"m\"\n");
    check_read(200, STR("{\"error\":{\"message\":\"m\",\"code\":7}}"),
               "error 500 code=\"7\" message=\"m\"\n");
}

TEST(openai_error_cuts_a_long_message_between_characters)
{
    struct chat_error error;
    struct arena a;
    struct buf body;

    arena_init(&a, 4096);
    buf_init(&body, 1 << 16);
    CHECK_EQ(buf_append(&body, STR("{\"error\":\"x")), OK);
    for (int i = 0; i < 5000; i++) {
        CHECK_EQ(buf_append(&body, STR("\xc3\xa4")), OK);
    }
    CHECK_EQ(buf_append(&body, STR("\"}")), OK);
    openai_error_read(500, buf_view(&body), &a, &error);
    CHECK_EQ(error.message.len, OPENAI_ERROR_TEXT_MAX - 1);
    CHECK(str_ends(error.message, STR("\xc3\xa4")));
    buf_done(&body);
    arena_reset(&a);
}

static void check_written(struct chat_error e, const char *want)
{
    struct buf out;

    buf_init(&out, 1000);
    CHECK_EQ(openai_error_write(&e, &out), OK);
    CHECK_SAME(buf_view(&out), str_from_c(want));
    buf_done(&out);
}

TEST(openai_error_is_written_in_the_words_of_the_dialect)
{
    static const struct {
        unsigned status;
        str type;
        str want;
    } rows[] = {
        {400, STR_INIT("invalid_request_error"), STR_INIT("invalid_request_error")},
        {401, STR_INIT("authentication_error"), STR_INIT("authentication_error")},
        {402, STR_INIT("billing_error"), STR_INIT("insufficient_quota")},
        {403, STR_INIT("permission_error"), STR_INIT("permission_error")},
        {404, STR_INIT("not_found_error"), STR_INIT("invalid_request_error")},
        {413, STR_INIT("request_too_large"), STR_INIT("invalid_request_error")},
        {429, STR_INIT("rate_limit_error"), STR_INIT("rate_limit_error")},
        {500, STR_INIT("api_error"), STR_INIT("server_error")},
        {504, STR_INIT("timeout_error"), STR_INIT("server_error")},
        {529, STR_INIT("overloaded_error"), STR_INIT("server_error")},
        {429, STR_INIT(""), STR_INIT("rate_limit_error")},
        {401, STR_INIT("never_heard_of"), STR_INIT("authentication_error")},
        {503, STR_INIT("Overloaded"), STR_INIT("server_error")},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct arena a;
        arena_init(&a, 4096);
        str want = arena_format(&a,
                                "{\"error\":{\"type\":\"%" STR_FMT "\",\"message\":\"m\","
                                "\"param\":null,\"code\":null}}",
                                STR_ARG(rows[i].want));
        check_written((struct chat_error){.status = rows[i].status,
                                          .type = rows[i].type,
                                          .message = STR("m")},
                      want.ptr);
        arena_reset(&a);
    }
    check_written((struct chat_error){.status = 400,
                                      .message = STR("m"),
                                      .param = STR("n"),
                                      .code = STR("c"),
                                      .request_id = STR("r")},
                  "{\"error\":{\"type\":\"invalid_request_error\",\"message\":\"m\","
                  "\"param\":\"n\",\"code\":\"c\"}}");
}

TEST(openai_error_has_a_status_that_sdks_know)
{
    CHECK_EQ(openai_error_status(529), 503);
    CHECK_EQ(openai_error_status(402), 429);
    CHECK_EQ(openai_error_status(400), 400);
    CHECK_EQ(openai_error_status(504), 504);
}
