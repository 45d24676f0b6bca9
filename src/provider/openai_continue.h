// openai_continue: the request that asks another target to go on with a chat answer that was cut.
//
// What the client has of the answer becomes a *prefill*: an assistant message at the end, from
// which a model goes on as if it had written it itself. Servers want to be told in different ways.
// An edit is a splice of bytes: all else stays as the client wrote it. The slices of the old scan
// don't hold for the new body; who edits on, scans it again. Pure.
#pragma once

#include "provider/openai.h"

enum openai_prefill {
    OPENAI_PREFILL_NONE,   // the target takes none
    OPENAI_PREFILL_PLAIN,  // an assistant message at the end is enough
    OPENAI_PREFILL_PREFIX, // and says "prefix":true (Mistral, DeepSeek)
    OPENAI_PREFILL_VLLM,   // vLLM's continue_final_message
};

// Appends `body`, of which `r` is the scan, with `delivered` as its prefill and its bounds of the
// answer reduced by `delivered_tokens`, to 1 at least. White space at the end of `delivered` is
// left out, as many models write it anew, and some servers refuse it; the caller drops what the
// continuation repeats of it. Where nothing else was delivered, nothing is prefilled.
// ERR_UNSUPPORTED, and nothing is appended: no prefill is taken, there are no messages, or one of
// the assistant ends them already, several choices are asked for, or more than plain text. After
// ERR_LIMIT what was appended is worthless.
err openai_continue_body(struct buf *out, str body, const struct openai_request *r, str delivered,
                         uint64_t delivered_tokens, enum openai_prefill kind);
