#include "retrieval/vector/index_scan.h"

#include "retrieval/vector/exact.h"
#include "retrieval/vector/rerank.h"

#include <math.h>

enum {
    CHUNK_ROWS = 64,  // whose distances are taken before any is looked at
    LATE_CHUNKS = 16, // between two looks at the clock
    LATE_ROWS = 1024,
    AHEAD = 8, // rows whose memory is asked for before it is read
};

void index_scan_keep(struct index_searcher *s, struct index_source *source, uint64_t row,
                     float distance)
{
    if (!(distance <= s->hits.bound)) return;
    index_hits_push(&s->hits, (struct index_hit){.distance = distance,
                                                 .source = source->number,
                                                 .key = index_source_key(source, row)});
}

static void scan_run(struct index_searcher *s, struct index_source *source, uint64_t first,
                     const float *rows, uint32_t count)
{
    const struct exact_run run = {rows, count, s->ix->options.dim, s->ix->options.metric};
    float distances[CHUNK_ROWS];

    exact_distances(&run, s->vector, distances);
    for (uint32_t i = 0; i < count; i++) {
        if (!(distances[i] <= s->hits.bound)) continue;
        if (index_source_accepts(source, first + i))
            index_scan_keep(s, source, first + i, distances[i]);
    }
    s->rows_scanned += count;
    s->rows_ranked += count;
}

void index_scan_all(struct index_searcher *s, struct index_source *source)
{
    uint64_t end = index_source_rows(source);
    uint64_t row = 0;

    for (unsigned chunk = 0; row < end; chunk++) {
        uint32_t count = CHUNK_ROWS;
        if (chunk % LATE_CHUNKS == 0 && index_searcher_is_late(s)) return;
        const float *rows = index_source_run(source, row, &count);
        scan_run(s, source, row, rows, count);
        row += count;
    }
}

static void scan_rows(struct index_searcher *s, struct index_source *source, const uint32_t *rows,
                      uint32_t count)
{
    uint32_t dim = s->ix->options.dim;
    const float *vectors[AHEAD];

    for (uint32_t i = 0; i < count + AHEAD; i++) {
        if (i >= AHEAD) {
            const float *vector = vectors[i % AHEAD];
            index_scan_keep(s, source, rows[i - AHEAD],
                            exact_distance(s->ix->options.metric, s->vector, vector, dim));
        }
        if (i >= count) continue;
        if (i % LATE_ROWS == 0 && index_searcher_is_late(s)) count = i;
        if (i >= count) continue;
        vectors[i % AHEAD] = index_source_vector(source, rows[i]);
        exact_expect(vectors[i % AHEAD], dim);
    }
    s->rows_scanned += count;
    s->rows_ranked += count;
}

void index_scan_matches(struct index_searcher *s, struct index_source *source)
{
    uint32_t max = source->bound.rows_max;
    uint32_t *rows = index_searcher_rows(s, max);
    uint32_t count = 0;
    uint32_t kept = 0;

    if (filter_bound_rows(&source->bound, rows, max, &count)) {
        source->is_damaged = true; // there are more than the columns said
        index_scan_all(s, source);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (index_source_lives(source, rows[i])) rows[kept++] = rows[i];
    }
    scan_rows(s, source, rows, kept);
}

struct found_rows {
    struct raw_rows rows;
    struct index_searcher *searcher;
};

// The row that a candidate of a source is.
static uint64_t row_of(const struct index_source *source, uint64_t row)
{
    if (source->part) return row;
    return memtable_lists_row(&source->fresh->table.lists, row);
}

static const float *find_row(struct raw_rows *rows, uint32_t number, uint64_t row)
{
    struct index_searcher *s = container_of(rows, struct found_rows, rows)->searcher;
    struct index_source *source = &s->sources[number];

    return index_source_vector(source, row_of(source, row));
}

void index_scan_candidates(struct index_searcher *s)
{
    struct found_rows rows = {.rows.find = find_row, .searcher = s};
    const struct rerank_query query = {
        .vector = s->vector,
        .dim = s->ix->options.dim,
        .metric = s->ix->options.metric,
    };

    if (s->candidates.count == 0) return;
    rerank(&s->candidates, &query, &rows.rows);
    s->rows_ranked += s->candidates.count;
    for (uint32_t i = 0; i < s->candidates.count; i++) {
        const struct candidate *one = &s->candidates.entries[i];
        struct index_source *source = &s->sources[one->source];
        if (!(one->estimate <= s->hits.bound)) break; // the others are no nearer
        index_scan_keep(s, source, row_of(source, one->row), one->estimate);
    }
}
