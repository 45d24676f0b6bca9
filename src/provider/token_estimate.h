// token_estimate: about how many tokens something is, without a tokenizer.
//
// The rule for texts, in quarters of a token: a character below U+0080 is one, below U+2E80 two
// (Latin letters with marks, Greek, Cyrillic, Arabic, Indic scripts), any other four (Chinese,
// Japanese, Korean, emoji). An image is a token for each 750 pixels, after it is scaled down to
// 1568 pixels at its longer side, as Anthropic counts; where its size can't be told,
// TOKEN_ESTIMATE_IMAGE. For comparing with a window or telling of a size, not to bill by. Pure.
#pragma once

#include "base/str.h"

enum {
    TOKEN_ESTIMATE_IMAGE = 1600,
    TOKEN_ESTIMATE_QUARTERS = 4,           // a token
    TOKEN_ESTIMATE_BYTES_OF_DOCUMENT = 32, // a token, of a PDF
};

// Quarters of a token; `is_json`: the text is escaped, as within the quotes of a JSON string.
uint64_t token_estimate_text(str text, bool is_json);

// Tokens of a PNG, JPEG, GIF or WebP image by its base64 digits; `digits` may be cut or anything.
uint64_t token_estimate_image(str digits);
