// filter_parse: filters from JSON.
//
//     {"and": [{"field": "year", "gte": 2020, "lt": 2024},
//              {"field": "lang", "in": ["en", "de"]},
//              {"not": {"field": "draft", "eq": true}}]}
//
// A filter is an object. With "field" it compares one column, by eq, ne, in, nin, lt, lte, gt, gte
// and exists, all of which have to hold. Else each member is "and" or "or" with an array of
// filters, "not" with a filter, or the name of a column with the value that it has to have, and
// again all have to hold: {"year": 2020, "lang": "de"}. {} matches every row, as does an empty
// "and"; an empty "or" or "in" matches none. A whole number is exact, another is the nearest f64;
// texts are compared by their bytes. Pure but for the arena.
#pragma once

#include "base/arena.h"
#include "base/diag.h"
#include "retrieval/vector/filter.h"

// The filter lives in the arena and borrows of the schema, but not of the text. What is wrong is
// told by the diag, with its place in the text, and by the first finding's error: ERR_SYNTAX, that
// it is no JSON or no filter; ERR_ABSENT, an unknown column; ERR_TYPE, a value of another type;
// ERR_RANGE, a number too large; ERR_LIMIT, one of filter.h.
err filter_parse(str json, const struct column_schema *schema, struct arena *arena,
                 struct diag *diag, const struct filter **out);
