// Design: a block of rows is multiplied with the group centres; each row names its `breadth`
// nearest groups; the pairs are sorted by group, and the rows that a group got are multiplied with
// its centroids, tile by tile. So all arithmetic is in matrix products of fair size.
#include "retrieval/vector/assign.h"

#include "base/memory.h"
#include "retrieval/vector/closest.h"
#include "retrieval/vector/gemm.h"
#include "retrieval/vector/lloyd.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    FLAT_MAX = 512,        // centroids that are compared with one by one
    BLOCK_BYTES = 8 << 20, // of rows; more of them make larger tiles
    BLOCK_ROWS_MIN = 1024,
    BLOCK_ROWS_MAX = 16'384,
    TILE_ROWS = 256,
    BREADTH = 8,
    GROUP_ITERATIONS = 8,
};

static const uint64_t group_seed = 0x6173'7369'676e; // any: groups are part of no file

static uint32_t clamp(uint32_t value, uint32_t low, uint32_t high)
{
    if (value < low) return low;
    return value > high ? high : value;
}

static uint32_t least_of(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static void find_origin(struct assign *a, const float *centroids)
{
    double *sum = memory_alloc(a->dim * sizeof *sum);

    for (uint32_t c = 0; c < a->count; c++) {
        for (uint32_t d = 0; d < a->dim; d++) {
            sum[d] += (double)centroids[(size_t)c * a->dim + d];
        }
    }
    a->origin = memory_alloc_raw(a->dim * sizeof *a->origin);
    for (uint32_t d = 0; d < a->dim; d++) {
        a->origin[d] = (float)(sum[d] / a->count);
    }
    memory_free(sum);
}

static void subtract_origin(const struct assign *a, const float *rows, size_t count, float *out)
{
    for (size_t i = 0; i < count; i++) {
        for (uint32_t d = 0; d < a->dim; d++) {
            out[i * a->dim + d] = rows[i * a->dim + d] - a->origin[d];
        }
    }
}

// Finds group centres for the centroids in `rows` and sorts these by group.
static err group_centroids(struct assign *a, const struct assign_options *o, const float *rows)
{
    uint32_t wanted = (uint32_t)sqrt((double)o->breadth * a->count);
    struct lloyd_options lloyd = {.dim = a->dim,
                                  .center_count = wanted,
                                  .iterations = GROUP_ITERATIONS,
                                  .threads = o->threads,
                                  .seed = group_seed,
                                  .cancel = o->cancel};
    a->groups = memory_alloc_raw((size_t)wanted * a->dim * sizeof *a->groups);
    TRY(lloyd_train(rows, a->count, &lloyd, a->groups, &a->group_count));
    a->group_norms = memory_alloc_raw(a->group_count * sizeof *a->group_norms);
    closest_norms(a->groups, a->group_count, a->dim, a->group_norms);
    a->group_firsts = memory_alloc(((size_t)a->group_count + 2) * sizeof *a->group_firsts);

    struct closest closest = {a->groups, a->group_norms, a->group_count, a->dim};
    float *scratch = memory_alloc_raw(closest_scratch_floats(a->group_count) * sizeof *scratch);
    float *scores = memory_alloc_raw(a->count * sizeof *scores);
    uint32_t *group_of = memory_alloc_raw(a->count * sizeof *group_of);
    uint32_t *firsts = a->group_firsts + 1; // counts first, then where the next one goes
    closest_find(&closest, rows, a->count, scratch, group_of, scores);
    for (uint32_t c = 0; c < a->count; c++) {
        firsts[group_of[c] + 1]++;
    }
    for (uint32_t g = 0; g < a->group_count; g++) {
        if (firsts[g + 1] > a->members_max) a->members_max = firsts[g + 1];
        firsts[g + 1] += firsts[g];
    }
    for (uint32_t c = 0; c < a->count; c++) {
        uint32_t at = firsts[group_of[c]]++;
        a->lists[at] = c;
        memcpy(a->centroids + (size_t)at * a->dim, rows + (size_t)c * a->dim,
               a->dim * sizeof *rows);
    }
    memory_free(group_of);
    memory_free(scores);
    memory_free(scratch);
    return OK;
}

err assign_init(struct assign *a, const struct assign_options *o)
{
    struct assign_options options = *o;
    size_t floats = (size_t)o->count * o->dim;
    err e = OK;

    assert(o->count > 0 && o->dim > 0 && o->threads > 0);
    if (o->breadth == 0) options.breadth = BREADTH;
    *a = (struct assign){.count = o->count, .dim = o->dim};
    a->block_rows =
        clamp(BLOCK_BYTES / (o->dim * (uint32_t)sizeof(float)), BLOCK_ROWS_MIN, BLOCK_ROWS_MAX);
    find_origin(a, o->centroids);
    a->centroids = memory_alloc_raw(floats * sizeof *a->centroids);
    a->norms = memory_alloc_raw(o->count * sizeof *a->norms);
    if (o->count > FLAT_MAX) {
        float *rows = memory_alloc_raw(floats * sizeof *rows);
        a->lists = memory_alloc_raw(o->count * sizeof *a->lists);
        subtract_origin(a, o->centroids, o->count, rows);
        e = group_centroids(a, &options, rows);
        a->breadth = least_of(options.breadth, a->group_count);
        memory_free(rows);
    } else {
        subtract_origin(a, o->centroids, o->count, a->centroids);
        a->members_max = o->count;
    }
    if (e) {
        assign_done(a);
        return e;
    }
    closest_norms(a->centroids, a->count, a->dim, a->norms);
    return OK;
}

void assign_done(struct assign *a)
{
    memory_free(a->origin);
    memory_free(a->groups);
    memory_free(a->group_norms);
    memory_free(a->group_firsts);
    memory_free(a->centroids);
    memory_free(a->norms);
    memory_free(a->lists);
    *a = (struct assign){0};
}

void assign_scratch_init(struct assign_scratch *s, const struct assign *a)
{
    size_t products = closest_scratch_floats(a->members_max);
    size_t of_groups = (size_t)TILE_ROWS * a->group_count;
    size_t pairs = (size_t)a->block_rows * a->breadth;

    *s = (struct assign_scratch){0};
    s->rows = memory_alloc_raw((size_t)a->block_rows * a->dim * sizeof *s->rows);
    s->products = memory_alloc_raw((products > of_groups ? products : of_groups) * sizeof(float));
    s->scores = memory_alloc_raw(a->block_rows * sizeof *s->scores);
    if (a->group_count == 0) return;
    s->tile = memory_alloc_raw((size_t)TILE_ROWS * a->dim * sizeof *s->tile);
    s->tile_scores = memory_alloc_raw(TILE_ROWS * sizeof *s->tile_scores);
    s->tile_centers = memory_alloc_raw(TILE_ROWS * sizeof *s->tile_centers);
    s->pairs = memory_alloc_raw(pairs * sizeof *s->pairs);
    s->members = memory_alloc_raw(pairs * sizeof *s->members);
    s->firsts = memory_alloc_raw(((size_t)a->group_count + 2) * sizeof *s->firsts);
}

void assign_scratch_done(struct assign_scratch *s)
{
    memory_free(s->rows);
    memory_free(s->tile);
    memory_free(s->products);
    memory_free(s->scores);
    memory_free(s->tile_scores);
    memory_free(s->tile_centers);
    memory_free(s->pairs);
    memory_free(s->members);
    memory_free(s->firsts);
    *s = (struct assign_scratch){0};
}

// The `breadth` least of norms[g] - 2 * dots[g]. Where NaNs leave some open they are group 0.
static void choose_groups(const float *dots, const float *norms, uint32_t count, uint32_t breadth,
                          uint32_t *out)
{
    float best[ASSIGN_BREADTH_MAX];

    for (uint32_t i = 0; i < breadth; i++) {
        best[i] = INFINITY;
        out[i] = 0;
    }
    for (uint32_t g = 0; g < count; g++) {
        float score = norms[g] - 2 * dots[g];
        if (!(score < best[breadth - 1])) continue;
        uint32_t at = breadth - 1;
        for (; at > 0 && score < best[at - 1]; at--) {
            best[at] = best[at - 1];
            out[at] = out[at - 1];
        }
        best[at] = score;
        out[at] = g;
    }
}

// Fills `pairs`, and `members` by group.
static void sort_by_group(const struct assign *a, struct assign_scratch *s, uint32_t count)
{
    uint32_t *firsts = s->firsts + 1;
    uint32_t pair_count = count * a->breadth;

    for (uint32_t first = 0; first < count; first += TILE_ROWS) {
        uint32_t here = least_of(count - first, TILE_ROWS);
        gemm_dots(s->rows + (size_t)first * a->dim, here, a->groups, a->group_count, a->dim,
                  s->products);
        for (uint32_t i = 0; i < here; i++) {
            choose_groups(s->products + (size_t)i * a->group_count, a->group_norms, a->group_count,
                          a->breadth, s->pairs + (size_t)(first + i) * a->breadth);
        }
    }
    memset(s->firsts, 0, ((size_t)a->group_count + 2) * sizeof *s->firsts);
    for (uint32_t i = 0; i < pair_count; i++) {
        firsts[s->pairs[i] + 1]++;
    }
    for (uint32_t g = 0; g < a->group_count; g++) {
        firsts[g + 1] += firsts[g];
    }
    for (uint32_t i = 0; i < pair_count; i++) {
        s->members[firsts[s->pairs[i]]++] = i / a->breadth;
    }
}

// Compares rows with the centroids of one group; a nearer one, or an equal one of lower number,
// replaces what they have.
static void visit_group(const struct assign *a, struct assign_scratch *s, uint32_t group,
                        uint32_t *lists)
{
    uint32_t first = a->group_firsts[group];
    struct closest closest = {a->centroids + (size_t)first * a->dim, a->norms + first,
                              a->group_firsts[group + 1] - first, a->dim};

    if (closest.count == 0) return;
    for (uint32_t at = s->firsts[group]; at < s->firsts[group + 1]; at += TILE_ROWS) {
        uint32_t here = least_of(s->firsts[group + 1] - at, TILE_ROWS);
        for (uint32_t i = 0; i < here; i++) {
            memcpy(s->tile + (size_t)i * a->dim, s->rows + (size_t)s->members[at + i] * a->dim,
                   a->dim * sizeof *s->tile);
        }
        closest_find(&closest, s->tile, here, s->products, s->tile_centers, s->tile_scores);
        for (uint32_t i = 0; i < here; i++) {
            uint32_t row = s->members[at + i];
            uint32_t list = a->lists[first + s->tile_centers[i]];
            float score = s->tile_scores[i];
            if (score > s->scores[row] || (score == s->scores[row] && list > lists[row])) continue;
            s->scores[row] = score;
            lists[row] = list;
        }
    }
}

static void assign_block(const struct assign *a, struct assign_scratch *s, uint32_t count,
                         uint32_t *lists)
{
    if (a->group_count == 0) {
        struct closest closest = {a->centroids, a->norms, a->count, a->dim};
        closest_find(&closest, s->rows, count, s->products, lists, s->scores);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        s->scores[i] = INFINITY;
        lists[i] = 0;
    }
    sort_by_group(a, s, count);
    for (uint32_t g = 0; g < a->group_count; g++) {
        visit_group(a, s, g, lists);
    }
}

void assign_rows(const struct assign *a, struct assign_scratch *s, const float *rows, size_t count,
                 uint32_t *lists, float *distances)
{
    for (size_t first = 0; first < count; first += a->block_rows) {
        uint32_t here = count - first < a->block_rows ? (uint32_t)(count - first) : a->block_rows;
        subtract_origin(a, rows + first * a->dim, here, s->rows);
        assign_block(a, s, here, lists + first);
        for (uint32_t i = 0; distances && i < here; i++) {
            const float *row = s->rows + (size_t)i * a->dim;
            float norm = 0;
            for (uint32_t d = 0; d < a->dim; d++) {
                norm += row[d] * row[d];
            }
            distances[first + i] = fmaxf(norm + s->scores[i], 0);
        }
    }
}
