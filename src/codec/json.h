// json: a strict reader that keeps offsets.
//
// It walks one complete JSON text (RFC 8259: UTF-8, no BOM, nothing after the value) without
// building anything: the caller enters the objects and arrays it cares for and passes the other
// values whole, checked but not decoded. Every value is a slice of the text, so an edit is a
// splice of bytes and all else stays as the sender wrote it. Members come in the order of the
// text, repeated keys included. Nesting is bounded by JSON_DEPTH_MAX.
// ERR_SYNTAX: the text is no JSON, or ends early. ERR_LIMIT: it nests too deep. Either leaves the
// reader at the offending byte (`at`) for messages, and every later call returns it again.
// Asking for a value, member or element where the walk isn't at one is a bug and aborts.
// Pure: no allocation but in the arena that json_decode() is given. The text outlives the reader.
#pragma once

#include "base/arena.h"
#include "base/err.h"

enum { JSON_DEPTH_MAX = 512 };

enum json_kind {
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
};

struct json_value {
    enum json_kind kind;
    str text; // as written; of a string, with its quotes
};

enum json_place {
    JSON_BEFORE_VALUE,
    JSON_AFTER_OPEN, // of the object or array entered last, nothing was read yet
    JSON_AFTER_VALUE,
};

struct json_reader {
    str text;
    size_t at;
    uint32_t depth; // of entered objects and arrays
    enum json_place place;
    err error;                               // the first one
    uint64_t in_object[JSON_DEPTH_MAX / 64]; // a bit a level: object, else array
};

void json_reader_init(struct json_reader *r, str text);

// The kind of the value that comes next, told by its first byte.
err json_peek(struct json_reader *r, enum json_kind *out);

// Checks the next value whole, at any depth, and passes it.
err json_value(struct json_reader *r, struct json_value *out);

// Steps into the object or array that comes next; ERR_TYPE where it is neither: the reader then
// is where it was, and its value can still be read.
err json_enter(struct json_reader *r);

// In an object: passes the next key and its colon; its value then comes next. A value that the
// caller left unread is checked and passed first. In `*key` the key as written, without quotes.
// ERR_EOF at the closing brace, which is passed: the reader is behind the object.
err json_member(struct json_reader *r, str *key);

// In an array: OK if an element comes next, ERR_EOF at the closing bracket, which is passed. An
// element left unread is passed first.
err json_element(struct json_reader *r);

// OK if only white space is left and nothing is open.
err json_end(struct json_reader *r);

// All in one: OK if `text` is one valid JSON text; else where it is not, unless `error_at` is NULL.
err json_check(str text, size_t *error_at);

// Whether a raw string or key, without its quotes, means `name` once its escapes are resolved.
bool json_string_is(str raw, str name);

// The text a raw string (without quotes) stands for. Without escapes it is `raw` itself, else a
// copy in the arena. A lone surrogate becomes U+FFFD. A raw string that was cut within an escape
// keeps what is left of it.
str json_decode(str raw, struct arena *arena);

// A JSON_STRING value without its quotes, still raw.
str json_raw(struct json_value v);

// A JSON_NUMBER that is a whole number in 0..max, however written: 16, 16.0 and 1.6e1 are one.
// ERR_TYPE for another kind or a fraction, ERR_RANGE outside.
err json_to_u64(struct json_value v, uint64_t max, uint64_t *out);
