#include "support/echo_server.h"
#include "support/h2_peer.h"
#include "support/test.h"

#include <stdio.h>
#include <string.h>

// A server that echoes, and a client that speaks frames.
struct bench {
    struct echo_server echo;
    struct h2_peer peer;
};

#define GET ":method: GET|:scheme: http|:authority: x|:path: /a|"
#define POST ":method: POST|:scheme: http|:authority: x|:path: /p|"
#define SETTINGS "SETTINGS 3=10 4=262144 6=2000 9=1\nSETTINGS ack\nWINDOW_UPDATE 0 983041\n"

static void connect(struct bench *b, struct memory_stream_options options)
{
    server_accept(&b->echo.server, h2_peer_connect(&b->peer, &b->echo.loop, options));
}

static void settle(struct bench *b)
{
    echo_server_settle(&b->echo);
}

static void bench_init_with(struct bench *b, struct memory_stream_options options)
{
    echo_server_init(&b->echo);
    connect(b, options);
    h2_peer_begin(&b->peer);
}

// The client has heard the settings and says so.
static void bench_init(struct bench *b)
{
    bench_init_with(b, (struct memory_stream_options){0});
    settle(b);
    h2_peer_frame(&b->peer, NGHTTP2_SETTINGS, H2_PEER_ACK, 0, STR(""));
    h2_peer_forget(&b->peer);
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

static void check_told_among(struct bench *b, str want)
{
    settle(b);
    str told = h2_peer_told(&b->peer);
    if (str_find(told, want) == told.len)
        test_fail(__FILE__, __LINE__, "no \"%" STR_FMT "\" in: %" STR_FMT, STR_ARG(want),
                  STR_ARG(told));
    h2_peer_forget(&b->peer);
}

static const struct server_counts *counts_of(const struct bench *b)
{
    return &b->echo.server.counts;
}

TEST(h2_server_answers_calls_of_a_conn_that_begins_with_the_preface)
{
    struct bench b;

    bench_init_with(&b, (struct memory_stream_options){0});
    h2_peer_headers(&b.peer, H2_PEER_END_STREAM, 1, STR(GET));
    check_told(&b, STR(SETTINGS "HEADERS 1 :status=200 content-length=7\nDATA 1 END GET /a \n"));
    h2_peer_headers(&b.peer, 0, 3, STR(POST));
    h2_peer_headers(&b.peer, H2_PEER_END_STREAM, 5, STR(GET));
    check_told(&b, STR("HEADERS 5 :status=200 content-length=7\nDATA 5 END GET /a \n"));
    h2_peer_frame(&b.peer, NGHTTP2_DATA, H2_PEER_END_STREAM, 3, STR("hello"));
    check_told(&b, STR("HEADERS 3 :status=200 content-length=13\nDATA 3 END POST /p hello\n"));
    CHECK_EQ(counts_of(&b)->h2_conns_opened, 1);
    CHECK_EQ(counts_of(&b)->h2_calls, 3);
    CHECK_EQ(counts_of(&b)->calls_started, 3);
    CHECK_EQ(counts_of(&b)->calls_open, 0);
    bench_done(&b);
}

TEST(h2_server_reads_any_split_the_same)
{
    for (uint64_t seed = 1; seed < 60; seed++) {
        struct bench b;
        bench_init_with(&b, (struct memory_stream_options){.seed = test_seed() + seed});
        h2_peer_headers(&b.peer, 0, 1, STR(POST "content-length: 5|"));
        h2_peer_frame(&b.peer, NGHTTP2_DATA, 0, 1, STR("hel"));
        h2_peer_frame(&b.peer, NGHTTP2_DATA, 0, 1, STR("lo"));
        h2_peer_headers(&b.peer, H2_PEER_END_STREAM, 1, STR("x-sum: 1|"));
        for (int i = 0; i < 10; i++) {
            settle(&b);
        }
        CHECK_SAME(
            h2_peer_told(&b.peer),
            STR(SETTINGS "HEADERS 1 :status=200 content-length=13\nDATA 1 END POST /p hello\n"));
        bench_done(&b);
    }
}

TEST(h2_server_begins_a_frame_with_each_piece)
{
    struct iovec pieces[4];
    struct bench b;

    bench_init(&b);
    b.echo.is_streaming = true;
    h2_peer_headers(&b.peer, H2_PEER_END_STREAM, 1, STR(GET));
    check_told(&b, STR("HEADERS 1 :status=200\nDATA 1 GET /a \n"));
    pieces[0] = stream_piece(STR("data: 1\n\n"));
    pieces[1] = stream_piece(STR(""));
    pieces[2] = stream_piece(STR("data: 2\n\n"));
    pieces[3] = stream_piece(STR("data: 3\n\n"));
    CHECK(server_call_is_framed(b.echo.calls[0].call));
    server_call_write(b.echo.calls[0].call, pieces, 4, false);
    check_told(&b, STR("DATA 1 data: 1\n\n\nDATA 1 data: 2\n\n\nDATA 1 data: 3\n\n\n"));
    echo_server_write(&b.echo.calls[0], STR("end"), true);
    check_told(&b, STR("DATA 1 END end\n"));
    CHECK_EQ(counts_of(&b)->calls_open, 0);
    bench_done(&b);
}

TEST(h2_server_keeps_pieces_apart_that_have_to_wait)
{
    struct iovec pieces[2];
    struct bench b;

    bench_init(&b);
    b.echo.is_streaming = true;
    h2_peer_headers(&b.peer, H2_PEER_END_STREAM, 1, STR(GET));
    settle(&b);
    h2_peer_frame(&b.peer, NGHTTP2_SETTINGS, 0, 0, STR("\0\4\0\0\0\0")); // no window: 7 below zero
    check_told_among(&b, STR("SETTINGS ack\n"));
    pieces[0] = stream_piece(STR("abc"));
    pieces[1] = stream_piece(STR("defgh"));
    server_call_write(b.echo.calls[0].call, pieces, 2, false);
    CHECK(server_call_is_congested(b.echo.calls[0].call));
    check_told(&b, STR(""));
    h2_peer_number(&b.peer, NGHTTP2_WINDOW_UPDATE, 1, 7 + 5);
    check_told(&b, STR("DATA 1 abc\nDATA 1 de\n"));
    CHECK_EQ(b.echo.calls[0].drained, 0);
    h2_peer_number(&b.peer, NGHTTP2_WINDOW_UPDATE, 1, 100);
    check_told(&b, STR("DATA 1 fgh\n"));
    CHECK_EQ(b.echo.calls[0].drained, 1);
    CHECK(!server_call_is_congested(b.echo.calls[0].call));
    bench_done(&b);
}

TEST(h2_server_ends_answers_with_trailers_or_with_the_head_alone)
{
    struct server_answer bare = {.status = 200, .fields = STR("grpc-status: 12\r\nX-Y: z\r\n")};
    struct server_call *call = NULL;
    struct bench b;

    bench_init(&b);
    b.echo.is_streaming = true;
    h2_peer_headers(&b.peer, H2_PEER_END_STREAM, 1, STR(GET));
    check_told(&b, STR("HEADERS 1 :status=200\nDATA 1 GET /a \n"));
    call = b.echo.calls[0].call;
    b.echo.calls[0].call = NULL;
    server_call_finish(call, STR("Grpc-Status: 0\r\ngrpc-message: \r\n"));
    check_told(&b, STR("HEADERS 1 END grpc-status=0 grpc-message=\n"));
    b.echo.is_lazy = true;
    h2_peer_headers(&b.peer, H2_PEER_END_STREAM, 3, STR(GET));
    settle(&b);
    call = b.echo.calls[1].call;
    b.echo.calls[1].call = NULL;
    server_call_respond(call, &bare, NULL, 0, true);
    check_told(&b, STR("HEADERS 3 END :status=200 grpc-status=12 x-y=z\n"));
    bench_done(&b);
}

TEST(h2_server_leaves_out_what_concerns_an_http_1_connection)
{
    struct server_answer answer = {
        .status = 204,
        .has_length = true,
        .fields =
            STR("Connection: close\r\nKeep-Alive: 1\r\nTransfer-Encoding: chunked\r\na: b\r\n")};
    struct bench b;

    bench_init(&b);
    b.echo.is_lazy = true;
    h2_peer_headers(&b.peer, H2_PEER_END_STREAM, 1, STR(GET));
    settle(&b);
    struct server_call *call = b.echo.calls[0].call;
    b.echo.calls[0].call = NULL;
    server_call_respond(call, &answer, NULL, 0, true);
    check_told(&b, STR("HEADERS 1 END :status=204 a=b\n"));
    bench_done(&b);
}

TEST(h2_server_sends_no_body_to_a_head_request)
{
    struct bench b;

    bench_init(&b);
    h2_peer_headers(&b.peer, H2_PEER_END_STREAM, 1,
                    STR(":method: HEAD|:scheme: http|:authority: x|:path: /|"));
    check_told(&b, STR("HEADERS 1 END :status=200 content-length=7\n"));
    b.echo.is_streaming = true;
    h2_peer_headers(&b.peer, H2_PEER_END_STREAM, 3,
                    STR(":method: HEAD|:scheme: http|:authority: x|:path: /|"));
    check_told(&b, STR("HEADERS 3 :status=200\n"));
    echo_server_write(&b.echo.calls[1], STR("more"), true);
    check_told(&b, STR("DATA 3 END \n"));
    bench_done(&b);
}

TEST(h2_server_permits_a_body_that_waits_for_it_and_sends_interim_answers)
{
    struct bench b;

    bench_init(&b);
    h2_peer_headers(&b.peer, 0, 1, STR(POST "expect: 100-continue|"));
    check_told(&b, STR("HEADERS 1 :status=100\n"));
    server_call_inform(b.echo.calls[0].call, 103, STR("link: x\r\n"));
    check_told(&b, STR("HEADERS 1 :status=103 link=x\n"));
    h2_peer_frame(&b.peer, NGHTTP2_DATA, H2_PEER_END_STREAM, 1, STR("ok"));
    check_told(&b, STR("HEADERS 1 :status=200 content-length=10\nDATA 1 END POST /p ok\n"));
    bench_done(&b);
}

TEST(h2_server_shows_the_trailers_of_a_request)
{
    struct bench b;

    bench_init(&b);
    b.echo.is_streaming = true;
    h2_peer_headers(&b.peer, 0, 1, STR(POST));
    h2_peer_frame(&b.peer, NGHTTP2_DATA, 0, 1, STR("x"));
    h2_peer_headers(&b.peer, H2_PEER_END_STREAM, 1, STR("a: b|"));
    settle(&b);
    const struct server_call *call = b.echo.calls[0].call;
    CHECK_EQ(call->trailer_count, 1);
    CHECK_STR(call->trailers[0].name, "a");
    CHECK_STR(call->trailers[0].value, "b");
    bench_done(&b);
}

// A body in frames of 16 KiB.
static void upload(struct bench *b, uint32_t id, size_t len, bool is_last)
{
    static char block[16'384];

    memset(block, 'b', sizeof(block));
    for (size_t sent = 0; sent < len; sent += sizeof(block)) {
        size_t step = len - sent < sizeof(block) ? len - sent : sizeof(block);
        bool is_end = is_last && sent + step == len;
        h2_peer_frame(&b->peer, NGHTTP2_DATA, is_end ? H2_PEER_END_STREAM : 0, id,
                      (str){block, step});
    }
}

TEST(h2_server_opens_windows_as_a_handler_takes_and_not_before)
{
    struct bench b;

    bench_init(&b);
    b.echo.is_lazy = true;
    h2_peer_headers(&b.peer, 0, 1, STR(POST));
    upload(&b, 1, 256 * 1024, false);
    check_told(&b, STR(""));
    echo_server_take(&b.echo.calls[0]);
    check_told(&b, STR("WINDOW_UPDATE 1 262144\n"));
    upload(&b, 1, 256 * 1024, true);
    settle(&b);
    echo_server_take(&b.echo.calls[0]);
    check_told_among(&b, STR("WINDOW_UPDATE 0 524288\n"));
    CHECK_EQ(buf_len(&b.echo.calls[0].body), 512 * 1024);
    bench_done(&b);
}

TEST(h2_server_gives_the_conn_its_window_back_for_bodies_that_nobody_took)
{
    struct bench b;

    bench_init(&b);
    b.echo.is_lazy = true;
    for (uint32_t id = 1; id <= 5; id += 2) {
        h2_peer_headers(&b.peer, 0, id, STR(POST));
        upload(&b, id, 200 * 1024, false);
        settle(&b);
    }
    check_told(&b, STR(""));
    h2_peer_number(&b.peer, NGHTTP2_RST_STREAM, 1, NGHTTP2_CANCEL); // by the client
    server_call_abort(b.echo.calls[1].call);                        // by the handler
    b.echo.calls[1].call = NULL;
    check_told_among(&b, STR("RST_STREAM 3 INTERNAL_ERROR\n"));
    h2_peer_number(&b.peer, NGHTTP2_RST_STREAM, 5, NGHTTP2_CANCEL);
    check_told_among(&b, STR("WINDOW_UPDATE 0 614400\n"));
    bench_done(&b);
}

TEST(h2_server_tells_a_client_whose_answer_is_whole_to_send_no_more)
{
    struct server_answer answer = {.status = 413, .has_length = true};
    struct bench b;

    bench_init(&b);
    b.echo.is_lazy = true;
    h2_peer_headers(&b.peer, 0, 1, STR(POST));
    upload(&b, 1, 20'000, false);
    settle(&b);
    struct server_call *call = b.echo.calls[0].call;
    b.echo.calls[0].call = NULL;
    server_call_respond(call, &answer, NULL, 0, true);
    check_told(&b, STR("HEADERS 1 END :status=413 content-length=0\nRST_STREAM 1 NO_ERROR\n"));
    upload(&b, 1, 20'000, true); // it was on its way
    check_told(&b, STR(""));
    CHECK_EQ(counts_of(&b)->calls_open, 0);
    bench_done(&b);
}

TEST(h2_server_tells_a_handler_at_once_that_its_client_has_gone)
{
    struct bench b;

    bench_init(&b);
    b.echo.is_streaming = true;
    for (uint32_t id = 1; id <= 5; id += 2) {
        h2_peer_headers(&b.peer, H2_PEER_END_STREAM, id, STR(GET));
    }
    settle(&b);
    h2_peer_number(&b.peer, NGHTTP2_RST_STREAM, 3, NGHTTP2_CANCEL);
    settle(&b);
    CHECK_EQ(b.echo.calls[0].gone, OK);
    CHECK_EQ(b.echo.calls[1].gone, ERR_CLOSED);
    CHECK_EQ(counts_of(&b)->h2_resets, 1);
    CHECK_EQ(counts_of(&b)->calls_open, 2);
    fake_client_leave(&b.peer.client, STREAM_CLOSE);
    settle(&b);
    CHECK_EQ(b.echo.calls[0].gone, ERR_CLOSED);
    CHECK_EQ(b.echo.calls[2].gone, ERR_CLOSED);
    CHECK_EQ(counts_of(&b)->conns_open, 0);
    bench_done(&b);
}

TEST(h2_server_starts_no_call_that_was_given_up_in_the_same_breath)
{
    struct bench b;

    bench_init(&b);
    h2_peer_headers(&b.peer, H2_PEER_END_STREAM, 1, STR(GET));
    h2_peer_number(&b.peer, NGHTTP2_RST_STREAM, 1, NGHTTP2_CANCEL);
    check_told(&b, STR(""));
    CHECK_EQ(counts_of(&b)->calls_started, 0);
    bench_done(&b);
}

TEST(h2_server_abort_resets_a_stream_and_not_its_conn)
{
    struct bench b;

    bench_init(&b);
    b.echo.is_streaming = true;
    h2_peer_headers(&b.peer, H2_PEER_END_STREAM, 1, STR(GET));
    h2_peer_headers(&b.peer, H2_PEER_END_STREAM, 3, STR(GET));
    check_told_among(&b, STR("DATA 3 GET /a \n"));
    server_call_abort(b.echo.calls[0].call);
    b.echo.calls[0].call = NULL;
    check_told(&b, STR("RST_STREAM 1 INTERNAL_ERROR\n"));
    echo_server_write(&b.echo.calls[1], STR("end"), true);
    check_told(&b, STR("DATA 3 END end\n"));
    bench_done(&b);
}

TEST(h2_server_an_early_end_says_nothing_of_the_body)
{
    struct bench b;

    bench_init(&b);
    b.echo.is_streaming = true;
    h2_peer_headers(&b.peer, H2_PEER_END_STREAM, 1, STR(GET));
    settle(&b);
    h2_peer_forget(&b.peer);
    struct server_call *call = b.echo.calls[0].call;
    b.echo.calls[0].call = NULL;
    server_call_write(call, (struct iovec[]){stream_piece(STR("half"))}, 1, false);
    server_call_end_early(call);
    check_told(&b, STR("DATA 1 half\nRST_STREAM 1 NO_ERROR\n"));
    bench_done(&b);
}

TEST(h2_server_answers_a_head_that_is_too_large_and_goes_on)
{
    static char value[3000];
    struct bench b;

    bench_init(&b);
    memset(value, 'v', sizeof(value) - 1);
    char fields[4000];
    int len = snprintf(fields, sizeof(fields), GET "x: %s|", value);
    h2_peer_headers(&b.peer, H2_PEER_END_STREAM, 1, (str){fields, (size_t)len});
    check_told(&b, STR("HEADERS 1 :status=431 content-length=29 content-type=text/plain\n"
                       "DATA 1 END the request head is too large\n"));
    h2_peer_headers(&b.peer, H2_PEER_END_STREAM, 3, STR(GET));
    check_told_among(&b, STR("DATA 3 END GET /a \n"));
    CHECK_EQ(counts_of(&b)->heads_rejected, 1);
    CHECK_EQ(counts_of(&b)->calls_started, 1);
    bench_done(&b);
}

TEST(h2_server_answers_a_method_that_it_does_not_know_how_to_serve)
{
    struct bench b;

    bench_init(&b);
    h2_peer_headers(&b.peer, 0, 1, STR(":method: CONNECT|:authority: x:80|"));
    check_told_among(&b, STR("HEADERS 1 :status=501 "));
    CHECK_EQ(counts_of(&b)->calls_started, 0);
    bench_done(&b);
}

TEST(h2_server_gives_up_what_stalls_and_keeps_the_conn)
{
    struct bench b;

    bench_init(&b);
    h2_peer_headers(&b.peer, 0, 1, STR(POST));
    h2_peer_frame(&b.peer, NGHTTP2_DATA, 0, 1, STR("he"));
    echo_server_wait(&b.echo, 9900);
    h2_peer_frame(&b.peer, NGHTTP2_DATA, 0, 1, STR("l"));
    echo_server_wait(&b.echo, 9900);
    CHECK_EQ(b.echo.calls[0].gone, OK);
    echo_server_wait(&b.echo, 200);
    CHECK_EQ(b.echo.calls[0].gone, ERR_TIMEOUT);
    check_told(&b, STR("RST_STREAM 1 CANCEL\n"));
    h2_peer_headers(&b.peer, H2_PEER_END_STREAM, 3, STR(GET));
    check_told_among(&b, STR("DATA 3 END GET /a \n"));
    bench_done(&b);
}

TEST(h2_server_does_not_blame_a_client_for_a_handler_that_takes_no_more)
{
    struct bench b;

    bench_init(&b);
    b.echo.is_lazy = true;
    h2_peer_headers(&b.peer, 0, 1, STR(POST));
    h2_peer_frame(&b.peer, NGHTTP2_DATA, 0, 1, STR("he"));
    echo_server_wait(&b.echo, 30'000);
    CHECK_EQ(b.echo.calls[0].gone, OK);
    bench_done(&b);
}

TEST(h2_server_bounds_what_a_closed_window_costs_and_how_long)
{
    static char block[100'000];
    struct bench b;

    bench_init(&b);
    b.echo.is_streaming = true;
    h2_peer_headers(&b.peer, H2_PEER_END_STREAM, 1, STR(GET));
    settle(&b);
    CHECK(!server_call_is_congested(b.echo.calls[0].call));
    echo_server_write(&b.echo.calls[0], (str){block, sizeof(block)}, false);
    CHECK(server_call_is_congested(b.echo.calls[0].call)); // windows are of 64 KiB
    echo_server_wait(&b.echo, 19'000);
    CHECK_EQ(b.echo.calls[0].gone, OK);
    h2_peer_number(&b.peer, NGHTTP2_WINDOW_UPDATE, 1, 10);
    h2_peer_number(&b.peer, NGHTTP2_WINDOW_UPDATE, 0, 10);
    echo_server_wait(&b.echo, 19'000);
    CHECK_EQ(b.echo.calls[0].gone, OK); // it took some
    echo_server_wait(&b.echo, 1100);
    CHECK_EQ(b.echo.calls[0].gone, ERR_TIMEOUT);
    check_told_among(&b, STR("RST_STREAM 1 CANCEL\n"));
    CHECK_EQ(counts_of(&b)->conns_open, 1);
    bench_done(&b);
}

TEST(h2_server_bounds_what_a_client_that_hears_nothing_costs_and_how_long)
{
    static char block[100'000];
    struct bench b;

    echo_server_init(&b.echo);
    connect(&b, (struct memory_stream_options){.capacity = 50'000});
    h2_peer_begin(&b.peer);
    h2_peer_frame(&b.peer, NGHTTP2_SETTINGS, 0, 0, STR("\0\4\1\0\0\0")); // 16 MiB of window
    h2_peer_number(&b.peer, NGHTTP2_WINDOW_UPDATE, 0, 1 << 24);
    settle(&b);
    b.peer.client.is_deaf = true;
    b.echo.is_streaming = true;
    for (uint32_t id = 1; id <= 7; id += 2) {
        h2_peer_headers(&b.peer, H2_PEER_END_STREAM, id, STR(GET));
    }
    settle(&b);
    int writes = 0;
    for (int i = 0; i < 4; i++) {
        while (!server_call_is_congested(b.echo.calls[i].call) && writes < 20) {
            echo_server_write(&b.echo.calls[i], (str){block, sizeof(block)}, false);
            settle(&b);
            writes++;
        }
    }
    CHECK_EQ(writes, 1 + 4); // what fills the wire, then one a call
    echo_server_wait(&b.echo, 20'100);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(b.echo.calls[i].gone, ERR_TIMEOUT);
    }
    CHECK_EQ(counts_of(&b)->conns_open, 0);
    bench_done(&b);
}

TEST(h2_server_does_not_take_a_client_that_takes_little_for_one_that_takes_nothing)
{
    static char block[100'000];
    char room[1000];
    size_t len = 0;
    struct bench b;

    echo_server_init(&b.echo);
    connect(&b, (struct memory_stream_options){.capacity = 20'000});
    h2_peer_begin(&b.peer);
    h2_peer_frame(&b.peer, NGHTTP2_SETTINGS, 0, 0, STR("\0\4\1\0\0\0"));
    h2_peer_number(&b.peer, NGHTTP2_WINDOW_UPDATE, 0, 1 << 24);
    settle(&b);
    b.peer.client.is_deaf = true;
    b.echo.is_streaming = true;
    h2_peer_headers(&b.peer, H2_PEER_END_STREAM, 1, STR(GET));
    settle(&b);
    for (int i = 0; i < 2; i++) { // one for the wire, one for the stream
        echo_server_write(&b.echo.calls[0], (str){block, sizeof(block)}, false);
        settle(&b);
    }
    CHECK(server_call_is_congested(b.echo.calls[0].call));
    for (int i = 0; i < 8; i++) {
        echo_server_wait(&b.echo, 15'000);
        CHECK_EQ(stream_read(b.peer.client.stream, room, sizeof(room), &len), OK);
        settle(&b);
    }
    CHECK_EQ(b.echo.calls[0].gone, OK);
    echo_server_wait(&b.echo, 20'100);
    CHECK_EQ(b.echo.calls[0].gone, ERR_TIMEOUT);
    bench_done(&b);
}

TEST(h2_server_drops_the_rest_of_a_body_whose_call_is_answered)
{
    struct iovec iov = stream_piece(STR("an answer"));
    struct server_answer answer = {.status = 200};
    struct bench b;

    bench_init(&b);
    b.echo.is_lazy = true;
    h2_peer_frame(&b.peer, NGHTTP2_SETTINGS, 0, 0, STR("\0\4\0\0\0\0"));
    h2_peer_headers(&b.peer, 0, 1, STR(POST));
    settle(&b);
    struct server_call *call = b.echo.calls[0].call;
    b.echo.calls[0].call = NULL;
    server_call_respond(call, &answer, &iov, 1, true);
    check_told(&b, STR("SETTINGS ack\nHEADERS 1 :status=200\n"));
    upload(&b, 1, 200'000, false);
    check_told_among(&b, STR("WINDOW_UPDATE 1 "));
    h2_peer_number(&b.peer, NGHTTP2_WINDOW_UPDATE, 1, 100);
    check_told_among(&b, STR("DATA 1 END an answer\nRST_STREAM 1 NO_ERROR\n"));
    bench_done(&b);
}

TEST(h2_server_goes_on_when_a_client_hears_again)
{
    static char block[100'000];
    struct bench b;

    echo_server_init(&b.echo);
    connect(&b, (struct memory_stream_options){.capacity = 20'000});
    h2_peer_begin(&b.peer);
    h2_peer_frame(&b.peer, NGHTTP2_SETTINGS, 0, 0, STR("\0\4\1\0\0\0"));
    h2_peer_number(&b.peer, NGHTTP2_WINDOW_UPDATE, 0, 1 << 24);
    settle(&b);
    b.peer.client.is_deaf = true;
    b.echo.is_streaming = true;
    h2_peer_headers(&b.peer, H2_PEER_END_STREAM, 1, STR(GET));
    settle(&b);
    memset(block, 'b', sizeof(block));
    for (int i = 0; i < 5; i++) {
        echo_server_write(&b.echo.calls[0], (str){block, sizeof(block)}, i == 4);
    }
    settle(&b);
    h2_peer_forget(&b.peer);
    fake_client_listen(&b.peer.client);
    for (int i = 0; i < 10; i++) {
        settle(&b);
    }
    str told = h2_peer_told(&b.peer);
    size_t len = 0;
    for (size_t i = 0; i < told.len; i++) {
        len += told.ptr[i] == 'b';
    }
    CHECK_EQ(len, 5 * sizeof(block));
    CHECK(str_find(told, STR("DATA 1 END b")) < told.len);
    bench_done(&b);
}

TEST(h2_server_does_not_wait_for_an_endless_block_or_an_idle_conn)
{
    struct bench b;

    bench_init(&b);
    h2_peer_frame(&b.peer, NGHTTP2_HEADERS, H2_PEER_END_STREAM, 1, STR("\x82"));
    for (int i = 0; i < 4; i++) { // a byte now and then buys no time
        echo_server_wait(&b.echo, 1200);
        h2_peer_frame(&b.peer, NGHTTP2_CONTINUATION, 0, 1, STR("\x90"));
    }
    check_told(&b, STR(""));
    echo_server_wait(&b.echo, 300);
    check_told(&b, STR("GOAWAY 1 ENHANCE_YOUR_CALM\n"));
    CHECK_EQ(b.peer.client.end, ERR_EOF);
    bench_done(&b);

    bench_init(&b);
    for (int i = 0; i < 5; i++) {
        echo_server_wait(&b.echo, 11'900);
        h2_peer_frame(&b.peer, NGHTTP2_PING, 0, 0, STR("12345678"));
        check_told(&b, STR("PING ack 12345678\n"));
    }
    echo_server_wait(&b.echo, 600);
    check_told(&b, STR("GOAWAY 0 NO_ERROR\n"));
    CHECK_EQ(b.peer.client.end, ERR_EOF);
    echo_server_wait(&b.echo, 2100);
    CHECK_EQ(counts_of(&b)->conns_open, 0);
    bench_done(&b);
}

TEST(h2_server_drains_with_a_notice_and_lets_streams_finish)
{
    struct bench b;

    bench_init(&b);
    b.echo.is_streaming = true;
    h2_peer_headers(&b.peer, H2_PEER_END_STREAM, 1, STR(GET));
    settle(&b);
    h2_peer_forget(&b.peer);
    server_drain(&b.echo.server);
    check_told(&b, STR("GOAWAY 2147483647 NO_ERROR\nPING\n"));
    h2_peer_headers(&b.peer, H2_PEER_END_STREAM, 3, STR(GET)); // it was on its way
    h2_peer_frame(&b.peer, NGHTTP2_PING, H2_PEER_ACK, 0, STR("\0\0\0\0\0\0\0\0"));
    check_told(&b, STR("HEADERS 3 :status=200\nDATA 3 GET /a \nGOAWAY 3 NO_ERROR\n"));
    h2_peer_headers(&b.peer, H2_PEER_END_STREAM, 5, STR(GET)); // too late
    check_told(&b, STR(""));
    echo_server_write(&b.echo.calls[0], STR("1"), true);
    CHECK_EQ(b.peer.client.end, OK);
    echo_server_write(&b.echo.calls[1], STR("3"), true);
    check_told(&b, STR("DATA 1 END 1\nDATA 3 END 3\n"));
    CHECK_EQ(b.peer.client.end, ERR_EOF);
    fake_client_leave(&b.peer.client, STREAM_CLOSE);
    settle(&b);
    CHECK(b.echo.is_drained);
    bench_done(&b);
}

TEST(h2_server_drains_without_the_word_of_a_client_that_sleeps)
{
    struct bench b;

    bench_init(&b);
    server_drain(&b.echo.server);
    check_told(&b, STR("GOAWAY 2147483647 NO_ERROR\nPING\n"));
    echo_server_wait(&b.echo, 1100);
    check_told(&b, STR("GOAWAY 0 NO_ERROR\n"));
    CHECK_EQ(b.peer.client.end, ERR_EOF);
    CHECK(!b.echo.is_drained);
    echo_server_wait(&b.echo, 2100);
    CHECK(b.echo.is_drained);
    bench_done(&b);
}

TEST(h2_server_close_lets_whole_answers_arrive_and_resets_the_others)
{
    struct bench b;

    bench_init(&b);
    b.echo.is_streaming = true;
    h2_peer_headers(&b.peer, H2_PEER_END_STREAM, 1, STR(GET));
    h2_peer_headers(&b.peer, H2_PEER_END_STREAM, 3, STR(GET));
    settle(&b);
    h2_peer_forget(&b.peer);
    echo_server_write(&b.echo.calls[1], STR("end"), true);
    server_close(&b.echo.server);
    check_told(&b, STR("DATA 3 END end\nRST_STREAM 1 INTERNAL_ERROR\nGOAWAY 3 NO_ERROR\n"));
    CHECK_EQ(b.peer.client.end, ERR_EOF);
    CHECK_EQ(b.echo.calls[0].gone, ERR_CANCELED);
    bench_done(&b);
}

TEST(h2_server_a_call_can_shorten_the_rest_of_its_conn)
{
    struct bench b;

    bench_init(&b);
    b.echo.is_streaming = true;
    h2_peer_headers(&b.peer, H2_PEER_END_STREAM, 1, STR(GET));
    settle(&b);
    server_call_limit_idle(b.echo.calls[0].call, 100);
    echo_server_write(&b.echo.calls[0], STR(""), true);
    echo_server_wait(&b.echo, 90);
    CHECK_EQ(b.peer.client.end, OK);
    echo_server_wait(&b.echo, 20);
    CHECK_EQ(b.peer.client.end, ERR_EOF);
    bench_done(&b);
}
