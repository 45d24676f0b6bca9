// column_build: the sections of one metadata column of a segment, from its values in row order.
//
// Vocabulary: a *part* is one section of a column:
//
//     VALUES    a row: i64 and f64 8 bytes, bool 1, string the u32 code of its text; 0 where absent
//     PRESENCE  a bit a row, the lowest first
//     ORDER     u32 row numbers, a permutation of all: by value, NaN behind all others, then the
//               rows without a value; rows of one value ascend
//     DICT      of a string column only: u32 count, u32 bytes of all texts, u32 offsets[count + 1],
//               the texts in ascending order of their bytes; a text's code is its place there
//
// In ORDER the rows of a value, of a range and of no value each are one run, found by binary
// search. All but DICT have a size that the number of rows tells in advance.
// Memory: a row costs 8, 1 or 4 bytes for its value, an eighth for its presence, 4 for its place
// and while it is sorted 4 more; 162 MB for ten million rows of i64, 122 MB of strings and beside
// that the distinct texts (text_set.h). Columns of one segment can be built one after the other.
// Belongs to one thread.
#pragma once

#include "base/err.h"
#include "retrieval/vector/column_value.h"
#include "retrieval/vector/text_set.h"

enum column_part {
    COLUMN_PART_VALUES,
    COLUMN_PART_PRESENCE,
    COLUMN_PART_ORDER,
    COLUMN_PART_DICT,
    COLUMN_PART_COUNT,
};

// Where the bytes go: the parts of one column come one after the other, each in several pieces of
// any length.
struct column_sink {
    err (*write)(struct column_sink *s, enum column_part part, str bytes);
};

struct column_build {
    enum column_type type;
    uint32_t row_count;
    uint32_t added;
    uint32_t present_count;
    uint8_t *values;
    uint8_t *presence;
    uint32_t *order; // NULL until sorted
    struct text_set texts;
    uint32_t *texts_sorted;
};

// For `row_count` rows, below UINT32_MAX; the seed is text_set_init()'s.
void column_build_init(struct column_build *b, enum column_type type, uint32_t row_count,
                       uint64_t seed);
void column_build_done(struct column_build *b);

// The value of the next row, of the column's type or absent: another, or a row too many, is a bug.
// ERR_LIMIT: the distinct texts are too many (text_set_add()).
err column_build_add(struct column_build *b, const struct column_value *value);

// Sorts; once, after all rows were added.
void column_build_sort(struct column_build *b);

// The size of a part: of DICT once all rows were added, sorted or not, of the others at any time.
uint64_t column_build_bytes(const struct column_build *b, enum column_part part);

// Writes all parts that are not empty, as they are numbered. After column_build_sort().
err column_build_write(const struct column_build *b, struct column_sink *sink);
