// Any bytes as a request to the mock: read or refused; what was read is answered by every endpoint
// with one JSON text, and streams come to their end. What the vendors' checks take is JSON with a
// model and messages, and can be read.
#include "assess/mock/mock_dialect.h"
#include "assess/mock/mock_script.h"
#include "codec/json.h"

#include <stdlib.h>

enum { ANSWER_MAX = 1 << 22, EVENTS_MAX = 1 << 20, DIMENSIONS = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void must(bool holds)
{
    if (!holds) abort();
}

// Every kind of block, in the answers of half of the requests.
static void make_rule(struct arena *arena, bool has_blocks, struct mock_rule *rule)
{
    struct diag d;

    mock_rule_init(rule);
    if (!has_blocks) return;
    diag_init(&d);
    must(mock_script_overlay(STR("{answer: {thinking: a b, text: c d, tools: [{name: f}, {name: g, "
                                 "arguments: '{\"a\": 1}'}]}}"),
                             arena, &d, rule) == OK);
    diag_done(&d);
}

static void check_endpoint(const char *path, struct mock_request *req, struct arena *arena)
{
    struct mock_rule rule;
    struct mock_say say;
    struct buf out;
    str tail = STR("");
    const struct mock_endpoint *endpoint = mock_dialect_find(str_from_c(path), false, &tail);

    must(endpoint != NULL);
    make_rule(arena, req->words % 2, &rule);
    rule.answer.tells_images = req->media_count > 0;
    buf_init(&out, ANSWER_MAX);
    mock_say_init(&say, req, &rule, arena);
    say.digits = STR("0123456789abcdef");
    if (endpoint->whole(&say, &out) == OK) must(json_check(buf_view(&out), NULL) == OK);
    for (size_t i = 0; endpoint->next && i <= EVENTS_MAX; i++) {
        buf_clear(&out);
        err e = endpoint->next(&say, &out);
        must(i < EVENTS_MAX);
        if (e) break;
        must(str_ends(buf_view(&out), STR("\n\n")));
    }
    buf_done(&out);
}

static void judge(const char *path, str body, bool is_strict, struct arena *arena)
{
    static const struct h1_head head = {.field_count = 0};
    struct mock_asked asked = {.body = body, .head = &head, .is_strict = is_strict};
    struct mock_problem problem = {.status = 0};
    struct mock_request req;
    str tail = STR("");
    str param = STR("");
    const struct mock_endpoint *endpoint = mock_dialect_find(str_from_c(path), false, &tail);

    if (!endpoint->check(&asked, arena, &problem)) {
        must(problem.status >= 400 && problem.message.len);
        return;
    }
    if (endpoint->dialect == mock_dialect_of(NULL, false) && !is_strict) return;
    // What one vendor does not know, the reader may know of the other one.
    bool is_read = mock_request_read(body, arena, &req, &param) == OK;
    must(is_read ? req.has_input && req.model.len : param.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    str text = {.ptr = (const char *)bytes, .len = len};
    struct mock_request req;
    struct arena arena;
    str param = STR("");

    if (len == 0) text = STR("");
    arena_init(&arena, 4096);
    err e = mock_request_read(text, &arena, &req, &param);
    if (e) must(e == ERR_SYNTAX || e == ERR_TYPE || e == ERR_RANGE || e == ERR_LIMIT);
    if (!e) {
        must(json_check(text, NULL) == OK);
        req.dimensions = DIMENSIONS;
        check_endpoint("/v1/chat/completions", &req, &arena);
        check_endpoint("/v1/completions", &req, &arena);
        check_endpoint("/v1/responses", &req, &arena);
        check_endpoint("/v1/messages", &req, &arena);
        if (req.input.len) check_endpoint("/v1/embeddings", &req, &arena);
    }
    judge("/v1/messages", text, false, &arena);
    judge("/v1/messages/count_tokens", text, false, &arena);
    judge("/v1/chat/completions", text, true, &arena);
    arena_reset(&arena);
    return 0;
}
