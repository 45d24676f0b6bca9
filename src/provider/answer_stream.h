// answer_stream: what passes in a stream of an answer, whatever its dialect.
//
// A *finish* is what a dialect says at the end of a good answer; a stream that ends without one was
// cut. Each dialect reads its own events (openai_stream_event()); whoever relays a stream looks at
// what is told here and at nothing else. Pure.
#pragma once

#include "base/err.h"
#include "base/str.h"

enum answer_kind {
    ANSWER_OPENAI_CHAT,
    ANSWER_OPENAI_RESPONSES,
    ANSWER_ANTHROPIC,
    ANSWER_SLUICE, // our own, over gRPC
};

// Tokens as a provider counts them, in the sense that all providers' counts can be given: input is
// all of the prompt, whether it was cached or not; output is all that was made, reasoning included.
struct token_usage {
    uint64_t input_tokens;
    uint64_t output_tokens;
    uint64_t cached_tokens;      // of the input: read from a cache
    uint64_t cache_write_tokens; // of the input: written to one
    uint64_t reasoning_tokens;   // of the output
    bool has_cached;             // that count was reported, as the next two
    bool has_cache_write;
    bool has_reasoning;
    bool is_known; // a count was reported, be it 0; the last report counts
};

// What one event brought. All false and empty for "[DONE]", a receipt or a role alone; of an
// in-band error nothing but `is_error` is told.
struct answer_delta {
    str content;        // of choice 0: its text, raw, without quotes: a view of the event; `ptr` is
                        // NULL where it has none
    bool is_plain;      // that text is no JSON, but UTF-8 as it is
    bool has_reasoning; // and not just an empty one, as with all below
    bool has_other;     // part of the answer that is not choice 0's text: tool calls, a refusal,
                        // audio, log probabilities, another choice; of responses any part; of
                        // Anthropic's citations and texts behind the first too
    bool ends_text;     // Anthropic's: the block of that text ends
    bool begins_block;  // Anthropic's: another one begins behind it
    bool is_finish;     // of any choice
    bool is_usage_only; // no choice, but token counts: what stream_options.include_usage adds
    bool is_error;
};

struct answer_stream {
    enum answer_kind kind;
    uint64_t choices_expected; // at least so many must finish; 0 means 1
    uint64_t choices_seen;     // a bit a choice index
    uint64_t choices_finished;
    uint64_t text_block; // of Anthropic's: the index of the first text, plus 1; 0: none yet
    bool is_done;        // "[DONE]" or message_stop came; over gRPC the call has ended well
    bool is_finished;    // a finish came
    bool has_failed;     // an in-band error came: the upstream has told the client itself
    bool has_content;    // any part of an answer came, or a finish: more than a receipt or a role
    uint64_t sequence;   // of the last event of a responses stream
    uint64_t parts;      // of the answer that came, in events of their own: mostly a token each
    struct token_usage usage;
    struct answer_delta delta; // of the event taken last
};

// Takes the data of one event into account, by the stream's kind. ERR_SYNTAX: it is none of the
// dialect; the state is then as before.
err answer_stream_event(struct answer_stream *s, str data);

// Whether the stream may end here: at a finish or a mark of the end; over gRPC where there are
// both.
bool answer_stream_is_complete(const struct answer_stream *s);

// The token counts of an answer that came whole; unknown where it has none.
struct token_usage answer_stream_usage(enum answer_kind kind, str body);
