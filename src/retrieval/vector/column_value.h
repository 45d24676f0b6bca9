// column_value: one value of a metadata column, and the order of values.
//
// A column has one type; a row has a value in it or none (COLUMN_ABSENT). Every value but a text
// has a key: a 64-bit number in whose order the values of its column are sorted, so that equality
// and ranges of all types are one test, `low <= key && key <= high`. Texts get theirs by their
// place in a sorted dictionary (columns.h); they are ordered by their bytes. Pure; a header alone.
#pragma once

#include "base/str.h"

#include <assert.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "values are stored as they are in memory");

enum column_type {
    COLUMN_ABSENT,
    COLUMN_I64,
    COLUMN_F64,
    COLUMN_BOOL,
    COLUMN_STRING,
    COLUMN_TYPE_COUNT,
};

enum { COLUMN_TEXT_MAX = 4096 }; // bytes of one text

struct column_value {
    enum column_type type;
    union {
        int64_t i64;
        double f64;
        bool boolean;
        str text; // borrowed
    };
};

static inline uint64_t column_value_key_i64(int64_t value)
{
    return (uint64_t)value ^ UINT64_C(1) << 63;
}

// All NaN have one key, the last; -0 has that of 0.
static inline uint64_t column_value_key_f64(double value)
{
    uint64_t bits;

    if (value != value) return UINT64_MAX;
    value += 0.0; // makes 0 of -0
    memcpy(&bits, &value, sizeof(bits));
    return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

// Of a value that is present and no text.
static inline uint64_t column_value_key(const struct column_value *v)
{
    switch (v->type) {
    case COLUMN_I64: return column_value_key_i64(v->i64);
    case COLUMN_F64: return column_value_key_f64(v->f64);
    default: return v->boolean;
    }
}

// The value of a key of an I64, F64 or BOOL column; of -0, 0.
static inline struct column_value column_value_of_key(enum column_type type, uint64_t key)
{
    struct column_value v = {.type = type};
    uint64_t sign = UINT64_C(1) << 63;
    uint64_t bits = key & sign ? key ^ sign : ~key;

    switch (type) {
    case COLUMN_I64: v.i64 = (int64_t)(key ^ sign); break;
    case COLUMN_F64: memcpy(&v.f64, &bits, sizeof(bits)); break;
    default: v.boolean = key != 0;
    }
    return v;
}
