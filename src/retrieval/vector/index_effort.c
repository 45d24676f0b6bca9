#include "retrieval/vector/index_effort.h"

#include <math.h>

enum {
    CALIBRATED_K = 10,  // hits that calibration.h is about
    STOPS_AT_SHARE = 3, // most searches end after one in so many of the lists that they may scan
};

static uint32_t times(uint32_t value, double factor)
{
    double result = ceil((double)value * factor);

    return result < UINT32_MAX ? (uint32_t)result : UINT32_MAX;
}

struct index_effort index_effort_of(const struct index_part *p, float recall, uint32_t k)
{
    struct calibration_level level = calibration_find(&p->calibration, recall);
    struct index_effort e = {
        .lists = level.lists_max,
        .candidates = level.candidates,
        .patience = level.patience,
        .epsilon = level.epsilon,
    };

    if (k <= CALIBRATED_K) return e;
    e.lists = times(e.lists, sqrt((double)k / CALIBRATED_K));
    e.candidates = times(e.candidates, (double)k / CALIBRATED_K);
    return e;
}

void index_effort_scale(struct index_effort *e, uint64_t of, uint64_t matching)
{
    double factor = (double)of / (double)(matching ? matching : 1);

    e->lists = times(e->lists, factor);
}

uint32_t index_effort_lists(const struct index_effort *e, uint32_t list_count)
{
    uint32_t lists = e->lists / STOPS_AT_SHARE + 1;

    return lists < list_count ? lists : list_count;
}
