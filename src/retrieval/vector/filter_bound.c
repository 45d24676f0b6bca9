#include "retrieval/vector/filter_bound.h"

#include <assert.h>

// Design
//
// Of every leaf the number of rows is exact, as a range is one run and what is negated is the rest.
// Of an AND at most the least of its parts match, of an OR at most their sum; and at least what is
// left of all rows when each part of an AND excludes others, or the most of any part of an OR.
// All matches of an AND are among those of its smallest part, of an OR among all of its parts:
// going down so from the root finds the leaves whose runs are the sources of candidates. Where they
// are as many as all rows, all rows are looked at instead, in order and each once.

struct bounds {
    uint64_t least;
    uint64_t most;
    double share;      // of all rows, as if parts knew nothing of each other
    uint32_t smallest; // of an AND: the part with the least `most`
};

static uint32_t place_of(const struct column_view *v, uint32_t from, uint64_t key, bool is_after)
{
    return columns_place(v, (struct columns_search){from, v->row_count, is_after}, key);
}

// Where the run of `key` that begins at `from` ends. Most runs of a list are short.
static uint32_t run_end(const struct column_view *v, uint32_t from, uint64_t key)
{
    struct columns_search s = {.from = from, .to = from, .is_after = true};
    uint64_t step = 1;

    while (s.to < v->row_count) {
        s.to = step < v->row_count - from ? from + (uint32_t)step : v->row_count;
        uint32_t end = columns_place(v, s, key);
        if (end < s.to) return end;
        s.from = end;
        step *= 2;
    }
    return v->row_count;
}

static void find_run(struct filter_bound_leaf *l, struct arena *arena)
{
    uint64_t high = l->low + l->span;
    struct filter_run *run = arena_new(arena, struct filter_run);

    run->start = place_of(l->view, 0, l->low, false);
    run->end = place_of(l->view, run->start, high, true);
    l->runs = run;
    l->run_count = run->end > run->start;
}

static void find_runs(struct filter_bound_leaf *l, struct arena *arena)
{
    struct filter_run *runs = arena_array(arena, struct filter_run, l->key_count);
    uint32_t from = 0;

    for (uint32_t i = 0; i < l->key_count; i++) {
        uint32_t start = place_of(l->view, from, l->keys[i], false);
        uint32_t end = run_end(l->view, start, l->keys[i]);
        if (end > start) runs[l->run_count++] = (struct filter_run){start, end};
        from = end;
    }
    l->runs = runs;
}

// The codes that a range of texts has; false where there are none.
static bool bind_text_range(struct filter_bound_leaf *l, const struct filter_texts *r)
{
    uint32_t start = r->has_low ? columns_code(l->view, r->low, r->is_low_open) : 0;
    uint32_t end =
        r->has_high ? columns_code(l->view, r->high, !r->is_high_open) : l->view->text_count;

    if (start >= end) return false;
    l->low = start;
    l->span = end - 1 - start;
    return true;
}

// The codes of those texts that the dictionary has; false where it has none.
static bool bind_texts(struct filter_bound_leaf *l, const struct filter_leaf *leaf,
                       struct arena *arena)
{
    uint64_t *keys = arena_array(arena, uint64_t, leaf->count);

    for (uint32_t i = 0; i < leaf->count; i++) {
        uint32_t code = columns_code(l->view, leaf->texts[i], false);
        if (code == l->view->text_count || !str_eq(columns_text(l->view, code), leaf->texts[i]))
            continue;
        keys[l->key_count++] = code;
    }
    if (l->key_count == 0) return false;
    l->keys = keys;
    l->low = keys[0];
    l->span = keys[l->key_count - 1] - keys[0];
    return true;
}

static bool bind_keys(struct filter_bound_leaf *l, const struct filter_leaf *leaf)
{
    l->low = leaf->low;
    l->span = leaf->high - leaf->low;
    if (leaf->test != FILTER_LIST) return true;
    l->keys = leaf->keys;
    l->key_count = leaf->count;
    return true;
}

static void bind_leaf(struct filter_bound_leaf *l, const struct filter_leaf *leaf,
                      const struct columns *c, struct arena *arena)
{
    bool takes_any = false;

    if (leaf->test == FILTER_NEVER) return;
    l->view = &c->views[leaf->column];
    if (l->view->type == COLUMN_ABSENT) {
        takes_any = false;
    } else if (leaf->type != COLUMN_STRING) {
        takes_any = bind_keys(l, leaf);
    } else if (leaf->test == FILTER_RANGE) {
        takes_any = bind_text_range(l, &leaf->range);
    } else {
        takes_any = bind_texts(l, leaf, arena);
    }
    if (!takes_any) {
        l->view = NULL;
    } else if (l->keys) {
        find_runs(l, arena);
    } else {
        find_run(l, arena);
    }
}

static uint64_t rows_of(const struct filter_bound_leaf *l)
{
    uint64_t rows = 0;

    for (uint32_t i = 0; i < l->run_count; i++) {
        rows += l->runs[i].end - l->runs[i].start;
    }
    return rows;
}

static struct bounds leaf_bounds(const struct filter_bound *b, uint32_t node)
{
    uint64_t rows = rows_of(&b->leaves[node]);

    if (b->leaves[node].is_negated) rows = b->row_count - rows;
    double share = b->row_count ? (double)rows / b->row_count : 0;
    return (struct bounds){.least = rows, .most = rows, .share = share};
}

static struct bounds no_parts(const struct filter_bound *b, enum filter_kind kind)
{
    if (kind == FILTER_OR) return (struct bounds){0};
    return (struct bounds){.least = b->row_count, .most = UINT64_MAX, .share = 1};
}

// Takes another part into account.
static void add_part(const struct filter_bound *b, enum filter_kind kind, uint32_t part,
                     struct bounds *all)
{
    const struct bounds *p = &all[part];
    struct bounds *whole = &all[b->filter->nodes[part].parent];

    if (kind == FILTER_OR) {
        whole->most += p->most;
        if (whole->most > b->row_count) whole->most = b->row_count;
        if (p->least > whole->least) whole->least = p->least;
        whole->share += p->share - whole->share * p->share;
        return;
    }
    whole->share *= p->share;
    uint64_t excluded = b->row_count - p->least;
    whole->least = whole->least > excluded ? whole->least - excluded : 0;
    if (p->most >= whole->most) return;
    whole->most = p->most;
    whole->smallest = part;
}

// Marks the leaves to enumerate; parents come before their parts.
static void mark_sources(struct filter_bound *b, const struct bounds *all)
{
    const struct filter_node *nodes = b->filter->nodes;
    uint64_t candidates = 0;

    b->leaves[0].is_source = true;
    for (uint32_t i = 0; i < b->filter->node_count; i++) {
        uint32_t parent = nodes[i].parent;
        bool is_chosen = i == 0 || nodes[parent].kind == FILTER_OR || all[parent].smallest == i;
        b->leaves[i].is_source = is_chosen && b->leaves[parent].is_source;
        if (b->leaves[i].is_source && nodes[i].kind == FILTER_LEAF) candidates += all[i].most;
    }
    b->is_whole = candidates >= b->row_count;
}

static uint32_t guess_rows(const struct filter_bound *b, double share)
{
    double rows = share * b->row_count + 0.5;

    if (rows >= b->rows_max) return b->rows_max;
    return rows <= b->rows_min ? b->rows_min : (uint32_t)rows;
}

static void find_bounds(struct filter_bound *b, struct arena *arena)
{
    const struct filter_node *nodes = b->filter->nodes;
    struct bounds *all = arena_array(arena, struct bounds, b->filter->node_count);

    for (uint32_t i = 0; i < b->filter->node_count; i++) {
        enum filter_kind kind = (enum filter_kind)nodes[i].kind;
        all[i] = kind == FILTER_LEAF ? leaf_bounds(b, i) : no_parts(b, kind);
    }
    for (uint32_t i = b->filter->node_count; i-- > 1;) {
        add_part(b, (enum filter_kind)nodes[nodes[i].parent].kind, i, all);
    }
    b->rows_min = (uint32_t)all[0].least;
    b->rows_max = (uint32_t)all[0].most;
    b->rows_guess = guess_rows(b, all[0].share);
    mark_sources(b, all);
}

void filter_bound_init(struct filter_bound *b, const struct filter *f, const struct columns *c,
                       struct arena *arena)
{
    assert(c->schema == f->schema || c->schema->count == f->schema->count);
    *b = (struct filter_bound){.filter = f, .row_count = c->row_count, .first = f->first};
    b->leaves = arena_array(arena, struct filter_bound_leaf, f->node_count);
    for (uint32_t i = 0; i < f->node_count; i++) {
        const struct filter_node *n = &f->nodes[i];
        if (n->kind != FILTER_LEAF) continue;
        struct filter_bound_leaf *l = &b->leaves[i];
        bind_leaf(l, &n->leaf, c, arena);
        l->is_negated = n->leaf.is_negated;
        l->on_true = n->leaf.is_negated ? n->on_false : n->on_true;
        l->on_false = n->leaf.is_negated ? n->on_true : n->on_false;
    }
    find_bounds(b, arena);
}

static bool takes(const struct filter_bound_leaf *l, uint32_t row)
{
    if (!l->view || !column_view_is_present(l->view, row)) return false;
    uint64_t key = column_view_key(l->view, row);
    if (key - l->low > l->span) return false;
    return !l->keys || filter_leaf_has_key(l->keys, l->key_count, key);
}

bool filter_bound_match(const struct filter_bound *b, uint32_t row)
{
    uint32_t at = b->first;

    if (row >= b->row_count) return false;
    while (at < FILTER_REJECT) {
        const struct filter_bound_leaf *l = &b->leaves[at];
        at = takes(l, row) ? l->on_true : l->on_false;
    }
    return at == FILTER_ACCEPT;
}

// Rows that are being gathered.
struct gathering {
    const struct filter_bound *bound;
    uint32_t *rows;
    uint32_t max;
    uint32_t count;
};

// The matching of the rows at some places of a column's order, or of all rows without a column.
static err gather(struct gathering *g, const struct column_view *v, struct filter_run places)
{
    for (uint32_t i = places.start; i < places.end; i++) {
        uint32_t row = v ? column_view_row(v, i) : i;
        if (!filter_bound_match(g->bound, row)) continue;
        if (g->count == g->max) return ERR_LIMIT;
        g->rows[g->count++] = row;
    }
    return OK;
}

// What one leaf takes; of one that is negated, what lies between its runs.
static err gather_leaf(struct gathering *g, const struct filter_bound_leaf *l)
{
    uint32_t from = 0;

    for (uint32_t i = 0; i < l->run_count; i++) {
        struct filter_run run = l->runs[i];
        if (l->is_negated) run = (struct filter_run){from, l->runs[i].start};
        TRY(gather(g, l->view, run));
        from = l->runs[i].end;
    }
    if (!l->is_negated) return OK;
    return gather(g, l->view, (struct filter_run){from, g->bound->row_count});
}

// Sorts by exchange of bits, the highest first: in place, 32 levels at most, one wait each.
static void sort_rows(uint32_t *rows, uint32_t count)
{
    struct {
        uint32_t start;
        uint32_t end;
        uint32_t bit;
    } waiting[33] = {{0, count, UINT32_C(1) << 31}};
    unsigned waiting_count = 1;

    while (waiting_count) {
        uint32_t start = waiting[--waiting_count].start;
        uint32_t end = waiting[waiting_count].end;
        uint32_t bit = waiting[waiting_count].bit;
        uint32_t low = start;
        uint32_t high = end;
        while (low < high) {
            if (!(rows[low] & bit)) {
                low++;
            } else {
                uint32_t row = rows[low];
                rows[low] = rows[--high];
                rows[high] = row;
            }
        }
        bit >>= 1;
        if (bit == 0) continue;
        if (low - start > 1) {
            waiting[waiting_count].start = start;
            waiting[waiting_count].end = low;
            waiting[waiting_count++].bit = bit;
        }
        if (end - low > 1) {
            waiting[waiting_count].start = low;
            waiting[waiting_count].end = end;
            waiting[waiting_count++].bit = bit;
        }
    }
}

static bool is_ascending(const uint32_t *rows, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        if (rows[i - 1] >= rows[i]) return false;
    }
    return true;
}

static uint32_t drop_repeated(uint32_t *rows, uint32_t count)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (kept == 0 || rows[kept - 1] != rows[i]) rows[kept++] = rows[i];
    }
    return kept;
}

err filter_bound_rows(const struct filter_bound *b, uint32_t *rows, uint32_t max, uint32_t *count)
{
    struct gathering g = {.bound = b, .rows = rows, .max = max};

    if (b->is_whole) {
        TRY(gather(&g, NULL, (struct filter_run){0, b->row_count}));
        *count = g.count;
        return OK;
    }
    for (uint32_t i = 0; i < b->filter->node_count; i++) {
        if (b->filter->nodes[i].kind != FILTER_LEAF || !b->leaves[i].is_source) continue;
        TRY(gather_leaf(&g, &b->leaves[i]));
    }
    if (!is_ascending(rows, g.count)) {
        sort_rows(rows, g.count);
        g.count = drop_repeated(rows, g.count);
    }
    *count = g.count;
    return OK;
}
