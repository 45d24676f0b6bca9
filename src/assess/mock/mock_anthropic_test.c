// Anthropic's dialect over the wire: heads, errors, faults, and which checks a rule asks for.
#include "assess/mock/mock.h"
#include "assess/mock/mock_script.h"
#include "io/memory_stream.h"

#include "support/test.h"

// A mock on virtual time, and a client that reads whatever comes.
struct rig {
    struct loop loop;
    struct mock mock;
    struct arena arena;
    struct stream_user user;
    struct stream *client;
    struct buf seen; // of the last answer
    err end;
};

static void client_ready(struct stream_user *u)
{
    struct rig *r = container_of(u, struct rig, user);
    char bytes[4096];
    size_t len = 0;

    while (!r->end) {
        err e = stream_read(r->client, bytes, sizeof(bytes), &len);
        if (e == ERR_AGAIN) return;
        r->end = e;
        if (!e) CHECK_EQ(buf_append(&r->seen, (str){bytes, len}), OK);
    }
}

static void rig_open(struct rig *r, str script)
{
    struct mock_options o = {.seed = 1, .log_max = 4};
    struct diag d;

    *r = (struct rig){.user.ready = client_ready};
    arena_init(&r->arena, 4096);
    diag_init(&d);
    mock_rule_init(&o.base);
    if (script.len)
        CHECK_EQ(mock_script_read(script, &o.base, &r->arena, &d, &o.rules, &o.rule_count), OK);
    diag_done(&d);
    loop_init_virtual(&r->loop, 1000);
    CHECK_EQ(mock_open(&r->mock, &r->loop, NULL, &o), OK);
    buf_init(&r->seen, 1 << 20);
}

static void rig_close(struct rig *r)
{
    if (r->client) stream_close(r->client, STREAM_CLOSE);
    mock_close(&r->mock);
    loop_done(&r->loop);
    buf_done(&r->seen);
    arena_reset(&r->arena);
}

// Sends a request on a connection of its own and gives it ten seconds. The head has its last line
// end.
static void ask(struct rig *r, const char *head, str body)
{
    struct stream *far = NULL;
    size_t len = 0;

    if (r->client) stream_close(r->client, STREAM_CLOSE);
    r->end = OK;
    buf_clear(&r->seen);
    memory_stream_pair(&r->loop, (struct memory_stream_options){0}, &r->client, &far);
    server_accept(&r->mock.server, far);
    r->client->user = &r->user;
    str text = arena_format(&r->arena, "%sHost: x\r\nContent-Length: %zu\r\n\r\n%" STR_FMT, head,
                            body.len, STR_ARG(body));
    struct iovec iov = stream_piece(text);
    CHECK_EQ(stream_write(r->client, &iov, 1, &len), OK);
    CHECK_EQ(len, text.len);
    msec until = r->loop.now + 10'000;
    while (r->loop.now < until && loop_turn(&r->loop, until - r->loop.now)) {
    }
}

static const char *const post = "POST /v1/messages HTTP/1.1\r\n";

static void message(struct rig *r, const char *model, bool is_stream, const char *more)
{
    ask(r, post,
        arena_format(&r->arena,
                     "{\"model\":\"%s\",\"max_tokens\":100,\"stream\":%s,%s\"messages\":[{\"role\":"
                     "\"user\",\"content\":\"one two\"}]}",
                     model, is_stream ? "true" : "false", more));
}

static bool has(const struct rig *r, const char *text)
{
    return str_find(buf_view(&r->seen), str_from_c(text)) < buf_len(&r->seen);
}

static const struct mock_entry *newest(const struct rig *r)
{
    return container_of(r->mock.log.entries.prev, struct mock_entry, link);
}

TEST(mock_anthropic_echoes_with_the_head_of_its_vendor)
{
    struct rig r;

    rig_open(&r, STR(""));
    message(&r, "claude", false, "");
    CHECK(has(&r, "HTTP/1.1 200 OK\r\n") && has(&r, "\r\nrequest-id: req_"));
    CHECK(has(&r, "\r\nanthropic-ratelimit-requests-remaining: 9999\r\n"));
    CHECK(!has(&r, "x-request-id") && !has(&r, "openai"));
    CHECK(has(&r, "\"content\":[{\"type\":\"text\",\"text\":\"Hello! You said: one two\"}],"
                  "\"stop_reason\":\"end_turn\""));
    CHECK_EQ(newest(&r)->prompt_tokens, 2);
    CHECK_EQ(newest(&r)->completion_tokens, 5);
    CHECK(newest(&r)->has_usage);
    rig_close(&r);
}

TEST(mock_anthropic_bills_a_stream_by_its_words_until_it_reports)
{
    struct rig r;

    rig_open(&r, STR(""));
    message(&r, "claude", true, "");
    CHECK(has(&r, "content-type: text/event-stream"));
    CHECK_EQ(newest(&r)->events, 1 + 2 + 5 + 1 + 2);
    CHECK_EQ(newest(&r)->completion_tokens, 5);
    CHECK(newest(&r)->has_usage);
    message(&r, "mock-cut-5", true, "");
    CHECK_EQ(newest(&r)->completion_tokens, 2);
    CHECK(!newest(&r)->has_usage);
    CHECK_EQ(r.end, ERR_EOF);
    ask(&r, "POST /v1/messages/count_tokens HTTP/1.1\r\n",
        STR("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a b c\"}]}"));
    CHECK(has(&r, "{\"input_tokens\":3}"));
    CHECK_EQ(newest(&r)->prompt_tokens, 0);
    rig_close(&r);
}

TEST(mock_anthropic_errors_have_its_types_and_the_id_of_the_head)
{
    static const struct {
        const char *model;
        const char *status;
        const char *type;
    } cases[] = {
        {"mock-400", "400", "invalid_request_error"},
        {"mock-401", "401", "authentication_error"},
        {"mock-status-403", "403", "permission_error"},
        {"mock-404", "404", "not_found_error"},
        {"mock-status-413", "413", "request_too_large"},
        {"mock-429-3", "429", "rate_limit_error"},
        {"mock-500", "500", "api_error"},
        {"mock-504", "504", "timeout_error"},
        {"mock-529", "529", "overloaded_error"},
        {"mock-nothing", "404", "not_found_error"},
    };
    struct rig r;

    rig_open(&r, STR(""));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        message(&r, cases[i].model, i % 2, "");
        str wanted = arena_format(&r.arena, "HTTP/1.1 %s ", cases[i].status);
        CHECK(str_starts(buf_view(&r.seen), wanted));
        wanted = arena_format(
            &r.arena, "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":", cases[i].type);
        CHECK(str_find(buf_view(&r.seen), wanted) < buf_len(&r.seen));
        CHECK(has(&r, "},\"request_id\":\"req_"));
    }
    message(&r, "mock-429-3", false, "");
    CHECK(has(&r, "\r\nretry-after: 3\r\n"));
    rig_close(&r);
}

TEST(mock_anthropic_breaks_events_and_reports_errors_in_its_words)
{
    struct rig r;

    rig_open(&r, STR(""));
    message(&r, "mock-malformed-4", true, "");
    CHECK(has(&r, "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
                  "\"delta\":\n\n"));
    message(&r, "mock-torn-3", true, "");
    CHECK(str_ends(buf_view(&r.seen), STR("\r\n400\r\nevent: content_block_delta\ndata: {\"type\":"
                                          "\"content_block_delta\",\"index\":0,\"delta")));
    message(&r, "mock-inband-4", true, "");
    CHECK(has(&r,
              "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","));
    CHECK(!has(&r, "message_stop"));
    CHECK_EQ(newest(&r)->ended, MOCK_ENDED_FAULT);
    message(&r, "mock-nodone", true, "");
    CHECK(has(&r, "message_delta") && !has(&r, "message_stop"));
    rig_close(&r);
}

TEST(mock_anthropic_checks_requests_always_and_extras_where_it_is_strict)
{
    struct rig r;

    rig_open(&r, STR(""));
    ask(&r, post, STR("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}"));
    CHECK(has(&r, "HTTP/1.1 400 ") && has(&r, "\"message\":\"max_tokens: Field required\""));
    ask(&r, post, STR("{"));
    CHECK(has(&r, "HTTP/1.1 400 ") && has(&r, "not valid JSON"));
    ask(&r, "GET /v1/messages HTTP/1.1\r\n", STR(""));
    CHECK(has(&r, "HTTP/1.1 405 ") && has(&r, "{\"type\":\"error\""));
    message(&r, "claude", false, "\"n\":1,");
    CHECK(has(&r, "HTTP/1.1 200 "));
    ask(&r, "POST /v1/messages HTTP/1.1\r\nx-api-key: k\r\nanthropic-version: 2023-06-01\r\n",
        STR("{\"model\":\"mock-strict\",\"max_tokens\":9,\"n\":1,\"messages\":[]}"));
    CHECK(has(&r, "HTTP/1.1 400 ") && has(&r, "n: Extra inputs are not permitted"));
    message(&r, "mock-strict", false, "");
    CHECK(has(&r, "HTTP/1.1 401 ") && has(&r, "\"authentication_error\""));
    rig_close(&r);
}

TEST(mock_anthropic_and_openai_are_as_strict_as_their_rule)
{
    struct rig r;
    str body =
        STR("{\"model\":\"m\",\"top_k\":1,\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}");

    rig_open(&r, STR("rules: [{match: {model: m}, error: {strict: true}}]"));
    ask(&r, "POST /v1/chat/completions HTTP/1.1\r\n", body);
    CHECK(has(&r, "HTTP/1.1 400 "));
    CHECK(has(&r, "\"message\":\"Unrecognized request argument supplied: top_k\",\"type\":"
                  "\"invalid_request_error\",\"param\":null,\"code\":null"));
    rig_close(&r);
    rig_open(&r, STR(""));
    ask(&r, "POST /v1/chat/completions HTTP/1.1\r\n", body);
    CHECK(has(&r, "HTTP/1.1 200 "));
    rig_close(&r);
}

TEST(mock_anthropic_has_what_names_its_version)
{
    struct rig r;

    rig_open(&r, STR(""));
    ask(&r, "GET /v1/models HTTP/1.1\r\nanthropic-version: 2023-06-01\r\n", STR(""));
    CHECK(has(&r, "\"display_name\":\"mock-cut\"") && has(&r, "\r\nrequest-id: "));
    ask(&r, "GET /v1/models HTTP/1.1\r\n", STR(""));
    CHECK(has(&r, "\"object\":\"list\"") && has(&r, "\r\nx-request-id: "));
    ask(&r, "POST /v1/files HTTP/1.1\r\nanthropic-version: 2023-06-01\r\nx-mock: 529\r\n", STR(""));
    CHECK(has(&r, "HTTP/1.1 529 ") && has(&r, "\"overloaded_error\""));
    rig_close(&r);
}

TEST(mock_anthropic_thinks_where_it_is_asked_to_and_says_what_images_came)
{
    struct rig r;

    rig_open(&r, STR(""));
    ask(&r, post,
        STR("{\"model\":\"mock-images\",\"max_tokens\":2000,\"thinking\":{\"type\":\"enabled\","
            "\"budget_tokens\":1024},\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
            "\"image\","
            "\"source\":{\"type\":\"base64\",\"media_type\":\"image/"
            "png\",\"data\":\"YWJj\"}}]}]}"));
    CHECK(has(&r,
              "\"content\":[{\"type\":\"thinking\",\"thinking\":\"I was asked to think, so I do "
              "before I answer.\",\"signature\":\""));
    CHECK(has(&r,
              "image image/png 3 bytes sha256 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb4"
              "10ff61f20015ad"));
    rig_close(&r);
}
