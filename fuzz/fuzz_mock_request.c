// Any bytes as a request to the mock: read or refused; what was read is answered by every endpoint
// with one JSON text, and streams come to their end.
#include "assess/mock/mock_dialect.h"
#include "codec/json.h"

#include <stdlib.h>

enum { ANSWER_MAX = 1 << 22, EVENTS_MAX = 1 << 20, DIMENSIONS = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void must(bool holds)
{
    if (!holds) abort();
}

static void check_endpoint(const char *path, struct mock_request *req, struct arena *arena)
{
    struct mock_rule rule;
    struct mock_say say;
    struct buf out;
    str tail = STR("");
    const struct mock_endpoint *endpoint = mock_dialect_find(str_from_c(path), false, &tail);

    must(endpoint != NULL);
    mock_rule_init(&rule);
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
        if (req.input.len) check_endpoint("/v1/embeddings", &req, &arena);
    }
    arena_reset(&arena);
    return 0;
}
