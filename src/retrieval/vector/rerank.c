#include "retrieval/vector/rerank.h"

#include "retrieval/vector/exact.h"

#include <math.h>

enum { AHEAD = 8 };

static float distance(const struct rerank_query *query, const float *row)
{
    if (!row) return INFINITY;
    float result = exact_distance(query->metric, query->vector, row, query->dim);
    return isnan(result) ? INFINITY : result; // so that damaged rows come last
}

void rerank(struct candidates *c, const struct rerank_query *query, struct raw_rows *rows)
{
    const float *found[AHEAD];

    for (uint32_t i = 0; i < c->count + AHEAD; i++) {
        if (i >= AHEAD) {
            struct candidate *one = &c->entries[i - AHEAD];
            one->estimate = distance(query, found[i % AHEAD]);
        }
        if (i >= c->count) continue;
        found[i % AHEAD] = rows->find(rows, c->entries[i].source, c->entries[i].row);
        if (found[i % AHEAD]) exact_expect(found[i % AHEAD], query->dim);
    }
    candidates_sort(c);
}
