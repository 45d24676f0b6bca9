// openai_usage: token counts as OpenAI reports them, of chat, completions and responses.
//
// prompt_tokens are all of the prompt, cached or not, as in the neutral sense. A count that is no
// number is the upstream's affair: it is unknown. Zero is a count. Pure.
#pragma once

#include "codec/json.h"
#include "codec/json_write.h"
#include "provider/answer_stream.h"

// The value of a "usage", which comes next; `is_known` false where it reports none.
err openai_usage_read(struct json_reader *r, struct token_usage *out);

// Writes it as an object. A failure is kept in the writer.
void openai_usage_write(struct json_writer *w, const struct token_usage *usage);
