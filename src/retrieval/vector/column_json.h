// column_json: a JSON value as a value of a column. Pure.
#pragma once

#include "base/arena.h"
#include "codec/json.h"
#include "retrieval/vector/column_value.h"

// Null is COLUMN_ABSENT. A whole number is what an I64 column takes, also written as 3.0 or 3e0; an
// F64 column takes any number, the nearest double of it. ERR_TYPE for another kind, ERR_RANGE for a
// number that doesn't fit. A text with escapes is decoded into the arena, else borrowed.
err column_json_read(struct json_value v, enum column_type type, struct arena *arena,
                     struct column_value *out);
