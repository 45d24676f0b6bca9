#include "gateway/gateway.h"

#include "support/stage.h"
#include "support/test.h"

#define CHAT "/v1/chat/completions"
#define STREAMED "{\"model\":\"m\",\"stream\":true}"
#define STREAM_HEAD "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
#define HI "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}\n\n"
#define STOP "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define OK_JSON "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
#define NEW_YAML                                                                                   \
    "providers:\n  - {name: new, base_url: \"http://new/v1\"}\n"                                   \
    "models:\n  - {name: m, targets: [{provider: new, model: renewed}]}\n"

static bool has(str text, str part)
{
    return str_find(text, part) < text.len;
}

static size_t view_count(const struct gateway *g)
{
    size_t count = 0;

    for (const struct link *l = g->views.next; l != &g->views; l = l->next) {
        count++;
    }
    return count;
}

static void apply(struct stage *s, str yaml)
{
    struct settings *settings = stage_settings(yaml);

    CHECK_EQ(gateway_apply(&s->gateway, settings), OK);
    settings_unref(settings);
}

TEST(gateway_applies_new_settings_to_new_requests_at_once)
{
    struct stage s;

    stage_init(&s, STR(STAGE_YAML));
    s.upstream.script = STR(OK_JSON);
    stage_post(&s, STR(CHAT), STR("{\"model\":\"m\"}"));
    CHECK_EQ(s.upstream.open_count, 1);
    apply(&s, STR(NEW_YAML));
    stage_settle(&s);
    CHECK_EQ(s.upstream.open_count, 0); // idle conns of the old
    CHECK_EQ(view_count(&s.gateway), 1);
    stage_forget(&s);
    stage_post(&s, STR(CHAT), STR("{\"model\":\"m\"}"));
    CHECK(has(buf_view(&s.upstream.request), STR("\r\nhost: new\r\n")));
    CHECK(str_ends(buf_view(&s.upstream.request), STR("{\"model\":\"renewed\"}")));
    CHECK_STR(stage_body(&s), "{}");
    stage_done(&s);
}

TEST(gateway_lets_a_stream_end_with_the_settings_it_began_with)
{
    struct stage s;
    struct fake_client other;

    stage_init(&s, STR(STAGE_YAML));
    stage_post(&s, STR(CHAT), STR(STREAMED));
    stage_upstream_says(&s, STR(STREAM_HEAD HI));
    struct fake_upstream_conn *old = fake_upstream_conn(&s.upstream);
    apply(&s, STR(NEW_YAML));
    apply(&s, STR(NEW_YAML));
    stage_settle(&s);
    CHECK_EQ(view_count(&s.gateway), 2); // what nobody used has gone
    stage_connect(&s, &other, (struct memory_stream_options){.seed = 0});
    s.upstream.script = STR(OK_JSON);
    fake_client_say(&other, STR("POST " CHAT " HTTP/1.1\r\nHost: gw\r\n"
                                "Content-Length: 13\r\n\r\n{\"model\":\"m\"}"));
    stage_settle(&s);
    CHECK(has(buf_view(&s.upstream.request), STR("\r\nhost: new\r\n")));
    CHECK(has(buf_view(&other.seen), STR("x-sluice-provider: new\r\n")));
    fake_upstream_say(old, STR(STOP));
    fake_upstream_end(old, FAKE_UPSTREAM_ENDS);
    stage_settle(&s);
    CHECK(has(stage_seen(&s), STR("x-sluice-provider: p\r\n")));
    CHECK(has(stage_seen(&s), STR("data: [DONE]")));
    stage_wait(&s, 200);
    CHECK_EQ(view_count(&s.gateway), 1);
    fake_client_done(&other);
    stage_done(&s);
}

TEST(gateway_drops_old_settings_once_their_dials_have_ended)
{
    struct stage s;

    stage_init(&s, STR(STAGE_YAML));
    s.upstream.dialer.delay = 1'000;
    stage_post(&s, STR(CHAT), STR(STREAMED));
    apply(&s, STR(NEW_YAML));
    CHECK_EQ(view_count(&s.gateway), 2);
    fake_client_leave(&s.client, STREAM_CLOSE);
    stage_wait(&s, 200);
    CHECK_EQ(view_count(&s.gateway), 1);
    CHECK_EQ(s.upstream.dialer.live_count, 0);
    stage_done(&s);
}

TEST(gateway_keeps_the_old_settings_where_new_ones_can_not_be_applied)
{
    struct stage s;
    struct settings *bad =
        stage_settings(STR("providers:\n  - {name: a, base_url: \"http://a/v1\"}\n"
                           "  - {name: b, base_url: \"https://b/v1\", ca_file: /nowhere/ca.pem}\n"
                           "models:\n  - {name: m, targets: [{provider: a}]}\n"));

    stage_init(&s, STR(STAGE_YAML));
    CHECK(gateway_apply(&s.gateway, bad) != OK);
    CHECK_EQ(view_count(&s.gateway), 1);
    s.upstream.script = STR(OK_JSON);
    stage_post(&s, STR(CHAT), STR("{\"model\":\"m\"}"));
    CHECK(has(buf_view(&s.upstream.request), STR("up-m")));
    settings_unref(bad);
    stage_done(&s);
}

static int drained_count;

static void on_drained(struct gateway *g)
{
    (void)g;
    drained_count++;
}

TEST(gateway_drains_after_the_last_exchange)
{
    struct stage s;

    drained_count = 0;
    stage_init(&s, STR(STAGE_YAML));
    s.gateway.drained = on_drained;
    stage_post(&s, STR(CHAT), STR(STREAMED));
    stage_upstream_says(&s, STR(STREAM_HEAD HI));
    gateway_drain(&s.gateway);
    stage_settle(&s);
    CHECK_EQ(drained_count, 0);
    stage_upstream_says(&s, STR(STOP));
    fake_upstream_end(fake_upstream_conn(&s.upstream), FAKE_UPSTREAM_ENDS);
    stage_settle(&s);
    CHECK(has(stage_seen(&s), STR("data: [DONE]")));
    CHECK_EQ(s.client.end, ERR_EOF);
    fake_client_leave(&s.client, STREAM_CLOSE);
    stage_settle(&s);
    CHECK_EQ(drained_count, 1);
    s.gateway.drained = NULL;
    stage_done(&s);
}

TEST(gateway_close_tells_every_client_in_its_dialect)
{
    struct stage s;
    struct fake_client waiting;
    struct fake_client sending;

    stage_init(&s, STR(STAGE_YAML));
    stage_post(&s, STR(CHAT), STR(STREAMED));
    stage_upstream_says(&s, STR(STREAM_HEAD HI));
    stage_connect(&s, &waiting, (struct memory_stream_options){.seed = 0});
    fake_client_say(&waiting, STR("POST " CHAT " HTTP/1.1\r\nHost: gw\r\n"
                                  "Content-Length: 13\r\n\r\n{\"model\":\"m\"}"));
    stage_connect(&s, &sending, (struct memory_stream_options){.seed = 0});
    fake_client_say(&sending, STR("POST " CHAT " HTTP/1.1\r\nHost: gw\r\n"
                                  "Content-Length: 13\r\n\r\n{\"mod"));
    stage_settle(&s);
    gateway_close(&s.gateway);
    CHECK_EQ(s.gateway.exchange_pool.live_count, 0);
    stage_settle(&s);
    CHECK(has(stage_seen(&s), STR("The gateway is shutting down.\",\"param\":null,"
                                  "\"code\":\"shutting_down\"}}\n\n\r\n0\r\n\r\n")));
    CHECK(str_starts(buf_view(&waiting.seen), STR("HTTP/1.1 503 ")));
    CHECK(has(buf_view(&waiting.seen), STR("shutting_down")));
    CHECK(str_starts(buf_view(&sending.seen), STR("HTTP/1.1 503 ")));
    CHECK_EQ(s.upstream.open_count, 0);
    fake_client_done(&waiting);
    fake_client_done(&sending);
    stage_done(&s);
}

// A network takes time: what was said last must be delivered although nobody has read it yet.
TEST(gateway_close_does_not_take_its_last_words_back)
{
    struct stage s;

    stage_init(&s, STR(STAGE_YAML));
    stage_post(&s, STR(CHAT), STR(STREAMED));
    stage_upstream_says(&s, STR(STREAM_HEAD HI));
    s.client.is_deaf = true;
    gateway_close(&s.gateway);
    stage_settle(&s);
    fake_client_listen(&s.client);
    CHECK(has(stage_seen(&s), STR("shutting_down")));
    CHECK(has(stage_seen(&s), STR("\r\n0\r\n\r\n")));
    stage_done(&s);
}

TEST(gateway_measures_what_its_server_and_client_count)
{
    struct stage s;

    stage_init(&s, STR(STAGE_YAML));
    s.upstream.script = STR(OK_JSON);
    for (int i = 0; i < 3; i++) {
        stage_post(&s, STR(CHAT), STR("{\"model\":\"m\"}"));
    }
    fake_client_say(&s.client, STR("bad head\r\n\r\n"));
    stage_settle(&s);
    gateway_measure(&s.gateway);
    const struct metrics *m = &s.gateway.metrics;
    CHECK_EQ(atomic_load(&m->connections_opened), 1);
    CHECK_EQ(atomic_load(&m->upstream_connections), 1);
    CHECK_EQ(atomic_load(&m->upstream_reuses), 2);
    CHECK_EQ(atomic_load(&m->heads_rejected), 1);
    CHECK_EQ(atomic_load(&m->requests_chat), 3);
    CHECK_EQ(atomic_load(&m->answers_2xx), 3);
    CHECK_EQ(atomic_load(&m->exchanges_open), 0);
    stage_done(&s);
}

TEST(gateway_describes_what_its_server_refuses)
{
    struct stage s;

    stage_init(&s, STR(STAGE_YAML));
    fake_client_say(&s.client, STR("GET / HTTP/1.1\r\n\r\n"));
    stage_settle(&s);
    CHECK(str_starts(stage_seen(&s), STR("HTTP/1.1 400 Bad Request\r\n")));
    CHECK_STR(stage_body(&s),
              "{\"error\":{\"type\":\"invalid_request_error\",\"message\":\"malformed request "
              "head\",\"param\":null,\"code\":\"bad_request\"}}");
    stage_done(&s);
}
