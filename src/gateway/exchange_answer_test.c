#include "gateway/exchange.h"

#include "support/stage.h"
#include "support/test.h"

#include <string.h>

#define CHAT "/v1/chat/completions"

static bool has(str text, str part)
{
    return str_find(text, part) < text.len;
}

static void check_error(struct stage *s, str status_line, str body)
{
    str seen = stage_seen(s);

    if (!str_starts(seen, status_line))
        test_fail(__FILE__, __LINE__, "\"%" STR_FMT "\" does not begin with %" STR_FMT,
                  STR_ARG(seen), STR_ARG(status_line));
    CHECK(has(seen, STR("\r\ncontent-type: application/json\r\n")));
    CHECK_SAME(stage_body(s), body);
}

// What a client sees when the upstream says `said` and then ends.
static void check_upstream(str said, enum fake_upstream_end how, str status_line, str body)
{
    struct stage s;

    stage_init(&s, STR(STAGE_YAML));
    s.upstream.script = said;
    s.upstream.ending = how;
    stage_post(&s, STR(CHAT), STR("{\"model\":\"m\"}"));
    check_error(&s, status_line, body);
    CHECK_EQ(s.upstream.open_count, 0);
    stage_done(&s);
}

TEST(exchange_answer_has_the_upstreams_fields_and_our_own)
{
    struct stage s;

    stage_init(&s, STR(STAGE_YAML));
    s.upstream.script =
        STR("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
            "X-Request-Id: up-1\r\nSet-Cookie: a=b\r\nConnection: keep-alive, x-hop\r\nx-hop: 1\r\n"
            "X-Sluice-Provider: forged\r\nAlt-Svc: h3\r\nServer-Timing: x\r\n"
            "x-ratelimit-remaining-tokens: 7\r\n\r\n{}");
    stage_post(&s, STR(CHAT), STR("{\"model\":\"m\"}"));
    str seen = stage_seen(&s);
    CHECK(str_starts(seen, STR("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n"
                               "Content-Type: application/json\r\n"
                               "x-sluice-upstream-request-id: up-1\r\n"
                               "x-ratelimit-remaining-tokens: 7\r\nserver-timing: upstream;dur=")));
    CHECK(has(seen, STR("\r\nx-request-id: req_")));
    CHECK(has(seen, STR("\r\nx-sluice-provider: p\r\nx-sluice-attempts: 1\r\n"
                        "x-sluice-model: up-m\r\n\r\n{}")));
    CHECK(!has(seen, STR("forged")));
    CHECK(!has(seen, STR("a=b")));
    CHECK(!has(seen, STR("hop")));
    CHECK(!has(seen, STR("h3")));
    CHECK_STR(stage_body(&s), "{}");
    stage_done(&s);
}

TEST(exchange_answer_stays_well_formed_with_a_model_name_too_long_for_a_field)
{
    static char body[100'000];
    struct stage s;

    memset(body, 'a', sizeof(body));
    memcpy(body, "{\"model\":\"", 10);
    memcpy(body + sizeof(body) - 2, "\"}", 2);
    stage_init(&s, STR(STAGE_YAML));
    s.upstream.script =
        STR("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}");
    stage_post(&s, STR(CHAT), (str){body, sizeof(body)});
    CHECK(has(stage_seen(&s), STR("\r\ncontent-type: application/json\r\n")));
    CHECK_STR(stage_body(&s), "{}");
    stage_forget(&s);
    s.upstream.script = STR("");
    s.upstream.ending = FAKE_UPSTREAM_ENDS;
    stage_post(&s, STR(CHAT), (str){body, sizeof(body)});
    CHECK(has(stage_body(&s), STR("upstream_closed")));
    stage_done(&s);
}

TEST(exchange_answer_does_not_take_a_line_end_out_of_a_model_name)
{
    struct stage s;

    stage_init(&s, STR(STAGE_YAML));
    s.upstream.script =
        STR("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}");
    stage_post(&s, STR(CHAT), STR("{\"model\":\"x\\r\\nset-cookie: a=b\"}"));
    CHECK(!has(stage_seen(&s), STR("set-cookie")));
    CHECK_STR(stage_body(&s), "{}");
    stage_done(&s);
}

TEST(exchange_answer_gathers_what_comes_in_pieces_and_gives_its_length)
{
    struct stage s;

    stage_init(&s, STR(STAGE_YAML));
    stage_post(&s, STR(CHAT), STR("{\"model\":\"m\"}"));
    stage_upstream_says(&s, STR("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                                "transfer-encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n"));
    CHECK_EQ(stage_seen(&s).len, 0);
    stage_upstream_says(&s, STR("2\r\n1}\r\n0\r\n\r\n"));
    CHECK(str_starts(stage_seen(&s), STR("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n")));
    CHECK_STR(stage_body(&s), "{\"a\":1}");
    stage_done(&s);
}

TEST(exchange_answer_passes_a_large_one_in_pieces)
{
    static char block[200'000];

    memset(block, 'x', sizeof(block));
    for (int is_chunked = 0; is_chunked < 2; is_chunked++) {
        struct stage s;
        stage_init(&s, STR(STAGE_YAML));
        stage_post(&s, STR(CHAT), STR("{\"model\":\"m\"}"));
        stage_upstream_says(&s, is_chunked
                                    ? STR("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                                          "transfer-encoding: chunked\r\n\r\n61a80\r\n")
                                    : STR("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                                          "content-length: 400000\r\n\r\n"));
        stage_upstream_says(&s, (str){block, sizeof(block)});
        CHECK_EQ(stage_seen(&s).len > sizeof(block), !is_chunked);
        stage_upstream_says(&s, (str){block, sizeof(block)});
        if (is_chunked) stage_upstream_says(&s, STR("\r\n0\r\n\r\n"));
        CHECK(stage_is_whole(stage_seen(&s)));
        CHECK(stage_seen(&s).len > 2 * sizeof(block));
        CHECK_EQ(s.upstream.open_count, 1);
        stage_done(&s);
    }
}

TEST(exchange_answer_resets_what_was_cut_after_it_had_begun)
{
    struct stage s;

    stage_init(&s, STR(STAGE_YAML));
    fake_client_say(&s.client, STR("GET /v1/files/f/content HTTP/1.1\r\nHost: gw\r\n\r\n"));
    stage_settle(&s);
    stage_upstream_says(&s, STR("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
                                "5\r\nhello\r\n"));
    CHECK(str_ends(stage_seen(&s), STR("5\r\nhello\r\n")));
    fake_upstream_end(fake_upstream_conn(&s.upstream), FAKE_UPSTREAM_ENDS);
    stage_settle(&s);
    CHECK_EQ(s.client.end, ERR_CLOSED); // a reset, no orderly end
    CHECK_EQ(atomic_load(&s.gateway.metrics.streams_cut), 1);
    stage_done(&s);
}

TEST(exchange_answer_turns_a_cut_small_one_into_an_error)
{
    static const str said[] = {
        STR_INIT(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{}"),
        STR_INIT("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                 "transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n"),
        STR_INIT("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n"),
        // Its framing can't tell the end, but its text does.
        STR_INIT("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"a\":"),
    };

    for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
        check_upstream(said[i], FAKE_UPSTREAM_ENDS, STR("HTTP/1.1 502 "),
                       STR("{\"error\":{\"type\":\"server_error\",\"message\":\"The upstream ended "
                           "its answer before it was complete.\",\"param\":null,"
                           "\"code\":\"upstream_cut\"}}"));
    }
}

TEST(exchange_answer_says_that_an_upstream_gave_none)
{
    check_upstream(
        STR(""), FAKE_UPSTREAM_ENDS, STR("HTTP/1.1 502 Bad Gateway\r\n"),
        STR("{\"error\":{\"type\":\"server_error\",\"message\":\"The upstream closed the "
            "connection without an answer.\",\"param\":null,"
            "\"code\":\"upstream_closed\"}}"));
    check_upstream(
        STR("HTTP/1.1 200"), FAKE_UPSTREAM_ABORTS, STR("HTTP/1.1 502 "),
        STR("{\"error\":{\"type\":\"server_error\",\"message\":\"The upstream closed the "
            "connection without an answer.\",\"param\":null,"
            "\"code\":\"upstream_closed\"}}"));
}

TEST(exchange_answer_says_that_an_upstream_made_no_sense)
{
    static const str said[] = {
        STR_INIT("HTTP/1.1 2x0 OK\r\n\r\n"),
        STR_INIT("HTTP/1.1 101 Switching Protocols\r\n\r\n"),
        STR_INIT("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n"),
        STR_INIT("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                 "transfer-encoding: chunked\r\n\r\nzz\r\n"),
    };

    for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
        check_upstream(said[i], FAKE_UPSTREAM_STAYS, STR("HTTP/1.1 502 "),
                       STR("{\"error\":{\"type\":\"server_error\",\"message\":\"The upstream's "
                           "answer is malformed.\",\"param\":null,"
                           "\"code\":\"upstream_malformed\"}}"));
    }
}

TEST(exchange_answer_says_that_an_upstream_could_not_be_reached)
{
    struct stage s;

    stage_init(&s, STR(STAGE_YAML));
    s.upstream.dialer.mood = MEMORY_DIALER_REFUSES;
    stage_post(&s, STR(CHAT), STR("{\"model\":\"m\"}"));
    check_error(&s, STR("HTTP/1.1 502 Bad Gateway\r\n"),
                STR("{\"error\":{\"type\":\"server_error\",\"message\":\"The upstream could not be "
                    "reached.\",\"param\":null,\"code\":\"upstream_unreachable\"}}"));
    stage_forget(&s);
    s.upstream.dialer.mood = MEMORY_DIALER_IS_SILENT;
    stage_post(&s, STR(CHAT), STR("{\"model\":\"m\"}"));
    stage_wait(&s, 1999);
    CHECK_EQ(stage_seen(&s).len, 0);
    stage_wait(&s, 1);
    check_error(
        &s, STR("HTTP/1.1 504 Gateway Timeout\r\n"),
        STR("{\"error\":{\"type\":\"server_error\",\"message\":\"The upstream did not answer "
            "in time.\",\"param\":null,\"code\":\"upstream_timeout\"}}"));
    CHECK_EQ(atomic_load(&s.gateway.metrics.upstream_failures), 2);
    stage_done(&s);
}

TEST(exchange_answer_passes_an_upstreams_own_error)
{
    struct stage s;
    const str said =
        STR("HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json; "
            "charset=utf-8\r\nretry-after: 3\r\ncontent-length: 12\r\n\r\n{\"error\":1}\n");

    stage_init(&s, STR(STAGE_YAML));
    s.upstream.script = said;
    stage_post(&s, STR(CHAT), STR("{\"model\":\"m\",\"stream\":true}"));
    CHECK(str_starts(stage_seen(&s), STR("HTTP/1.1 429 Too Many Requests\r\n")));
    CHECK(has(stage_seen(&s), STR("\r\nretry-after: 3\r\n")));
    CHECK_STR(stage_body(&s), "{\"error\":1}\n");
    stage_done(&s);
}

TEST(exchange_answer_says_what_else_an_upstream_answered)
{
    struct stage s;

    stage_init(&s, STR(STAGE_YAML));
    s.upstream.script = STR("HTTP/1.1 503 Busy\r\ncontent-type: text/html\r\ncontent-length: 6\r\n"
                            "\r\n<html>");
    stage_post(&s, STR(CHAT), STR("{\"model\":\"m\"}"));
    check_error(&s, STR("HTTP/1.1 503 "),
                STR("{\"error\":{\"type\":\"server_error\",\"message\":\"The upstream answered 503 "
                    "with text/html.\",\"param\":null,\"code\":\"upstream_unexpected\"}}"));
    stage_forget(&s);
    // A stream was asked for, and a client's SDK would wait for events in vain.
    s.upstream.script = STR("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                            "content-length: 2\r\n\r\n{}");
    stage_post(&s, STR(CHAT), STR("{\"model\":\"m\",\"stream\":true}"));
    check_error(&s, STR("HTTP/1.1 502 "),
                STR("{\"error\":{\"type\":\"server_error\",\"message\":\"The upstream answered 200 "
                    "with application/json.\",\"param\":null,\"code\":\"upstream_unexpected\"}}"));
    stage_done(&s);
}

TEST(exchange_answer_to_head_tells_the_length_of_what_get_would_bring)
{
    struct stage s;

    stage_init(&s, STR(STAGE_YAML));
    s.upstream.script = STR("HTTP/1.1 200 OK\r\ncontent-length: 1234\r\n\r\n");
    fake_client_say(&s.client, STR("HEAD /v1/files/f HTTP/1.1\r\nHost: gw\r\n\r\n"));
    stage_settle(&s);
    CHECK(str_starts(stage_seen(&s), STR("HTTP/1.1 200 OK\r\ncontent-length: 1234\r\n")));
    CHECK(str_ends(stage_seen(&s), STR("\r\n\r\n")));
    stage_forget(&s);
    s.upstream.script = STR("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
    fake_client_say(&s.client, STR("HEAD /v1/files/f HTTP/1.1\r\nHost: gw\r\n\r\n"));
    stage_settle(&s);
    CHECK(str_starts(stage_seen(&s), STR("HTTP/1.1 200 OK\r\n")));
    CHECK(!has(stage_seen(&s), STR("content-length")));
    CHECK(str_ends(stage_seen(&s), STR("\r\n\r\n")));
    stage_forget(&s);
    s.upstream.script = STR("HTTP/1.1 204 No Content\r\n\r\n");
    fake_client_say(&s.client, STR("DELETE /v1/files/f HTTP/1.1\r\nHost: gw\r\n\r\n"));
    stage_settle(&s);
    CHECK(str_starts(stage_seen(&s), STR("HTTP/1.1 204 No Content\r\n")));
    CHECK(!has(stage_seen(&s), STR("content-length")));
    CHECK(!has(stage_seen(&s), STR("transfer-encoding")));
    CHECK_EQ(s.upstream.conn_count, 1);
    stage_done(&s);
}

TEST(exchange_answer_lists_the_models_of_the_settings)
{
    struct stage s;

    stage_init(&s, STR(STAGE_YAML));
    fake_client_say(&s.client, STR("GET /v1/models HTTP/1.1\r\nHost: gw\r\n\r\n"));
    stage_settle(&s);
    CHECK_STR(stage_body(&s), "{\"object\":\"list\",\"data\":[{\"id\":\"m\",\"object\":\"model\","
                              "\"created\":0,\"owned_by\":\"p\"}]}");
    stage_forget(&s);
    fake_client_say(&s.client, STR("GET /v1/models/m HTTP/1.1\r\nHost: gw\r\n\r\n"));
    stage_settle(&s);
    CHECK_STR(stage_body(&s),
              "{\"id\":\"m\",\"object\":\"model\",\"created\":0,\"owned_by\":\"p\"}");
    CHECK_EQ(s.upstream.request_count, 0);
    stage_forget(&s);
    // "*" takes any other, so the upstream knows.
    s.upstream.script = STR("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]");
    fake_client_say(&s.client, STR("GET /v1/models/other HTTP/1.1\r\nHost: gw\r\n\r\n"));
    stage_settle(&s);
    CHECK_STR(stage_body(&s), "[]");
    CHECK(str_starts(buf_view(&s.upstream.request), STR("GET /api/v1/models/other HTTP/1.1\r\n")));
    stage_done(&s);
}

TEST(exchange_answer_asks_the_upstream_for_models_where_any_name_goes_there)
{
    struct stage s;

    stage_init(&s, STR("providers:\n  - {name: p, base_url: \"http://up/v1\"}\n"
                       "models:\n  - {name: \"*\", targets: [{provider: p}]}\n"));
    s.upstream.script = STR("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]");
    fake_client_say(&s.client, STR("GET /v1/models HTTP/1.1\r\nHost: gw\r\n\r\n"));
    stage_settle(&s);
    CHECK_STR(stage_body(&s), "[]");
    stage_done(&s);
}

TEST(exchange_answer_knows_no_model_that_is_not_there)
{
    struct stage s;

    stage_init(&s, STR("providers:\n  - {name: p, base_url: \"http://up/v1\"}\n"
                       "models:\n  - {name: m, targets: [{provider: p}]}\n"));
    fake_client_say(&s.client, STR("GET /v1/models/n HTTP/1.1\r\nHost: gw\r\n\r\n"));
    stage_settle(&s);
    check_error(&s, STR("HTTP/1.1 404 Not Found\r\n"),
                STR("{\"error\":{\"type\":\"invalid_request_error\",\"message\":\"The requested "
                    "model does not exist.\",\"param\":null,\"code\":\"model_not_found\"}}"));
    stage_forget(&s);
    stage_post(&s, STR(CHAT), STR("{\"model\":\"n\\\"x\"}"));
    check_error(&s, STR("HTTP/1.1 404 Not Found\r\n"),
                STR("{\"error\":{\"type\":\"invalid_request_error\",\"message\":\"The model "
                    "'n\\\"x' does not exist or you do not have access to it.\",\"param\":null,"
                    "\"code\":\"model_not_found\"}}"));
    stage_done(&s);
}
