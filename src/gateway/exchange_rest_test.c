#include "gateway/exchange.h"

#include "support/stage.h"
#include "support/test.h"

#include <stdio.h>

#define ASKED                                                                                      \
    "{\"model\":\"m\",\"messages\":[{\"role\":\"ROLE_USER\",\"parts\":[{\"text\":\"hi\"}]}]}"
#define HEAD "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
#define EVENT(text) "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" text "\"}}]}\n\n"
#define STOP "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define DONE "data: [DONE]\n\n"
#define WHOLE                                                                                      \
    "{\"id\":\"x\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"     \
    "\"caf\\u00e9\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,"                 \
    "\"completion_tokens\":2,\"total_tokens\":5}}"

static bool has(str text, str part)
{
    return str_find(text, part) < text.len;
}

static void demand(str text, str part)
{
    if (!has(text, part))
        test_fail(__FILE__, __LINE__, "no \"%" STR_FMT "\" in \"%" STR_FMT "\"", STR_ARG(part),
                  STR_ARG(text));
}

// `path`, perhaps with fields behind it.
static void ask(struct stage *s, const char *path, str body)
{
    char head[512];
    int len =
        snprintf(head, sizeof(head), "POST %s HTTP/1.1\r\nhost: gw\r\ncontent-length: %zu\r\n\r\n",
                 path, body.len);

    stage_forget(s);
    fake_client_say(&s->client, (str){.ptr = head, .len = (size_t)len});
    fake_client_say(&s->client, body);
    stage_settle(s);
}

static void answer(struct stage *s, const char *status, str body)
{
    char head[256];
    int len = snprintf(head, sizeof(head),
                       "HTTP/1.1 %s\r\ncontent-type: application/json\r\nretry-after: 7\r\n"
                       "content-length: %zu\r\n\r\n",
                       status, body.len);

    fake_upstream_say(fake_upstream_conn(&s->upstream), (str){.ptr = head, .len = (size_t)len});
    stage_upstream_says(s, body);
}

static void check_whole(struct stage *s, const char *status, str part)
{
    char line[64];

    (void)snprintf(line, sizeof(line), "HTTP/1.1 %s", status);
    demand(stage_seen(s), part);
    CHECK(str_starts(stage_seen(s), str_from_c(line)));
    CHECK(stage_is_whole(stage_seen(s)));
}

TEST(exchange_rest_asks_a_model_and_shows_its_answer)
{
    static const char *const paths[] = {
        "/sluice/v1/chat",
        "/sluice.v1.Chat/Complete HTTP/1.1\r\ncontent-type: application/json; charset=utf-8\r\nx:",
    };

    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        struct stage s;
        stage_init(&s, STR(STAGE_YAML));
        ask(&s, paths[i], STR(ASKED));
        str asked = buf_view(&s.upstream.request);
        CHECK(str_starts(asked, STR("POST /api/v1/chat/completions HTTP/1.1\r\n")));
        demand(asked, STR("\"model\":\"up-m\""));
        demand(asked, STR("\"content\":\"hi\""));
        answer(&s, "200 OK", STR(WHOLE));
        check_whole(&s, "200", STR("\"text\":\"café\""));
        str seen = stage_seen(&s);
        demand(seen, STR("\r\ncontent-type: application/json\r\n"));
        demand(seen, STR("\r\nx-sluice-provider: p\r\n"));
        demand(seen, STR("\"inputTokens\":\"3\""));
        demand(seen, STR("FINISH_REASON_STOP"));
        stage_done(&s);
    }
}

// What the client has seen since it was last looked at; each chunk of it is one event.
static size_t count_chunks(struct stage *s, str part)
{
    size_t count = 0;

    for (str rest = stage_seen(s); rest.len; (void)str_cut(&rest, '\n')) {
        count += str_starts(rest, part);
    }
    return count;
}

TEST(exchange_rest_tells_a_stream_message_by_message)
{
    struct stage s;

    stage_init(&s, STR(STAGE_YAML));
    ask(&s, "/sluice/v1/chat:stream", STR(ASKED));
    demand(buf_view(&s.upstream.request), STR("\"stream\":true"));
    stage_upstream_says(&s, STR(HEAD EVENT("a")));
    str seen = stage_seen(&s);
    demand(seen, STR("\r\ncontent-type: application/x-ndjson\r\n"));
    demand(seen, STR("\r\nx-accel-buffering: no\r\n"));
    CHECK_EQ(count_chunks(&s, STR("{\"start\":")), 1);
    demand(seen, STR("\"text\":\"a\"")); // with the event that said it, not behind the next one
    stage_forget(&s);
    stage_upstream_says(&s, STR(EVENT("b")));
    demand(stage_seen(&s), STR("\"text\":\"b\""));
    stage_forget(&s);
    stage_upstream_says(&s, STR(STOP DONE));
    fake_upstream_end(fake_upstream_conn(&s.upstream), FAKE_UPSTREAM_ENDS);
    stage_settle(&s);
    seen = stage_seen(&s);
    demand(seen, STR("FINISH_REASON_STOP"));
    CHECK(!has(seen, STR("\"error\"")));
    CHECK(str_ends(seen, STR("0\r\n\r\n")));
    stage_done(&s);
}

TEST(exchange_rest_tells_a_stream_as_events_where_these_are_asked_for)
{
    struct stage s;

    stage_init(&s, STR(STAGE_YAML));
    ask(&s, "/sluice/v1/chat:stream HTTP/1.1\r\naccept: text/event-stream\r\nx:", STR(ASKED));
    stage_upstream_says(&s, STR(HEAD EVENT("a") STOP DONE));
    fake_upstream_end(fake_upstream_conn(&s.upstream), FAKE_UPSTREAM_ENDS);
    stage_settle(&s);
    str seen = stage_seen(&s);
    demand(seen, STR("\r\ncontent-type: text/event-stream\r\n"));
    demand(seen, STR("data: {\"start\":"));
    demand(seen, STR("\"text\":\"a\"}"));
    CHECK(str_ends(seen, STR("0\r\n\r\n")));
    stage_done(&s);
}

TEST(exchange_rest_never_ends_a_cut_stream_as_if_it_were_whole)
{
    for (int is_event = 0; is_event < 2; is_event++) {
        struct stage s;
        stage_init(&s, STR(STAGE_YAML));
        ask(&s,
            is_event ? "/sluice/v1/chat:stream HTTP/1.1\r\naccept: text/event-stream\r\nx:"
                     : "/sluice/v1/chat:stream",
            STR(ASKED));
        stage_upstream_says(&s, STR(HEAD EVENT("a")));
        stage_forget(&s);
        fake_upstream_end(fake_upstream_conn(&s.upstream), FAKE_UPSTREAM_ENDS);
        stage_settle(&s);
        demand(stage_seen(&s), is_event
                                   ? STR("event: error\ndata: {\"error\":{\"code\":14,\"message\":")
                                   : STR("\r\n{\"error\":{\"code\":14,\"message\":"));
        CHECK(str_ends(stage_seen(&s), STR("0\r\n\r\n")));
        CHECK_EQ(atomic_load(&s.gateway.metrics.streams_cut), 1);
        stage_done(&s);
    }
}

TEST(exchange_rest_tells_a_failure_in_the_body_once_the_head_has_gone)
{
    struct stage s;

    stage_init(&s, STR(STAGE_YAML));
    ask(&s, "/sluice/v1/chat:stream HTTP/1.1\r\nx-stainless-timeout: 1\r\nx:", STR(ASKED));
    stage_upstream_says(&s, STR(HEAD));
    CHECK_EQ(stage_seen(&s).len, 0);
    stage_wait(&s, 1000); // the client would not wait for longer
    CHECK(str_starts(stage_seen(&s), STR("HTTP/1.1 200 OK\r\n")));
    fake_upstream_end(fake_upstream_conn(&s.upstream), FAKE_UPSTREAM_ENDS);
    stage_settle(&s);
    check_whole(&s, "200", STR("{\"error\":{\"code\":14,"));
    stage_done(&s);
}

TEST(exchange_rest_passes_on_what_a_stream_says_of_its_failure)
{
    struct stage s;

    stage_init(&s, STR(STAGE_YAML));
    ask(&s, "/sluice/v1/chat:stream", STR(ASKED));
    stage_upstream_says(
        &s, STR(HEAD EVENT("a") "data: {\"error\":{\"message\":\"too hot\",\"code\":503}}\n\n"));
    demand(stage_seen(&s), STR("{\"error\":{\"code\":14,\"message\":\"too hot\","
                               "\"status\":\"UNAVAILABLE\"}}"));
    stage_done(&s);
}

struct error_row {
    const char *path;
    str body;
    const char *upstream; // its status; NULL where it is not asked
    const char *status;
    str told;
};

TEST(exchange_rest_tells_errors_as_statuses)
{
    static const struct error_row rows[] = {
        {"/sluice/v1/chat", STR_INIT("{"), NULL, "400", STR_INIT("{\"code\":3,\"message\":\"")},
        {"/sluice/v1/chat", STR_INIT("{\"nothing\":1}"), NULL, "400", STR_INIT("nothing")},
        {"/sluice/v1/chat?nothing=1", STR_INIT(ASKED), NULL, "400",
         STR_INIT("parameter \\\"nothing\\\" is unknown")},
        {"/sluice/v1/chat", STR_INIT("{}"), NULL, "400", STR_INIT("\"INVALID_ARGUMENT\"")},
        {"/sluice/v1/chat", STR_INIT(ASKED), "429 Too Many", "429",
         STR_INIT("\"status\":\"RESOURCE_EXHAUSTED\"}")},
        {"/sluice/v1/chat", STR_INIT(ASKED), "401 No", "401", STR_INIT("{\"code\":16,")},
        {"/sluice/v1/chat", STR_INIT(ASKED), "500 Oh", "500", STR_INIT("{\"code\":13,")},
        {"/sluice/v1/chat:stream", STR_INIT(ASKED), "404 No", "404", STR_INIT("{\"code\":5,")},
        {"/sluice/v1/chat", STR_INIT(ASKED), "200 OK", "503", STR_INIT("{\"code\":14,")},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct stage s;
        stage_init(&s, STR(STAGE_YAML));
        ask(&s, rows[i].path, rows[i].body);
        CHECK_EQ(s.upstream.request_count, rows[i].upstream != NULL);
        if (rows[i].upstream)
            answer(&s, rows[i].upstream, STR("{\"error\":{\"message\":\"so it is\"}}"));
        check_whole(&s, rows[i].status, rows[i].told);
        demand(stage_seen(&s), STR("\r\ncontent-type: application/json\r\n"));
        stage_done(&s);
    }
}

TEST(exchange_rest_bounds_a_request)
{
    static char block[3000];
    struct stage s;

    stage_init(&s, STR("limits: {body_bytes: 2KiB}\n" STAGE_ROUTES));
    ask(&s, "/sluice/v1/chat", (str){.ptr = block, .len = sizeof(block)});
    check_whole(&s, "413", STR("\"status\":\"RESOURCE_EXHAUSTED\""));
    stage_done(&s);
}

TEST(exchange_rest_ends_with_an_error_where_a_message_can_not_be_shown)
{
    struct stage s;
    struct buf event;

    // What the answer may grow to is a multiple of what a request may have.
    stage_init(&s, STR("limits: {body_bytes: 1KiB}\n" STAGE_ROUTES));
    buf_init(&event, 1 << 16);
    CHECK_EQ(buf_append(&event, STR(HEAD "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":"
                                         "\"")),
             OK);
    for (int i = 0; i < 1500; i++) {
        CHECK_EQ(buf_append(&event, STR("\\u0001")), OK);
    }
    CHECK_EQ(buf_append(&event, STR("\"}}]}\n\n" STOP DONE)), OK);
    ask(&s, "/sluice/v1/chat:stream", STR(ASKED));
    stage_upstream_says(&s, buf_view(&event));
    fake_upstream_end(fake_upstream_conn(&s.upstream), FAKE_UPSTREAM_ENDS);
    stage_settle(&s);
    check_whole(&s, "500", STR("\"status\":\"INTERNAL\""));
    CHECK(!has(stage_seen(&s), STR("FINISH")));
    buf_done(&event);
    stage_done(&s);
}
