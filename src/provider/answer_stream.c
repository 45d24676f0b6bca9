#include "provider/answer_stream.h"

#include "provider/anthropic.h"
#include "provider/openai.h"
#include "provider/sluice_stream.h"

err answer_stream_event(struct answer_stream *s, str data)
{
    switch (s->kind) {
    case ANSWER_OPENAI_CHAT:
    case ANSWER_OPENAI_RESPONSES: return openai_stream_event(s, data);
    case ANSWER_ANTHROPIC: return anthropic_stream_event(s, data);
    case ANSWER_SLUICE: return sluice_stream_event(s, data);
    }
    return ERR_SYNTAX;
}

bool answer_stream_is_complete(const struct answer_stream *s)
{
    if (s->kind == ANSWER_SLUICE) return sluice_stream_is_complete(s);
    return s->is_done || s->has_failed || s->is_finished;
}

struct token_usage answer_stream_usage(enum answer_kind kind, str body)
{
    if (kind == ANSWER_SLUICE) return sluice_stream_usage(body);
    return kind == ANSWER_ANTHROPIC ? anthropic_answer_usage(body) : openai_answer_usage(body);
}
