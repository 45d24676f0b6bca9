// How a conn comes to speak HTTP/2, or does not.
#include "support/echo_server.h"
#include "support/h2_peer.h"
#include "support/test.h"

struct bench {
    struct echo_server echo;
    struct h2_peer peer;
};

#define GET ":method: GET|:scheme: http|:authority: x|:path: /a|"

static void connect(struct bench *b, struct memory_stream_options options)
{
    server_accept(&b->echo.server, h2_peer_connect(&b->peer, &b->echo.loop, options));
}

static void settle(struct bench *b)
{
    echo_server_settle(&b->echo);
}

static void bench_done(struct bench *b)
{
    h2_peer_done(&b->peer);
    settle(b);
    echo_server_done(&b->echo);
}

// What was told since it was last asked is this.
static void check_told(struct bench *b, str want)
{
    settle(b);
    CHECK_SAME(h2_peer_told(&b->peer), want);
    h2_peer_forget(&b->peer);
}

static const struct server_counts *counts_of(const struct bench *b)
{
    return &b->echo.server.counts;
}

static str protocol_h2(struct stream *s)
{
    (void)s;
    return STR("h2");
}

// As a stream over TLS whose ends agreed on HTTP/2.
static void connect_agreed(struct bench *b, struct h2_peer *peer, struct stream_ops *ops)
{
    struct stream *far = h2_peer_connect(peer, &b->echo.loop, (struct memory_stream_options){0});

    *ops = *far->ops;
    ops->protocol = protocol_h2;
    far->ops = ops;
    server_accept(&b->echo.server, far);
}

TEST(h2_begin_takes_a_request_that_is_almost_a_preface_for_http_1)
{
    static const str almost[] = {
        STR_INIT("PRI * HTTP/2.0\r\n\r\nSM\r\n\rX"),
        STR_INIT("PRI / HTTP/1.1\r\nHost: x\r\n\r\n"),
        STR_INIT("PRO / HTTP/1.1\r\nHost: x\r\n\r\n"),
    };

    for (size_t i = 0; i < 3; i++) {
        struct bench b;
        echo_server_init(&b.echo);
        connect(&b, (struct memory_stream_options){0});
        for (size_t at = 0; at < almost[i].len; at++) {
            h2_peer_say(&b.peer, str_sub(almost[i], at, 1));
            settle(&b);
        }
        CHECK(str_starts(buf_view(&b.peer.client.seen), STR("HTTP/1.1 ")));
        CHECK_EQ(counts_of(&b)->h2_conns_opened, 0);
        bench_done(&b);
    }
}

TEST(h2_begin_goes_on_with_http_2_where_a_request_asks_for_it)
{
    static const str asks = STR_INIT("GET /u HTTP/1.1\r\nHost: x\r\n"
                                     "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                                     "HTTP2-Settings: AAQAAAAD\r\n\r\n"); // a window of 3
    static const str switched = STR_INIT("HTTP/1.1 101 Switching Protocols\r\n"
                                         "connection: upgrade\r\nupgrade: h2c\r\n\r\n");
    struct bench b;

    echo_server_init(&b.echo);
    connect(&b, (struct memory_stream_options){0});
    h2_peer_say(&b.peer, asks);
    settle(&b);
    CHECK(str_starts(buf_view(&b.peer.client.seen), switched));
    buf_consume(&b.peer.client.seen, switched.len);
    check_told(&b, STR("SETTINGS 3=10 4=262144 6=2000 9=1\nWINDOW_UPDATE 0 983041\n"
                       "HEADERS 1 :status=200 content-length=7\nDATA 1 GET\n"));
    h2_peer_begin(&b.peer);
    h2_peer_number(&b.peer, NGHTTP2_WINDOW_UPDATE, 1, 100);
    check_told(&b, STR("SETTINGS ack\nDATA 1 END  /u \n"));
    h2_peer_headers(&b.peer, H2_PEER_END_STREAM, 3, STR(GET));
    check_told(&b, STR("HEADERS 3 :status=200 content-length=7\nDATA 3 GET\n"));
    CHECK_EQ(counts_of(&b)->calls_started, 2);
    bench_done(&b);
}

TEST(h2_begin_overlooks_a_request_for_http_2_that_has_a_body)
{
    struct bench b;

    echo_server_init(&b.echo);
    connect(&b, (struct memory_stream_options){0});
    h2_peer_say(&b.peer, STR("POST /u HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nUpgrade: h2c\r\n"
                             "Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: \r\n\r\nok"));
    settle(&b);
    CHECK(str_ends(buf_view(&b.peer.client.seen), STR("\r\n\r\nPOST /u ok")));
    bench_done(&b);
}

TEST(h2_begin_ends_conns_past_its_limit)
{
    struct h2_peer others[10];
    struct bench b;

    echo_server_init(&b.echo);
    connect(&b, (struct memory_stream_options){0});
    for (int i = 0; i < 10; i++) {
        server_accept(&b.echo.server,
                      h2_peer_connect(&others[i], &b.echo.loop, (struct memory_stream_options){0}));
    }
    settle(&b);
    CHECK_EQ(counts_of(&b)->conns_refused, 1);
    CHECK(str_starts(buf_view(&others[9].client.seen), STR("HTTP/1.1 503 ")));
    for (int i = 0; i < 10; i++) {
        h2_peer_done(&others[i]);
    }
    bench_done(&b);
}

TEST(h2_begin_speaks_http_2_where_tls_agreed_on_it)
{
    struct stream_ops ops;
    struct bench b;

    echo_server_init(&b.echo);
    connect_agreed(&b, &b.peer, &ops);
    check_told(&b, STR("SETTINGS 3=10 4=262144 6=2000 9=1\nWINDOW_UPDATE 0 983041\n"));
    h2_peer_begin(&b.peer);
    h2_peer_headers(&b.peer, H2_PEER_END_STREAM, 1, STR(GET));
    check_told(&b,
               STR("SETTINGS ack\nHEADERS 1 :status=200 content-length=7\nDATA 1 END GET /a \n"));
    bench_done(&b);

    echo_server_init(&b.echo);
    connect_agreed(&b, &b.peer, &ops);
    h2_peer_say(&b.peer, STR("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    check_told(&b, STR("GOAWAY 0 PROTOCOL_ERROR\n"));
    CHECK_EQ(b.peer.client.end, ERR_EOF);
    bench_done(&b);
}

TEST(h2_begin_ends_conns_past_the_limit_in_its_own_words)
{
    struct stream_ops ops[11];
    struct h2_peer others[10];
    struct bench b;

    echo_server_init(&b.echo);
    for (int i = 0; i < 10; i++) {
        connect_agreed(&b, &others[i], &ops[i]);
    }
    connect_agreed(&b, &b.peer, &ops[10]);
    check_told(&b, STR("SETTINGS 3=10 4=262144 6=2000 9=1\nGOAWAY 0 ENHANCE_YOUR_CALM\n"));
    CHECK_EQ(b.peer.client.end, ERR_EOF);
    CHECK_EQ(counts_of(&b)->conns_refused, 1);
    for (int i = 0; i < 10; i++) {
        h2_peer_done(&others[i]);
    }
    bench_done(&b);
}

TEST(h2_begin_drops_a_flood_of_conns_past_the_limit)
{
    enum { CONNS = 100 };
    static struct stream_ops ops[CONNS];
    static struct h2_peer others[CONNS];
    struct bench b;

    echo_server_init(&b.echo);
    connect_agreed(&b, &b.peer, &ops[0]);
    for (int i = 1; i < CONNS; i++) {
        connect_agreed(&b, &others[i], &ops[i]);
    }
    CHECK_EQ(counts_of(&b)->conns_refused, CONNS - 10);
    CHECK_EQ(counts_of(&b)->conns_open, 10 + SERVER_REFUSED_MAX);
    for (int i = 1; i < CONNS; i++) {
        h2_peer_done(&others[i]);
    }
    bench_done(&b);
}

TEST(h2_begin_a_client_may_leave_at_any_byte)
{
    static const str whole =
        STR_INIT(NGHTTP2_CLIENT_MAGIC "\0\0\0\4\0\0\0\0\0"
                                      "\0\0\6\1\5\0\0\0\1\x82\x86\x84\x01\x01x");

    for (size_t len = 0; len <= whole.len; len++) {
        struct bench b;
        echo_server_init(&b.echo);
        connect(&b, (struct memory_stream_options){0});
        h2_peer_say(&b.peer, str_sub(whole, 0, len));
        settle(&b);
        fake_client_leave(&b.peer.client, STREAM_CLOSE);
        settle(&b);
        CHECK_EQ(counts_of(&b)->conns_open, 0);
        bench_done(&b);
    }
}
