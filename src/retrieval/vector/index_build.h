// index_build: rows, with the values of their columns, to a segment of an index.
#pragma once

#include "retrieval/vector/build_watch.h"
#include "retrieval/vector/index_state.h"

// Rows to be built of; the caller embeds it.
struct index_rows {
    struct row_source source;
    // The value of a row in a column of the index's schema, and of its type; a text lasts until the
    // next call. NULL where no row has any.
    err (*value)(struct index_rows *r, uint64_t row, uint32_t column, struct column_value *out);
};

// Lists that rows are put into.
struct index_build_lists {
    const float
        *centroids; // [count][dim]; NULL: by their number rows get lists of their own or none
    uint32_t count;
    uint64_t quantizer_id;                 // of the segment that has the same; 0: none has
    const struct calibration *calibration; // of that; NULL: what these need is measured anew
};

struct index_build_options {
    struct index_rows *rows;
    struct index_build_lists lists;
    struct build_watch *watch;
};

// The lists of a part that has some, with its calibration.
struct index_build_lists index_build_lists_of(const struct index_part *p);

// Builds a segment, which lasts, of at least one row, and opens it; no manifest names it yet. Until
// index_build_settle() its file is kept.
err index_build(struct index *ix, const struct index_build_options *o, struct index_part **out);

// A manifest names the part now, or it is given up.
void index_build_settle(struct index *ix, const struct index_part *p);
