// Design: a coordinate's error is up to half a level, evenly spread, so that its square is a
// twelfth of the squared level on average. By q and r the errors of <q,r> add up to a variance of
// (|q|^2 level_r^2 + |r|^2 level_q^2) / 12; those of |q - r|^2 to 4 (|q - r|^2 level_r^2 + |r|^2
// level_q^2) / 12, as what r loses counts along the difference alone. A row is read if four
// deviations could make a hit of it.
#include "retrieval/vector/index_bytes.h"

#include "retrieval/vector/exact.h"
#include "retrieval/vector/index_scan.h"
#include "retrieval/vector/kernels.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { CHUNK_ROWS = 64, LATE_CHUNKS = 16, LEVEL_MAX = 127 };

// The query as bytes, and a chunk of rows.
struct pass {
    struct index_searcher *searcher;
    struct index_source *source;
    const int8_t *rows;
    size_t stride;
    const uint8_t *scales;
    size_t scale_stride;
    float level;   // of the query
    float length2; // the query's squared length
    int32_t dots[CHUNK_ROWS];
    int8_t query[INDEX_DIM_MAX];
};

bool index_bytes_suit(const struct index_source *source)
{
    const struct segment *g = &source->part->segment;

    return g->shape.tier == SEGMENT_BYTES && g->by_type[SEGMENT_INT8] && g->by_type[SEGMENT_SCALE8];
}

static void set_query(struct pass *p)
{
    const struct index_searcher *s = p->searcher;
    uint32_t dim = s->ix->options.dim;
    float largest = 0;

    for (uint32_t i = 0; i < dim; i++) {
        largest = fmaxf(largest, fabsf(s->vector[i]));
    }
    p->level = largest / LEVEL_MAX;
    float inverse = LEVEL_MAX / largest;
    if (!isfinite(inverse)) inverse = p->level = 0;
    for (uint32_t i = 0; i < dim; i++) {
        p->query[i] = (int8_t)lrintf(s->vector[i] * inverse);
    }
    p->length2 = kernels()->dot_f32(s->vector, s->vector, dim);
}

static float level_of(const struct pass *p, uint64_t row)
{
    float level;

    memcpy(&level, p->scales + row * p->scale_stride, sizeof level);
    return level;
}

// Whether a row, whose dot with the query is this, may be a hit.
static bool may_hit(const struct pass *p, uint64_t row, int32_t dot)
{
    static const float deviations2 = 4 * 4 / 12.0F;
    const struct index_searcher *s = p->searcher;
    uint32_t dim = s->ix->options.dim;
    const int8_t *bytes = p->rows + row * p->stride;
    float bound = s->hits.bound;
    float level = level_of(p, row);
    float product = level * p->level * (float)dot;

    if (bound >= FLT_MAX) return true;
    float length2 = s->ix->options.metric == METRIC_COSINE
                        ? (float)(level > 0)
                        : level * level * (float)kernels()->dot_i8(bytes, bytes, dim);
    float own = length2 * p->level * p->level;
    if (s->ix->options.metric == METRIC_IP) {
        float over = -product - bound;
        return !(over > 0 && over * over > deviations2 * (p->length2 * level * level + own));
    }
    float over = p->length2 + length2 - 2 * product - bound;
    return !(over > 0 && over * over > 4 * deviations2 * (bound * level * level + own));
}

static void scan_chunk(struct pass *p, uint64_t first, uint32_t count)
{
    struct index_searcher *s = p->searcher;
    uint32_t dim = s->ix->options.dim;

    kernels()->dot_rows_i8(p->query, p->rows + first * p->stride, p->stride, count, dim, p->dots);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t row = first + i;
        if (!may_hit(p, row, p->dots[i]) || !index_source_accepts(p->source, row)) continue;
        const float *vector = index_source_vector(p->source, row);
        float distance = exact_distance(s->ix->options.metric, s->vector, vector, dim);
        index_scan_keep(s, p->source, row, distance);
        s->rows_ranked++;
    }
    s->rows_scanned += count;
}

static void touch(struct pass *p)
{
    struct segment *g = &p->source->part->segment;
    const struct segment_section *bytes = g->by_type[SEGMENT_INT8];
    const struct segment_section *scales = g->by_type[SEGMENT_SCALE8];

    p->rows = (const int8_t *)bytes->bytes;
    p->stride = bytes->elem_bytes;
    p->scales = scales->bytes;
    p->scale_stride = scales->elem_bytes;
    if (segment_touch(g, bytes, 0, bytes->len) || segment_touch(g, scales, 0, scales->len)) {
        p->source->is_damaged = true;
    }
}

void index_bytes_scan(struct index_searcher *s, struct index_source *source)
{
    uint64_t end = index_source_rows(source);
    struct pass p = {.searcher = s, .source = source};

    touch(&p);
    set_query(&p);
    for (uint64_t row = 0; row < end; row += CHUNK_ROWS) {
        if (row / CHUNK_ROWS % LATE_CHUNKS == 0 && index_searcher_is_late(s)) return;
        scan_chunk(&p, row, end - row < CHUNK_ROWS ? (uint32_t)(end - row) : CHUNK_ROWS);
    }
}
