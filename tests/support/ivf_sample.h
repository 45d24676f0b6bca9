// ivf_sample: an index of lists in memory, with rows around each centroid.
//
// Every array has just the bytes it needs, so that a read beyond them is seen. The same arguments
// make the same index.
#pragma once

#include "retrieval/vector/ivf.h"

struct ivf_sample {
    struct ivf_view view;
    struct rotation rotation;
    // What the view shows, to be written.
    struct ivf_list *lists;
    float *centroids;
    uint8_t *coarse;
    uint8_t *code1;
    uint8_t *code4;
    uint16_t *fact4;
    float *raw;
};

// `rows` has how many each list gets.
void ivf_sample_init(struct ivf_sample *s, uint32_t dim, enum metric metric, const uint32_t *rows,
                     uint32_t list_count);
void ivf_sample_done(struct ivf_sample *s);

// A query near the rows of `list`, of the same length as rows where the metric wants that.
void ivf_sample_query(const struct ivf_sample *s, uint32_t list, float *out);

// The distance by the metric, without codes.
float ivf_sample_distance(const struct ivf_sample *s, const float *query, const float *vector);
