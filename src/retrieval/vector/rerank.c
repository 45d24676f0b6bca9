#include "retrieval/vector/rerank.h"

#include "retrieval/vector/kernels.h"

#include <math.h>

enum { AHEAD = 8, LINE_FLOATS = 16 };

static void expect(const float *row, uint32_t dim)
{
    if (!row) return;
    for (uint32_t i = 0; i < dim; i += LINE_FLOATS) {
        __builtin_prefetch(row + i);
    }
}

static float distance(const struct kernels *k, const struct rerank_query *query, const float *row)
{
    float result;

    if (!row) return INFINITY;
    if (query->metric == METRIC_IP) {
        result = -k->dot_f32(query->vector, row, query->dim);
    } else {
        result = k->l2_f32(query->vector, row, query->dim);
    }
    return isnan(result) ? INFINITY : result; // so that damaged rows come last
}

void rerank(struct candidates *c, const struct rerank_query *query, struct raw_rows *rows)
{
    const struct kernels *k = kernels();
    const float *found[AHEAD];

    for (uint32_t i = 0; i < c->count + AHEAD; i++) {
        if (i >= AHEAD) {
            struct candidate *one = &c->entries[i - AHEAD];
            one->estimate = distance(k, query, found[i % AHEAD]);
        }
        if (i >= c->count) continue;
        found[i % AHEAD] = rows->find(rows, c->entries[i].source, c->entries[i].row);
        expect(found[i % AHEAD], query->dim);
    }
    candidates_sort(c);
}
