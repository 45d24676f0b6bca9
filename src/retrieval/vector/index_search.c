// Design: segments are searched first and memtables last, the newest at the end. A row that
// replaces another enters the newest memtable before the other dies, so whoever finds the other
// dead finds the new one afterwards; and where both were found, the newer source wins.
#include "retrieval/vector/index_bytes.h"
#include "retrieval/vector/index_lists.h"
#include "retrieval/vector/index_scan.h"
#include "retrieval/vector/parallel.h"

enum {
    DOUBLES_MAX = 2, // a key has an old row and a new one in the moment in which it is replaced
    FRESH_READ_FLOATS = 64 * 1024, // smaller memtables are read: they lie in the second cache
    READ_SHARE = 8,                // one of so many rows matches: all are read rather than chosen
};

// ---- segments

// Counts what the rows of segments with lists have in common, for memtables.
struct census {
    uint64_t rows;
    uint64_t matching;
};

static struct filter_plan plan_of(const struct index_searcher *s, const struct index_source *source,
                                  uint64_t scan_rows)
{
    const struct filter_plan_input in = {
        .row_count = source->bound.row_count,
        .rows_max = source->bound.rows_max,
        .rows_guess = source->bound.rows_guess,
        .k = s->query->k,
        .scan_rows = scan_rows,
        .dim = s->ix->options.dim,
    };

    return filter_plan(&in);
}

// Of a segment whose vectors are all read where there is no filter.
static enum index_way way_of_vectors(const struct index_source *source)
{
    if (!source->filter) return INDEX_WAY_READ;
    if (source->bound.rows_max == 0) return INDEX_WAY_NONE;
    return source->bound.rows_max > index_source_rows(source) / READ_SHARE ? INDEX_WAY_READ
                                                                           : INDEX_WAY_ROWS;
}

static void plan_lists(const struct index_searcher *s, struct index_source *source)
{
    uint64_t rows = index_source_rows(source);
    uint32_t list_count = source->part->ivf.quantizer.list_count;
    uint32_t lists = index_effort_lists(&source->effort, list_count);
    struct filter_plan plan = plan_of(s, source, (uint64_t)((double)rows * lists / list_count));

    if (plan.way == FILTER_NOTHING) source->way = INDEX_WAY_NONE;
    source->rows_worth = UINT64_MAX;
    if (s->query->lists) return; // the caller knows what is worth it
    if (plan.way == FILTER_EXACT_ROWS) source->way = INDEX_WAY_ROWS;
    if (plan.way != FILTER_SCAN) return;
    source->rows_worth = (uint64_t)((double)plan.scan_rows * plan.exact_ns / plan.scan_ns);
    index_effort_scale(&source->effort, rows, source->bound.rows_guess);
}

static void want_effort(struct index_searcher *s, struct index_source *source,
                        const struct index_part *part)
{
    source->way = INDEX_WAY_LISTS;
    source->effort = index_effort_of(part, s->recall, s->query->k);
    uint32_t candidates = source->effort.candidates * s->doubles;
    if (source->filter) candidates += candidates / 2;
    if (s->candidates.count == 0 && s->candidates.limit < candidates) {
        index_searcher_limit(s, candidates);
    }
}

static void plan_part(struct index_searcher *s, struct index_source *source)
{
    if (!source->part->has_lists || s->is_exact) {
        source->way = way_of_vectors(source);
        if (source->way == INDEX_WAY_READ && index_bytes_suit(source) && !s->is_exact) {
            source->way = INDEX_WAY_BYTES;
        }
        return;
    }
    want_effort(s, source, source->part);
    source->group = index_lists_group(s, source->part);
    if (source->filter) plan_lists(s, source);
}

static void add_parts(struct index_searcher *s, struct census *census)
{
    for (uint32_t i = 0; i < s->view->part_count; i++) {
        struct index_source *source = index_searcher_add_source(s);
        index_source_init_part(source, s->view->parts[i], s->query->filter, &s->arena);
        source->number = i;
        plan_part(s, source);
        census->rows += index_source_rows(source);
        census->matching += source->filter ? source->bound.rows_guess : 0;
    }
}

static void search_vectors(struct index_searcher *s, struct index_source *source)
{
    if (index_searcher_is_late(s)) return;
    if (source->way == INDEX_WAY_READ) index_scan_all(s, source);
    if (source->way == INDEX_WAY_BYTES) index_bytes_scan(s, source);
    if (source->way == INDEX_WAY_ROWS) index_scan_matches(s, source);
}

static void search_parts(struct index_searcher *s, struct census *census)
{
    add_parts(s, census);
    for (uint32_t i = 0; i < s->group_count; i++) {
        index_lists_scan(s, i, 0, s->source_count);
    }
    for (uint32_t i = 0; i < s->source_count; i++) {
        search_vectors(s, &s->sources[i]);
    }
}

// ---- memtables

// Matches are taken to be as rare as in segments.
static void plan_matches(struct index_source *source, uint32_t list_count,
                         const struct census *census)
{
    if (census->matching == 0) {
        source->way = INDEX_WAY_READ;
        return;
    }
    index_effort_scale(&source->effort, census->rows, census->matching);
    uint32_t lists = index_effort_lists(&source->effort, list_count);
    if (lists > list_count / 2) source->way = INDEX_WAY_READ;
}

static void plan_fresh(struct index_searcher *s, struct index_source *source,
                       const struct census *census)
{
    struct index_part *parent = source->fresh->parent;

    source->way = INDEX_WAY_READ;
    if (!parent || s->is_exact) return;
    if ((uint64_t)source->visible * s->ix->options.dim <= FRESH_READ_FLOATS) return;
    want_effort(s, source, parent);
    source->group = index_lists_group(s, parent);
    if (source->filter) plan_matches(source, parent->ivf.quantizer.list_count, census);
}

static void search_fresh(struct index_searcher *s, const struct census *census)
{
    index_source_order_loads();
    for (struct index_fresh *f = s->view->first; f; f = index_view_fresh_next(f)) {
        struct index_source *source = index_searcher_add_source(s);
        index_source_init_fresh(source, f, s->query->filter);
        source->number = s->source_count - 1;
        if (source->visible == 0) continue;
        plan_fresh(s, source, census);
        if (source->way == INDEX_WAY_LISTS) {
            index_lists_scan(s, source->group, source->number, s->source_count);
        } else {
            search_vectors(s, source);
        }
    }
}

// ---- the whole

static bool is_any_damaged(struct index_searcher *s)
{
    struct segment_damage damage;
    bool is_damaged = false;

    for (uint32_t i = 0; i < s->source_count; i++) {
        struct index_source *source = &s->sources[i];
        is_damaged |= source->is_damaged;
        if (source->part && segment_health(&source->part->segment, &damage)) is_damaged = true;
    }
    if (is_damaged) s->ix->searches_damaged++;
    return is_damaged;
}

static void report(struct index_searcher *s, struct index_result *result)
{
    uint32_t k = s->query->k;

    result->count = s->hits.count < k ? s->hits.count : k;
    for (uint32_t i = 0; i < result->count; i++) {
        const struct index_hit *hit = &s->hits.entries[i];
        result->hits[i] = (struct nearest_hit){.distance = hit->distance, .key = hit->key};
    }
    result->is_complete = !s->is_late;
    result->is_damaged = is_any_damaged(s);
    result->rows_scanned += s->rows_scanned;
    result->rows_ranked += s->rows_ranked;
}

// One search of what is there now. False where rows were replaced meanwhile, so many of them that
// too few are left.
static bool search_now(struct index_searcher *s, struct index_result *result)
{
    struct census census = {0};

    s->view = s->ix->view;
    search_parts(s, &census);
    search_fresh(s, &census);
    index_scan_candidates(s);
    uint32_t found = s->hits.count;
    uint32_t dropped = index_hits_settle(&s->hits, s->hit_slots);
    report(s, result);
    return dropped == 0 || found < s->hits.limit || result->count == s->query->k;
}

// A partition is asked for by name, so that nobody sees those of others for want of a filter.
static err check_partitions(const struct index *ix, const struct filter *filter)
{
    struct column_value value;

    for (uint32_t i = 0; i < ix->schema.count; i++) {
        if (!(ix->schema.columns[i].flags & COLUMN_FLAG_PARTITION)) continue;
        if (!filter || !filter_pins(filter, i, &value)) return ERR_DENIED;
    }
    return OK;
}

err index_search(struct index_searcher *s, const struct index_query *query,
                 struct index_result *result)
{
    bool is_done = false;

    if (query->filter && query->filter->schema->count != s->ix->schema.count) return ERR_TYPE;
    TRY(check_partitions(s->ix, query->filter));
    result->rows_scanned = result->rows_ranked = 0;
    for (uint32_t doubles = 1; doubles <= DOUBLES_MAX && !is_done; doubles++) {
        TRY(index_searcher_begin(s, query, doubles));
        unsigned place = epoch_enter(&s->ix->epoch);
        is_done = search_now(s, result);
        epoch_leave(&s->ix->epoch, place);
        index_searcher_end(s);
    }
    return OK;
}

// ---- many

struct batch {
    struct parallel parallel;
    const struct index_query *queries;
    struct index_result *results;
    struct index_searcher *searchers[INDEX_THREADS_MAX];
};

static err search_some(struct parallel *p, uint64_t first, uint64_t end, unsigned thread)
{
    const struct batch *b = container_of(p, struct batch, parallel);

    for (uint64_t i = first; i < end; i++) {
        TRY(index_search(b->searchers[thread], &b->queries[i], &b->results[i]));
    }
    return OK;
}

err index_search_batch(struct index *ix, const struct index_query *queries, size_t count,
                       unsigned threads, struct index_result *results)
{
    struct batch b = {.parallel.run = search_some, .queries = queries, .results = results};

    if (threads == 0 || threads > INDEX_THREADS_MAX) return ERR_RANGE;
    if (count == 0) return OK;
    if (threads > count) threads = (unsigned)count;
    for (unsigned i = 0; i < threads; i++) {
        b.searchers[i] = index_searcher_new(ix);
    }
    err e = parallel_for(&b.parallel, threads, count, 1);
    for (unsigned i = 0; i < threads; i++) {
        index_searcher_free(b.searchers[i]);
    }
    return e;
}
