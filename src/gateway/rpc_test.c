#include "gateway/rpc.h"

#include "support/rpc_stage.h"
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#define OURS "x-request-id=req_5c017cf0d6fa2f3baec46374 x-sluice-provider=stock"

static bool has(str text, str part)
{
    return str_find(text, part) < text.len;
}

static void check_told(struct rpc_stage *s, str want)
{
    str told = rpc_stage_told(s);

    CHECK_SAME(told, want);
    h2_peer_forget(&s->peer);
}

static void check_told_among(struct rpc_stage *s, str want)
{
    str told = rpc_stage_told(s);

    if (!has(told, want))
        test_fail(__FILE__, __LINE__, "\"%" STR_FMT "\" lacks \"%" STR_FMT "\"", STR_ARG(told),
                  STR_ARG(want));
    h2_peer_forget(&s->peer);
}

static uint64_t count_of(const _Atomic uint64_t *counter)
{
    return atomic_load(counter);
}

TEST(rpc_passes_a_native_call_as_it_is_but_for_what_is_the_hops_own)
{
    struct rpc_stage s;

    rpc_stage_init(&s, STR(RPC_STAGE_YAML));
    rpc_stage_call(&s,
                   STR(RPC_STAGE_CALL("Get") "grpc-timeout: 5S|grpc-encoding: identity|x-mine: a|"
                                             "blob-bin: AP8=|traceparent: 00-1-2-01|"
                                             "authorization: Bearer mine|x-forwarded-for: 1.2.3.4|"
                                             "x-request-id: id-1|user-agent: grpc-x/1|"),
                   STR("\x0a\x01z\xff"));
    struct fake_h2_stream *up = rpc_stage_upstream(&s);
    CHECK_STR(buf_view(&up->head),
              ":method: POST\n:path: /stock.v1.Stock/Get\n:scheme: http\n"
              ":authority: stock.example:50051\nte: trailers\ncontent-type: application/grpc\n"
              "grpc-encoding: identity\nx-mine: a\nblob-bin: AP8=\ntraceparent: 00-1-2-01\n"
              "authorization: Bearer mine\nuser-agent: grpc-x/1\ngrpc-timeout: 5000000u\n"
              "x-request-id: id-1\n");
    CHECK_SAME(buf_view(&up->body), STR("\0\0\0\0\x04\x0a\x01z\xff"));
    CHECK(up->is_whole);
    fake_h2_head(up, "200",
                 STR("content-type: application/grpc+proto\r\ngrpc-encoding: identity\r\n"
                     "x-head: h\r\nhead-bin: AAE\r\nx-request-id: theirs\r\nset-cookie: c\r\n"),
                 false);
    rpc_stage_say(&s, STR("answer\xfe"));
    rpc_stage_end(&s, STR("grpc-status: 0\r\nx-tail: t\r\ntail-bin: /w\r\n"));
    check_told(&s, STR("HEADERS 1 :status=200 x-request-id=id-1 x-sluice-provider=stock "
                       "content-type=application/grpc+proto grpc-encoding=identity x-head=h "
                       "head-bin=AAE x-sluice-upstream-request-id=theirs\n"
                       "DATA 1 \0\0\0\0\x07"
                       "answer\xfe\n"
                       "HEADERS 1 END grpc-status=0 x-tail=t tail-bin=/w\n"));
    CHECK_EQ(count_of(&s.gateway.metrics.rpc_ok), 1);
    CHECK_EQ(count_of(&s.gateway.metrics.requests_rpc), 1);
    rpc_stage_done(&s);
}

TEST(rpc_sends_the_providers_key_in_place_of_the_clients)
{
    struct rpc_stage s;

    rpc_stage_init(&s, STR("providers:\n" RPC_STAGE_PROVIDER ", api_key: \"${KEY}\"}\n"));
    rpc_stage_call(&s, STR(RPC_STAGE_CALL("Get") "authorization: Bearer mine|"), STR(""));
    str head = buf_view(&rpc_stage_upstream(&s)->head);
    CHECK(has(head, STR("\nauthorization: Bearer sk-very-secret\n")));
    CHECK(!has(head, STR("mine")));
    rpc_stage_done(&s);
}

TEST(rpc_uses_several_keys_in_turn)
{
    struct rpc_stage s;

    rpc_stage_init(&s,
                   STR("providers:\n" RPC_STAGE_PROVIDER ",\n     api_keys: [{name: a, key: ka},"
                       " {name: b, key: kb}]}\n"));
    rpc_stage_call(&s, STR(RPC_STAGE_CALL("Get")), STR(""));
    CHECK(has(buf_view(&rpc_stage_upstream(&s)->head), STR("Bearer ka\n")));
    rpc_stage_end(&s, STR(""));
    rpc_stage_ask(&s, "GET /stock/v1/items/a", STR(""));
    CHECK(has(buf_view(&rpc_stage_upstream(&s)->head), STR("Bearer kb\n")));
    rpc_stage_done(&s);
}

TEST(rpc_passes_a_bare_status_as_a_bare_head)
{
    struct rpc_stage s;

    rpc_stage_init(&s, STR(RPC_STAGE_YAML));
    rpc_stage_call(&s, STR(RPC_STAGE_CALL("Get")), STR(""));
    fake_h2_head(rpc_stage_upstream(&s), "200",
                 STR("content-type: application/grpc\r\ngrpc-status: 5\r\ngrpc-message: no%20\r\n"),
                 true);
    check_told(&s, STR("HEADERS 1 END :status=200 " OURS " content-type=application/grpc "
                       "grpc-status=5 grpc-message=no%20\n"));
    CHECK_EQ(count_of(&s.gateway.metrics.rpc_not_found), 1);
    rpc_stage_done(&s);
}

TEST(rpc_passes_messages_both_ways_as_they_come)
{
    struct rpc_stage s;

    rpc_stage_init(&s, STR(RPC_STAGE_YAML));
    h2_peer_headers(&s.peer, 0, 1, STR(RPC_STAGE_CALL("Chat")));
    rpc_stage_settle(&s);
    struct fake_h2_stream *up = rpc_stage_upstream(&s);
    CHECK_EQ(buf_len(&up->body), 0);
    rpc_stage_begin(&s);
    check_told_among(&s, STR("HEADERS 1 :status=200 "));
    for (int i = 0; i < 3; i++) {
        h2_peer_frame(&s.peer, NGHTTP2_DATA, 0, 1, STR("\0\0\0\0\1q"));
        rpc_stage_settle(&s);
        CHECK_EQ(buf_len(&up->body), 6 * (i + 1));
        rpc_stage_say(&s, STR("a"));
        check_told_among(&s, STR("DATA 1 \0\0\0\0\1a\n"));
    }
    CHECK(!up->is_whole);
    h2_peer_frame(&s.peer, NGHTTP2_DATA, H2_PEER_END_STREAM, 1, STR(""));
    rpc_stage_settle(&s);
    CHECK(up->is_whole);
    rpc_stage_end(&s, STR("grpc-status: 0\r\n"));
    check_told(&s, STR("HEADERS 1 END grpc-status=0\n"));
    rpc_stage_done(&s);
}

TEST(rpc_ends_a_call_whose_upstream_answers_before_the_request_is_whole)
{
    struct rpc_stage s;

    rpc_stage_init(&s, STR(RPC_STAGE_YAML));
    h2_peer_headers(&s.peer, 0, 1, STR(RPC_STAGE_CALL("Send")));
    rpc_stage_settle(&s);
    rpc_stage_begin(&s);
    rpc_stage_say(&s, STR("early"));
    rpc_stage_end(&s, STR("grpc-status: 0\r\n"));
    check_told_among(&s, STR("HEADERS 1 END grpc-status=0\nRST_STREAM 1 NO_ERROR\n"));
    CHECK_EQ(count_of(&s.gateway.metrics.rpc_ok), 1);
    rpc_stage_done(&s);
}

struct ill_row {
    const char *http;
    str fields;
    const char *told; // behind our own fields
};

TEST(rpc_gives_a_status_to_answers_that_are_no_grpc)
{
    static const struct ill_row rows[] = {
        {"503", STR_INIT("content-type: text/html\r\n"),
         "grpc-status=14 grpc-message=The upstream answered 503 with text/html."},
        {"404", STR_INIT(""),
         "grpc-status=12 grpc-message=The upstream answered 404 with no content type."},
        {"200", STR_INIT("content-type: application/json\r\n"),
         "grpc-status=2 grpc-message=The upstream answered 200 with application/json."},
        {"401", STR_INIT("content-type: application/grpc\r\n"),
         "grpc-status=16 grpc-message=The upstream answered 401 with application/grpc."},
        // A status that is there counts.
        {"503", STR_INIT("content-type: text/plain\r\ngrpc-status: 8\r\ngrpc-message: full\r\n"),
         "grpc-status=8 grpc-message=full"},
        // But it is never OK.
        {"500", STR_INIT("content-type: text/plain\r\ngrpc-status: 0\r\n"),
         "grpc-status=2 grpc-message=The upstream answered 500 with text/plain."},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct rpc_stage s;
        char want[512];
        rpc_stage_init(&s, STR(RPC_STAGE_YAML));
        rpc_stage_call(&s, STR(RPC_STAGE_CALL("Get")), STR(""));
        fake_h2_head(rpc_stage_upstream(&s), rows[i].http, rows[i].fields, false);
        (void)snprintf(want, sizeof(want),
                       "HEADERS 1 END :status=200 " OURS " content-type=application/grpc "
                       "grpc-accept-encoding=identity,gzip %s\n",
                       rows[i].told);
        check_told(&s, str_from_c(want));
        CHECK_EQ(rpc_stage_upstream(&s)->reset_code, NGHTTP2_CANCEL);
        rpc_stage_done(&s);
    }
}

struct reset_row {
    uint32_t code;
    const char *status;
};

TEST(rpc_never_takes_a_reset_for_an_end)
{
    static const struct reset_row rows[] = {
        {NGHTTP2_NO_ERROR, "14"},
        {NGHTTP2_INTERNAL_ERROR, "13"},
        {NGHTTP2_CANCEL, "1"},
        {NGHTTP2_REFUSED_STREAM, "14"},
        {NGHTTP2_ENHANCE_YOUR_CALM, "8"},
        {NGHTTP2_INADEQUATE_SECURITY, "7"},
    };

    for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(*rows); i++) {
        struct rpc_stage s;
        bool has_begun = i % 2;
        char want[64];
        rpc_stage_init(&s, STR(RPC_STAGE_YAML));
        rpc_stage_call(&s, STR(RPC_STAGE_CALL("Watch")), STR(""));
        if (has_begun) rpc_stage_begin(&s);
        if (has_begun) rpc_stage_say(&s, STR("one"));
        fake_h2_reset(rpc_stage_upstream(&s), rows[i / 2].code);
        (void)snprintf(want, sizeof(want), " grpc-status=%s ", rows[i / 2].status);
        str told = rpc_stage_told(&s);
        CHECK(has(told, str_from_c(want)));
        CHECK_EQ(has(told, STR("DATA 1 ")), has_begun);
        CHECK_EQ(has(told, STR("\nHEADERS 1 END grpc-status=")), has_begun);
        rpc_stage_done(&s);
    }
}

TEST(rpc_tells_that_a_connection_broke)
{
    struct rpc_stage s;

    rpc_stage_init(&s, STR(RPC_STAGE_YAML));
    rpc_stage_call(&s, STR(RPC_STAGE_CALL("Watch")), STR(""));
    rpc_stage_begin(&s);
    rpc_stage_say(&s, STR("one"));
    fake_h2_close(fake_h2_conn(&s.far), STREAM_CLOSE);
    check_told_among(&s, STR("HEADERS 1 END grpc-status=14 "
                             "grpc-message=The upstream's connection broke.\n"));
    CHECK_EQ(count_of(&s.gateway.metrics.rpc_unavailable), 1);
    CHECK_EQ(count_of(&s.gateway.metrics.streams_cut), 1);
    rpc_stage_done(&s);
}

TEST(rpc_tells_that_an_answer_ended_without_a_status)
{
    for (int i = 0; i < 3; i++) {
        struct rpc_stage s;
        rpc_stage_init(&s, STR(RPC_STAGE_YAML));
        rpc_stage_call(&s, STR(RPC_STAGE_CALL("Watch")), STR(""));
        if (i == 0)
            fake_h2_head(rpc_stage_upstream(&s), "200", STR("content-type: application/grpc\r\n"),
                         true);
        if (i) rpc_stage_begin(&s);
        if (i == 1) fake_h2_say(rpc_stage_upstream(&s), STR("\0\0\0\0\1a"), true);
        if (i == 2) rpc_stage_end(&s, STR("x-tail: t\r\n"));
        check_told_among(&s, STR("grpc-status=2 grpc-message=The upstream ended its answer "
                                 "without a status.\n"));
        rpc_stage_done(&s);
    }
}

TEST(rpc_ends_a_call_at_its_deadline_and_gives_the_upstream_up)
{
    struct rpc_stage s;

    rpc_stage_init(&s, STR(RPC_STAGE_YAML));
    rpc_stage_call(&s, STR(RPC_STAGE_CALL("Watch") "grpc-timeout: 200m|"), STR(""));
    CHECK(has(buf_view(&rpc_stage_upstream(&s)->head), STR("\ngrpc-timeout: 200000u\n")));
    rpc_stage_begin(&s);
    rpc_stage_wait(&s, 199);
    CHECK_EQ(count_of(&s.gateway.metrics.rpc_deadline_exceeded), 0);
    rpc_stage_wait(&s, 1);
    check_told_among(&s, STR("HEADERS 1 END grpc-status=4 "));
    CHECK_EQ(rpc_stage_upstream(&s)->reset_code, NGHTTP2_CANCEL);
    CHECK_EQ(count_of(&s.gateway.metrics.rpc_deadline_exceeded), 1);
    rpc_stage_done(&s);
}

TEST(rpc_bounds_a_call_by_the_providers_timeout)
{
    struct rpc_stage s;

    rpc_stage_init(&s, STR("providers:\n" RPC_STAGE_PROVIDER ", timeout: 2s}\n"));
    rpc_stage_call(&s, STR(RPC_STAGE_CALL("Watch") "grpc-timeout: 1H|"), STR(""));
    CHECK(has(buf_view(&rpc_stage_upstream(&s)->head), STR("\ngrpc-timeout: 2000000u\n")));
    rpc_stage_wait(&s, 2000);
    check_told_among(&s, STR("HEADERS 1 END :status=200 " OURS));
    CHECK_EQ(count_of(&s.gateway.metrics.rpc_deadline_exceeded), 1);
    rpc_stage_done(&s);
}

TEST(rpc_bears_a_quiet_client_for_as_long_as_its_call_may_take)
{
    struct rpc_stage s;

    rpc_stage_init(&s, STR("providers:\n" RPC_STAGE_PROVIDER ", timeout: 0}\n"));
    h2_peer_headers(&s.peer, 0, 1, STR(RPC_STAGE_CALL("Chat")));
    rpc_stage_settle(&s);
    CHECK(!has(buf_view(&rpc_stage_upstream(&s)->head), STR("grpc-timeout")));
    rpc_stage_wait(&s, 70'000); // beyond limits.body_timeout
    CHECK_EQ(rpc_stage_upstream(&s)->is_closed, false);
    h2_peer_frame(&s.peer, NGHTTP2_DATA, 0, 1, STR("\0\0\0\0\1q"));
    rpc_stage_settle(&s);
    CHECK_EQ(buf_len(&rpc_stage_upstream(&s)->body), 6);
    rpc_stage_done(&s);
}

TEST(rpc_refuses_a_timeout_that_is_none)
{
    struct rpc_stage s;

    rpc_stage_init(&s, STR(RPC_STAGE_YAML));
    rpc_stage_call(&s, STR(RPC_STAGE_CALL("Get") "grpc-timeout: soon|"), STR(""));
    check_told_among(&s, STR("grpc-status=13 grpc-message=grpc-timeout is malformed\n"));
    CHECK_EQ(s.far.conn_count, 0);
    rpc_stage_done(&s);
}

TEST(rpc_cancels_the_upstream_when_its_client_does)
{
    struct rpc_stage s;

    rpc_stage_init(&s, STR(RPC_STAGE_YAML));
    rpc_stage_call(&s, STR(RPC_STAGE_CALL("Watch")), STR(""));
    rpc_stage_begin(&s);
    h2_peer_number(&s.peer, NGHTTP2_RST_STREAM, 1, NGHTTP2_CANCEL);
    rpc_stage_settle(&s);
    CHECK_EQ(rpc_stage_upstream(&s)->reset_code, NGHTTP2_CANCEL);
    CHECK_EQ(count_of(&s.gateway.metrics.clients_gone), 1);
    CHECK_EQ(count_of(&s.gateway.metrics.rpc_cancelled), 1);
    CHECK_EQ(s.far.open_count, 1); // others may use the connection
    rpc_stage_done(&s);
}

TEST(rpc_tries_a_refused_connection_again)
{
    struct rpc_stage s;

    rpc_stage_init(&s, STR(RPC_STAGE_YAML));
    s.far.dialer.mood = MEMORY_DIALER_REFUSES;
    rpc_stage_call(&s, STR(RPC_STAGE_CALL("Get")), STR("q"));
    CHECK_EQ(s.far.dialer.dial_count, 1);
    rpc_stage_wait(&s, 50);
    CHECK_EQ(s.far.dialer.dial_count, 2);
    s.far.dialer.mood = MEMORY_DIALER_ACCEPTS;
    rpc_stage_wait(&s, 100);
    CHECK_EQ(s.far.dialer.dial_count, 3);
    CHECK_SAME(buf_view(&rpc_stage_upstream(&s)->body), STR("\0\0\0\0\1q"));
    CHECK_EQ(count_of(&s.gateway.metrics.retries), 2);
    rpc_stage_done(&s);
}

TEST(rpc_gives_up_where_connections_are_refused)
{
    struct rpc_stage s;

    rpc_stage_init(&s, STR(RPC_STAGE_YAML));
    s.far.dialer.mood = MEMORY_DIALER_REFUSES;
    rpc_stage_call(&s, STR(RPC_STAGE_CALL("Get")), STR("q"));
    rpc_stage_wait(&s, 1000);
    CHECK_EQ(s.far.dialer.dial_count, 3);
    check_told_among(&s, STR("grpc-status=14 grpc-message=The upstream could not be reached.\n"));
    CHECK_EQ(count_of(&s.gateway.metrics.upstream_failures), 3);
    rpc_stage_done(&s);
}

TEST(rpc_gives_up_where_nobody_answers_the_dial)
{
    struct rpc_stage s;

    rpc_stage_init(&s, STR(RPC_STAGE_YAML));
    s.far.dialer.mood = MEMORY_DIALER_IS_SILENT;
    rpc_stage_call(&s, STR(RPC_STAGE_CALL("Get")), STR("q"));
    rpc_stage_wait(&s, 5000);
    check_told_among(
        &s, STR("grpc-status=14 grpc-message=The upstream could not be reached in time.\n"));
    rpc_stage_done(&s);
}

TEST(rpc_leaves_a_reset_call_alone_of_which_something_was_sent)
{
    struct rpc_stage s;

    rpc_stage_init(&s, STR(RPC_STAGE_YAML));
    rpc_stage_call(&s, STR(RPC_STAGE_CALL("Get")), STR("q"));
    fake_h2_reset(rpc_stage_upstream(&s), NGHTTP2_REFUSED_STREAM);
    rpc_stage_wait(&s, 1000);
    CHECK_EQ(s.far.request_count, 1);
    CHECK_EQ(count_of(&s.gateway.metrics.rpc_unavailable), 1);
    rpc_stage_done(&s);
}

TEST(rpc_reads_an_upstream_only_as_its_client_takes)
{
    static char block[4 << 20];
    struct rpc_stage s;

    rpc_stage_init(&s, STR(RPC_STAGE_YAML));
    memset(block, 'x', sizeof(block));
    rpc_stage_call(&s, STR(RPC_STAGE_CALL("Watch")), STR(""));
    rpc_stage_begin(&s);
    // The client's window is 64 KiB, of which it gives nothing back.
    rpc_stage_say(&s, (str){.ptr = block, .len = sizeof(block)});
    size_t held = sizeof(block) - buf_len(&rpc_stage_upstream(&s)->out);
    CHECK(held < 1 << 20);
    CHECK(held > 65'535);
    rpc_stage_done(&s);
}

// What the client was given of its window back.
static size_t given_back(struct rpc_stage *s)
{
    str told = rpc_stage_told(s);
    str line = STR("WINDOW_UPDATE 1 ");
    size_t sum = 0;

    for (size_t at = str_find(told, line); at < told.len; at = str_find(told, line)) {
        uint64_t number = 0;
        told = str_sub(told, at + line.len, told.len);
        CHECK(str_to_u64(str_sub(told, 0, str_find_char(told, '\n')), UINT32_MAX, &number));
        sum += number;
    }
    h2_peer_forget(&s->peer);
    return sum;
}

TEST(rpc_reads_a_client_only_as_its_upstream_takes)
{
    enum { WINDOW = 256 * 1024 };
    static char block[8192];
    struct rpc_stage s;
    size_t allowed = WINDOW;
    size_t sent = 0;

    rpc_stage_init(&s, STR(RPC_STAGE_YAML));
    s.far.is_slow = true;
    h2_peer_headers(&s.peer, 0, 1, STR(RPC_STAGE_CALL("Send")));
    rpc_stage_settle(&s);
    while (sent + sizeof(block) <= allowed && sent < 4 << 20) {
        h2_peer_frame(&s.peer, NGHTTP2_DATA, 0, 1, (str){.ptr = block, .len = sizeof(block)});
        sent += sizeof(block);
        allowed += given_back(&s);
    }
    CHECK(sent > WINDOW); // what the upstream's window took was given back
    CHECK(sent < 1 << 20);
    rpc_stage_done(&s);
}

TEST(rpc_ends_calls_with_a_status_when_it_stops)
{
    struct rpc_stage s;

    rpc_stage_init(&s, STR(RPC_STAGE_YAML));
    rpc_stage_call(&s, STR(RPC_STAGE_CALL("Watch")), STR(""));
    rpc_stage_begin(&s);
    gateway_stop(&s.gateway);
    check_told_among(&s, STR("HEADERS 1 END grpc-status=14 "
                             "grpc-message=The gateway is shutting down.\n"));
    rpc_stage_done(&s);
}

TEST(rpc_tells_a_crowd_to_come_again)
{
    struct rpc_stage s;

    rpc_stage_init(&s, STR("limits: {streams: 1}\n" RPC_STAGE_YAML));
    h2_peer_headers(&s.peer, 0, 1, STR(RPC_STAGE_CALL("Chat")));
    h2_peer_headers(&s.peer, 0, 3, STR(RPC_STAGE_CALL("Chat")));
    check_told_among(&s, STR("grpc-status=14 grpc-message=Too many requests in flight.\n"));
    CHECK_EQ(fake_h2_conn(&s.far)->stream_count, 1);
    rpc_stage_done(&s);
}

TEST(rpc_refuses_a_request_that_sends_more_than_an_upload_may)
{
    static char block[2000];
    struct rpc_stage s;

    rpc_stage_init(&s, STR("limits: {upload_bytes: 1KiB}\n" RPC_STAGE_YAML));
    h2_peer_headers(&s.peer, 0, 1, STR(RPC_STAGE_CALL("Get")));
    rpc_stage_settle(&s);
    h2_peer_frame(&s.peer, NGHTTP2_DATA, 0, 1, (str){.ptr = block, .len = sizeof(block)});
    check_told_among(&s, STR("grpc-status=8 grpc-message=The call sends more than it may.\n"));
    CHECK_EQ(rpc_stage_upstream(&s)->reset_code, NGHTTP2_CANCEL);
    rpc_stage_done(&s);
}

TEST(rpc_leaves_what_is_no_providers_to_others)
{
    struct rpc_stage s;

    rpc_stage_init(&s, STR(RPC_STAGE_YAML));
    rpc_stage_call(&s,
                   STR(":method: POST|:scheme: http|:authority: gw|:path: /a.B/C|"
                       "content-type: application/grpc|te: trailers|"),
                   STR(""));
    check_told_among(&s, STR("grpc-status=12"));
    rpc_stage_ask(&s, "GET /nothing", STR(""));
    CHECK(has(buf_view(&s.client.seen), STR("\"code\":\"unknown_url\"")));
    CHECK_EQ(count_of(&s.gateway.metrics.requests_rpc), 0);
    CHECK_EQ(count_of(&s.gateway.metrics.requests_unknown), 2);
    rpc_stage_done(&s);
}
