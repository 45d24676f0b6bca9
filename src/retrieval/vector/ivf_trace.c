#include "retrieval/vector/ivf_trace.h"

#include "base/list.h"
#include "base/memory.h"
#include "base/random.h"
#include "retrieval/vector/exact.h"
#include "retrieval/vector/ivf_scan.h"
#include "retrieval/vector/ivf_stop.h"
#include "retrieval/vector/parallel.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum {
    TWINS_MAX = 32,
    KEPT = IVF_TRACE_WANTED + TWINS_MAX + 1, // one is the query
    TRUTH_GRAIN = 1024,                      // rows
};

// Behind the twins, a squared distance is as many times that of the last of them. Neighbours in
// usual data are nearer to each other than that; where one is not, a search finds one row less.
static const float twin_gap = 2;

// Finding the truth. Threads share the rows; each keeps the nearest of its own for all queries.
struct seeking {
    struct parallel parallel;
    struct ivf_trace *trace;
    struct exact_rows rows;
    float *queries;
    struct nearest *nearest; // [threads][query_count], each with room
    struct nearest_hit *hits;
    struct exact_scratch *scratch; // of each thread
    _Atomic uint64_t done;
};

// Running the queries. Threads share these.
struct running {
    struct parallel parallel;
    struct ivf_trace *trace;
    float epsilon;
    uint32_t candidates;
    struct lane *lanes; // of each thread
};

struct lane {
    struct row_test test;
    const struct ivf_trace *trace;
    uint32_t number; // of the query
    struct ivf_query query;
    struct probe *probes;
    struct candidate *entries;
};

static uint32_t lesser(uint64_t a, uint32_t b)
{
    return a < b ? (uint32_t)a : b;
}

static const float *row_at(const struct ivf_trace *t, uint64_t row)
{
    return t->view->raw + row * t->view->quantizer.dim;
}

// ---- the truth

// A row of each of as many stretches of like length.
static void choose_queries(struct ivf_trace *t, uint64_t seed)
{
    uint64_t rows = t->view->row_count;

    for (uint32_t i = 0; i < t->query_count; i++) {
        uint64_t from = rows * i / t->query_count;
        uint64_t to = rows * (i + 1) / t->query_count;
        t->rows[i] = from + random_mix(seed + i) % (to - from);
    }
}

static err seek_piece(struct parallel *p, uint64_t first, uint64_t end, unsigned thread)
{
    struct seeking *s = container_of(p, struct seeking, parallel);
    struct ivf_trace *t = s->trace;
    struct exact_batch batch = {.queries = s->queries,
                                .nearest = s->nearest + (size_t)thread * t->query_count,
                                .count = t->query_count};

    if (build_watch_is_canceled(t->watch)) return ERR_CANCELED;
    exact_scan_batch(&s->rows, (struct exact_range){first, end}, &batch, &s->scratch[thread]);
    uint64_t done = atomic_fetch_add(&s->done, end - first) + end - first;
    if (thread == 0) build_watch_tell(t->watch, BUILD_CALIBRATE, done, t->view->row_count);
    return OK;
}

// Takes the query itself out, unless its equals took its place, and then any of them may go for it.
static void drop_query(struct nearest *n, uint64_t query_row)
{
    nearest_sort(n);
    for (uint32_t i = 0; i < n->count; i++) {
        if (n->hits[i].key != query_row) continue;
        memmove(&n->hits[i], &n->hits[i + 1], (n->count - i - 1) * sizeof *n->hits);
        break;
    }
    n->count--;
}

// How many of the nearest are twins. Inner products have no distance to compare.
static uint32_t count_twins(const struct ivf_trace *t, const struct nearest *n)
{
    if (t->view->quantizer.metric == METRIC_IP) return 0;
    for (uint32_t i = n->count - t->wanted; i > 0; i--) {
        if (n->hits[i].distance > twin_gap * n->hits[i - 1].distance) return i;
    }
    return 0;
}

static void note_truth(struct ivf_trace *t, uint32_t query, struct nearest *n)
{
    drop_query(n, t->rows[query]);
    uint32_t twins = count_twins(t, n);
    t->twins[query] = twins ? n->hits[twins - 1].distance : -INFINITY;
    t->limits[query] = n->hits[twins + t->wanted - 1].distance;
}

static err seek(struct seeking *s)
{
    struct ivf_trace *t = s->trace;
    uint32_t dim = t->view->quantizer.dim;

    for (uint32_t i = 0; i < t->query_count; i++) {
        memcpy(s->queries + (size_t)i * dim, row_at(t, t->rows[i]), dim * sizeof *s->queries);
    }
    for (size_t i = 0; i < (size_t)t->threads * t->query_count; i++) {
        nearest_init(&s->nearest[i], s->hits + i * KEPT, lesser(t->view->row_count, KEPT));
    }
    TRY(parallel_for(&s->parallel, t->threads, t->view->row_count, TRUTH_GRAIN));
    for (uint32_t i = 0; i < t->query_count; i++) {
        for (unsigned thread = 1; thread < t->threads; thread++) {
            nearest_merge(&s->nearest[i], &s->nearest[(size_t)thread * t->query_count + i]);
        }
        note_truth(t, i, &s->nearest[i]);
    }
    return OK;
}

static err find_truth(struct ivf_trace *t)
{
    const struct ivf_view *v = t->view;
    size_t places = (size_t)t->threads * t->query_count;
    struct seeking s = {
        .parallel = {seek_piece},
        .trace = t,
        .rows = {.rows = v->raw,
                 .count = v->row_count,
                 .dim = v->quantizer.dim,
                 .metric = v->quantizer.metric},
    };

    s.queries = memory_alloc_raw((size_t)t->query_count * v->quantizer.dim * sizeof *s.queries);
    s.nearest = memory_alloc_raw(places * sizeof *s.nearest);
    s.hits = memory_alloc_raw(places * KEPT * sizeof *s.hits);
    s.scratch = memory_alloc_raw(t->threads * sizeof *s.scratch);
    err e = seek(&s);
    memory_free(s.queries);
    memory_free(s.nearest);
    memory_free(s.hits);
    memory_free(s.scratch);
    return e;
}

err ivf_trace_init(struct ivf_trace *t, uint64_t seed)
{
    uint64_t others = t->view->row_count - 1;

    t->query_count = lesser(others, IVF_TRACE_QUERIES);
    t->wanted = lesser(others, IVF_TRACE_WANTED);
    t->steps_max = lesser(t->view->quantizer.list_count, IVF_TRACE_STEPS_MAX);
    t->rows = memory_alloc_raw(t->query_count * sizeof *t->rows);
    t->twins = memory_alloc_raw(t->query_count * sizeof *t->twins);
    t->limits = memory_alloc_raw(t->query_count * sizeof *t->limits);
    t->steps = memory_alloc_raw((size_t)t->query_count * t->steps_max * sizeof *t->steps);
    t->counts = memory_alloc(t->query_count * sizeof *t->counts);
    if (t->query_count == 0) return OK;
    choose_queries(t, seed);
    err e = find_truth(t);
    if (e) ivf_trace_done(t);
    return e;
}

void ivf_trace_done(struct ivf_trace *t)
{
    memory_free(t->rows);
    memory_free(t->twins);
    memory_free(t->limits);
    memory_free(t->steps);
    memory_free(t->counts);
    t->rows = NULL;
    t->twins = NULL;
    t->limits = NULL;
    t->steps = NULL;
    t->counts = NULL;
}

// ---- the searches

static float distance_to(const struct ivf_trace *t, uint32_t query, uint64_t row)
{
    const struct quantizer *q = &t->view->quantizer;

    return exact_distance(q->metric, row_at(t, t->rows[query]), row_at(t, row), q->dim);
}

// Neither the query nor a twin.
static bool is_another(struct row_test *test, uint64_t row)
{
    const struct lane *lane = container_of(test, struct lane, test);
    const struct ivf_trace *t = lane->trace;

    if (row == t->rows[lane->number]) return false;
    return distance_to(t, lane->number, row) > t->twins[lane->number];
}

// How many of the wanted rows are among the candidates.
static uint16_t count_hits(const struct ivf_trace *t, uint32_t query, const struct candidates *c)
{
    uint32_t hits = 0;

    for (uint32_t i = 0; i < c->count && hits < t->wanted; i++) {
        hits += distance_to(t, query, c->entries[i].row) <= t->limits[query];
    }
    return (uint16_t)hits;
}

static void run_query(const struct running *r, struct lane *lane, uint32_t query)
{
    struct ivf_trace *t = r->trace;
    struct ivf_trace_step *steps = t->steps + (size_t)query * t->steps_max;
    struct candidates candidates;
    struct ivf_stop stop;
    uint16_t hits = 0;
    uint32_t i = 0;

    lane->number = query;
    ivf_query_set(&lane->query, &t->view->quantizer, row_at(t, t->rows[query]));
    uint32_t count = ivf_query_probe(&lane->query, t->steps_max, lane->probes);
    candidates_init(&candidates, lane->entries, r->candidates);
    ivf_stop_init(&stop, IVF_TRACE_PATIENCE_MAX);
    for (bool ends = false; i < count && !ends; i++) {
        struct ivf_scan scan = {
            .candidates = &candidates, .epsilon = r->epsilon, .test = &lane->test};
        uint32_t entered = ivf_scan_list(t->view, &lane->query, &lane->probes[i], &scan);
        if (entered) hits = count_hits(t, query, &candidates);
        ends = ivf_stop_after(&stop, &lane->probes[i], entered, &candidates);
        steps[i] = (struct ivf_trace_step){.reach = lane->probes[i].reach,
                                           .rows = (uint32_t)scan.rows_scanned,
                                           .survivors = (uint32_t)scan.rows_survived,
                                           .hits = hits,
                                           .is_quiet = stop.quiet > 0};
    }
    t->counts[query] = i;
}

static err run_piece(struct parallel *p, uint64_t first, uint64_t end, unsigned thread)
{
    struct running *r = container_of(p, struct running, parallel);

    for (uint64_t i = first; i < end; i++) {
        if (build_watch_is_canceled(r->trace->watch)) return ERR_CANCELED;
        run_query(r, &r->lanes[thread], (uint32_t)i);
    }
    return OK;
}

err ivf_trace_run(struct ivf_trace *t, float epsilon, uint32_t candidates)
{
    const struct quantizer *q = &t->view->quantizer;
    struct running r = {.parallel = {run_piece},
                        .trace = t,
                        .epsilon = epsilon,
                        .candidates = candidates,
                        .lanes = memory_alloc(t->threads * sizeof *r.lanes)};

    assert(candidates > 0);
    for (unsigned i = 0; i < t->threads; i++) {
        struct lane *lane = &r.lanes[i];
        lane->test.accept = is_another;
        lane->trace = t;
        ivf_query_init(&lane->query, q->dim, q->list_count);
        lane->probes = memory_alloc_raw(t->steps_max * sizeof *lane->probes);
        lane->entries = memory_alloc_raw(candidates * sizeof *lane->entries);
    }
    err e = parallel_for(&r.parallel, t->threads, t->query_count, 1);
    for (unsigned i = 0; i < t->threads; i++) {
        ivf_query_done(&r.lanes[i].query);
        memory_free(r.lanes[i].probes);
        memory_free(r.lanes[i].entries);
    }
    memory_free(r.lanes);
    return e;
}
