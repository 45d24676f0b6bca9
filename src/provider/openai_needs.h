// openai_needs: what a target must be able to do for a request, and about how large it is.
//
// A second walk over a body that openai_scan_request() has found good, for the routes that choose
// by it; other requests don't pay for it. Texts are counted as they are written, without decoding
// or a tokenizer: a number to compare with a context window or a limit a minute, not to bill by.
// Pure.
#pragma once

#include "provider/openai.h"

enum { OPENAI_BYTES_PER_TOKEN = 4, OPENAI_TOKENS_PER_IMAGE = 1000 };

struct openai_needs {
    bool has_images;
    bool has_tools;
    bool is_prefilled;     // the last message is the assistant's
    uint64_t input_tokens; // an estimate; a sound or a file counts as an image does
    uint64_t max_tokens;   // of the answer; 0 where the request doesn't say
};

struct openai_needs openai_needs_of(str body, const struct openai_request *r);
