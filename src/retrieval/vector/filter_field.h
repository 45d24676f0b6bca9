// filter_field: the conditions on one column, from their JSON.
//
//     {"field": "year", "gte": 2020, "lt": 2024, "ne": 2022}
//
// All comparisons of one object become one leaf, so that a range is one; each "ne", "nin" and
// "exists" is another.
#pragma once

#include "retrieval/vector/filter_build.h"

// Of an object that has the member "field", checked JSON as all of the text.
void filter_field_read(struct filter_build *b, struct filter_spot spot, str object);

// Of a member of an object that doesn't: `key`, raw, and the value that the column has to have.
void filter_field_read_short(struct filter_build *b, struct filter_spot spot, str key,
                             struct json_value value);
