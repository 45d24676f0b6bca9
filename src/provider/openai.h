// openai: what a gateway must know of OpenAI's HTTP dialect: where a request names its model, when
// a stream is complete, what an error looks like.
//
// A *finish* is what the dialect says at the end of a good answer: a finish_reason for every
// choice, or "[DONE]" (chat and completions); response.completed or .incomplete (responses). An
// *in-band error* ends a stream too: an event with an "error", or of the type error or
// response.failed. A stream that ends without either was cut. Official SDKs accept such a stream as
// a whole answer, so whoever relays it must tell them. Pure.
#pragma once

#include "base/buf.h"
#include "codec/json.h"
#include "provider/answer_stream.h"

enum { OPENAI_MODELS_MAX = 4 };

// What a request's body says that concerns a gateway.
struct openai_request {
    str models[OPENAI_MODELS_MAX]; // each value of a top-level "model", with its quotes
    size_t model_count;            // a key may stand there twice; servers take the last
    uint64_t choice_count;         // "n", at least 1
    bool is_stream;

    // The values of top-level members as written, of a repeated key the last; empty where there is
    // none.
    str messages;
    str max_tokens; // a number, as the next
    str max_completion_tokens;
    str stream_options;
    bool has_tools;           // or functions
    bool has_response_format; // other than plain text
    bool has_logprobs;
};

// ERR_SYNTAX: not one JSON object; `*error_at` says where. ERR_TYPE: the model is no string, or
// "stream" no boolean. ERR_LIMIT: nested too deeply, or too many models.
err openai_scan_request(str body, struct openai_request *out, size_t *error_at);

// Appends a body, of which `r` is the scan, with the wish for a usage event at the end of its
// stream (chat and completions). ERR_UNSUPPORTED, and nothing is appended: it has stream_options
// already, or wants no stream, as servers refuse them then. After ERR_LIMIT what was appended is
// worthless.
err openai_ask_usage(struct buf *out, str body, const struct openai_request *r);

// Of chat, completions and responses: takes the data of one event into account. ERR_SYNTAX: it is
// neither a JSON object nor "[DONE]"; the state is then as before.
err openai_stream_event(struct answer_stream *s, str data);

// Appends an event's data with another text, raw too, in the place of its delta's content, which
// is a view of it. ERR_LIMIT where that doesn't fit; nothing was appended then.
err openai_splice_content(struct buf *out, str data, str content, str replacement);

// The token counts of an answer that came whole; unknown where it has none.
struct token_usage openai_answer_usage(str body);

struct openai_error {
    str message;
    str type; // "invalid_request_error", "server_error", ...
    str code; // empty: null, as the next
    str param;
};

// Appends {"error":{...}}: the body of an error answer.
err openai_write_error(struct buf *out, const struct openai_error *e);
// Appends the event that ends a failed stream, in the form that the official SDKs throw on.
err openai_write_stream_error(struct buf *out, const struct answer_stream *s,
                              const struct openai_error *e);

// The error type that goes with a status.
str openai_error_type(unsigned status);
