// row_values: the metadata of one row as bytes, for the log and for rows in memory.
//
// The bytes are immutable and need no alignment; one thread may write rows while others read those
// that it published before. A row without any value has no bytes. What was appended to the schema
// since a row was written is absent in it. Layout:
//
//     u8 columns (up to the last present), presence bits (a bit a column, the lowest first),
//     8 bytes each i64 and f64, 1 byte each bool, u16 end of each text, the texts
//
// with those of one kind in the order of their columns. Where a value lies is counted from the
// bits, so that reading one costs the same wherever it stands. Pure.
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "retrieval/vector/column_schema.h"

enum {
    ROW_VALUES_TEXT_MAX = 65535, // bytes of all texts of a row
    ROW_VALUES_BYTES_MAX = 1 + COLUMN_SCHEMA_MAX / 8 + 8 * COLUMN_SCHEMA_MAX + ROW_VALUES_TEXT_MAX,
};

// Appends one value a column, COLUMN_ABSENT where the row has none. ERR_TYPE: a value is of another
// type than its column. ERR_LIMIT: a text is longer than COLUMN_TEXT_MAX, all are longer than
// ROW_VALUES_TEXT_MAX, or the buf is full; nothing was appended then.
err row_values_encode(const struct column_schema *s, const struct column_value *values,
                      struct buf *out);

// OK if the bytes are what row_values_encode() makes under `s` or what `s` was before; else
// ERR_DAMAGED.
err row_values_check(const struct column_schema *s, str bytes);

// The value in a column, below s->count; its text borrows of `bytes`. Of bytes that were never
// checked, any value or none.
struct column_value row_values_get(const struct column_schema *s, str bytes, uint32_t column);
