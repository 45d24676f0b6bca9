// anthropic_usage: token counts as Anthropic's dialect tells them.
//
// Its input_tokens leave out what was read from a cache or written to one, token_usage's hold it.
// A stream tells its counts in parts: the input at its start, and at its end the output, perhaps
// with the input again. A count that is null or no number is not told. Pure.
#pragma once

#include "codec/json.h"
#include "codec/json_write.h"
#include "provider/answer_stream.h"

// Merges the usage object that comes next into `u`: what it doesn't tell stays as it was. Anything
// but an object is passed.
err anthropic_usage_read(struct json_reader *r, struct token_usage *u);

// Writes the usage object; `tier` is its service_tier, where that is not empty.
void anthropic_usage_write(struct json_writer *w, const struct token_usage *u, str tier);
