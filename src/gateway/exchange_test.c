#include "gateway/exchange.h"

#include "support/stage.h"
#include "support/test.h"

#include <string.h>

#define CHAT "/v1/chat/completions"
#define OK_JSON "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
#define TWO_TARGETS                                                                                \
    "providers:\n"                                                                                 \
    "  - {name: p, base_url: \"http://up/v1\"}\n"                                                  \
    "  - {name: q, base_url: \"http://q/v1\"}\n"                                                   \
    "models:\n"                                                                                    \
    "  - {name: m, targets: [{provider: p, weight: 3}, {provider: q, weight: 1},\n"                \
    "                        {provider: q, model: never, weight: 0}]}\n"

static bool has(str text, str part)
{
    return str_find(text, part) < text.len;
}

static void check_refused(str yaml, str request, str status_line, str part)
{
    struct stage s;

    stage_init(&s, yaml);
    s.upstream.script = STR(OK_JSON);
    fake_client_say(&s.client, request);
    stage_settle(&s);
    str seen = stage_seen(&s);
    if (!str_starts(seen, status_line) || !has(seen, part))
        test_fail(__FILE__, __LINE__, "\"%" STR_FMT "\"", STR_ARG(seen));
    CHECK(has(seen, STR("\r\n\r\n{\"error\":{\"type\":\"invalid_request_error\",")));
    CHECK(stage_is_whole(seen));
    CHECK_EQ(s.upstream.request_count, 0);
    stage_done(&s);
}

static void check_body(str body, str part)
{
    struct stage s;

    stage_init(&s, STR(STAGE_YAML));
    stage_post(&s, STR(CHAT), body);
    CHECK(str_starts(stage_seen(&s), STR("HTTP/1.1 400 Bad Request\r\n")));
    if (!has(stage_body(&s), part))
        test_fail(__FILE__, __LINE__, "%" STR_FMT, STR_ARG(buf_view(&s.client.seen)));
    CHECK_EQ(s.client.end, OK); // the connection goes on
    CHECK_EQ(s.upstream.request_count, 0);
    stage_done(&s);
}

TEST(exchange_refuses_bodies_that_name_no_model)
{
    check_body(STR(""), STR("invalid_json"));
    check_body(STR("{"), STR("not valid JSON: byte 1."));
    check_body(STR("{}"), STR("You must provide a model parameter."));
    check_body(STR("[]"), STR("invalid_json"));
    check_body(STR("\"m\""), STR("invalid_json"));
    check_body(STR("{\"model\":\"m\"} x"), STR("invalid_json"));
    check_body(STR("{\"model\":\"m\",\"messages\":[{\"content\":\"a\xff\"}]}"),
               STR("The body of your request is not valid UTF-8: byte 38."));
    check_body(STR("{\"model\":\"m\",\"x\":\xc3\xa9}"), STR("not valid JSON: byte 17."));
    check_body(STR("{\"model\":1}"), STR("'model' must be a string"));
    check_body(STR("{\"model\":\"m\",\"stream\":\"yes\"}"), STR("'stream' a boolean"));
    check_body(STR("{\"model\":\"a\",\"model\":\"b\",\"model\":\"c\",\"model\":\"d\","
                   "\"model\":\"m\"}"),
               STR("names its model too often"));
}

TEST(exchange_refuses_unknown_paths_and_methods_to_climb)
{
    check_refused(STR(STAGE_YAML), STR("GET / HTTP/1.1\r\nHost: gw\r\n\r\n"),
                  STR("HTTP/1.1 404 Not Found\r\n"), STR("\"unknown_url\""));
    check_refused(STR(STAGE_YAML), STR("GET /v1/../admin HTTP/1.1\r\nHost: gw\r\n\r\n"),
                  STR("HTTP/1.1 404 Not Found\r\n"), STR("\"unknown_url\""));
}

TEST(exchange_refuses_everything_without_a_provider)
{
    check_refused(STR("models: []\n"), STR("GET /v1/files HTTP/1.1\r\nHost: gw\r\n\r\n"),
                  STR("HTTP/1.1 404 Not Found\r\n"), STR("\"no_provider\""));
}

TEST(exchange_bounds_how_long_a_body_may_drip)
{
    struct stage s;

    stage_init(&s, STR("limits: {body_timeout: 30s, receive_timeout: 1m}\n" STAGE_ROUTES));
    fake_client_say(&s.client,
                    STR("POST " CHAT " HTTP/1.1\r\nHost: gw\r\nContent-Length: 100\r\n\r\n{"));
    for (int i = 0; i < 5; i++) {
        stage_wait(&s, 11'000);
        CHECK_EQ(buf_len(&s.client.seen), 0);
        fake_client_say(&s.client, STR(" "));
    }
    stage_wait(&s, 6000);
    CHECK(str_starts(stage_seen(&s), STR("HTTP/1.1 408 ")));
    CHECK(has(stage_seen(&s), STR("\"request_timeout\"")));
    CHECK_EQ(s.upstream.request_count, 0);
    stage_done(&s);
}

TEST(exchange_bounds_a_body)
{
    static char block[4096];
    const str yaml = STR("limits: {body_bytes: 1KiB, upload_bytes: 2KiB}\n" STAGE_ROUTES);
    struct stage s;

    memset(block, 'x', sizeof(block));
    check_refused(yaml, STR("POST " CHAT " HTTP/1.1\r\nHost: gw\r\nContent-Length: 1025\r\n\r\n"),
                  STR("HTTP/1.1 413 "), STR("\"request_too_large\""));
    // Chunked, its length shows late.
    stage_init(&s, yaml);
    fake_client_say(&s.client, STR("POST " CHAT " HTTP/1.1\r\nHost: gw\r\n"
                                   "Transfer-Encoding: chunked\r\n\r\n1000\r\n"));
    fake_client_say(&s.client, (str){block, sizeof(block)});
    stage_settle(&s);
    CHECK(str_starts(stage_seen(&s), STR("HTTP/1.1 413 ")));
    CHECK(has(stage_seen(&s), STR("\r\nconnection: close\r\n")));
    CHECK_EQ(s.client.end, ERR_EOF);
    stage_done(&s);
    // One that streams through has its own bound, and its upstream is left.
    stage_init(&s, yaml);
    fake_client_say(&s.client, STR("POST /v1/files HTTP/1.1\r\nHost: gw\r\n"
                                   "Transfer-Encoding: chunked\r\n\r\n1000\r\n"));
    stage_settle(&s);
    fake_client_say(&s.client, (str){block, sizeof(block)});
    stage_settle(&s);
    CHECK(str_starts(stage_seen(&s), STR("HTTP/1.1 413 ")));
    CHECK_EQ(s.upstream.open_count, 0);
    CHECK_EQ(s.upstream.request_count, 0);
    stage_done(&s);
}

TEST(exchange_refuses_broken_chunks_of_a_body)
{
    check_refused(STR(STAGE_YAML),
                  STR("POST " CHAT " HTTP/1.1\r\nHost: gw\r\nTransfer-Encoding: chunked\r\n\r\nzz"
                      "\r\n"),
                  STR("HTTP/1.1 400 "), STR("\"bad_framing\""));
}

TEST(exchange_bounds_requests_in_flight)
{
    struct stage s;
    struct fake_client other;

    stage_init(&s, STR("limits: {streams: 1}\n" STAGE_ROUTES));
    stage_post(&s, STR(CHAT), STR("{\"model\":\"m\"}"));
    stage_connect(&s, &other, (struct memory_stream_options){.seed = 0});
    fake_client_say(&other, STR("GET /v1/models HTTP/1.1\r\nHost: gw\r\n\r\n"));
    stage_settle(&s);
    CHECK(str_starts(buf_view(&other.seen), STR("HTTP/1.1 503 ")));
    CHECK(has(buf_view(&other.seen), STR("\r\nretry-after: 1\r\n")));
    CHECK(has(buf_view(&other.seen), STR("\"overloaded\"")));
    buf_clear(&other.seen);
    stage_upstream_says(&s, STR(OK_JSON));
    fake_client_say(&other, STR("GET /v1/models HTTP/1.1\r\nHost: gw\r\n\r\n"));
    stage_settle(&s);
    CHECK(str_starts(buf_view(&other.seen), STR("HTTP/1.1 200 OK\r\n")));
    fake_client_done(&other);
    stage_done(&s);
}

TEST(exchange_goes_by_weight_and_the_same_with_the_same_seed)
{
    struct stage s;
    int counts[2] = {0};
    uint64_t traces[2] = {0};

    for (int run = 0; run < 2; run++) {
        stage_init(&s, STR(TWO_TARGETS));
        random_init(&s.gateway.random, test_seed());
        s.upstream.script = STR(OK_JSON);
        for (int i = 0; i < 1000; i++) {
            stage_forget(&s);
            stage_post(&s, STR(CHAT), STR("{\"model\":\"m\"}"));
            bool is_second = has(buf_view(&s.upstream.request), STR("\r\nhost: q\r\n"));
            CHECK(!has(buf_view(&s.upstream.request), STR("never")));
            CHECK_EQ(has(stage_seen(&s), STR("x-sluice-provider: q\r\n")), is_second);
            counts[run] += is_second;
            traces[run] = random_mix(traces[run] + is_second);
        }
        stage_done(&s);
    }
    CHECK(counts[0] > 190 && counts[0] < 310); // 250, and four deviations
    CHECK_EQ(counts[0], counts[1]);
    CHECK(traces[0] == traces[1]);
}

TEST(exchange_sends_what_names_no_model_where_any_name_goes)
{
    struct stage s;

    stage_init(&s, STR("providers:\n  - {name: p, base_url: \"http://up/v1\"}\n"
                       "  - {name: q, base_url: \"http://q/v1\"}\n"
                       "models:\n  - {name: m, targets: [{provider: p}]}\n"
                       "  - {name: \"*\", targets: [{provider: q}]}\n"));
    s.upstream.script = STR(OK_JSON);
    fake_client_say(&s.client, STR("GET /v1/files HTTP/1.1\r\nHost: gw\r\n\r\n"));
    stage_settle(&s);
    CHECK(has(buf_view(&s.upstream.request), STR("\r\nhost: q\r\n")));
    stage_forget(&s);
    stage_post(&s, STR("/v1/embeddings"), STR("{\"model\":\"m\",\"input\":\"x\"}"));
    CHECK(has(buf_view(&s.upstream.request), STR("\r\nhost: up\r\n")));
    CHECK_STR(stage_body(&s), "{}");
    stage_done(&s);
}

TEST(exchange_leaves_its_upstream_in_the_turn_its_client_leaves)
{
    static const str said[] = {
        STR_INIT(""),
        STR_INIT("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"),
        STR_INIT("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: {\"a\":1}\n\n"),
        STR_INIT("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{"),
    };

    for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
        for (int how = STREAM_CLOSE; how <= STREAM_ABORT; how++) {
            struct stage s;
            stage_init(&s, STR(STAGE_YAML));
            stage_post(&s, STR(CHAT), STR("{\"model\":\"m\",\"stream\":true}"));
            stage_upstream_says(&s, said[i]);
            CHECK_EQ(s.upstream.open_count, 1);
            fake_client_leave(&s.client, (enum stream_end)how);
            loop_turn(&s.loop, 0);
            CHECK_EQ(s.upstream.open_count, 0);
            CHECK_EQ(s.gateway.exchange_pool.live_count, 0);
            CHECK_EQ(atomic_load(&s.gateway.metrics.clients_gone), 1);
            stage_done(&s);
        }
    }
}

TEST(exchange_forgets_a_client_that_leaves_within_its_body)
{
    struct stage s;

    stage_init(&s, STR(STAGE_YAML));
    fake_client_say(&s.client, STR("POST " CHAT " HTTP/1.1\r\nHost: gw\r\n"
                                   "Content-Length: 100\r\n\r\n{\"model\""));
    stage_settle(&s);
    CHECK_EQ(s.gateway.exchange_pool.live_count, 1);
    fake_client_leave(&s.client, STREAM_CLOSE);
    stage_settle(&s);
    CHECK_EQ(s.gateway.exchange_pool.live_count, 0);
    CHECK_EQ(s.upstream.conn_count, 0);
    stage_done(&s);
    // The same while the body streams through.
    stage_init(&s, STR(STAGE_YAML));
    fake_client_say(&s.client, STR("POST /v1/files HTTP/1.1\r\nHost: gw\r\n"
                                   "Content-Length: 100\r\n\r\n1234"));
    stage_settle(&s);
    CHECK_EQ(s.upstream.open_count, 1);
    fake_client_leave(&s.client, STREAM_CLOSE);
    stage_settle(&s);
    CHECK_EQ(s.upstream.open_count, 0);
    CHECK_EQ(s.gateway.exchange_pool.live_count, 0);
    stage_done(&s);
}

TEST(exchange_answers_pipelined_requests_in_order)
{
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct stage s;
        stage_init_with(&s, STR(STAGE_YAML), NULL,
                        (struct memory_stream_options){.seed = seed ? test_seed() + seed : 0});
        s.upstream.script = STR(OK_JSON);
        fake_client_say(&s.client, STR("GET /v1/files HTTP/1.1\r\nHost: gw\r\n\r\n"
                                       "GET /v1/models/m HTTP/1.1\r\nHost: gw\r\n\r\n"
                                       "POST " CHAT " HTTP/1.1\r\nHost: gw\r\n"
                                       "Content-Length: 13\r\n\r\n{\"model\":\"m\"}"
                                       "GET /nowhere HTTP/1.1\r\nHost: gw\r\n\r\n"));
        stage_settle(&s);
        stage_settle(&s);
        str seen = stage_seen(&s);
        static const str order[] = {
            STR_INIT("\r\n\r\n{}HTTP/1.1 200 OK\r\n"),
            STR_INIT("\"owned_by\":\"p\"}HTTP/1.1 200 OK\r\n"),
            STR_INIT("\r\n\r\n{}HTTP/1.1 404 Not Found\r\n"),
            STR_INIT("\"code\":\"unknown_url\"}}"),
        };
        for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
            size_t at = str_find(seen, order[i]);
            CHECK(at < seen.len);
            seen = str_sub(seen, at, seen.len);
        }
        CHECK_EQ(s.upstream.conn_count, 1);
        stage_done(&s);
    }
}

TEST(exchange_permits_a_body_that_waits_for_it)
{
    struct stage s;

    stage_init(&s, STR(STAGE_YAML));
    s.upstream.script = STR(OK_JSON);
    fake_client_say(&s.client, STR("POST " CHAT " HTTP/1.1\r\nHost: gw\r\nExpect: 100-continue\r\n"
                                   "Content-Length: 13\r\n\r\n"));
    stage_settle(&s);
    CHECK_STR(stage_seen(&s), "HTTP/1.1 100 Continue\r\n\r\n");
    stage_forget(&s);
    fake_client_say(&s.client, STR("{\"model\":\"m\"}"));
    stage_settle(&s);
    CHECK_STR(stage_body(&s), "{}");
    CHECK(!has(buf_view(&s.upstream.request), STR("xpect")));
    stage_done(&s);
}

TEST(exchange_tells_its_upstreams_answer_that_came_before_the_body)
{
    struct stage s;

    stage_init(&s, STR(STAGE_YAML));
    fake_client_say(&s.client, STR("POST /v1/files HTTP/1.1\r\nHost: gw\r\n"
                                   "Content-Length: 100\r\n\r\n1234"));
    stage_settle(&s);
    stage_upstream_says(&s, STR("HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\n"
                                "content-length: 2\r\n\r\n{}"));
    CHECK(str_starts(stage_seen(&s), STR("HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\n")));
    CHECK(has(stage_seen(&s), STR("\r\nconnection: close\r\n")));
    CHECK_EQ(s.upstream.open_count, 0); // in the middle of a request
    fake_client_say(&s.client, STR("5678"));
    stage_settle(&s);
    CHECK_EQ(s.client.end, ERR_EOF);
    stage_done(&s);
}
