// Any bytes as a message of gRPC to the mock: read or refused; what is read is judged, and answered
// by every method with messages that the schema knows.
#include "assess/mock/mock_dialect.h"
#include "assess/mock/mock_grpc.h"
#include "assess/mock/mock_script.h"

#include <stdlib.h>

enum { ANSWER_MAX = 1 << 24, EVENTS_MAX = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void must(bool holds)
{
    if (!holds) abort();
}

static void make_rule(struct arena *arena, struct mock_rule *rule)
{
    struct diag d;

    mock_rule_init(rule);
    diag_init(&d);
    must(mock_script_overlay(STR("{answer: {thinking: a b, text: c d, tools: [{name: f}, {name: g, "
                                 "arguments: '{\"a\": 1}'}]}}"),
                             arena, &d, rule) == OK);
    diag_done(&d);
}

static void answer(const struct mock_endpoint *e, const struct mock_grpc_call *call,
                   const struct mock_request *req, struct arena *arena)
{
    struct mock_rule rule;
    struct mock_say say;
    struct buf json;
    struct buf out;

    make_rule(arena, &rule);
    buf_init(&json, ANSWER_MAX);
    buf_init(&out, ANSWER_MAX);
    mock_say_init(&say, req, &rule, arena);
    say.digits = STR("0123456789abcdef");
    if (e->whole) {
        must(e->whole(&say, &json) == OK && mock_grpc_write(call, buf_view(&json), &out) == OK);
    }
    for (size_t i = 0; e->next && i <= EVENTS_MAX; i++) {
        buf_clear(&json);
        buf_clear(&out);
        must(i < EVENTS_MAX);
        if (e->next(&say, &json)) break;
        must(mock_grpc_write(call, buf_view(&json), &out) == OK);
    }
    buf_done(&out);
    buf_done(&json);
}

static void ask(const struct mock_grpc *g, const char *path, str body)
{
    struct h1_field fields[] = {{STR("content-type"), STR("application/grpc")},
                                {STR("te"), STR("trailers")}};
    const struct h1_head head = {.method = STR("POST"), .fields = fields, .field_count = 2};
    str tail = STR("");
    const struct mock_endpoint *e = mock_dialect_find(str_from_c(path), false, &tail);
    struct mock_problem problem;
    struct mock_grpc_call call;
    struct mock_request req;
    struct arena arena;
    str param = STR("");

    arena_init(&arena, 1 << 16);
    mock_grpc_begin(g, &head, str_from_c(path), &call);
    must(e && !call.refusal.code);
    str json = mock_grpc_read(&call, body, &arena);
    must((json.len == 0) == (call.refusal.code != STATUS_OK));
    if (json.len && !e->read(json, &arena, &req, &param)) {
        struct mock_asked asked = {.body = json, .head = &head, .is_strict = true};
        asked.unknown = mock_grpc_unknown(&call, &arena);
        bool is_good = e->check(&asked, &arena, &problem);
        must(is_good || problem.message.len);
        if (req.dimensions > 8) req.dimensions = 8;
        if (is_good) answer(e, &call, &req, &arena);
    }
    arena_reset(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const char *const paths[] = {
        "/sluice.v1.Chat/Complete", "/sluice.v1.Chat/Stream", "/sluice.v1.Chat/CountTokens",
        "/sluice.v1.Embeddings/Embed", "/grpc.health.v1.Health/Check"};
    static struct mock_grpc grpc;
    str body = {.ptr = (const char *)bytes, .len = len};

    if (!grpc.pool) must(mock_grpc_init(&grpc) == OK);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        ask(&grpc, paths[i], body);
    }
    return 0;
}
