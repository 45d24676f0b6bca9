// Clients that make a conn work for nothing, and honest ones that look a little like them.
#include "support/echo_server.h"
#include "support/h2_peer.h"
#include "support/test.h"

#include <string.h>

#define GET ":method: GET|:scheme: http|:authority: x|:path: /|"
#define POST ":method: POST|:scheme: http|:authority: x|:path: /|"
#define S(text) STR_INIT(text)

struct bench {
    struct echo_server echo;
    struct h2_peer peer;
};

static void bench_init(struct bench *b)
{
    echo_server_init(&b->echo);
    server_accept(&b->echo.server,
                  h2_peer_connect(&b->peer, &b->echo.loop, (struct memory_stream_options){0}));
    h2_peer_begin(&b->peer);
    echo_server_settle(&b->echo);
    h2_peer_frame(&b->peer, NGHTTP2_SETTINGS, H2_PEER_ACK, 0, STR(""));
}

static void bench_done(struct bench *b)
{
    h2_peer_done(&b->peer);
    echo_server_settle(&b->echo);
    echo_server_done(&b->echo);
}

static bool is_told(struct bench *b, str what)
{
    str told = h2_peer_told(&b->peer);

    return str_find(told, what) < told.len;
}

static void check_calmed(struct bench *b)
{
    echo_server_settle(&b->echo);
    CHECK(is_told(b, STR(" ENHANCE_YOUR_CALM\n")));
    CHECK_EQ(b->peer.client.end, ERR_EOF);
    CHECK_EQ(b->echo.server.counts.h2_calmed, 1);
}

// Until the conn ends; returns how many it took.
static int repeat(struct bench *b, unsigned type, unsigned flags, uint32_t id, str payload)
{
    int count = 0;

    while (!b->peer.client.end && count < 10'000) {
        h2_peer_frame(&b->peer, type, flags, id, payload);
        count++;
        if (count % 100 == 0) echo_server_settle(&b->echo);
    }
    return count;
}

TEST(h2_flood_of_frames_that_bring_nothing_ends_the_conn)
{
    static const struct {
        unsigned type;
        uint32_t id;
        str payload;
    } frames[] = {
        {NGHTTP2_PING, 0, S("12345678")},          {NGHTTP2_SETTINGS, 0, S("")},
        {NGHTTP2_SETTINGS, 0, S("\0\4\0\1\0\0")},  {NGHTTP2_PRIORITY, 3, S("\0\0\0\0\1")},
        {NGHTTP2_WINDOW_UPDATE, 0, S("\0\0\0\1")}, {NGHTTP2_DATA, 1, S("")},
    };

    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        struct bench b;
        bench_init(&b);
        h2_peer_headers(&b.peer, 0, 1, STR(POST));
        int count = repeat(&b, frames[i].type, 0, frames[i].id, frames[i].payload);
        if (count < 2000 || count >= 2300)
            test_fail(__FILE__, __LINE__, "%d of type %u", count, frames[i].type);
        check_calmed(&b);
        CHECK_EQ(b.echo.calls[0].gone, ERR_CLOSED);
        bench_done(&b);
    }
}

TEST(h2_flood_of_padding_alone_ends_the_conn)
{
    struct bench b;

    bench_init(&b);
    h2_peer_headers(&b.peer, 0, 1, STR(POST));
    CHECK(repeat(&b, NGHTTP2_DATA, 8, 1, STR("\3\0\0\0")) < 2300);
    check_calmed(&b);
    bench_done(&b);
}

TEST(h2_flood_of_continuations_ends_the_conn)
{
    struct bench b;

    bench_init(&b);
    h2_peer_frame(&b.peer, NGHTTP2_HEADERS, 0, 1, STR("\x82"));
    CHECK(repeat(&b, NGHTTP2_CONTINUATION, 0, 1, STR("")) < 2300);
    check_calmed(&b);
    CHECK_EQ(b.echo.call_count, 0);
    bench_done(&b);
}

TEST(h2_flood_of_resets_ends_the_conn_and_starts_few_calls)
{
    struct bench b;
    uint32_t id = 1;

    bench_init(&b);
    for (; !b.peer.client.end && id < 10'000; id += 2) {
        h2_peer_headers(&b.peer, H2_PEER_END_STREAM, id, STR(GET));
        h2_peer_number(&b.peer, NGHTTP2_RST_STREAM, id, NGHTTP2_CANCEL);
        if (id % 100 == 1) echo_server_settle(&b.echo);
    }
    CHECK(id / 2 >= 500 && id / 2 < 600);
    check_calmed(&b);
    CHECK(b.echo.call_count < 10); // nearly none outlived the read that brought it
    bench_done(&b);
}

TEST(h2_flood_of_resets_that_the_server_is_made_to_send_ends_the_conn)
{
    struct bench b;
    uint32_t id = 1;

    bench_init(&b);
    b.echo.is_lazy = true;
    for (; !b.peer.client.end && id < 2 * ECHO_SERVER_CALLS_MAX; id += 2) {
        h2_peer_headers(&b.peer, 0, id, STR(POST));
        echo_server_settle(&b.echo);
        h2_peer_number(&b.peer, NGHTTP2_WINDOW_UPDATE, id, 0x7fffffff);
        echo_server_settle(&b.echo);
    }
    CHECK(id / 2 >= 500 && id / 2 < ECHO_SERVER_CALLS_MAX);
    check_calmed(&b);
    CHECK_EQ(b.echo.server.counts.h2_resets, 0);
    bench_done(&b);
}

// One entry of the table, named again and again: each byte stands for 4,029.
TEST(h2_flood_of_a_block_that_grows_when_it_is_read_ends_the_conn)
{
    static char block[4100];
    static char names[2000];
    struct bench b;

    bench_init(&b);
    memset(block, 'v', sizeof(block));
    memcpy(block, "\x82\x86\x84\x01\x01x\x40\x01n\x7f\x9d\x1e", 12); // a value of 3,996 bytes
    memset(names, '\xbe', sizeof(names));
    h2_peer_frame(&b.peer, NGHTTP2_HEADERS, 1, 1, (str){block, 12 + 3996});
    h2_peer_frame(&b.peer, NGHTTP2_CONTINUATION, 4, 1, (str){names, sizeof(names)});
    check_calmed(&b);
    CHECK_EQ(b.echo.call_count, 0);
    bench_done(&b);
}

TEST(h2_flood_is_not_what_honest_clients_do)
{
    struct bench b;

    bench_init(&b);
    b.echo.is_streaming = true;
    h2_peer_headers(&b.peer, H2_PEER_END_STREAM, 1, STR(GET));
    echo_server_settle(&b.echo);
    for (int i = 0; i < 5000; i++) { // two updates and a PING a frame
        echo_server_write(&b.echo.calls[0], STR("x"), false);
        echo_server_settle(&b.echo);
        h2_peer_number(&b.peer, NGHTTP2_WINDOW_UPDATE, 0, 1);
        h2_peer_number(&b.peer, NGHTTP2_WINDOW_UPDATE, 1, 1);
        h2_peer_frame(&b.peer, NGHTTP2_PING, 0, 0, STR("12345678"));
        h2_peer_forget(&b.peer);
    }
    CHECK_EQ(b.peer.client.end, OK);
    bench_done(&b);

    bench_init(&b);
    b.echo.is_streaming = true;
    for (int i = 0; i < ECHO_SERVER_CALLS_MAX; i++) { // thirty calls a second are given up
        uint32_t id = (uint32_t)(2 * i + 1);
        h2_peer_headers(&b.peer, H2_PEER_END_STREAM, id, STR(GET));
        echo_server_wait(&b.echo, 33);
        h2_peer_number(&b.peer, NGHTTP2_RST_STREAM, id, NGHTTP2_CANCEL);
        echo_server_settle(&b.echo);
    }
    CHECK_EQ(b.peer.client.end, OK);
    CHECK_EQ(b.echo.server.counts.h2_calmed, 0);
    bench_done(&b);
}
