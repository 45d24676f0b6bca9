// ivf_scan: rows of lists to candidates, in two stages of codes.
//
// Stage 1 reads the one-bit codes of all rows of a list and keeps those whose lower bound beats the
// candidates' threshold; stage 2 estimates these by their four-bit codes and offers them. Of the
// few that it would offer, dead rows and those that the caller's test refuses are dropped: an
// estimate costs less than such a look. Belongs to one search; what it reads may be read by many.
#pragma once

#include "retrieval/vector/candidates.h"
#include "retrieval/vector/ivf.h"
#include "retrieval/vector/ivf_query.h"

#include <stdatomic.h>

// A condition on rows; the caller embeds it.
struct row_test {
    bool (*accept)(struct row_test *test, uint64_t row);
};

struct ivf_scan {
    struct candidates *candidates;
    uint32_t source;               // of the candidates it offers
    float epsilon;                 // deviations of error that a row is given; 1.0 to 2.0
    const _Atomic(uint64_t) *dead; // a bit a row; NULL where all live
    struct row_test *test;         // NULL where all are wanted
    uint64_t rows_scanned;         // counters, added to
    uint64_t rows_survived;        // stage 1
    uint64_t rows_near;            // stage 2, wanted or not
};

// Scans the probe's list. Returns how many of its rows became candidates.
uint32_t ivf_scan_list(const struct ivf_view *view, const struct ivf_query *query,
                       const struct probe *probe, struct ivf_scan *s);

// Asks the memory for the beginning of a list that is to be scanned next.
void ivf_scan_expect(const struct ivf_view *view, const struct probe *probe);

// Rows of one list that have four-bit codes only, as fresh rows have.
struct ivf_rows {
    const uint8_t *code4;
    const uint16_t *fact4;
    uint64_t first_row;
    uint32_t count;
    float scale;
};

// Scans these by stage 2 alone. Returns how many became candidates.
uint32_t ivf_scan_rows(const struct ivf_rows *rows, const struct ivf_query *query,
                       const struct probe *probe, struct ivf_scan *s);
