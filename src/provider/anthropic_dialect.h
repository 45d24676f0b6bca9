// anthropic_dialect: the halves of dialect_anthropic (dialect.h), each in a file of its own.
//
// What is decided here for all who translate:
// - The system prompt is a message of its own at the front. Results of tools are messages of the
//   role CHAT_TOOL, each with one result, before the rest of the user's message that they came in.
// - max_tokens is mandatory: where it is missing, ANTHROPIC_DEFAULT_MAX_TOKENS are written, and as
//   many more as thinking is given.
// - System and developer messages are hoisted into "system", wherever they stand. Messages of one
//   side that follow each other become one, results of tools first; messages that say nothing are
//   left out. A conversation that doesn't begin with the user gets the user's message ".".
// - White space at the end of a prefill is cut off, as the API refuses it.
// - Arguments of a call that are empty are {}; those that are no JSON object are refused.
// - Ids of calls keep to [a-zA-Z0-9_-]: another character becomes "_", and a hash of the whole is
//   appended, alike in the call and its result.
// - A temperature above 1 becomes 1, noted as "temperature": the same number means the same
//   elsewhere, and only the range differs. Beside a temperature, a top_p other than 1 is left out
//   and noted, as newer models take one of them.
// - An effort of reasoning is thinking: adaptive, with the effort, for Claude from 4.6 on; by a
//   budget of tokens for all else (effort_rows in anthropic_think.c). Thinking is left out where
//   the API would refuse it: when a tool is forced and before a prefill; a budget, which is noted
//   then, also after calls of tools whose own thinking has not come back signed, and in less than
//   ANTHROPIC_LEAST_BUDGET tokens. While it thinks a model has no choice of temperature, top_p and
//   top_k: these are left out and noted.
// - A JSON schema is output_config.format. JSON without a schema is left out and noted: who asks
//   for it in OpenAI's dialect must say so in the prompt as well.
// - Reasoning comes back only with its signature; without, it is left out and noted.
// - Stops of nothing but white space are left out and noted.
// - Several choices, sound, and ids of another provider's files are refused.
// Pure.
#pragma once

#include "provider/dialect.h"

enum { ANTHROPIC_DEFAULT_MAX_TOKENS = 4096, ANTHROPIC_LEAST_BUDGET = 1024 };

err anthropic_read_request(str body, struct arena *a, struct chat_request *out,
                           struct chat_notes *n);
// The same for count_tokens, whose requests have no max_tokens.
err anthropic_read_count_request(str body, struct arena *a, struct chat_request *out,
                                 struct chat_notes *n);
err anthropic_write_request(const struct chat_request *q, struct gather *out, struct chat_notes *n);
// A request of count_tokens, which says what is asked and nothing of how it is answered.
err anthropic_write_count_request(const struct chat_request *q, struct gather *out,
                                  struct chat_notes *n);
err anthropic_answer_read(str body, struct arena *a, struct chat_answer *out);
err anthropic_answer_write(const struct chat_answer *answer, const struct chat_reply *r,
                           struct gather *out);
// The answer of count_tokens: {"input_tokens":...}. ERR_SYNTAX or ERR_TYPE where it is none.
err anthropic_answer_read_count(str body, uint64_t *input_tokens);
err anthropic_answer_write_count(uint64_t input_tokens, struct buf *out);
struct chat_reader *anthropic_event_reader_new(struct arena *a);
struct chat_writer *anthropic_event_writer_new(struct arena *a, const struct chat_reply *r);
