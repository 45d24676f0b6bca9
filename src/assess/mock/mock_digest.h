// mock_digest: SHA-256 of what came and of what goes out, in the letters that answers show.
//
// A *seal* is what the mock signs its thinking with: the text alone decides it, so that any mock
// can tell whether a client has brought back what it was given, byte for byte. It protects nothing.
// Pure.
#pragma once

#include "base/arena.h"
#include "base/err.h"

enum { MOCK_DIGEST_HEX = 64, MOCK_DIGEST_SEAL = 44 };

// The digest of `bytes` as MOCK_DIGEST_HEX lower-case digits; it lives in the arena.
str mock_digest_hex(str bytes, struct arena *arena);

// Writes MOCK_DIGEST_SEAL characters of base64, and a 0 behind them.
void mock_digest_seal(str thinking, char *out);

// Decodes base64 (RFC 4648, padded, without line ends) into the arena. ERR_SYNTAX.
err mock_digest_decode(str base64, struct arena *arena, str *out);
