#include "retrieval/vector/gemm.h"

#include "retrieval/vector/gemm_blas.h"

#include <string.h>

enum {
    QUERIES_FEW = 3,     // no more than that are faster one by one
    QUERIES_BLOCK = 240, // so that their part of DEPTH_BLOCK stays in the second cache
    DEPTH_BLOCK = 192,   // so that a panel stays in the first
};

// What a panel is multiplied with: queries from `query` on, their floats from `depth_first` on.
struct step {
    const struct kernels *kernels;
    const struct gemm *gemm;
    const float *panel;
    size_t row, row_count;
    size_t depth_first, depth;
};

static void gemm_one_by_one(const struct kernels *k, const struct gemm *g)
{
    for (size_t q = 0; q < g->nq; q++) {
        k->dot_rows_f32(g->queries + q * g->dim, g->rows, g->dim, g->nr, g->dim,
                        g->out + q * g->nr);
    }
}

// A tile that is cut off at an edge is computed whole beside the matrix; what is missing is made of
// the first query, and of the zeros in the panel.
static void multiply_cut(const struct step *s, struct kernels_tile *t, size_t query, size_t count)
{
    float whole[KERNELS_TILE_QUERIES][KERNELS_WIDTH_MAX];
    float *out = s->gemm->out + query * s->gemm->nr + s->row;
    size_t bytes = s->row_count * sizeof(float);

    for (size_t i = 0; i < KERNELS_TILE_QUERIES; i++) {
        memset(whole[i], 0, sizeof(whole[i]));
        if (t->adds && i < count) memcpy(whole[i], out + i * s->gemm->nr, bytes);
        if (i >= count) t->queries[i] = t->queries[0];
        t->out[i] = whole[i];
    }
    s->kernels->tile(t);
    for (size_t i = 0; i < count; i++) {
        memcpy(out + i * s->gemm->nr, whole[i], bytes);
    }
}

static void multiply(const struct step *s, size_t query, size_t count)
{
    const struct gemm *g = s->gemm;
    struct kernels_tile t = {.panel = s->panel, .depth = s->depth, .adds = s->depth_first > 0};

    for (size_t i = 0; i < count; i++) {
        t.queries[i] = g->queries + (query + i) * g->dim + s->depth_first;
        t.out[i] = g->out + (query + i) * g->nr + s->row;
    }
    if (count == KERNELS_TILE_QUERIES && s->row_count == s->kernels->width) {
        s->kernels->tile(&t);
    } else {
        multiply_cut(s, &t, query, count);
    }
}

// All panels of rows, with the queries from `first` up to `end`.
static void multiply_panels(struct step *s, size_t first, size_t end)
{
    const struct gemm *g = s->gemm;
    size_t width = s->kernels->width;
    _Alignas(64) float panel[DEPTH_BLOCK * KERNELS_WIDTH_MAX];

    s->panel = panel;
    for (s->row = 0; s->row < g->nr; s->row += width) {
        s->row_count = g->nr - s->row < width ? g->nr - s->row : width;
        s->kernels->pack(g->rows + s->row * g->dim + s->depth_first, g->dim, s->row_count, s->depth,
                         panel);
        for (size_t query = first; query < end; query += KERNELS_TILE_QUERIES) {
            size_t left = end - query;
            multiply(s, query, left < KERNELS_TILE_QUERIES ? left : KERNELS_TILE_QUERIES);
        }
    }
}

void gemm_tiles(const struct kernels *k, const struct gemm *g)
{
    struct step s = {.kernels = k, .gemm = g};

    if (g->dim == 0) memset(g->out, 0, g->nq * g->nr * sizeof(float));
    for (size_t first = 0; first < g->nq; first += QUERIES_BLOCK) {
        size_t left = g->nq - first;
        size_t end = first + (left < QUERIES_BLOCK ? left : QUERIES_BLOCK);
        for (s.depth_first = 0; s.depth_first < g->dim; s.depth_first += DEPTH_BLOCK) {
            size_t deep = g->dim - s.depth_first;
            s.depth = deep < DEPTH_BLOCK ? deep : DEPTH_BLOCK;
            multiply_panels(&s, first, end);
        }
    }
}

void gemm_dots(const float *queries, size_t nq, const float *rows, size_t nr, size_t dim,
               float *out)
{
    struct gemm g = {.queries = queries, .rows = rows, .out = out, .nq = nq, .nr = nr, .dim = dim};

    if (nq == 0 || nr == 0) return;
    if (nq <= QUERIES_FEW || dim == 0) {
        gemm_one_by_one(kernels(), &g);
    } else if (!gemm_blas(&g)) {
        gemm_tiles(kernels(), &g);
    }
}
