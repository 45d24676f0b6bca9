// filter_leaf: one condition of a filter, on one column.
//
// A leaf is what remains of equality, lists and bounds: one range of the column's values, and where
// there is a list the values of it that lie in the range. A value that is absent is in neither, nor
// is NaN, except that filter_leaf_init_present() takes every value. Numbers compare exactly, i64
// with f64 too: bounds are moved to the column's own values. So a leaf tells apart values, whatever
// segment they come from; filter_bound.h makes it ready for one.
// Made by one thread, then immutable. Texts and lists are borrowed.
#pragma once

#include "base/arena.h"
#include "retrieval/vector/column_value.h"

enum filter_test {
    FILTER_NEVER, // takes no value
    FILTER_RANGE,
    FILTER_LIST, // and the range, whose ends are in the list
};

enum filter_comparison { FILTER_EQ, FILTER_LT, FILTER_LTE, FILTER_GT, FILTER_GTE };

// Ends of a range of texts, each where it has one.
struct filter_texts {
    bool has_low;
    bool has_high;
    bool is_low_open; // beyond it, not at it
    bool is_high_open;
    str low;
    str high;
};

struct filter_leaf {
    enum filter_test test;
    enum column_type type;
    uint32_t column;
    uint32_t count; // of the list
    bool is_negated;
    union {
        struct { // all types but strings: both ends of the range, and the list
            uint64_t low;
            uint64_t high;
            uint64_t *keys; // ascending, distinct
        };
        struct {
            struct filter_texts range;
            str *texts; // ascending, distinct
        };
    };
};

// Takes every value but NaN, of a column of this type.
void filter_leaf_init(struct filter_leaf *l, uint32_t column, enum column_type type);
// Takes every value.
void filter_leaf_init_present(struct filter_leaf *l, uint32_t column, enum column_type type);

// Whether a literal is comparable with a column: numbers of either type with both.
bool filter_leaf_compares(enum column_type column, enum column_type literal);

// Leaves of the range what compares so with a literal, which filter_leaf_compares().
void filter_leaf_compare(struct filter_leaf *l, enum filter_comparison how,
                         const struct column_value *literal);

// Leaves the values that are in a list, once and after every filter_leaf_compare().
void filter_leaf_list(struct filter_leaf *l, const struct column_value *literals, uint32_t count,
                      struct arena *arena);

// Whether a value, absent or of the leaf's type, is one that it takes; negation is not looked at.
bool filter_leaf_takes(const struct filter_leaf *l, const struct column_value *v);

// Whether all that it takes is one value, and which.
bool filter_leaf_pins(const struct filter_leaf *l, struct column_value *out);

// Whether `key` is in an ascending list.
static inline bool filter_leaf_has_key(const uint64_t *keys, uint32_t count, uint64_t key)
{
    const uint64_t *at = keys;

    for (uint32_t left = count; left > 1;) {
        uint32_t half = left / 2;
        at += at[half - 1] < key ? half : 0;
        left -= half;
    }
    return count && *at == key;
}
