// mock_openai: chat and legacy completions, models, moderations and errors as OpenAI writes them.
//
// Functions of the port in mock_dialect.h. Pure.
#pragma once

#include "assess/mock/mock_dialect.h"

extern const struct mock_dialect mock_openai;

err mock_openai_chat(const struct mock_say *s, struct buf *out);
err mock_openai_chat_next(struct mock_say *s, struct buf *out);
err mock_openai_completion(const struct mock_say *s, struct buf *out);
err mock_openai_completion_next(struct mock_say *s, struct buf *out);
err mock_openai_models(const struct mock_say *s, struct buf *out);
err mock_openai_model(const struct mock_say *s, struct buf *out);
err mock_openai_moderation(const struct mock_say *s, struct buf *out);
err mock_openai_fail(struct mock_say *s, struct buf *out);
