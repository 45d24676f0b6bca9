// mock_responses: OpenAI's responses, whole and as streams of named events.
//
// Functions of the port in mock_dialect.h. Pure.
#pragma once

#include "assess/mock/mock_dialect.h"

err mock_responses_whole(const struct mock_say *s, struct buf *out);
err mock_responses_next(struct mock_say *s, struct buf *out);
err mock_responses_fail(struct mock_say *s, struct buf *out);
