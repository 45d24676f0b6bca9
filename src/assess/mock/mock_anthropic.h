// mock_anthropic: messages, counts of tokens, models and errors as Anthropic writes them.
//
// Functions of the port in mock_dialect.h. Pure.
#pragma once

#include "assess/mock/mock_dialect.h"

extern const struct mock_dialect mock_anthropic;

err mock_anthropic_message(const struct mock_say *s, struct buf *out);
err mock_anthropic_next(struct mock_say *s, struct buf *out);
err mock_anthropic_fail(struct mock_say *s, struct buf *out);
err mock_anthropic_count(const struct mock_say *s, struct buf *out);
err mock_anthropic_models(const struct mock_say *s, struct buf *out);
err mock_anthropic_model(const struct mock_say *s, struct buf *out);
