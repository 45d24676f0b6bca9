// assign: the nearest of many centroids, for many rows.
//
// Up to a few hundred centroids, every row is compared with all. Above that, centroids are put
// into groups around centres of their own, and a row is compared with the centroids of the few
// groups that are nearest to it (the `breadth`): an eighth of the work or less, and few rows get
// but their second nearest (the .c says how many). The same centroids give the same groups.
//
// An assign is made once of a list of centroids and read by many threads, each with a scratch of
// its own.
#pragma once

#include "base/err.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum { ASSIGN_BREADTH_MAX = 64 };

struct assign_options {
    const float *centroids; // [count][dim]; copied
    uint32_t count;         // above 0
    uint32_t dim;
    uint32_t breadth;          // groups that a row is compared with; 0 for what suits most
    unsigned threads;          // to make it with; above 0
    const atomic_bool *cancel; // may be NULL
};

struct assign {
    uint32_t count;
    uint32_t dim;
    uint32_t group_count; // 0: every row is compared with all centroids
    uint32_t breadth;
    uint32_t block_rows;  // as many are taken at once
    uint32_t members_max; // centroids of the largest group
    float *origin;        // [dim], the centroids' mean: everything below is relative to it
    float *groups;        // [group_count][dim]
    float *group_norms;
    uint32_t *group_firsts; // [group_count + 1]: where a group's centroids begin
    float *centroids;       // by group
    float *norms;
    uint32_t *lists; // their numbers
};

struct assign_scratch {
    float *rows; // [block_rows][dim], relative to the origin
    float *tile; // rows that go to one group
    float *products;
    float *scores;
    float *tile_scores;
    uint32_t *tile_centers;
    uint32_t *pairs;   // [block_rows][breadth]: groups of a row
    uint32_t *members; // row numbers by group
    uint32_t *firsts;  // where these begin
};

// ERR_CANCELED; the assign is then empty.
err assign_init(struct assign *a, const struct assign_options *o);
void assign_done(struct assign *a);

void assign_scratch_init(struct assign_scratch *s, const struct assign *a);
void assign_scratch_done(struct assign_scratch *s);

// The nearest centroid of each of `count` rows, and the squared distance from it. `distances` may
// be NULL. A row that is not finite gets some centroid.
void assign_rows(const struct assign *a, struct assign_scratch *s, const float *rows, size_t count,
                 uint32_t *lists, float *distances);
