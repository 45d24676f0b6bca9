// json_write: JSON text into a buf.
//
// Commas and colons come by themselves; the caller opens and closes what it nests (at most
// JSON_WRITE_DEPTH_MAX deep) and writes a key before each value of an object; doing otherwise is a
// bug and aborts. The first failure, a full buf, is kept in `error`; calls after it do nothing, so
// that callers check once at the end, and what was written until then is worthless. Invalid UTF-8
// in strings becomes U+FFFD: the output is always valid JSON. One writer writes one text.
#pragma once

#include "base/buf.h"

enum { JSON_WRITE_DEPTH_MAX = 256 };

struct json_writer {
    struct buf *out;
    err error;
    uint32_t depth;
    bool is_after_key;
    uint64_t has_member[JSON_WRITE_DEPTH_MAX / 64]; // a bit a level
    uint64_t in_object[JSON_WRITE_DEPTH_MAX / 64];  // a bit a level: object, else array
};

void json_write_init(struct json_writer *w, struct buf *out);

void json_write_object(struct json_writer *w);
void json_write_object_end(struct json_writer *w);
void json_write_array(struct json_writer *w);
void json_write_array_end(struct json_writer *w);
void json_write_key(struct json_writer *w, str key);

void json_write_str(struct json_writer *w, str value);
void json_write_u64(struct json_writer *w, uint64_t value);
void json_write_i64(struct json_writer *w, int64_t value);
// As few digits as read back as `value`; null where it is not finite.
void json_write_double(struct json_writer *w, double value);
// The same for a float: 0.1f is 0.1.
void json_write_float(struct json_writer *w, float value);
void json_write_bool(struct json_writer *w, bool value);
void json_write_null(struct json_writer *w);
// `text` is one JSON value already and goes in as it is.
void json_write_raw(struct json_writer *w, str text);

// Appends `value` as a JSON string, quotes included. ERR_LIMIT may leave a part of it behind.
err json_write_quoted(struct buf *out, str value);
// The same without the quotes: what may be a part of a string.
err json_write_escaped(struct buf *out, str value);
