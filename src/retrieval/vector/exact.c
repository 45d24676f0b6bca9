#include "retrieval/vector/exact.h"

#include "retrieval/vector/gemm.h"
#include "retrieval/vector/kernels.h"

#include <assert.h>
#include <float.h>

enum {
    CHUNK_ROWS = 64,        // what a single query looks at before it keeps anything
    GROUP_ROWS = 16,        // of which a batch asks at once whether one of them may be near
    QUERIES_FEW = 3,        // up to so many a product does not pay
    TILE_FLOATS = 64 << 10, // 256 KB, so that a tile stays in the second cache
    TILE_ROWS_MIN = GROUP_ROWS,
};

static bool is_product(enum metric metric)
{
    return metric == METRIC_IP;
}

float exact_distance(enum metric metric, const float *query, const float *row, size_t dim)
{
    const struct kernels *k = kernels();

    return is_product(metric) ? -k->dot_f32(query, row, dim) : k->l2_f32(query, row, dim);
}

void exact_distances(const struct exact_run *run, const float *query, float *out)
{
    const struct kernels *k = kernels();

    if (!is_product(run->metric)) {
        k->l2_rows_f32(query, run->rows, run->dim, run->count, run->dim, out);
        return;
    }
    k->dot_rows_f32(query, run->rows, run->dim, run->count, run->dim, out);
    for (size_t i = 0; i < run->count; i++) {
        out[i] = -out[i];
    }
}

static void scan_chunk(const struct exact_rows *r, uint64_t first, size_t count, const float *query,
                       struct nearest *nearest)
{
    const struct exact_run run = {r->rows + first * r->dim, count, r->dim, r->metric};
    float distances[CHUNK_ROWS];

    exact_distances(&run, query, distances);
    for (size_t i = 0; i < count; i++) {
        nearest_push(nearest, distances[i], first + i);
    }
}

// Each chunk is read from memory once, for all queries.
static void scan_few(const struct exact_rows *r, struct exact_range range,
                     const struct exact_batch *b)
{
    for (uint64_t first = range.first; first < range.end; first += CHUNK_ROWS) {
        uint64_t left = range.end - first;
        size_t count = left < CHUNK_ROWS ? (size_t)left : CHUNK_ROWS;
        for (size_t q = 0; q < b->count; q++) {
            scan_chunk(r, first, count, b->queries + q * r->dim, &b->nearest[q]);
        }
    }
}

// How far a distance by the product may be from that of exact_distance(), as a part of the two
// squared lengths: 5 roundings a component are more than those of both, and 32 more cover the rest.
static float slack(size_t dim)
{
    return (5 * (float)dim + 32) * (FLT_EPSILON / 2);
}

// A vector's part of the least that a distance can be: |q|^2 + |r|^2 - 2<q,r>, or -<q,r>.
static float term(const struct exact_rows *r, const float *vector)
{
    float squares = kernels()->dot_f32(vector, vector, r->dim);

    return is_product(r->metric) ? -squares * slack(r->dim) : squares * (1 - slack(r->dim));
}

// A row is far if its term less `factor` times the dot is above this. What is subnormal on the way
// is less than FLT_MIN in all.
static float far_above(const struct nearest *nearest, float query_term)
{
    return nearest_bound(nearest) - query_term + FLT_MIN;
}

// Whether a row of the group may be near enough; written so that compilers look at four at once,
// and so that NaN may be near.
static bool any_is_near(const float *dots, const float *terms, float factor, float above)
{
    unsigned near = 0;

    for (size_t i = 0; i < GROUP_ROWS; i++) {
        near |= !(terms[i] - factor * dots[i] > above);
    }
    return near;
}

// A tile of rows, for a block of queries whose terms and dots are in `scratch`.
struct tile {
    const struct exact_rows *rows;
    const struct exact_scratch *scratch;
    uint64_t first;
    size_t count;
};

// Of rows from `at` up to `end` of the tile, keeps by their true distances those that are not far.
static void keep_near(const struct tile *t, size_t at, size_t end, const float *query,
                      struct nearest *nearest)
{
    const struct exact_rows *r = t->rows;

    for (; at < end; at++) {
        uint64_t row = t->first + at;
        const float *vector = r->rows + row * r->dim;
        nearest_push(nearest, exact_distance(r->metric, query, vector, r->dim), row);
    }
}

static void keep_of_tile(const struct tile *t, size_t q, const float *query,
                         struct nearest *nearest)
{
    const struct exact_scratch *s = t->scratch;
    const float *dots = s->dots + q * t->count;
    float factor = is_product(t->rows->metric) ? 1 : 2;
    size_t at = 0;

    for (; at + GROUP_ROWS <= t->count; at += GROUP_ROWS) {
        if (!any_is_near(dots + at, s->row_terms + at, factor,
                         far_above(nearest, s->query_terms[q]))) {
            continue;
        }
        for (size_t i = at; i < at + GROUP_ROWS; i++) {
            float above = far_above(nearest, s->query_terms[q]);
            if (!(s->row_terms[i] - factor * dots[i] > above)) {
                keep_near(t, i, i + 1, query, nearest);
            }
        }
    }
    keep_near(t, at, t->count, query, nearest);
}

static size_t tile_rows(size_t dim)
{
    size_t rows = dim ? TILE_FLOATS / dim : EXACT_TILE_ROWS_MAX;

    if (rows > EXACT_TILE_ROWS_MAX) return EXACT_TILE_ROWS_MAX;
    return rows < TILE_ROWS_MIN ? TILE_ROWS_MIN : rows / GROUP_ROWS * GROUP_ROWS;
}

// A block of at most EXACT_QUERIES_MAX queries.
static void scan_block(const struct exact_rows *r, struct exact_range range,
                       const struct exact_batch *b, struct exact_scratch *s)
{
    size_t rows_max = tile_rows(r->dim);

    for (size_t q = 0; q < b->count; q++) {
        s->query_terms[q] = term(r, b->queries + q * r->dim);
    }
    for (uint64_t first = range.first; first < range.end; first += rows_max) {
        uint64_t left = range.end - first;
        struct tile t = {.rows = r, .scratch = s, .first = first};
        const float *rows = r->rows + first * r->dim;
        t.count = left < rows_max ? (size_t)left : rows_max;
        for (size_t i = 0; i < t.count; i++) {
            s->row_terms[i] = term(r, rows + i * r->dim);
        }
        gemm_dots(b->queries, b->count, rows, t.count, r->dim, s->dots);
        for (size_t q = 0; q < b->count; q++) {
            keep_of_tile(&t, q, b->queries + q * r->dim, &b->nearest[q]);
        }
    }
}

void exact_scan_batch(const struct exact_rows *r, struct exact_range range,
                      const struct exact_batch *batch, struct exact_scratch *s)
{
    assert(range.end <= r->count);
    for (size_t done = 0; done < batch->count; done += EXACT_QUERIES_MAX) {
        struct exact_batch block = {.queries = batch->queries + done * r->dim,
                                    .nearest = batch->nearest + done,
                                    .count = batch->count - done};
        if (block.count > EXACT_QUERIES_MAX) block.count = EXACT_QUERIES_MAX;
        if (block.count <= QUERIES_FEW) {
            scan_few(r, range, &block);
        } else {
            scan_block(r, range, &block, s);
        }
    }
}
