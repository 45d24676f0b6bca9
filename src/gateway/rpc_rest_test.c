#include "gateway/rpc.h"
#include "http/server_conn.h"

#include "support/rpc_stage.h"
#include "support/stage.h"
#include "support/test.h"

#include <stdio.h>
#include <string.h>

#define GET_ITEM "GET /stock/v1/items/a"
#define WATCH "GET /stock/v1/items/a:watch"
// The message {name: "items/a"}, and an Item of that name.
#define NAMED "\x0a\x07items/a"

static bool has(str text, str part)
{
    return str_find(text, part) < text.len;
}

static str seen(struct rpc_stage *s)
{
    rpc_stage_settle(s);
    return buf_view(&s->client.seen);
}

static void check_seen(struct rpc_stage *s, str part)
{
    str all = seen(s);

    if (!has(all, part))
        test_fail(__FILE__, __LINE__, "\"%" STR_FMT "\" lacks \"%" STR_FMT "\"", STR_ARG(all),
                  STR_ARG(part));
}

// One whole answer that ends with `body`.
static void check_answer(struct rpc_stage *s, const char *status, str body)
{
    char line[64];

    (void)snprintf(line, sizeof(line), "HTTP/1.1 %s", status);
    CHECK(str_starts(seen(s), str_from_c(line)));
    check_seen(s, body);
    CHECK(stage_is_whole(seen(s)));
}

TEST(rpc_rest_makes_a_message_of_a_request_and_json_of_the_answer)
{
    struct rpc_stage s;

    rpc_stage_init(&s, STR(RPC_STAGE_YAML));
    rpc_stage_ask(&s,
                  GET_ITEM "?count=3&waitMs=4 HTTP/1.1\r\nx-mine: a\r\nblob-bin: AP8=\r\n"
                           "accept: application/json\r\naccept-encoding: gzip\r\n"
                           "grpc-encoding: gzip\r\ngrpc-timeout: 2S\r\ncontent-language: de\r\n"
                           "x-nothing: a\r\nx-ignored:",
                  STR(""));
    struct fake_h2_stream *up = rpc_stage_upstream(&s);
    str head = buf_view(&up->head);
    CHECK(str_starts(head, STR(":method: POST\n:path: /stock.v1.Stock/Get\n:scheme: http\n"
                               ":authority: stock.example:50051\nte: trailers\n"
                               "content-type: application/grpc\nx-mine: a\nblob-bin: AP8=\n")));
    CHECK(has(head, STR("\ngrpc-timeout: 2000000u\nx-request-id: req_")));
    CHECK(!has(head, STR("accept")) && !has(head, STR("gzip")) && !has(head, STR("language")));
    CHECK_SAME(buf_view(&up->body), STR("\0\0\0\0\x0d\x10\x03\x18\x04" NAMED));
    CHECK(up->is_whole);
    fake_h2_head(up, "200",
                 STR("content-type: application/grpc\r\nx-head: h\r\ngrpc-encoding: identity\r\n"),
                 false);
    rpc_stage_say(&s, STR(NAMED "\x38\x01"));
    CHECK_EQ(seen(&s).len, 0); // its status is not known yet
    rpc_stage_end(&s, STR("grpc-status: 0\r\nx-tail: t\r\n"));
    check_answer(&s, "200", STR("\r\n\r\n{\"name\":\"items/a\",\"isOpen\":true}"));
    check_seen(&s, STR("\r\ncontent-type: application/json\r\n"));
    check_seen(&s, STR("\r\nx-head: h\r\n"));
    CHECK(!has(seen(&s), STR("grpc-encoding")));
    CHECK_EQ(atomic_load(&s.gateway.metrics.requests_rest), 1);
    CHECK_EQ(atomic_load(&s.gateway.metrics.rpc_ok), 1);
    rpc_stage_done(&s);
}

struct way_row {
    const char *line;
    str body;
    const char *method;
    str message;
};

TEST(rpc_rest_knows_each_way_that_a_rule_allows)
{
    static const struct way_row rows[] = {
        {GET_ITEM, STR_INIT(""), "Get", STR_INIT(NAMED)},
        {"GET /v1/stock/items%2Fa", STR_INIT(""), "Get", STR_INIT(NAMED)},
        {"POST /stock/v1/items", STR_INIT("{\"name\":\"items/a\"}"), "Create", STR_INIT(NAMED)},
        {"PUT /stock/v1/items/a", STR_INIT("{\"isOpen\":true}"), "Replace",
         STR_INIT("\x38\x01" NAMED)},
        {"PATCH /stock/v1/items/a?mask=isOpen", STR_INIT("{\"isOpen\":true}"), "Update",
         STR_INIT("\x12\x09\x0a\x07is_open\x0a\x0b\x38\x01" NAMED)},
        {"DELETE /stock/v1/items/a", STR_INIT(""), "Remove", STR_INIT(NAMED)},
        {"SEARCH /stock/v1/items?name=items/a", STR_INIT(""), "Search", STR_INIT(NAMED)},
        {"POST /stock.v1.Stock/Plain HTTP/1.1\r\ncontent-type: application/json;a=b\r\nx:",
         STR_INIT("{\"name\":\"items/a\"}"), "Plain", STR_INIT(NAMED)},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct rpc_stage s;
        char path[64];
        rpc_stage_init(&s, STR(RPC_STAGE_YAML));
        rpc_stage_ask(&s, rows[i].line, rows[i].body);
        (void)snprintf(path, sizeof(path), "\n:path: /stock.v1.Stock/%s\n", rows[i].method);
        str body = buf_view(&rpc_stage_upstream(&s)->body);
        CHECK(has(buf_view(&rpc_stage_upstream(&s)->head), str_from_c(path)));
        CHECK_SAME(str_sub(body, 5, body.len), rows[i].message);
        rpc_stage_done(&s);
    }
}

struct refusal_row {
    const char *line;
    str body;
    const char *status;
    str told;
};

TEST(rpc_rest_refuses_what_is_no_request_of_its_method)
{
    static const struct refusal_row rows[] = {
        {GET_ITEM "?nothing=1", STR_INIT(""), "400",
         STR_INIT("{\"code\":3,\"message\":\"parameter \\\"nothing\\\" is unknown\","
                  "\"status\":\"INVALID_ARGUMENT\"}")},
        {"POST /stock/v1/items", STR_INIT("{\"nothing\":1}"), "400", STR_INIT("\"code\":3,")},
        {"POST /stock/v1/items", STR_INIT("{"), "400", STR_INIT("\"code\":3,")},
        {"POST /stock/v1/items:send", STR_INIT("{}"), "501",
         STR_INIT("the method takes a stream of messages: use gRPC")},
        {"POST /stock/v1/items/a", STR_INIT(""), "405",
         STR_INIT("\r\nallow: DELETE, PATCH, PUT, GET\r\n")},
        {"GET /stock.v1.Stock/Plain", STR_INIT(""), "405", STR_INIT("\r\nallow: POST\r\n")},
        {"PUT /sluice/v1/chat", STR_INIT("{}"), "405", STR_INIT("\r\nallow: POST\r\n")},
        {"POST /stock.v1.Stock/Plain", STR_INIT("{}"), "415", STR_INIT("\"code\":3,")},
        {"POST /stock.v1.Stock/Plain HTTP/1.1\r\ncontent-type: application/grpc-web\r\nx:",
         STR_INIT("{}"), "415", STR_INIT("\"code\":3,")},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct rpc_stage s;
        rpc_stage_init(&s, STR(RPC_STAGE_YAML));
        rpc_stage_ask(&s, rows[i].line, rows[i].body);
        check_answer(&s, rows[i].status, rows[i].told);
        check_seen(&s, STR("\r\ncontent-type: application/json\r\n"));
        CHECK_EQ(s.far.conn_count, 0);
        rpc_stage_done(&s);
    }
}

TEST(rpc_rest_bounds_a_request_in_bytes_and_time)
{
    static char block[3000];
    struct rpc_stage s;

    rpc_stage_init(
        &s,
        STR("limits: {body_bytes: 2KiB, receive_timeout: 5s, body_timeout: 4s}\n" RPC_STAGE_YAML));
    rpc_stage_ask(&s, "POST /stock/v1/items", (str){.ptr = block, .len = sizeof(block)});
    check_answer(&s, "413", STR("\"status\":\"RESOURCE_EXHAUSTED\""));
    fake_client_leave(&s.client, STREAM_CLOSE);
    rpc_stage_settle(&s);
    fake_client_done(&s.client);
    server_accept(&s.gateway.server,
                  fake_client_connect(&s.client, &s.loop, (struct memory_stream_options){0}));
    fake_client_say(&s.client, STR("POST /stock/v1/items HTTP/1.1\r\nhost: gw\r\n"
                                   "content-length: 100\r\n\r\n{"));
    rpc_stage_wait(&s, 3000);
    fake_client_say(&s.client, STR(" "));
    rpc_stage_wait(&s, 2000);
    check_answer(&s, "408", STR("\"status\":\"DEADLINE_EXCEEDED\""));
    rpc_stage_done(&s);
}

struct error_row {
    const char *trailers;
    const char *status;
    str body;
};

TEST(rpc_rest_tells_a_status_as_json_with_the_http_status_it_means)
{
    static const struct error_row rows[] = {
        {"grpc-status: 5\r\ngrpc-message: no%20such\r\n", "404",
         STR_INIT("{\"code\":5,\"message\":\"no such\",\"status\":\"NOT_FOUND\"}")},
        {"grpc-status: 16\r\n", "401",
         STR_INIT("{\"code\":16,\"message\":\"\",\"status\":\"UNAUTHENTICATED\"}")},
        // {3: {1: "type.googleapis.com/stock.v1.Box", 2: {1: "b"}}}
        {"grpc-status: 9\r\ngrpc-status-details-bin: "
         "GicKIHR5cGUuZ29vZ2xlYXBpcy5jb20vc3RvY2sudjEuQm94EgMKAWI\r\n",
         "400",
         STR_INIT("\"details\":[{\"@type\":\"type.googleapis.com/stock.v1.Box\","
                  "\"label\":\"b\"}]}")},
        {"x-tail: t\r\n", "500", STR_INIT("\"status\":\"UNKNOWN\"}")},
        {"grpc-status: 0\r\n", "500",
         STR_INIT("\"message\":\"The upstream sent no response.\",\"status\":\"INTERNAL\"}")},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct rpc_stage s;
        rpc_stage_init(&s, STR(RPC_STAGE_YAML));
        rpc_stage_ask(&s, GET_ITEM, STR(""));
        rpc_stage_begin(&s);
        rpc_stage_end(&s, str_from_c(rows[i].trailers));
        check_answer(&s, rows[i].status, rows[i].body);
        rpc_stage_done(&s);
    }
}

TEST(rpc_rest_reads_a_bare_status)
{
    struct rpc_stage s;

    rpc_stage_init(&s, STR(RPC_STAGE_YAML));
    rpc_stage_ask(&s, GET_ITEM, STR(""));
    fake_h2_head(rpc_stage_upstream(&s), "200",
                 STR("content-type: application/grpc\r\ngrpc-status: 7\r\ngrpc-message: no\r\n"),
                 true);
    check_answer(&s, "403",
                 STR("{\"code\":7,\"message\":\"no\",\"status\":\"PERMISSION_DENIED\"}"));
    rpc_stage_done(&s);
}

struct broken_row {
    str body; // of the upstream's answer
    bool ends;
    str told;
};

TEST(rpc_rest_never_shows_an_answer_that_is_broken_or_not_whole)
{
    static const struct broken_row rows[] = {
        {STR_INIT("\0\0\0\0\x09" NAMED), false, STR_INIT("connection broke")},
        {STR_INIT("\0\0\0\0\x09" NAMED "\0\0"), true, STR_INIT("ended within a message")},
        {STR_INIT("\0\0\0\0\x09" NAMED "\0\0\0\0\x09" NAMED), true,
         STR_INIT("more than one response")},
        {STR_INIT("\x07\0\0\0\1a"), true, STR_INIT("not framed as gRPC")},
        {STR_INIT("\x01\0\0\0\1a"), true, STR_INIT("compressed a message unasked")},
        {STR_INIT("\0\x7f\xff\xff\xff"), true, STR_INIT("too long")},
        {STR_INIT("\0\0\0\0\3\x0a\x07i"), true, STR_INIT("\"code\":13")},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct rpc_stage s;
        rpc_stage_init(&s, STR(RPC_STAGE_YAML));
        rpc_stage_ask(&s, GET_ITEM, STR(""));
        rpc_stage_begin(&s);
        fake_h2_say(rpc_stage_upstream(&s), rows[i].body, false);
        rpc_stage_settle(&s);
        if (rows[i].ends && !rpc_stage_upstream(&s)->is_closed)
            rpc_stage_end(&s, STR("grpc-status: 0\r\n"));
        if (!rows[i].ends) fake_h2_close(fake_h2_conn(&s.far), STREAM_CLOSE);
        CHECK(str_starts(seen(&s), STR("HTTP/1.1 5")) || str_starts(seen(&s), STR("HTTP/1.1 429")));
        check_seen(&s, rows[i].told);
        CHECK(stage_is_whole(seen(&s)));
        rpc_stage_done(&s);
    }
}

TEST(rpc_rest_tells_a_stream_line_by_line_as_messages_come)
{
    struct rpc_stage s;

    rpc_stage_init(&s, STR(RPC_STAGE_YAML));
    rpc_stage_ask(&s, WATCH, STR(""));
    rpc_stage_begin(&s);
    CHECK_EQ(seen(&s).len, 0);
    rpc_stage_say(&s, STR(NAMED));
    CHECK(str_starts(seen(&s), STR("HTTP/1.1 200 OK\r\n")));
    check_seen(&s, STR("\r\ncontent-type: application/x-ndjson\r\n"));
    CHECK(str_ends(seen(&s), STR("\r\n13\r\n{\"name\":\"items/a\"}\n\r\n")));
    buf_clear(&s.client.seen);
    // In two pieces.
    fake_h2_say(rpc_stage_upstream(&s), STR("\0\0\0\0\x02\x38"), false);
    CHECK_EQ(seen(&s).len, 0);
    fake_h2_say(rpc_stage_upstream(&s), STR("\x01"), false);
    CHECK_SAME(seen(&s), STR("10\r\n{\"isOpen\":true}\n\r\n"));
    buf_clear(&s.client.seen);
    rpc_stage_end(&s, STR("grpc-status: 0\r\n"));
    CHECK_SAME(seen(&s), STR("0\r\n\r\n"));
    rpc_stage_done(&s);
}

TEST(rpc_rest_tells_a_stream_as_events_where_these_are_asked_for)
{
    struct rpc_stage s;

    rpc_stage_init(&s, STR(RPC_STAGE_YAML));
    rpc_stage_ask(&s, WATCH " HTTP/1.1\r\naccept: text/event-stream\r\nx:", STR(""));
    rpc_stage_begin(&s);
    rpc_stage_say(&s, STR(NAMED));
    check_seen(&s, STR("\r\ncontent-type: text/event-stream\r\n"));
    check_seen(&s, STR("data: {\"name\":\"items/a\"}\n\n"));
    rpc_stage_end(&s, STR("grpc-status: 10\r\ngrpc-message: enough\r\n"));
    check_seen(&s, STR("event: error\ndata: {\"error\":{\"code\":10,\"message\":\"enough\","
                       "\"status\":\"ABORTED\"}}\n\n"));
    CHECK(stage_is_whole(seen(&s)));
    CHECK_EQ(atomic_load(&s.gateway.metrics.rpc_aborted), 1);
    rpc_stage_done(&s);
}

TEST(rpc_rest_ends_an_empty_stream_as_one)
{
    struct rpc_stage s;

    rpc_stage_init(&s, STR(RPC_STAGE_YAML));
    rpc_stage_ask(&s, WATCH, STR(""));
    rpc_stage_begin(&s);
    rpc_stage_end(&s, STR("grpc-status: 0\r\n"));
    check_answer(&s, "200", STR("\r\ncontent-type: application/x-ndjson\r\n"));
    rpc_stage_done(&s);
}

TEST(rpc_rest_tells_a_stream_that_fails_before_its_first_message_by_http)
{
    struct rpc_stage s;

    rpc_stage_init(&s, STR(RPC_STAGE_YAML));
    rpc_stage_ask(&s, WATCH, STR(""));
    rpc_stage_begin(&s);
    rpc_stage_end(&s, STR("grpc-status: 10\r\n"));
    check_answer(&s, "409", STR("{\"code\":10,"));
    rpc_stage_done(&s);
}

TEST(rpc_rest_never_ends_a_cut_stream_as_if_it_were_whole)
{
    struct rpc_stage s;

    rpc_stage_init(&s, STR(RPC_STAGE_YAML));
    rpc_stage_ask(&s, WATCH, STR(""));
    rpc_stage_begin(&s);
    rpc_stage_say(&s, STR(NAMED));
    fake_h2_close(fake_h2_conn(&s.far), STREAM_CLOSE);
    check_seen(&s, STR("{\"error\":{\"code\":14,\"message\":\"The upstream's connection broke.\","
                       "\"status\":\"UNAVAILABLE\"}}\n"));
    CHECK(stage_is_whole(seen(&s)));
    rpc_stage_done(&s);
}

// An HttpBody of the type text/csv.
#define CSV "\x0a\x08text/csv\x12\x02"

TEST(rpc_rest_passes_raw_bodies_and_resets_those_that_are_cut)
{
    for (int is_cut = 0; is_cut < 2; is_cut++) {
        struct rpc_stage s;
        rpc_stage_init(&s, STR(RPC_STAGE_YAML));
        rpc_stage_ask(&s, "GET /stock/v1/files/a/b", STR(""));
        rpc_stage_begin(&s);
        rpc_stage_say(&s, STR(CSV "1\xff"));
        check_seen(&s, STR("\r\ncontent-type: text/csv\r\n"));
        check_seen(&s, STR("\r\n2\r\n1\xff\r\n"));
        if (is_cut) fake_h2_close(fake_h2_conn(&s.far), STREAM_CLOSE);
        if (!is_cut) rpc_stage_end(&s, STR("grpc-status: 0\r\n"));
        rpc_stage_settle(&s);
        CHECK_EQ(stage_is_whole(seen(&s)), !is_cut);
        CHECK_EQ(s.client.end == ERR_CLOSED, is_cut);
        rpc_stage_done(&s);
    }
}

TEST(rpc_rest_reads_an_upstream_only_as_its_client_takes)
{
    enum { COUNT = 120'000 };
    struct rpc_stage s;
    struct buf all;

    rpc_stage_init(&s, STR(RPC_STAGE_YAML));
    buf_init(&all, 4 << 20);
    for (int i = 0; i < COUNT; i++) {
        CHECK_EQ(buf_append(&all, STR("\0\0\0\0\x09" NAMED)), OK);
    }
    s.far.dialer.options.capacity = 1 << 20; // so that pieces are large
    s.client.is_deaf = true;
    rpc_stage_ask(&s, WATCH, STR(""));
    rpc_stage_begin(&s);
    fake_h2_say(rpc_stage_upstream(&s), buf_view(&all), false);
    rpc_stage_settle(&s);
    CHECK(buf_len(&all) - buf_len(&rpc_stage_upstream(&s)->out) < 1 << 20);
    // Nor is what came all told: a batch waits, not a piece of thousands.
    const struct server_conn *c =
        container_of(s.gateway.server.conns.next, struct server_conn, link);
    CHECK(buf_len(&c->wire.out) < 64 * 1024);
    rpc_stage_end(&s, STR("grpc-status: 0\r\n"));
    fake_client_listen(&s.client);
    for (int i = 0; i < 10; i++) {
        rpc_stage_settle(&s);
    }
    CHECK(stage_is_whole(seen(&s)));
    size_t lines = 0;
    for (str rest = seen(&s); rest.len; (void)str_cut(&rest, '\n')) {
        lines += str_starts(rest, STR("{\"name\":\"items/a\"}\n"));
    }
    CHECK_EQ(lines, COUNT);
    buf_done(&all);
    rpc_stage_done(&s);
}

TEST(rpc_rest_cancels_the_upstream_when_its_client_leaves)
{
    struct rpc_stage s;

    rpc_stage_init(&s, STR(RPC_STAGE_YAML));
    rpc_stage_ask(&s, WATCH, STR(""));
    rpc_stage_begin(&s);
    rpc_stage_say(&s, STR(NAMED));
    fake_client_leave(&s.client, STREAM_CLOSE);
    rpc_stage_settle(&s);
    CHECK_EQ(rpc_stage_upstream(&s)->reset_code, NGHTTP2_CANCEL);
    rpc_stage_done(&s);
}

TEST(rpc_rest_ends_at_the_deadline_in_a_way_that_fits_the_moment)
{
    struct rpc_stage s;

    rpc_stage_init(&s, STR("providers:\n" RPC_STAGE_PROVIDER ", timeout: 1s}\n"));
    rpc_stage_ask(&s, GET_ITEM, STR(""));
    rpc_stage_wait(&s, 1000);
    check_answer(&s, "504", STR("\"status\":\"DEADLINE_EXCEEDED\""));
    rpc_stage_ask(&s, WATCH, STR(""));
    rpc_stage_begin(&s);
    rpc_stage_say(&s, STR(NAMED));
    rpc_stage_wait(&s, 1000);
    check_answer(&s, "200", STR("{\"error\":{\"code\":4,"));
    rpc_stage_done(&s);
}

TEST(rpc_rest_repeats_what_an_upstream_did_not_look_at)
{
    struct rpc_stage s;

    rpc_stage_init(&s, STR(RPC_STAGE_YAML));
    rpc_stage_ask(&s, GET_ITEM, STR(""));
    fake_h2_reset(rpc_stage_upstream(&s), NGHTTP2_REFUSED_STREAM);
    rpc_stage_settle(&s);
    CHECK_EQ(s.far.request_count, 2);
    rpc_stage_begin(&s);
    rpc_stage_say(&s, STR(NAMED));
    rpc_stage_end(&s, STR("grpc-status: 0\r\n"));
    check_answer(&s, "200", STR("{\"name\":\"items/a\"}"));
    rpc_stage_done(&s);
}
