// Design: a scan ends when some lists in a row had nothing near (ivf_stop.h). What is near is asked
// of all rows, also of those that don't match a filter: while there are rows that are nearer than
// the worst match so far, wherever matches lie, there may be matches that are. Under a filter
// nothing is quiet before there are as many matches as are looked for, and the longer that took,
// the more patience there is, because matches then lie together, far from the query. What such a
// scan may cost is bounded by rows_worth. Within a radius, a list has something near if it has rows
// there.
#include "retrieval/vector/index_lists.h"

#include "base/memory.h"
#include "retrieval/vector/ivf_stop.h"

#include <math.h>

enum {
    FILLING_SHARE = 8,  // of the lists it took to find enough matches
    PORTION_FIRST = 64, // lists that are named at once
};

static const struct candidates full = {.count = 1, .limit = 1};

// One pass over a group.
struct pass {
    struct index_searcher *searcher;
    struct index_group *group;
    struct index_source *sources; // those of the pass, of whatever group
    uint32_t count;
    uint32_t lists; // that are scanned
    uint32_t at;    // the next probe
    uint32_t done;  // lists
    uint64_t near;  // rows of the newest list that are nearer than the worst candidate
    bool is_enough; // enough lists were quiet
    float patience; // of a search without a filter
    struct ivf_stop stop;
};

static bool is_same_quantizer(const struct index_part *a, const struct index_part *b)
{
    const struct segment_shape *x = &a->segment.shape;
    const struct segment_shape *y = &b->segment.shape;

    if (a == b) return true;
    return x->quantizer_id == y->quantizer_id && x->rotation_seed == y->rotation_seed &&
           x->list_count == y->list_count && x->padded_dim == y->padded_dim;
}

// Memory for the part's quantizer.
static void reserve(struct index_group *g, const struct quantizer *q)
{
    if (g->has_query && g->list_room >= q->list_count) return;
    if (g->has_query) ivf_query_done(&g->query);
    memory_free(g->probes);
    g->has_query = true;
    g->list_room = q->list_count;
    ivf_query_init(&g->query, q->dim, q->list_count);
    g->probes = memory_alloc_raw(q->list_count * sizeof *g->probes);
}

uint32_t index_lists_group(struct index_searcher *s, const struct index_part *p)
{
    for (uint32_t i = 0; i < s->group_count; i++) {
        if (is_same_quantizer(s->groups[i].part, p)) return i;
    }
    struct index_group *g = index_searcher_add_group(s);
    reserve(g, &p->ivf.quantizer);
    g->part = p;
    g->probe_count = 0;
    ivf_query_set(&g->query, &p->ivf.quantizer, s->vector);
    return s->group_count - 1;
}

// Finds the next lists: not all that may be scanned, as most searches end before.
static void name_more(struct pass *p)
{
    struct index_group *g = p->group;
    uint32_t count = g->probe_count ? g->probe_count : PORTION_FIRST;

    if (g->probe_count == 0) ivf_query_rank(&g->query);
    if (g->probe_count < p->lists && count > p->lists - g->probe_count) {
        count = p->lists - g->probe_count;
    }
    g->probe_count += ivf_query_next(&g->query, count, g->probes + g->probe_count);
}

static const struct probe *next_probe(struct pass *p)
{
    if (p->at == p->group->probe_count) name_more(p);
    return p->at < p->group->probe_count ? &p->group->probes[p->at++] : NULL;
}

static bool wants_more(const struct pass *p)
{
    const struct index_query *q = p->searcher->query;

    if (!q->has_radius && index_searcher_found(p->searcher) < q->k) return true;
    return p->done < p->lists && !p->is_enough;
}

// Whether no row of the list can be nearer than the candidates there are.
static bool is_hopeless(const struct pass *p, const struct ivf_view *v, const struct probe *one)
{
    static const float rounding = 1.0001F;
    float gap = one->reach - v->lists[one->list].radius * rounding;

    if (v->quantizer.metric == METRIC_IP || !(gap > 0)) return false;
    return gap * gap > p->searcher->candidates.threshold;
}

static void drop_candidates(struct index_searcher *s, uint32_t source)
{
    uint32_t count = s->candidates.count;

    index_searcher_limit(s, s->candidates.limit);
    for (uint32_t i = 0; i < count; i++) {
        struct candidate one = s->candidates.entries[i]; // at or behind where the heap ends
        if (one.source != source) (void)candidates_offer(&s->candidates, one);
    }
}

static void scan_part(struct pass *p, struct index_source *source, const struct probe *one,
                      struct ivf_scan *scan)
{
    struct index_part *part = source->part;

    if (is_hopeless(p, &part->ivf, one)) return;
    if (segment_touch_list(&part->segment, one->list)) source->is_damaged = true;
    if (part->dead.dead) scan->dead = part->dead.words;
    if (source->filter) scan->test = &source->test;
    (void)ivf_scan_list(&part->ivf, &p->group->query, one, scan);
    source->rows_read += scan->rows_scanned;
    if (!source->filter || source->rows_read <= source->rows_worth) return;
    drop_candidates(p->searcher, source->number);
    source->way = INDEX_WAY_ROWS;
}

static void scan_fresh(struct pass *p, struct index_source *source, const struct probe *one,
                       struct ivf_scan *scan)
{
    const struct memtable_lists *lists = &source->fresh->table.lists;

    scan->test = &source->test;
    (void)memtable_lists_scan(lists, &p->group->query, one, scan);
}

static bool is_member(const struct pass *p, const struct index_source *source)
{
    return source->way == INDEX_WAY_LISTS && &p->searcher->groups[source->group] == p->group;
}

// Whether the newest list was one quiet list too many.
static void judge(struct pass *p, const struct probe *one)
{
    const struct index_query *q = p->searcher->query;
    const struct candidates *c = q->has_radius ? &full : &p->searcher->candidates;

    if (q->lists) return;
    if (q->filter && c->count < c->limit) {
        p->stop.patience = p->patience + (float)p->done / FILLING_SHARE;
        return;
    }
    if (ivf_stop_after(&p->stop, one, p->near > 0, c)) p->is_enough = true;
}

static void scan_list(struct pass *p, const struct probe *one)
{
    p->near = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        struct index_source *source = &p->sources[i];
        struct ivf_scan scan = {
            .candidates = &p->searcher->candidates,
            .source = source->number,
            .epsilon = source->effort.epsilon,
        };
        if (!is_member(p, source)) continue;
        if (source->part) {
            scan_part(p, source, one, &scan);
        } else {
            scan_fresh(p, source, one, &scan);
        }
        p->searcher->rows_scanned += scan.rows_scanned;
        p->near += scan.rows_near;
    }
    p->done++;
    judge(p, one);
}

// Asks the memory for the list that comes next.
static void expect_next(const struct pass *p)
{
    if (p->at >= p->group->probe_count) return;
    for (uint32_t i = 0; i < p->count; i++) {
        if (!is_member(p, &p->sources[i]) || !p->sources[i].part) continue;
        ivf_scan_expect(&p->sources[i].part->ivf, &p->group->probes[p->at]);
    }
}

// Within a radius, what is estimated to be farther is of no use, but for a mistake: one of a row's
// estimates grows with the distance of its list, whatever the radius is. That of an inner product
// grows with the row's length, which isn't known.
static void set_threshold(const struct pass *p)
{
    static const float mistake = 0.1F; // of a squared distance; several times what is usual
    struct index_searcher *s = p->searcher;
    const struct index_group *g = p->group;

    if (!s->query->has_radius || s->ix->options.metric == METRIC_IP) return;
    if (g->probe_count == 0 || s->candidates.count == s->candidates.limit) return;
    float reach = g->probes[g->probe_count - 1].reach;
    s->candidates.threshold = s->query->radius + mistake * reach * reach;
}

void index_lists_scan(struct index_searcher *s, uint32_t group, uint32_t first, uint32_t end)
{
    struct pass p = {
        .searcher = s,
        .group = &s->groups[group],
        .sources = &s->sources[first],
        .count = end - first,
    };
    for (uint32_t i = 0; i < p.count; i++) {
        const struct index_effort *e = &p.sources[i].effort;
        if (!is_member(&p, &p.sources[i])) continue;
        if (e->lists > p.lists) p.lists = e->lists;
        if (e->patience > p.patience) p.patience = e->patience;
    }
    if (p.lists == 0) return; // nobody is a member
    if (s->query->lists) p.lists = s->query->lists;
    ivf_stop_init(&p.stop, p.patience);
    set_threshold(&p);
    while (wants_more(&p) && !index_searcher_is_late(s)) {
        const struct probe *one = next_probe(&p);
        if (!one) return;
        expect_next(&p);
        scan_list(&p, one);
    }
}
