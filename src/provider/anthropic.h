// anthropic: what a gateway must know of Anthropic's Messages API where bodies pass as they are:
// where a request names its model, when a stream is complete, what an error looks like.
//
// A message_delta with a stop_reason is the finish of a stream: nothing of the answer comes behind
// it, and message_stop alone is missing. An event "error" ends a stream too. Official SDKs ignore
// events without an `event:` line and take a stream that merely ends for a short answer.
// Translation is dialect_anthropic (dialect.h). Pure.
#pragma once

#include "provider/openai_needs.h"

// Tells of a body of /v1/messages or its count_tokens what openai_scan_request() tells of
// OpenAI's, in the same terms: `messages` and `max_tokens` as written, a response format for
// output_config.format; it has one choice, and no stream_options or log probabilities. Errors as
// there.
err anthropic_scan_request(str body, struct openai_request *out, size_t *error_at);

// What a target must be able to do for such a request, and about how large it is: its tokens are
// estimated as token_estimate.h says.
struct openai_needs anthropic_needs_of(str body, const struct openai_request *r);

// Takes the data of one event into account. ERR_SYNTAX: it is no JSON object; the state is then as
// before. Events and blocks of unknown types are passed over, as the API demands of clients.
err anthropic_stream_event(struct answer_stream *s, str data);

// The token counts of an answer that came whole; unknown where it has none.
struct token_usage anthropic_answer_usage(str body);
