#include "gateway/grpc_service.h"

#include "support/h2_peer.h"
#include "support/stage.h"
#include "support/test.h"

#define CALL(path)                                                                                 \
    STR(":method: POST|:scheme: http|:authority: gw|:path: " path                                  \
        "|content-type: application/grpc|te: trailers|")
#define CHECK_PATH "/grpc.health.v1.Health/Check"
#define WATCH_PATH "/grpc.health.v1.Health/Watch"
#define EMPTY STR("\0\0\0\0\0")
#define SERVING STR("\0\0\0\0\x02\x08\x01")
#define NOT_SERVING STR("\0\0\0\0\x02\x08\x02")

static void start(struct stage *s, struct h2_peer *p)
{
    stage_init(s, STR(STAGE_YAML));
    server_accept(&s->gateway.server,
                  h2_peer_connect(p, &s->loop, (struct memory_stream_options){0}));
    h2_peer_begin(p);
}

static void ask(struct stage *s, struct h2_peer *p, str head)
{
    h2_peer_headers(p, 0, 1, head);
    h2_peer_frame(p, NGHTTP2_DATA, H2_PEER_END_STREAM, 1, EMPTY);
    stage_settle(s);
}

static void finish(struct stage *s, struct h2_peer *p)
{
    h2_peer_done(p);
    stage_settle(s);
    CHECK(list_is_empty(&s->gateway.services));
    stage_done(s);
}

static bool has_told(struct h2_peer *p, str text)
{
    str told = h2_peer_told(p);

    return str_find(told, text) < told.len;
}

TEST(grpc_service_answers_a_check_and_counts_it)
{
    struct h2_peer p;
    struct stage s;

    start(&s, &p);
    ask(&s, &p, CALL(CHECK_PATH));
    CHECK(has_told(&p, SERVING));
    CHECK(has_told(&p, STR("grpc-status=0")));
    CHECK(has_told(&p, STR("x-request-id=req_")));
    CHECK_EQ(atomic_load(&s.gateway.metrics.requests_health), 1);
    CHECK_EQ(atomic_load(&s.gateway.metrics.answers_2xx), 1);
    CHECK(list_is_empty(&s.gateway.services));
    finish(&s, &p);
}

TEST(grpc_service_tells_a_watch_of_the_drain_and_lets_it_go)
{
    struct h2_peer p;
    struct stage s;

    start(&s, &p);
    ask(&s, &p, CALL(WATCH_PATH));
    CHECK(has_told(&p, SERVING));
    CHECK(!has_told(&p, STR("grpc-status")));
    h2_peer_forget(&p);
    CHECK_EQ(gateway_apply(&s.gateway, s.settings), OK);
    stage_settle(&s);
    CHECK_EQ(h2_peer_told(&p).len, 0); // nothing has changed
    gateway_drain(&s.gateway);
    stage_settle(&s);
    CHECK(has_told(&p, NOT_SERVING));
    CHECK(has_told(&p, STR("grpc-status=14")));
    CHECK_EQ(s.gateway.server.counts.calls_open, 0);
    finish(&s, &p);
}

TEST(grpc_service_ends_a_watch_when_its_client_wants_no_more)
{
    struct h2_peer p;
    struct stage s;

    start(&s, &p);
    ask(&s, &p,
        STR(":method: POST|:scheme: http|:authority: gw|:path: " WATCH_PATH
            "|content-type: application/grpc|te: trailers|grpc-timeout: 2S|"));
    stage_wait(&s, 1999);
    CHECK(!has_told(&p, STR("grpc-status")));
    stage_wait(&s, 2);
    CHECK(has_told(&p, STR("grpc-status=4")));
    finish(&s, &p);
}

TEST(grpc_service_forgets_a_client_that_has_gone)
{
    struct h2_peer p;
    struct stage s;

    start(&s, &p);
    ask(&s, &p, CALL(WATCH_PATH));
    h2_peer_number(&p, NGHTTP2_RST_STREAM, 1, NGHTTP2_CANCEL);
    stage_settle(&s);
    CHECK(list_is_empty(&s.gateway.services));
    CHECK_EQ(atomic_load(&s.gateway.metrics.clients_gone), 1);
    finish(&s, &p);
}

TEST(grpc_service_stops_with_the_gateway)
{
    struct h2_peer p;
    struct stage s;

    start(&s, &p);
    h2_peer_headers(&p, 0, 1, CALL("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"));
    stage_settle(&s);
    gateway_stop(&s.gateway);
    stage_settle(&s);
    CHECK(has_told(&p, STR("grpc-status=14")));
    finish(&s, &p);
}

TEST(grpc_service_refuses_what_is_no_call)
{
    struct h2_peer p;
    struct stage s;

    start(&s, &p);
    h2_peer_headers(&p, H2_PEER_END_STREAM, 1, CALL(CHECK_PATH)); // without a message
    stage_settle(&s);
    CHECK(has_told(&p, STR("grpc-status=12")));
    h2_peer_headers(&p, H2_PEER_END_STREAM, 3,
                    STR(":method: POST|:scheme: http|:authority: gw|:path: " CHECK_PATH
                        "|content-type: application/grpc|"));
    stage_settle(&s);
    CHECK(has_told(&p, STR("grpc-status=13")));
    h2_peer_headers(&p, H2_PEER_END_STREAM, 5,
                    STR(":method: GET|:scheme: http|:authority: gw|:path: " CHECK_PATH
                        "|content-type: application/grpc|te: trailers|"));
    stage_settle(&s);
    CHECK(has_told(&p, STR(":status=405")));
    finish(&s, &p);
}
