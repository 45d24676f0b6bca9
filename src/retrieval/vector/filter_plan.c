#include "retrieval/vector/filter_plan.h"

#include <math.h>

static const double look_ns = 30;   // one row's values, two cache misses that overlap
static const double row_ns = 110;   // the first byte of a row of floats
static const double row_bytes = 13; // of it in a nanosecond
static const double code_bytes = 8; // of codes in a nanosecond, in sequence
static const double test_ns = 20;   // a survivor's second stage
static const double survivors = .1; // of the rows scanned; more than without a filter

enum { FACTOR_BYTES = 6, NEEDED_TIMES = 2 };

static uint64_t rows_to_scan(const struct filter_plan_input *in)
{
    double rows = (double)in->row_count;

    if (in->rows_guess <= in->k * NEEDED_TIMES) return in->row_count;
    double grown = (double)in->scan_rows * sqrt(rows / (double)in->rows_guess);
    return grown < rows ? (uint64_t)grown : in->row_count;
}

struct filter_plan filter_plan(const struct filter_plan_input *in)
{
    struct filter_plan p = {.scan_rows = rows_to_scan(in)};
    double a_row_ns = row_ns + in->dim * sizeof(float) / row_bytes;
    double a_code_ns = (in->dim / 8.0 + FACTOR_BYTES) / code_bytes;

    p.exact_ns = (double)in->rows_max * look_ns + (double)in->rows_guess * a_row_ns;
    p.scan_ns = (double)p.scan_rows * (a_code_ns + survivors * (look_ns + test_ns));
    p.way = p.exact_ns <= p.scan_ns ? FILTER_EXACT_ROWS : FILTER_SCAN;
    if (in->rows_max == 0) p.way = FILTER_NOTHING;
    return p;
}
