// calibration: how much of a segment with lists is to be scanned for a wanted recall.
//
// Recall is the part of the true ten nearest rows that a search finds. What it takes depends on the
// rows, so it is measured when a segment is built (ivf_calibrate.h) and stored in it, section
// CALIB, as the struct is. Between levels it is interpolated. Pure but for calibration_read().
#pragma once

#include "retrieval/vector/segment.h"

enum { CALIBRATION_LEVELS_MAX = 8, CALIBRATION_CANDIDATES_MAX = 1024 };

#define CALIBRATION_RECALL_MAX 0.9999F // more is not promised, nor asked of an extrapolation
#define CALIBRATION_PATIENCE_MAX 1e6F

// What to scan.
struct calibration_level {
    float recall;
    float epsilon;       // of struct ivf_scan
    float patience;      // of struct ivf_stop
    uint32_t lists_max;  // after so many it ends in any case
    uint32_t candidates; // to rerank where up to ten rows are wanted; in proportion where more
};

struct calibration {
    uint32_t count;       // of levels, by ascending recall; at least one
    uint32_t query_count; // that it was measured with; 0 where nothing was
    struct calibration_level levels[CALIBRATION_LEVELS_MAX];
};

_Static_assert(sizeof(struct calibration) == 8 + 20 * CALIBRATION_LEVELS_MAX, "as in files");

// For a segment that has none: what most need.
const struct calibration *calibration_guess(void);

// What is to be scanned for a recall, whatever number that is: a little more than nothing below the
// lowest level, what the last two suggest above the highest.
struct calibration_level calibration_find(const struct calibration *c, float recall);

// Whether all members are within bounds.
bool calibration_is_valid(const struct calibration *c);

// The segment's own. ERR_ABSENT where it has none; ERR_DAMAGED.
err calibration_read(struct segment *s, struct calibration *out);
