#include "assess/mock/mock_dialect.h"

#include "assess/mock/mock_anthropic.h"
#include "assess/mock/mock_anthropic_check.h"
#include "assess/mock/mock_embeddings.h"
#include "assess/mock/mock_openai.h"
#include "assess/mock/mock_openai_check.h"
#include "assess/mock/mock_responses.h"
#include "assess/mock/mock_sluice.h"
#include "assess/mock/mock_sluice_check.h"
#include "assess/mock/mock_sluice_request.h"

static const struct mock_endpoint endpoints[] = {
    {.path = STR_INIT("/v1/chat/completions"),
     .dialect = &mock_openai,
     .has_usage = true,
     .check = mock_openai_check_chat,
     .whole = mock_openai_chat,
     .next = mock_openai_chat_next,
     .fail = mock_openai_fail},
    {.path = STR_INIT("/v1/completions"),
     .dialect = &mock_openai,
     .has_usage = true,
     .whole = mock_openai_completion,
     .next = mock_openai_completion_next,
     .fail = mock_openai_fail},
    {.path = STR_INIT("/v1/responses"),
     .dialect = &mock_openai,
     .has_usage = true,
     .whole = mock_responses_whole,
     .next = mock_responses_next,
     .fail = mock_responses_fail},
    {.path = STR_INIT("/v1/embeddings"),
     .dialect = &mock_openai,
     .has_usage = true,
     .has_no_words = true,
     .whole = mock_embeddings_whole},
    {.path = STR_INIT("/v1/moderations"),
     .dialect = &mock_openai,
     .has_no_model = true,
     .whole = mock_openai_moderation},
    {.path = STR_INIT("/v1/messages"),
     .dialect = &mock_anthropic,
     .has_usage = true,
     .check = mock_anthropic_check_message,
     .whole = mock_anthropic_message,
     .next = mock_anthropic_next,
     .fail = mock_anthropic_fail},
    {.path = STR_INIT("/v1/messages/count_tokens"),
     .dialect = &mock_anthropic,
     .check = mock_anthropic_check_count,
     .whole = mock_anthropic_count},
    {.path = STR_INIT("/v1/models"),
     .dialect = &mock_anthropic,
     .needs_version = true,
     .is_get = true,
     .whole = mock_anthropic_models},
    {.path = STR_INIT("/v1/models/*"),
     .dialect = &mock_anthropic,
     .needs_version = true,
     .is_get = true,
     .whole = mock_anthropic_model},
    {.path = STR_INIT("/v1/models"),
     .dialect = &mock_openai,
     .is_get = true,
     .whole = mock_openai_models},
    {.path = STR_INIT("/v1/models/*"),
     .dialect = &mock_openai,
     .is_get = true,
     .whole = mock_openai_model},
    {.path = STR_INIT("/sluice.v1.Chat/Complete"),
     .dialect = &mock_sluice,
     .has_usage = true,
     .read = mock_sluice_request_chat,
     .check = mock_sluice_check_chat,
     .whole = mock_sluice_complete},
    {.path = STR_INIT("/sluice.v1.Chat/Stream"),
     .dialect = &mock_sluice,
     .has_usage = true,
     .is_stream = true,
     .read = mock_sluice_request_chat,
     .check = mock_sluice_check_chat,
     .next = mock_sluice_next},
    {.path = STR_INIT("/sluice.v1.Chat/CountTokens"),
     .dialect = &mock_sluice,
     .read = mock_sluice_request_chat,
     .check = mock_sluice_check_chat,
     .whole = mock_sluice_count},
    {.path = STR_INIT("/sluice.v1.Embeddings/Embed"),
     .dialect = &mock_sluice,
     .has_usage = true,
     .has_no_words = true,
     .read = mock_sluice_request_embed,
     .check = mock_sluice_check_embed,
     .whole = mock_sluice_embed},
    {.path = STR_INIT("/grpc.health.v1.Health/Check"),
     .dialect = &mock_sluice,
     .has_no_model = true,
     .read = mock_sluice_request_health,
     .check = mock_sluice_check_health,
     .whole = mock_sluice_health},
};

bool mock_dialect_has_version(const struct h1_head *head)
{
    return h1_field_find(head, STR("anthropic-version")) != NULL;
}

const struct mock_endpoint *mock_dialect_find(str path, bool has_version, str *tail)
{
    for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
        const struct mock_endpoint *e = &endpoints[i];
        if (e->needs_version && !has_version) continue;
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

const struct mock_dialect *mock_dialect_of(const struct mock_endpoint *endpoint, bool has_version)
{
    if (endpoint) return endpoint->dialect;
    return has_version ? &mock_anthropic : &mock_openai;
}

const str mock_dialect_failure = STR_INIT("The mock was told to fail here.");
