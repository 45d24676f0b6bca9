// Clients of each dialect: what each is told of the same.
#include "gateway/exchange.h"

#include "support/h2_peer.h"
#include "support/stage.h"
#include "support/test.h"

#define ONE_MODEL                                                                                  \
    "providers:\n  - {name: p, base_url: \"http://p/v1\"}\n"                                       \
    "models:\n  - {name: m, targets: [{provider: p}]}\n"
#define GRPC_POST                                                                                  \
    ":method: POST|:scheme: http|:authority: gw|:path: /sluice.v1.Chat/Complete|"                  \
    "content-type: application/grpc|te: trailers"

static bool has(str text, str part)
{
    return str_find(text, part) < text.len;
}

static void check_refused(str path, str body, str status, str part)
{
    struct stage s;

    stage_init(&s, STR(ONE_MODEL));
    stage_post(&s, path, body);
    str seen = stage_seen(&s);
    if (!str_starts(seen, status) || !has(seen, part) || !stage_is_whole(seen))
        test_fail(__FILE__, __LINE__, "%" STR_FMT, STR_ARG(seen));
    CHECK_EQ(s.upstream.request_count, 0);
    stage_done(&s);
}

// What a call by gRPC was told.
static void check_grpc(str frame, const char *status, const char *message)
{
    struct stage s;
    struct h2_peer p;

    stage_init(&s, STR(ONE_MODEL));
    server_accept(&s.gateway.server,
                  h2_peer_connect(&p, &s.loop, (struct memory_stream_options){0}));
    h2_peer_begin(&p);
    h2_peer_headers(&p, 0, 1, STR(GRPC_POST));
    h2_peer_frame(&p, NGHTTP2_DATA, H2_PEER_END_STREAM, 1, frame);
    stage_settle(&s);
    str told = h2_peer_told(&p);
    if (!has(told, str_from_c(status)) || !has(told, str_from_c(message)))
        test_fail(__FILE__, __LINE__, "%" STR_FMT, STR_ARG(told));
    CHECK_EQ(s.upstream.request_count, 0);
    h2_peer_done(&p);
    stage_settle(&s);
    stage_done(&s);
}

TEST(exchange_door_refuses_a_prompt_that_is_no_utf8_in_each_dialect)
{
    check_refused(
        STR("/v1/chat/completions"),
        STR("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"a\xff\"}]}"),
        STR("HTTP/1.1 400 "),
        STR("{\"error\":{\"type\":\"invalid_request_error\",\"message\":\"The body of your "
            "request is not valid UTF-8: byte 52.\""));
    check_refused(
        STR("/v1/messages"),
        STR("{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\","
            "\"content\":\"a\xed\xa0\x80\"}]}"),
        STR("HTTP/1.1 400 "),
        STR("{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":"
            "\"The body of your request is not valid UTF-8: byte 67.\"}"));
    // ChatRequest{model: "m", messages: [{role: USER, parts: [{text: "a\xff"}]}]}
    check_grpc(STR("\0\0\0\0\x0d\x0a\x01m\x12\x08\x08\x03\x12\x04\x0a\x02"
                   "a\xff"),
               "grpc-status=3",
               "grpc-message=A text of the request is not valid UTF-8: byte 1 of its 2.");
}

TEST(exchange_door_names_the_model_that_is_missing_in_each_dialect)
{
    check_refused(STR("/v1/chat/completions"), STR("{\"model\":\"x\",\"messages\":[]}"),
                  STR("HTTP/1.1 404 "), STR("\"code\":\"model_not_found\""));
    check_refused(STR("/v1/messages"), STR("{\"model\":\"x\",\"max_tokens\":9,\"messages\":[]}"),
                  STR("HTTP/1.1 404 "),
                  STR("{\"type\":\"error\",\"error\":{\"type\":\"not_found_error\""));
    check_grpc(STR("\0\0\0\0\x0c\x0a\x01x\x12\x07\x08\x03\x12\x03\x0a\x01q"), "grpc-status=5",
               "grpc-message=The model 'x' does not exist");
    check_grpc(STR("\0\0\0\0\x09\x12\x07\x08\x03\x12\x03\x0a\x01q"), "grpc-status=3",
               "grpc-message=You must name a model.");
}
