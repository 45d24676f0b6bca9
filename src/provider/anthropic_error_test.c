#include "provider/anthropic_error.h"

#include "support/test.h"

TEST(anthropic_error_types_go_with_their_statuses)
{
    static const struct {
        unsigned status;
        const char *type;
    } rows[] = {
        {400, "invalid_request_error"},
        {401, "authentication_error"},
        {402, "billing_error"},
        {403, "permission_error"},
        {404, "not_found_error"},
        {408, "timeout_error"},
        {409, "conflict_error"},
        {413, "request_too_large"},
        {422, "invalid_request_error"},
        {429, "rate_limit_error"},
        {500, "api_error"},
        {502, "api_error"},
        {503, "overloaded_error"},
        {504, "timeout_error"},
        {529, "overloaded_error"},
        {0, "api_error"},
        {302, "api_error"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        CHECK_SAME(anthropic_error_type(rows[i].status), str_from_c(rows[i].type));
    }
}

TEST(anthropic_error_status_of_an_overload_is_its_own)
{
    CHECK_EQ(anthropic_error_status(503), 529);
    CHECK_EQ(anthropic_error_status(529), 529);
    CHECK_EQ(anthropic_error_status(429), 429);
    CHECK_EQ(anthropic_error_status(500), 500);
}

static void check_written(const struct chat_error *e, str want)
{
    struct buf out;

    buf_init(&out, 1000);
    CHECK_EQ(anthropic_error_write(e, &out), OK);
    CHECK_SAME(buf_view(&out), want);
    buf_done(&out);
}

TEST(anthropic_error_is_written_as_sdks_read_it)
{
    check_written(&(struct chat_error){.status = 429,
                                       .message = STR("Slow \"down\""),
                                       .type = STR("requests"),
                                       .request_id = STR("req_1")},
                  STR("{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":"
                      "\"Slow \\\"down\\\"\"},\"request_id\":\"req_1\"}"));
    check_written(&(struct chat_error){.message = STR("x"), .type = STR("overloaded_error")},
                  STR("{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":"
                      "\"x\"},\"request_id\":null}"));
    check_written(&(struct chat_error){.message = STR("x"), .type = STR("server_error")},
                  STR("{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"x\"},"
                      "\"request_id\":null}"));
}

TEST(anthropic_error_of_a_stream_is_an_event_with_its_name)
{
    struct buf out;

    buf_init(&out, 1000);
    CHECK_EQ(anthropic_error_write_event(&(struct chat_error){.status = 504}, &out), OK);
    CHECK_STR(buf_view(&out), "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
                              "\"timeout_error\",\"message\":\"\"},\"request_id\":null}\n\n");
    buf_done(&out);
}

TEST(anthropic_error_is_read_with_all_it_says)
{
    struct chat_error e;
    struct arena a;

    arena_init(&a, 256);
    anthropic_error_read(529,
                         STR("{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
                             "\"message\":\"Over\\u006coaded\",\"details\":{\"error_code\":"
                             "\"compaction_unavailable\"}},\"request_id\":\"req_7\"}"),
                         &a, &e);
    CHECK_EQ(e.status, 529);
    CHECK_STR(e.type, "overloaded_error");
    CHECK_STR(e.message, "Overloaded");
    CHECK_STR(e.code, "compaction_unavailable");
    CHECK_STR(e.request_id, "req_7");
    arena_reset(&a);
}

TEST(anthropic_error_of_an_event_gets_the_status_of_its_type)
{
    struct chat_error e;
    struct arena a;

    arena_init(&a, 256);
    anthropic_error_read(0, STR("{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\"}}"),
                         &a, &e);
    CHECK_EQ(e.status, 429);
    anthropic_error_read(0, STR("{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}"),
                         &a, &e);
    CHECK_EQ(e.status, 529);
    anthropic_error_read(0, STR("{\"type\":\"error\"}"), &a, &e);
    CHECK_EQ(e.status, 500);
    arena_reset(&a);
}

TEST(anthropic_error_that_says_nothing_still_has_a_message)
{
    static const str bodies[] = {STR_INIT(""), STR_INIT("<html>"), STR_INIT("{\"error\":7}"),
                                 STR_INIT("{\"error\":{\"message\":null}}"), STR_INIT("[1")};
    struct chat_error e;
    struct arena a;

    arena_init(&a, 256);
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
        anthropic_error_read(502, bodies[i], &a, &e);
        CHECK_EQ(e.status, 502);
        CHECK_STR(e.message, "The provider answered with status 502.");
        CHECK_STR(e.type, "");
    }
    arena_reset(&a);
}
