#include "assess/mock/mock_dialect.h"

#include "assess/mock/mock_embeddings.h"
#include "assess/mock/mock_openai.h"
#include "assess/mock/mock_responses.h"

static const struct mock_endpoint endpoints[] = {
    {.path = STR_INIT("/v1/chat/completions"),
     .has_usage = true,
     .whole = mock_openai_chat,
     .next = mock_openai_chat_next,
     .fail = mock_openai_fail},
    {.path = STR_INIT("/v1/completions"),
     .has_usage = true,
     .whole = mock_openai_completion,
     .next = mock_openai_completion_next,
     .fail = mock_openai_fail},
    {.path = STR_INIT("/v1/responses"),
     .has_usage = true,
     .whole = mock_responses_whole,
     .next = mock_responses_next,
     .fail = mock_responses_fail},
    {.path = STR_INIT("/v1/embeddings"),
     .has_usage = true,
     .has_no_words = true,
     .whole = mock_embeddings_whole},
    {.path = STR_INIT("/v1/moderations"), .has_no_model = true, .whole = mock_openai_moderation},
    {.path = STR_INIT("/v1/models"), .is_get = true, .whole = mock_openai_models},
    {.path = STR_INIT("/v1/models/*"), .is_get = true, .whole = mock_openai_model},
};

const struct mock_endpoint *mock_dialect_find(str path, str *tail)
{
    for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
        const struct mock_endpoint *e = &endpoints[i];
        if (str_ends(e->path, STR("*"))) {
            str stem = str_sub(e->path, 0, e->path.len - 1);
            str rest = str_sub(path, stem.len, path.len);
            if (!str_starts(path, stem) || !rest.len) continue;
            if (str_find_char(rest, '/') < rest.len) continue;
            *tail = rest;
            return e;
        }
        if (str_eq(e->path, path)) return e;
    }
    return NULL;
}

const str mock_dialect_failure = STR_INIT("The mock was told to fail here.");

err mock_dialect_error(const struct mock_problem *p, struct buf *out)
{
    return mock_openai_error(p, out);
}
