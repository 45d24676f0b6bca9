#include "gateway/exchange.h"

#include "support/stage.h"
#include "support/test.h"

#include <string.h>

#define CHAT "/v1/chat/completions"
#define OK_JSON "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"

static bool has(str text, str part)
{
    return str_find(text, part) < text.len || !part.len;
}

static str request_head(const struct stage *s)
{
    str r = buf_view(&s->upstream.request);

    return str_sub(r, 0, str_find(r, STR("\r\n\r\n")) + 2);
}

static str request_body(const struct stage *s)
{
    str r = buf_view(&s->upstream.request);

    return str_sub(r, str_find(r, STR("\r\n\r\n")) + 4, r.len);
}

static void start(struct stage *s, str yaml)
{
    stage_init(s, yaml);
    s->upstream.script = STR(OK_JSON);
}

TEST(exchange_request_goes_to_the_base_url_with_the_providers_key)
{
    struct stage s;

    start(&s, STR(STAGE_YAML));
    stage_post(&s, STR(CHAT "?x=y"), STR("{\"model\":\"m\"}"));
    str head = request_head(&s);
    CHECK(str_starts(head, STR("POST /api/v1/chat/completions?x=y HTTP/1.1\r\n"
                               "host: up.example:8000\r\n"
                               "authorization: Bearer " STAGE_SECRET "\r\n")));
    CHECK(has(head, STR("\r\ncontent-length: 16\r\n")));
    CHECK_STR(request_body(&s), "{\"model\":\"up-m\"}");
    stage_done(&s);
}

TEST(exchange_request_has_every_model_renamed_and_nothing_else)
{
    static const struct {
        str sent;
        str passed;
    } rows[] = {
        {STR_INIT("{\"model\":\"m\"}"), STR_INIT("{\"model\":\"up-m\"}")},
        {STR_INIT(" { \"a\" : [1, {\"model\":\"m\"}] , \"model\" : \"m\" , \"b\":\"\\u00e4\" } "),
         STR_INIT(
             " { \"a\" : [1, {\"model\":\"m\"}] , \"model\" : \"up-m\" , \"b\":\"\\u00e4\" } ")},
        {STR_INIT("{\"model\":\"other\",\"x\":1,\"model\":\"m\"}"),
         STR_INIT("{\"model\":\"up-m\",\"x\":1,\"model\":\"up-m\"}")},
        {STR_INIT("{\"model\":\"\\u006d\"}"), STR_INIT("{\"model\":\"up-m\"}")},
        {STR_INIT("{\"\\u006dodel\":\"m\"}"), STR_INIT("{\"\\u006dodel\":\"up-m\"}")},
        {STR_INIT("{\"model\":\"a\",\"model\":\"b\",\"model\":\"c\",\"model\":\"m\"}"),
         STR_INIT("{\"model\":\"up-m\",\"model\":\"up-m\",\"model\":\"up-m\",\"model\":\"up-m\"}")},
        // Routed by the last, so served by it, whichever of them the upstream takes.
        {STR_INIT("{\"model\":\"other\",\"model\":\"free\\u000a\"}"),
         STR_INIT("{\"model\":\"free\\u000a\",\"model\":\"free\\u000a\"}")},
        {STR_INIT("{\"model\":\"fr\\u0065e\",\"model\":\"x\",\"model\":\"free\"}"),
         STR_INIT("{\"model\":\"fr\\u0065e\",\"model\":\"free\",\"model\":\"free\"}")},
        // Not renamed: passed byte for byte.
        {STR_INIT("{\"model\":\"free\\u0021\"}"), STR_INIT("{\"model\":\"free\\u0021\"}")},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct stage s;
        start(&s, STR(STAGE_YAML));
        stage_post(&s, STR(CHAT), rows[i].sent);
        CHECK_SAME(request_body(&s), rows[i].passed);
        CHECK_STR(stage_body(&s), "{}");
        stage_done(&s);
    }
}

TEST(exchange_request_escapes_the_name_it_puts_in)
{
    struct stage s;

    start(&s, STR("providers:\n  - {name: p, base_url: \"http://up/v1\"}\n"
                  "models:\n  - {name: m, targets: [{provider: p, model: 'a\"b\\c'}]}\n"));
    stage_post(&s, STR(CHAT), STR("{\"model\":\"m\",\"x\":1}"));
    CHECK_STR(request_body(&s), "{\"model\":\"a\\\"b\\\\c\",\"x\":1}");
    CHECK(has(request_head(&s), STR("\r\ncontent-length: 25\r\n")));
    stage_done(&s);
}

TEST(exchange_request_keeps_a_clients_fields_and_drops_those_of_its_connection)
{
    struct stage s;

    start(&s, STR(STAGE_YAML));
    fake_client_say(&s.client,
                    STR("POST " CHAT " HTTP/1.1\r\nHost: gw\r\nContent-Type: application/json\r\n"
                        "Connection: keep-alive, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: timeout=5\r\n"
                        "TE: trailers\r\nProxy-Connection: x\r\nUpgrade: h2c\r\nTrailer: t\r\n"
                        "Authorization: Bearer client-key\r\nX-Api-Key: client-key\r\n"
                        "X-Sluice-Debug: 1\r\nx-sluice-other: 1\r\nAccept-Encoding: gzip\r\n"
                        "X-Forwarded-For: 10.0.0.1\r\nForwarded: for=x\r\nX-Real-IP: 1\r\n"
                        "OpenAI-Organization: org\r\nIdempotency-Key: k\r\nAccept: */*\r\n"
                        "Content-Length: 13\r\n\r\n{\"model\":\"m\"}"));
    stage_settle(&s);
    str head = request_head(&s);
    static const str dropped[] = {
        STR_INIT("gw\r\n"),      STR_INIT("onnection"),     STR_INIT("X-Mine"),
        STR_INIT("Keep-Alive"),  STR_INIT("TE: "),          STR_INIT("Upgrade"),
        STR_INIT("Trailer"),     STR_INIT("client-key"),    STR_INIT("luice-Debug"),
        STR_INIT("luice-other"), STR_INIT("Encoding"),      STR_INIT("X-Forwarded-For"),
        STR_INIT("Forwarded"),   STR_INIT("X-Real-IP"),     STR_INIT("Content-Length"),
        STR_INIT("X-Api-Key"),   STR_INIT("Authorization"),
    };
    for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++) {
        if (has(head, dropped[i]))
            test_fail(__FILE__, __LINE__, "%" STR_FMT " was passed on", STR_ARG(dropped[i]));
    }
    CHECK(has(head, STR("\r\nx-sluice-deadline-ms: 100000\r\n")));
    CHECK(has(head, STR("Content-Type: application/json\r\nOpenAI-Organization: org\r\n"
                        "Idempotency-Key: k\r\nAccept: */*\r\n")));
    stage_done(&s);
}

TEST(exchange_request_keeps_the_clients_key_where_the_provider_has_none)
{
    struct stage s;

    start(&s, STR("providers:\n  - {name: p, base_url: \"http://up/v1\"}\n"
                  "models:\n  - {name: \"*\", targets: [{provider: p}]}\n"));
    fake_client_say(&s.client, STR("POST " CHAT " HTTP/1.1\r\nHost: gw\r\n"
                                   "Authorization: Bearer client-key\r\n"
                                   "Content-Length: 13\r\n\r\n{\"model\":\"m\"}"));
    stage_settle(&s);
    CHECK(has(request_head(&s), STR("host: up\r\nAuthorization: Bearer client-key\r\n")));
    stage_done(&s);
}

static void check_id(str sent, bool is_kept)
{
    struct stage s;
    struct buf text;

    start(&s, STR(STAGE_YAML));
    buf_init(&text, 10'000);
    CHECK_EQ(buf_append_format(&text, "GET /v1/files HTTP/1.1\r\nHost: gw\r\n%" STR_FMT "\r\n\r\n",
                               STR_ARG(sent)),
             OK);
    fake_client_say(&s.client, buf_view(&text));
    stage_settle(&s);
    str seen = stage_seen(&s);
    str id = str_sub(seen, str_find(seen, STR("x-request-id: ")) + 14, seen.len);
    id = str_cut(&id, '\r');
    str value = str_sub(sent, str_find_char(sent, ' ') + 1, sent.len);
    CHECK_EQ(str_eq(id, value), is_kept);
    if (!is_kept) CHECK(str_starts(id, STR("req_")) && id.len == 28);
    // Both sides hear of the same one, once.
    str head = request_head(&s);
    buf_clear(&text);
    CHECK_EQ(buf_append_format(&text, "\r\nx-request-id: %" STR_FMT "\r\n", STR_ARG(id)), OK);
    size_t at = str_find(head, buf_view(&text));
    CHECK(at < head.len);
    CHECK(!has(str_sub(head, at + 10, head.len), STR("request-id:")) ||
          !has(str_sub(head, at + 20, head.len), STR("request-id:")));
    buf_done(&text);
    stage_done(&s);
}

TEST(exchange_request_keeps_a_presentable_id_and_makes_one_otherwise)
{
    char longest[128 + 14];
    char longer[129 + 14];

    memset(longest, 'a', sizeof(longest));
    memcpy(longest, "X-Request-Id: ", 14);
    memset(longer, 'a', sizeof(longer));
    memcpy(longer, "X-Request-Id: ", 14);
    check_id(STR("X-Request-Id: abc-123_x.y"), true);
    check_id((str){longest, sizeof(longest)}, true);
    check_id((str){longer, sizeof(longer)}, false);
    check_id(STR("X-Request-Id: a b"), false);
    check_id(STR("X-Request-Id: a\"b"), false);
    check_id(STR("X-Request-Id: "), false);
    check_id(STR("X-Other: 1"), false);
}

TEST(exchange_request_streams_an_upload_through)
{
    struct stage s;

    start(&s, STR(STAGE_YAML));
    fake_client_say(&s.client, STR("POST /v1/files HTTP/1.1\r\nHost: gw\r\n"
                                   "Content-Length: 10\r\n\r\n01234"));
    stage_settle(&s);
    CHECK(str_ends(buf_view(&fake_upstream_conn(&s.upstream)->seen), STR("\r\n\r\n01234")));
    fake_client_say(&s.client, STR("56789"));
    stage_settle(&s);
    CHECK_STR(request_body(&s), "0123456789");
    CHECK(has(request_head(&s), STR("\r\ncontent-length: 10\r\n")));
    CHECK_STR(stage_body(&s), "{}");
    stage_forget(&s);
    fake_client_say(&s.client, STR("POST /v1/files HTTP/1.1\r\nHost: gw\r\n"
                                   "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"));
    stage_settle(&s);
    fake_client_say(&s.client, STR("2\r\nde\r\n0\r\n\r\n"));
    stage_settle(&s);
    CHECK_STR(request_body(&s), "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    CHECK_STR(stage_body(&s), "{}");
    CHECK_EQ(s.upstream.conn_count, 1);
    stage_done(&s);
}

TEST(exchange_request_without_a_body_says_so_where_it_must)
{
    struct stage s;

    start(&s, STR(STAGE_YAML));
    fake_client_say(&s.client, STR("POST /v1/batches/b/cancel HTTP/1.1\r\nHost: gw\r\n"
                                   "Content-Length: 0\r\n\r\n"));
    stage_settle(&s);
    CHECK(has(request_head(&s), STR("\r\ncontent-length: 0\r\n")));
    stage_forget(&s);
    fake_client_say(&s.client, STR("DELETE /v1/files/f HTTP/1.1\r\nHost: gw\r\n\r\n"));
    stage_settle(&s);
    CHECK(str_starts(request_head(&s), STR("DELETE /api/v1/files/f HTTP/1.1\r\n")));
    CHECK(!has(request_head(&s), STR("content-length")));
    CHECK_STR(stage_body(&s), "{}");
    stage_done(&s);
}

TEST(exchange_request_accepts_any_split)
{
    for (uint64_t seed = 1; seed < 40; seed++) {
        struct stage s;
        stage_init_with(
            &s, STR(STAGE_YAML), NULL,
            (struct memory_stream_options){.capacity = 20 + seed, .seed = test_seed() + seed});
        s.upstream.script = STR(OK_JSON);
        stage_post(&s, STR(CHAT), STR("{\"x\":\"0123456789\",\"model\":\"m\"}"));
        stage_settle(&s);
        stage_settle(&s);
        CHECK_STR(request_body(&s), "{\"x\":\"0123456789\",\"model\":\"up-m\"}");
        CHECK_STR(stage_body(&s), "{}");
        stage_done(&s);
    }
}
