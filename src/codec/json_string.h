// json_string: checks the inside of a JSON string, escapes and UTF-8 included.
//
// What the reader falls back on where json_scan() meets a special byte that doesn't end the
// string. Each row does the same; json_string_pass() is the fastest that the target always has.
// Pure.
#pragma once

#include "base/str.h"

#ifdef __SSE2__
#define JSON_STRING_HAS_SSE2 1
#else
#define JSON_STRING_HAS_SSE2 0
#endif

enum { JSON_SHORT_ESCAPE = 2, JSON_UNICODE_ESCAPE = 6 }; // the lengths of \n and of \u000a

// The value of four hexadecimal digits; UINT32_MAX where one of them is none.
uint32_t json_string_hex(const char *at);

// What the letter of a two-byte escape stands for, '\n' for 'n'; 0 for one that has no meaning.
char json_string_escape(char letter);

struct json_string_end {
    const char *at; // behind the closing quote, or the offending byte
    bool is_valid;
};

// From `at`, behind the opening quote or anywhere between two characters, through the closing
// quote. A broken escape or UTF-8 sequence is reported at its first byte, a string without an end
// at `end`.
struct json_string_end json_string_pass(const char *at, const char *end);
struct json_string_end json_string_pass_plain(const char *at, const char *end);
#if JSON_STRING_HAS_SSE2
struct json_string_end json_string_pass_sse2(const char *at, const char *end);
#endif
