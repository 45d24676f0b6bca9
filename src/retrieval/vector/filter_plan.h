// filter_plan: how to search a segment under a filter.
//
// Either the matching rows are enumerated and their distances computed, which is exact; or lists
// are scanned as without a filter, more of them the rarer matches are, and what survives the first
// stage is tested. The costs, in nanoseconds of one core with all in memory:
//
//     exact   rows_max * LOOK + matches * (ROW + bytes of a row / ROW_BYTES)
//     scan    rows to scan * (bytes of a code / CODE_BYTES + SURVIVORS * (LOOK + TEST))
//
// and the lower one is taken. Rows to scan are those without a filter times the root of rows per
// match, which is more than was measured: the nearest matches lie where more of the nearest rows
// do. All rows are scanned where there are hardly more matches than are wanted. The constants are
// measured on one machine and their ratios matter alone: a random row of 512 bytes costs 150 ns, a
// code of one bit a dimension 3 ns at 128, in sequence. So at 128 dimensions exact wins below some
// 12,000 of a million rows. Pure.
#pragma once

#include <stdint.h>

enum filter_way {
    FILTER_NOTHING, // no row matches
    FILTER_EXACT_ROWS,
    FILTER_SCAN,
};

struct filter_plan_input {
    uint64_t row_count;
    uint64_t rows_max;   // of struct filter_bound
    uint64_t rows_guess; //
    uint64_t k;          // wanted
    uint64_t scan_rows;  // that the same search scans without a filter
    uint32_t dim;
};

struct filter_plan {
    enum filter_way way;
    uint64_t scan_rows; // to expect of a scan; also where it isn't the way
    double exact_ns;
    double scan_ns;
};

struct filter_plan filter_plan(const struct filter_plan_input *in);
