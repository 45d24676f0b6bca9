// segment_build: a segment file of rows, wherever these come from.
//
// How rows will be searched depends on how many there are: few are simply read, some more are read
// as bytes, and many get lists and codes (enum segment_tier). Rows of a segment with lists lie in
// the order of their lists; others in the order of the source. The same rows, options and seed give
// the same file, however many threads there are. What to scan for which recall is measured, too,
// but for given lists that get too few rows for it.
#pragma once

#include "base/str.h"
#include "retrieval/vector/build_watch.h"
#include "retrieval/vector/calibration.h"
#include "retrieval/vector/metric.h"
#include "retrieval/vector/row_source.h"
#include "retrieval/vector/segment_writer.h"

#include <stddef.h>

enum { SEGMENT_BUILD_EXACT_BELOW = 10'000, SEGMENT_BUILD_BYTES_BELOW = 50'000 };

// Sections beside those of the vectors, such as columns: whoever has them reserves and writes them.
// Embedded in the caller's struct.
struct segment_extras {
    err (*reserve)(struct segment_extras *x, struct segment_writer *w);
    // Row i of the segment is row order[i] of the source.
    err (*write)(struct segment_extras *x, struct segment_writer *w, const uint32_t *order,
                 uint64_t count);
};

struct segment_build_options {
    struct disk *disk;
    enum metric metric;
    uint8_t uuid[SEGMENT_UUID_BYTES];
    uint64_t quantizer_id;  // these two are told where there are lists
    uint64_t rotation_seed; //
    const float *centroids; // lists that are given ([list_count][dim]), with codes whatever the
                            // number of rows; NULL: they are trained
    uint32_t list_count;    // of these; else wanted, or 0 for what suits the number of rows
    const struct calibration *calibration; // stored with the lists; NULL: it is measured
    uint64_t exact_below;                  // fewer rows than this have no codes,
    uint64_t bytes_below;                  // and fewer than this are bytes
    size_t memory_bytes_max; // aimed at; the centroids and 8 bytes a row are needed in any case
    unsigned threads;        // above 0
    uint64_t seed;           // of the training
    struct segment_extras *extras; // NULL: none
    struct build_watch *watch;
};

// Writes the file, which lasts when this returns. Keys must differ. ERR_RANGE for no rows, too many
// or a dim that can't be, ERR_IN_USE where the file exists, ERR_CANCELED, and what the source or
// the disk fails with; the file is then gone.
err segment_build(struct row_source *rows, const struct segment_build_options *o, str path);
