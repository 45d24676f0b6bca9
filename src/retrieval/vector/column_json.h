// column_json: JSON values as values of columns. Pure.
#pragma once

#include "base/arena.h"
#include "codec/json.h"
#include "codec/json_write.h"
#include "retrieval/vector/column_schema.h"

// Null is COLUMN_ABSENT. A whole number is what an I64 column takes, also written as 3.0 or 3e0; an
// F64 column takes any number, the nearest double of it. ERR_TYPE for another kind, ERR_RANGE for a
// number that doesn't fit. A text with escapes is decoded into the arena, else borrowed.
err column_json_read(struct json_value v, enum column_type type, struct arena *arena,
                     struct column_value *out);

// The value of an object's member, if `key` names a column; others are nobody's and change nothing.
err column_json_read_member(const struct column_schema *s, str key, struct json_value v,
                            struct arena *arena, struct column_value *values);

// The members of one object that are columns; the other values ([s->count]) stay as they are.
// ERR_SYNTAX where the text is no JSON, ERR_TYPE also where it is no object.
err column_json_read_row(const struct column_schema *s, str object, struct arena *arena,
                         struct column_value *values);

// The value as JSON, null where it is absent or a number that isn't finite.
void column_json_write(struct json_writer *w, const struct column_value *value);
