// utf8: what is and is not UTF-8 (RFC 3629).
//
// A sequence is the one to four bytes of a code point. Overlong forms, surrogates, code points
// above U+10FFFF, stray and missing continuation bytes are invalid. Pure.
#pragma once

#include "base/str.h"

enum { UTF8_SEQUENCE_MAX = 4 };

// What stands where something could not be decoded: U+FFFD.
#define UTF8_REPLACEMENT "\xef\xbf\xbd"

// The length of the valid sequence at the start of `s`; 0 where there is none.
size_t utf8_sequence(str s);

// The length of what one U+FFFD replaces where utf8_sequence() is 0 and `s` isn't empty: the
// longest start of a valid sequence, else one byte (Unicode 15, section 3.9, "maximal subpart").
size_t utf8_bad_sequence(str s);

// The end of the valid sequences of two bytes and more that stand at `at` without a gap; `at`
// itself where the first is ASCII or invalid. `end` is behind the last byte.
const char *utf8_pass_high(const char *at, const char *end);

// Whether all of `s` is valid.
bool utf8_is_valid(str s);

// Writes a code point, which is no surrogate and at most U+10FFFF, and returns its length.
size_t utf8_encode(char out[UTF8_SEQUENCE_MAX], uint32_t code_point);
