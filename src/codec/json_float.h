// json_float: numbers of JSON as 32-bit floats, as embeddings have them by the thousand.
//
// What is written has as few digits as read back as the same float, whether they are read as a
// float at once or as a double that is then rounded. Pure.
#pragma once

#include "base/err.h"
#include "base/str.h"

enum { JSON_FLOAT_LEN_MAX = 32, JSON_FLOAT_READ_MAX = 255 };

// The float nearest to a JSON number. ERR_RANGE: too large for one, or longer than
// JSON_FLOAT_READ_MAX, where it would have to be looked at closely.
err json_float_read(str number, float *out);

// Writes it as a JSON number and returns its length; 0 where it is not finite.
size_t json_float_write(char out[JSON_FLOAT_LEN_MAX], float value);
