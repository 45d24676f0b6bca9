// columns: the metadata columns of one segment, read where they lie.
//
// Views of the parts that column_build.h describes; nothing is copied. Opening costs the same for
// any size: it checks lengths. Whatever the bytes then hold, reading stays within them: codes, row
// numbers and offsets are checked where they are used, and a value that can't be is absent. Damage
// may change what is found, never where it is looked for. The bytes need no alignment. Immutable,
// safe from any thread; the bytes and the schema outlive it.
#pragma once

#include "base/err.h"
#include "retrieval/vector/column_build.h"
#include "retrieval/vector/column_schema.h"

// The parts of one column, all empty where the segment is older than the column.
struct column_parts {
    str parts[COLUMN_PART_COUNT];
};

struct column_view {
    enum column_type type; // COLUMN_ABSENT where the segment has no such column
    uint32_t row_count;
    const uint8_t *values;
    const uint8_t *presence;
    const uint8_t *order;
    const uint8_t *text_ends; // of strings: offsets[1] on, u32 each
    const char *texts;
    uint32_t text_count;
    uint32_t text_bytes;
};

struct columns {
    const struct column_schema *schema;
    uint32_t row_count;
    struct column_view views[COLUMN_SCHEMA_MAX];
};

// `parts` has one entry a column of the schema. ERR_DAMAGED: a part is not as long as it must be
// for `row_count` rows.
err columns_open(const struct column_schema *schema, uint32_t row_count,
                 const struct column_parts *parts, struct columns *out);

// The value of a row in a column; absent for a row that isn't there. Texts are borrowed.
struct column_value columns_get(const struct columns *c, uint32_t row, uint32_t column);

// The text of a code; empty for one that the dictionary doesn't have.
str columns_text(const struct column_view *v, uint32_t code);

// The first code whose text is `text` or above, or with `is_after` above it; the number of texts
// where none is.
uint32_t columns_code(const struct column_view *v, str text, bool is_after);

// The first place of the order from `from` on, below `to`, whose row's key is `key` or above, or
// with `is_after` above it, or whose row has no value; `to` where there is none.
struct columns_search {
    uint32_t from;
    uint32_t to;
    bool is_after;
};
uint32_t columns_place(const struct column_view *v, struct columns_search s, uint64_t key);

static inline uint32_t column_view_u32(const uint8_t *words, size_t i)
{
    uint32_t word;

    memcpy(&word, words + i * sizeof(word), sizeof(word));
    return word;
}

// The row at a place of the order, below row_count; it may be one that isn't there.
static inline uint32_t column_view_row(const struct column_view *v, uint32_t place)
{
    return column_view_u32(v->order, place);
}

// Of a row below row_count.
static inline bool column_view_is_present(const struct column_view *v, uint32_t row)
{
    return v->presence[row / 8] >> row % 8 & 1;
}

// What the value of a row below row_count is compared by; of a string its code.
static inline uint64_t column_view_key(const struct column_view *v, uint32_t row)
{
    struct column_value value = {.type = v->type};

    switch (v->type) {
    case COLUMN_I64:
        memcpy(&value.i64, v->values + row * sizeof(value.i64), sizeof(value.i64));
        break;
    case COLUMN_F64:
        memcpy(&value.f64, v->values + row * sizeof(value.f64), sizeof(value.f64));
        break;
    case COLUMN_BOOL: return v->values[row];
    default: return column_view_u32(v->values, row);
    }
    return column_value_key(&value);
}
