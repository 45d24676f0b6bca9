// ivf_calibrate: measures what an index needs for which recall.
#pragma once

#include "retrieval/vector/build_watch.h"
#include "retrieval/vector/calibration.h"

struct ivf_calibrate_options {
    const struct ivf_view *view;
    unsigned threads; // above 0
    uint64_t seed;    // of the choice of queries
    struct build_watch *watch;
};

// Reads all rows once and runs a few hundred searches. The same index and seed give the same
// outcome, however many threads there are. ERR_CANCELED.
err ivf_calibrate(const struct ivf_calibrate_options *o, struct calibration *out);
