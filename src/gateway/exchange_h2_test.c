// Exchanges whose clients speak HTTP/2.
#include "gateway/exchange.h"

#include "support/h2_peer.h"
#include "support/stage.h"
#include "support/test.h"

#define POST                                                                                       \
    ":method: POST|:scheme: http|:authority: gw|:path: /v1/chat/completions|"                      \
    "content-type: application/json|"
#define STREAMED "{\"model\":\"m\",\"stream\":true}"
#define HEAD "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
#define EVENT(text) "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" text "\"}}]}\n\n"
#define STOP "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define DONE "data: [DONE]\n\n"
#define TEN                                                                                        \
    EVENT("0")                                                                                     \
    EVENT("1")                                                                                     \
    EVENT("2") EVENT("3") EVENT("4") EVENT("5") EVENT("6") EVENT("7") EVENT("8") EVENT("9")

static void start(struct stage *s, struct h2_peer *p)
{
    stage_init(s, STR(STAGE_YAML));
    server_accept(&s->gateway.server,
                  h2_peer_connect(p, &s->loop, (struct memory_stream_options){0}));
    h2_peer_begin(p);
    h2_peer_headers(p, 0, 1, STR(POST));
    h2_peer_frame(p, NGHTTP2_DATA, H2_PEER_END_STREAM, 1, STR(STREAMED));
    stage_settle(s);
    h2_peer_forget(p);
}

static void finish(struct stage *s, struct h2_peer *p)
{
    h2_peer_done(p);
    stage_settle(s);
    stage_done(s);
}

// Frames of stream 1 that carry `text` and nothing else.
static int count_frames(struct h2_peer *p, str text)
{
    str told = h2_peer_told(p);
    int count = 0;

    for (size_t at = str_find(told, text); at < told.len; at = str_find(told, text)) {
        bool begins = at >= 7 && str_ends(str_sub(told, 0, at), STR("DATA 1 "));
        bool ends = str_starts(str_sub(told, at + text.len, told.len), STR("\nDATA 1 ")) ||
                    at + text.len + 1 == told.len;
        count += begins && ends;
        told = str_sub(told, at + text.len, told.len);
    }
    return count;
}

TEST(exchange_h2_gives_each_event_a_frame_however_they_come)
{
    struct h2_peer p;
    struct stage s;

    start(&s, &p);
    size_t before = p.frames;
    stage_upstream_says(&s, STR(HEAD TEN));
    str told = h2_peer_told(&p);
    CHECK_EQ(p.frames - before, 1 + 10); // a head and ten events
    CHECK_EQ(count_frames(&p, STR(EVENT("0"))), 1);
    CHECK_EQ(count_frames(&p, STR(EVENT("9"))), 1);
    h2_peer_forget(&p);
    stage_upstream_says(&s, STR(EVENT("a") "data: {\"choices\":[{\"ind"));
    stage_upstream_says(&s, STR("ex\":0,\"delta\":{}}]}\n\n" STOP DONE));
    told = h2_peer_told(&p);
    CHECK(str_starts(told, STR("DATA 1 " EVENT("a") "\nDATA 1 data: {\"choices\":[{\"index\":0,"
                                                    "\"delta\":{}}]}\n\n\nDATA 1 " STOP
                                                    "\nDATA 1 " DONE)));
    fake_upstream_end(fake_upstream_conn(&s.upstream), FAKE_UPSTREAM_ENDS);
    stage_settle(&s);
    told = h2_peer_told(&p);
    CHECK(str_ends(told, STR("DATA 1 END \n")));
    finish(&s, &p);
}

TEST(exchange_h2_a_client_that_gives_up_cancels_the_upstream)
{
    struct h2_peer p;
    struct stage s;

    start(&s, &p);
    stage_upstream_says(&s, STR(HEAD EVENT("hi")));
    CHECK_EQ(s.upstream.open_count, 1);
    h2_peer_number(&p, NGHTTP2_RST_STREAM, 1, NGHTTP2_CANCEL);
    stage_settle(&s);
    CHECK_EQ(s.upstream.open_count, 0);
    CHECK_EQ(atomic_load(&s.gateway.metrics.clients_gone), 1);
    gateway_measure(&s.gateway);
    CHECK_EQ(atomic_load(&s.gateway.metrics.http2_connections), 1);
    CHECK_EQ(atomic_load(&s.gateway.metrics.http2_requests), 1);
    CHECK_EQ(atomic_load(&s.gateway.metrics.http2_resets), 1);
    CHECK_EQ(atomic_load(&s.gateway.metrics.http2_floods), 0);
    h2_peer_frame(&p, NGHTTP2_PING, 0, 0, STR("12345678"));
    stage_settle(&s);
    str told = h2_peer_told(&p);
    CHECK(str_ends(told, STR("PING ack 12345678\n")));
    finish(&s, &p);
}

TEST(exchange_h2_a_cut_stream_is_told_and_ended)
{
    struct h2_peer p;
    struct stage s;

    start(&s, &p);
    stage_upstream_says(&s, STR(HEAD EVENT("hi")));
    fake_upstream_end(fake_upstream_conn(&s.upstream), FAKE_UPSTREAM_ENDS);
    stage_settle(&s);
    str told = h2_peer_told(&p);
    CHECK(str_find(told, STR("DATA 1 END data: {\"error\":")) < told.len);
    finish(&s, &p);
}
