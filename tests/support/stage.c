#include "support/stage.h"

#include "codec/h1.h"

#include "support/test.h"

#include <stdio.h>

enum { TURNS = 200, FIELDS_MAX = 100 };

struct settings *stage_settings(str yaml)
{
    static const char *const environment[] = {"KEY=" STAGE_SECRET, NULL};
    struct settings *settings = NULL;
    struct buf printed;
    struct diag d;

    diag_init(&d);
    buf_init(&printed, 1 << 20);
    if (settings_parse(yaml, environment, &d, &settings)) {
        (void)diag_print(&d, STR("stage"), &printed);
        str text = buf_view(&printed);
        test_fail(__FILE__, __LINE__, "%" STR_FMT, STR_ARG(text));
    }
    buf_done(&printed);
    diag_done(&d);
    return settings;
}

void stage_init_with(struct stage *s, str yaml, struct log_writer *log,
                     struct memory_stream_options options)
{
    *s = (struct stage){.settings = NULL};
    loop_init_virtual(&s->loop, 1'000'000);
    fake_upstream_init(&s->upstream, &s->loop);
    s->upstream.dialer.options = options;
    s->settings = stage_settings(yaml);
    s->board = route_board_new(CELLS_MAX, 1);
    const struct gateway_options made = {
        .dialer = &s->upstream.dialer.dialer, .access_log = log, .shares = 1, .board = s->board};

    CHECK_EQ(gateway_init(&s->gateway, &s->loop, &made, s->settings), OK);
    random_init(&s->gateway.random, 1);
    stage_connect(s, &s->client, options);
}

void stage_init(struct stage *s, str yaml)
{
    stage_init_with(s, yaml, NULL, (struct memory_stream_options){.seed = 0});
}

void stage_done(struct stage *s)
{
    fake_client_done(&s->client);
    stage_settle(s);
    gateway_close(&s->gateway);
    stage_settle(s);
    CHECK(list_is_empty(&s->gateway.exchanges));
    CHECK_EQ(s->gateway.exchange_pool.live_count, 0);
    CHECK_EQ(s->gateway.server.counts.calls_open, 0);
    CHECK_EQ(s->gateway.server.counts.conns_open, 0);
    CHECK_EQ(s->gateway.server.conn_pool.live_count, 0);
    CHECK_EQ(s->gateway.server.call_pool.live_count, 0);
    // The current view, alone.
    CHECK(s->gateway.views.next->next == &s->gateway.views);
    gateway_done(&s->gateway);
    fake_upstream_done(&s->upstream);
    settings_unref(s->settings);
    route_board_free(s->board);
    loop_done(&s->loop);
}

void stage_connect(struct stage *s, struct fake_client *c, struct memory_stream_options options)
{
    server_accept(&s->gateway.server, fake_client_connect(c, &s->loop, options));
}

void stage_settle(struct stage *s)
{
    for (int i = 0; i < TURNS; i++) {
        loop_turn(&s->loop, 0);
    }
}

void stage_wait(struct stage *s, msec ms)
{
    msec until = s->loop.now + ms;

    while (s->loop.now < until && loop_turn(&s->loop, until - s->loop.now)) {
    }
    stage_settle(s);
}

void stage_post(struct stage *s, str path, str body)
{
    char head[256];
    int len = snprintf(head, sizeof(head),
                       "POST %" STR_FMT " HTTP/1.1\r\nhost: gw\r\ncontent-type: application/json"
                       "\r\ncontent-length: %zu\r\n\r\n",
                       STR_ARG(path), body.len);

    fake_client_say(&s->client, (str){.ptr = head, .len = (size_t)len});
    fake_client_say(&s->client, body);
    stage_settle(s);
}

str stage_seen(struct stage *s)
{
    return buf_view(&s->client.seen);
}

void stage_forget(struct stage *s)
{
    buf_clear(&s->client.seen);
}

// Takes the one answer at the front of `bytes` apart; false where it is not whole.
static bool take_answer(str *bytes, str *body)
{
    struct h1_field fields[FIELDS_MAX];
    struct h1_head head;
    struct h1_body decoder;
    size_t scanned = 0;
    size_t len = 0;

    if (h1_find_head(*bytes, 1 << 20, &scanned, &len)) return false;
    if (h1_parse_response(str_sub(*bytes, 0, len), false, fields, FIELDS_MAX, &head)) return false;
    *bytes = str_sub(*bytes, len, bytes->len);
    *body = str_sub(*bytes, 0, 0);
    h1_body_init(&decoder, head.framing, head.content_length);
    if (!decoder.is_done &&
        h1_body_decode(&decoder, (char *)(uintptr_t)bytes->ptr, bytes->len, body, &len))
        return false;
    if (head.framing == H1_NO_BODY || (head.framing == H1_LENGTH && !head.content_length)) len = 0;
    *bytes = str_sub(*bytes, len, bytes->len);
    return decoder.is_done;
}

bool stage_is_whole(str seen)
{
    struct buf copy;
    str body = STR("");

    buf_init(&copy, seen.len + 1);
    CHECK_EQ(buf_append(&copy, seen), OK);
    str bytes = buf_view(&copy);
    bool is_whole = take_answer(&bytes, &body) && !bytes.len;
    buf_done(&copy);
    return is_whole;
}

str stage_body(struct stage *s)
{
    str bytes = stage_seen(s);
    str body = STR("");

    if (!stage_is_whole(bytes))
        test_fail(__FILE__, __LINE__, "not one whole answer: \"%" STR_FMT "\"", STR_ARG(bytes));
    CHECK(take_answer(&bytes, &body));
    return body;
}

void stage_upstream_says(struct stage *s, str text)
{
    fake_upstream_say(fake_upstream_conn(&s->upstream), text);
    stage_settle(s);
}
