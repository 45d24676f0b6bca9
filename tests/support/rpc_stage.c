#include "support/rpc_stage.h"

#include "codec/grpc_frame.h"
#include "gateway/services.h"

#include "support/golden.h"
#include "support/test.h"

#include <stdio.h>

enum { TURNS = 200 };

// The settings with the table of their services.
static void make_settings(struct rpc_stage *s, str yaml)
{
    static const char *const environment[] = {"KEY=sk-very-secret", NULL};
    struct diag d;

    diag_init(&d);
    CHECK_EQ(settings_parse(yaml, environment, &d, &s->settings), OK);
    buf_init(&s->set, 1 << 20);
    golden_read("tests/rpc/descriptors.bin", &s->set);
    for (size_t i = 0; i < s->settings->provider_count; i++) {
        if (s->settings->providers[i].descriptor_set.len)
            s->settings->providers[i].descriptors = buf_view(&s->set);
    }
    CHECK_EQ(services_attach(s->settings, &d), OK);
    diag_done(&d);
}

void rpc_stage_init(struct rpc_stage *s, str yaml)
{
    const struct memory_stream_options plain = {.seed = 0};

    *s = (struct rpc_stage){.settings = NULL};
    loop_init_virtual(&s->loop, 1'000'000);
    fake_h2_init(&s->far, &s->loop);
    make_settings(s, yaml);
    s->board = route_board_new(CELLS_MAX, 1);
    const struct gateway_options made = {
        .dialer = &s->far.dialer.dialer, .shares = 1, .board = s->board};
    CHECK_EQ(gateway_init(&s->gateway, &s->loop, &made, s->settings), OK);
    random_init(&s->gateway.random, 1);
    server_accept(&s->gateway.server, h2_peer_connect(&s->peer, &s->loop, plain));
    server_accept(&s->gateway.server, fake_client_connect(&s->client, &s->loop, plain));
    h2_peer_begin(&s->peer);
    rpc_stage_settle(s);
    h2_peer_forget(&s->peer);
}

void rpc_stage_done(struct rpc_stage *s)
{
    fake_client_done(&s->client);
    h2_peer_done(&s->peer);
    rpc_stage_settle(s);
    gateway_close(&s->gateway);
    rpc_stage_settle(s);
    CHECK(list_is_empty(&s->gateway.rpcs));
    CHECK_EQ(s->gateway.rpc_pool.live_count, 0);
    CHECK_EQ(s->gateway.exchange_pool.live_count, 0);
    CHECK_EQ(s->gateway.server.counts.calls_open, 0);
    CHECK_EQ(s->gateway.client.stream_pool.live_count, 0);
    gateway_done(&s->gateway);
    fake_h2_done(&s->far);
    settings_unref(s->settings);
    buf_done(&s->set);
    route_board_free(s->board);
    loop_done(&s->loop);
}

void rpc_stage_settle(struct rpc_stage *s)
{
    for (int i = 0; i < TURNS; i++) {
        loop_turn(&s->loop, 0);
    }
}

void rpc_stage_wait(struct rpc_stage *s, msec ms)
{
    msec until = s->loop.now + ms;

    while (s->loop.now < until && loop_turn(&s->loop, until - s->loop.now)) {
    }
    rpc_stage_settle(s);
}

static void frame(struct buf *out, str message)
{
    buf_init(out, 64 << 20);
    CHECK_EQ(grpc_frame_append(out, message, false), OK);
}

void rpc_stage_call(struct rpc_stage *s, str fields, str message)
{
    struct buf body;

    frame(&body, message);
    h2_peer_headers(&s->peer, 0, 1, fields);
    h2_peer_frame(&s->peer, NGHTTP2_DATA, H2_PEER_END_STREAM, 1, buf_view(&body));
    rpc_stage_settle(s);
    buf_done(&body);
}

void rpc_stage_ask(struct rpc_stage *s, const char *line, str body)
{
    char head[1024];
    int len = snprintf(head, sizeof(head), "%s HTTP/1.1\r\nhost: gw\r\ncontent-length: %zu\r\n\r\n",
                       line, body.len);

    buf_clear(&s->client.seen);
    fake_client_say(&s->client, (str){.ptr = head, .len = (size_t)len});
    fake_client_say(&s->client, body);
    rpc_stage_settle(s);
}

struct fake_h2_stream *rpc_stage_upstream(struct rpc_stage *s)
{
    struct fake_h2_stream *stream = fake_h2_stream(&s->far);

    CHECK(stream != NULL);
    return stream;
}

void rpc_stage_begin(struct rpc_stage *s)
{
    fake_h2_head(rpc_stage_upstream(s), "200", STR("content-type: application/grpc\r\n"), false);
    rpc_stage_settle(s);
}

void rpc_stage_say(struct rpc_stage *s, str message)
{
    struct buf body;

    frame(&body, message);
    fake_h2_say(rpc_stage_upstream(s), buf_view(&body), false);
    rpc_stage_settle(s);
    buf_done(&body);
}

void rpc_stage_end(struct rpc_stage *s, str trailers)
{
    fake_h2_end(rpc_stage_upstream(s), trailers);
    rpc_stage_settle(s);
}

str rpc_stage_told(struct rpc_stage *s)
{
    rpc_stage_settle(s);
    return h2_peer_told(&s->peer);
}
