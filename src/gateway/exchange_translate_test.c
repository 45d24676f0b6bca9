#include "gateway/exchange.h"

#include "support/stage.h"
#include "support/test.h"

#include <stdio.h>

#define CHAT "/v1/chat/completions"
#define MESSAGES "/v1/messages"
#define ONCE "retry: {attempts: 1}, breaker: {trip_after: 0}, recovery: error"

// "o" is served in OpenAI's dialect, "a" in Anthropic's, "both" by either: OpenAI's first.
#define ROUTES                                                                                     \
    "providers:\n"                                                                                 \
    "  - {name: oa, base_url: \"http://up.example/api/v1\", api_key: \"${KEY}\"}\n"                \
    "  - {name: an, dialect: anthropic, base_url: \"http://up.example\", api_key: \"${KEY}\"}\n"   \
    "  - {name: open, dialect: anthropic, base_url: \"http://up.example/v1\"}\n"                   \
    "models:\n"                                                                                    \
    "  - {name: o, targets: [{provider: oa, model: up-o}], " ONCE "}\n"                            \
    "  - {name: a, targets: [{provider: an, model: up-a}], " ONCE "}\n"                            \
    "  - {name: keyless, targets: [{provider: open}], " ONCE "}\n"                                 \
    "  - {name: both, targets: [{provider: an}], fallback: [{provider: oa}], " ONCE "}\n"

#define ANSWER                                                                                     \
    "{\"id\":\"msg_up\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"up-a\","           \
    "\"content\":[{\"type\":\"text\",\"text\":\"caf\\u00e9\"}],\"stop_reason\":\"end_turn\","      \
    "\"stop_sequence\":null,\"usage\":{\"input_tokens\":3,\"cache_read_input_tokens\":4,"          \
    "\"output_tokens\":2}}"

static bool has(str text, str part)
{
    return str_find(text, part) < text.len;
}

static str request(const struct stage *s)
{
    return buf_view(&s->upstream.request);
}

static void demand(str text, str part)
{
    if (!has(text, part))
        test_fail(__FILE__, __LINE__, "no \"%" STR_FMT "\" in \"%" STR_FMT "\"", STR_ARG(part),
                  STR_ARG(text));
}

// An upstream that answers with that body, whatever it is asked.
static void start(struct stage *s, str status, const char *type, str body)
{
    static char script[4096];
    int len = snprintf(script, sizeof(script),
                       "HTTP/1.1 %" STR_FMT "\r\ncontent-type: %s\r\nrequest-id: req_up\r\n"
                       "anthropic-organization-id: org\r\ncontent-length: %zu\r\n\r\n%" STR_FMT,
                       STR_ARG(status), type, body.len, STR_ARG(body));

    stage_init(s, STR(ROUTES));
    s->upstream.script = (str){.ptr = script, .len = (size_t)len};
}

static void ask(struct stage *s, str path, str fields, str body)
{
    char head[512];
    int len = snprintf(head, sizeof(head),
                       "POST %" STR_FMT " HTTP/1.1\r\nhost: gw\r\n%" STR_FMT
                       "content-type: application/json\r\ncontent-length: %zu\r\n\r\n",
                       STR_ARG(path), STR_ARG(fields), body.len);

    fake_client_say(&s->client, (str){.ptr = head, .len = (size_t)len});
    fake_client_say(&s->client, body);
    stage_settle(s);
}

TEST(exchange_translate_writes_a_request_for_the_targets_dialect)
{
    struct stage s;

    start(&s, STR("200 OK"), "application/json", STR(ANSWER));
    ask(&s, STR(CHAT), STR("authorization: Bearer client-key\r\nopenai-beta: x\r\n"),
        STR("{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"caf\\u00e9\"}],"
            "\"max_tokens\":10,\"seed\":7}"));
    str sent = request(&s);
    CHECK(str_starts(sent, STR("POST /v1/messages HTTP/1.1\r\nhost: up.example\r\n"
                               "x-api-key: " STAGE_SECRET "\r\n"
                               "content-type: application/json\r\n"
                               "anthropic-version: 2023-06-01\r\n")));
    CHECK(!has(sent, STR("client-key")));
    CHECK(!has(sent, STR("openai-beta")));
    demand(sent, STR("\"model\":\"up-a\""));
    demand(sent, STR("\"max_tokens\":10"));
    demand(sent, STR("caf\\u00e9"));
    stage_done(&s);
}

TEST(exchange_translate_answers_in_the_clients_dialect)
{
    struct stage s;

    start(&s, STR("200 OK"), "application/json", STR(ANSWER));
    ask(&s, STR(CHAT), STR(""),
        STR("{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"seed\":7}"));
    str seen = stage_seen(&s);
    CHECK(str_starts(seen, STR("HTTP/1.1 200 OK\r\n")));
    demand(seen, STR("\r\nx-sluice-dropped-fields: seed\r\n"));
    demand(seen, STR("\r\nx-sluice-upstream-request-id: req_up\r\n"));
    CHECK(!has(seen, STR("anthropic-organization-id")));
    demand(seen, STR("\"content\":\"caf\\u00e9\""));
    demand(seen, STR("\"model\":\"a\""));
    demand(seen, STR("\"prompt_tokens\":7"));
    CHECK(!has(seen, STR("msg_up")));
    CHECK_EQ(atomic_load(&s.gateway.metrics.input_tokens), 7);
    CHECK_EQ(atomic_load(&s.gateway.metrics.output_tokens), 2);
    stage_done(&s);
}

TEST(exchange_translate_leaves_what_passes_as_it_is)
{
    static const str body =
        STR_INIT("{ \"model\": \"keyless\", \"messages\":[], \"max_tokens\": 1e1 }");
    struct stage s;

    start(&s, STR("200 OK"), "application/json", STR(ANSWER));
    ask(&s, STR(MESSAGES "?beta=true"),
        STR("x-api-key: mine\r\nanthropic-version: 2026-10-21\r\nanthropic-beta: b\r\n"), body);
    str sent = request(&s);
    CHECK(str_starts(sent, STR("POST /v1/messages?beta=true HTTP/1.1\r\n")));
    demand(sent, STR("\r\nx-api-key: mine\r\n"));
    demand(sent, STR("\r\nanthropic-version: 2026-10-21\r\n"));
    demand(sent, STR("\r\nanthropic-beta: b\r\n"));
    CHECK(!has(sent, STR("2023-06-01")));
    CHECK(str_ends(sent, body));
    str seen = stage_seen(&s);
    demand(seen, STR("\r\nanthropic-organization-id: org\r\n"));
    CHECK(str_ends(seen, STR(ANSWER)));
    stage_done(&s);
}

TEST(exchange_translate_tells_an_upstreams_error_in_the_clients_dialect)
{
    struct stage s;

    start(
        &s, STR("529 Overloaded"), "application/json",
        STR("{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}"));
    ask(&s, STR(CHAT), STR(""),
        STR("{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}"));
    CHECK(str_starts(stage_seen(&s), STR("HTTP/1.1 503 ")));
    demand(stage_seen(&s), STR("\"message\":\"busy\""));
    CHECK(!has(stage_seen(&s), STR("\"type\":\"error\"")));
    stage_done(&s);
}

TEST(exchange_translate_tells_our_own_errors_as_anthropic_does)
{
    struct stage s;

    start(&s, STR("200 OK"), "application/json", STR(ANSWER));
    ask(&s, STR(MESSAGES), STR(""), STR("{\"model\":\"nobody\",\"max_tokens\":1,\"messages\":[]}"));
    str seen = stage_seen(&s);
    CHECK(str_starts(seen, STR("HTTP/1.1 404 ")));
    demand(seen, STR("\r\nrequest-id: req_"));
    demand(seen, STR("{\"type\":\"error\",\"error\":{\"type\":\"not_found_error\","));
    CHECK_EQ(s.upstream.request_count, 0);
    stage_done(&s);
}

TEST(exchange_translate_asks_another_target_what_one_cannot_say)
{
    struct stage s;

    start(&s, STR("200 OK"), "application/json", STR("{}"));
    ask(&s, STR(CHAT), STR(""),
        STR("{\"model\":\"both\",\"n\":2,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}"));
    CHECK_EQ(s.upstream.request_count, 1);
    CHECK(str_starts(request(&s), STR("POST /api/v1/chat/completions ")));
    demand(stage_seen(&s), STR("\r\nx-sluice-failure: untranslatable\r\n"));
    stage_done(&s);
}

TEST(exchange_translate_refuses_what_no_target_can_say)
{
    struct stage s;

    start(&s, STR("200 OK"), "application/json", STR(ANSWER));
    ask(&s, STR(CHAT), STR(""),
        STR("{\"model\":\"a\",\"n\":2,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}"));
    str seen = stage_seen(&s);
    CHECK(str_starts(seen, STR("HTTP/1.1 400 ")));
    demand(seen, STR("\"param\":\"n\""));
    CHECK_EQ(s.upstream.request_count, 0);
    stage_done(&s);
}

TEST(exchange_translate_refuses_a_malformed_request_with_the_place)
{
    struct stage s;

    start(&s, STR("200 OK"), "application/json", STR(ANSWER));
    ask(&s, STR(CHAT), STR(""),
        STR("{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":7}]}"));
    CHECK(str_starts(stage_seen(&s), STR("HTTP/1.1 400 ")));
    demand(stage_seen(&s), STR("\"param\":\"messages[0].content\""));
    CHECK_EQ(s.upstream.request_count, 0);
    stage_done(&s);
}

TEST(exchange_translate_sends_other_endpoints_only_to_who_has_them)
{
    struct stage s;

    start(&s, STR("200 OK"), "application/json", STR("{}"));
    ask(&s, STR("/v1/embeddings"), STR(""), STR("{\"model\":\"a\",\"input\":\"x\"}"));
    CHECK(str_starts(stage_seen(&s), STR("HTTP/1.1 400 ")));
    CHECK_EQ(s.upstream.request_count, 0);
    stage_forget(&s);
    ask(&s, STR("/v1/embeddings"), STR(""), STR("{\"model\":\"both\",\"input\":\"x\"}"));
    CHECK(str_starts(stage_seen(&s), STR("HTTP/1.1 200 ")));
    CHECK(str_starts(request(&s), STR("POST /api/v1/embeddings ")));
    stage_done(&s);
}

TEST(exchange_translate_turns_a_malformed_answer_into_an_error)
{
    struct stage s;

    start(&s, STR("200 OK"), "application/json", STR("{\"type\":\"message\"}"));
    ask(&s, STR(CHAT), STR(""),
        STR("{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}"));
    CHECK(str_starts(stage_seen(&s), STR("HTTP/1.1 502 ")));
    stage_done(&s);
}

TEST(exchange_translate_lists_models_as_the_client_expects)
{
    struct stage s;

    start(&s, STR("200 OK"), "application/json", STR("{}"));
    fake_client_say(&s.client, STR("GET /v1/models HTTP/1.1\r\nhost: gw\r\n"
                                   "anthropic-version: 2023-06-01\r\n\r\n"));
    stage_settle(&s);
    demand(stage_seen(&s), STR("{\"data\":[{\"type\":\"model\",\"id\":\"o\","));
    demand(stage_seen(&s), STR("\"has_more\":false,\"first_id\":\"o\",\"last_id\":\"both\"}"));
    stage_forget(&s);
    fake_client_say(&s.client, STR("GET /v1/models HTTP/1.1\r\nhost: gw\r\n\r\n"));
    stage_settle(&s);
    demand(stage_seen(&s), STR("{\"object\":\"list\",\"data\":[{\"id\":\"o\","));
    stage_done(&s);
}
