// random_filter: rows with metadata and filters, drawn at random, and which rows a filter takes.
//
// What is taken is found as a reader of the manual would: condition by condition, row by row, in
// long doubles that hold every i64 and every f64. Values and literals come from small sets with all
// the numbers that are easily got wrong, so that conditions often hold.
#pragma once

#include "base/buf.h"
#include "base/random.h"
#include "retrieval/vector/column_schema.h"

enum { RANDOM_FILTER_ROWS_MAX = 70, RANDOM_FILTER_COLUMNS_MAX = 6 };

struct random_filter_table {
    struct column_schema schema;
    uint32_t row_count;
    uint32_t column_count; // that rows have; the schema may have one more
    struct column_value values[RANDOM_FILTER_ROWS_MAX][RANDOM_FILTER_COLUMNS_MAX];
};

struct random_filter_truth {
    bool takes[RANDOM_FILTER_ROWS_MAX];
};

// A filter being written.
struct random_filter {
    struct random *random;
    const struct random_filter_table *table;
    struct buf *json;
};

// Draws a schema of some columns, named c0 and so on, and rows.
void random_filter_table_init(struct random_filter_table *t, struct random *r);

// Appends a filter that nests at most `depth` deep.
void random_filter_draw(struct random_filter *f, unsigned depth, struct random_filter_truth *out);
