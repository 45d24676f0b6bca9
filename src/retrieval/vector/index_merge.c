// Design: a segment is built of the rows that live when a merge begins. In the moment in which it
// takes the place of its inputs, rows that died meanwhile die there, too. What is read was checked
// before: damage ends a merge, so that it never gets a new checksum.
#include "retrieval/vector/index_merge.h"

#include "base/memory.h"
#include "retrieval/vector/index_inputs.h"
#include "retrieval/vector/index_publish.h"
#include "retrieval/vector/index_relist.h"

enum {
    FAN_IN = 4,       // segments of one size that become one of the next
    DEAD_SHARE = 3,   // a segment is written anew when one in so many of its rows is dead
    SAMPLE_SHARE = 4, // the part of the memory that a sample of the rows may take
};

struct merge {
    struct index_inputs inputs;
    struct build_watch own_watch;
    struct build_watch *watch;
    struct index *ix;
};

// ---- the moment of exchange

static void show_without_inputs(struct merge *m, struct index_part *p)
{
    const struct index_view *old = m->ix->view;
    uint32_t count = 0;
    struct index_view *v = index_view_new(old->part_count + 1, old->first);

    if (p) v->parts[count++] = index_part_hold(p);
    for (uint32_t i = 0; i < old->part_count; i++) {
        if (!index_inputs_has(&m->inputs, old->parts[i]))
            v->parts[count++] = index_part_hold(old->parts[i]);
    }
    v->part_count = count;
    index_state_show(m->ix, v);
}

// `p` is NULL where no row lived.
static err replace(struct merge *m, struct index_part *p)
{
    pthread_mutex_lock(&m->ix->mutex);
    err e = p ? index_inputs_carry_dead(&m->inputs, p) : OK;
    if (!e) show_without_inputs(m, p);
    pthread_mutex_unlock(&m->ix->mutex);
    return e;
}

// ---- one merge

// The input with most rows among those with lists.
static const struct index_part *parent_of(const struct merge *m)
{
    const struct index_part *best = NULL;

    for (uint32_t i = 0; i < m->inputs.count; i++) {
        const struct index_part *p = m->inputs.inputs[i].part;
        if (!p->has_lists) continue;
        if (!best || p->segment.shape.row_count > best->segment.shape.row_count) best = p;
    }
    return best;
}

// The lists that the new segment gets: those of the largest input, as far as they suit.
static err choose_lists(struct merge *m, struct index_relist *relist,
                        struct index_build_lists *lists)
{
    const struct index_options *o = &m->ix->options;
    const struct index_part *parent = parent_of(m);

    if (!parent || m->inputs.rows.source.count < o->bytes_rows_max) return OK;
    const struct index_relist_options options = {
        .rows = &m->inputs.rows.source,
        .centroids = parent->ivf.quantizer.centroids,
        .count = parent->ivf.quantizer.list_count,
        .memory_bytes_max = o->memory_bytes_max / SAMPLE_SHARE,
        .threads = o->threads,
        .seed = o->seed,
        .cancel = &m->watch->cancel,
    };
    TRY(index_relist_make(relist, &options));
    if (relist->advice == INDEX_RELIST_KEEP) {
        *lists = index_build_lists_of(parent);
        lists->calibration = NULL; // they hold more rows now
    }
    if (relist->advice == INDEX_RELIST_ADAPT) {
        *lists = (struct index_build_lists){.centroids = relist->centroids, .count = relist->count};
    }
    return OK;
}

static err build(struct merge *m, struct index_part **out)
{
    struct index_build_options options = {.rows = &m->inputs.rows, .watch = m->watch};
    struct index_relist relist = {0};

    *out = NULL;
    TRY(index_inputs_check(&m->inputs, m->watch));
    if (m->inputs.rows.source.count == 0) return OK;
    err e = choose_lists(m, &relist, &options.lists);
    if (!e) e = index_build(m->ix, &options, out);
    index_relist_done(&relist);
    TRY(e);
    e = index_inputs_check_reads(&m->inputs);
    if (!e) return OK;
    index_build_settle(m->ix, *out);
    index_part_drop(*out);
    return e;
}

static err merge(struct merge *m)
{
    struct index_part *p = NULL;

    TRY(build(m, &p));
    err e = replace(m, p);
    if (!e) {
        m->ix->merges++;
        e = index_publish(m->ix);
    }
    if (p) index_build_settle(m->ix, p);
    index_part_drop(p);
    return e;
}

static struct merge *merge_new(struct index *ix, struct build_watch *watch)
{
    struct merge *m = memory_new(struct merge);

    m->ix = ix;
    m->watch = watch ? watch : &m->own_watch;
    index_inputs_init(&m->inputs, ix);
    return m;
}

static void merge_free(struct merge *m)
{
    index_inputs_done(&m->inputs);
    memory_free(m);
}

// ---- which

// Sizes are told apart by powers of FAN_IN of a memtable's.
static unsigned tier_of(const struct index *ix, const struct index_part *p)
{
    uint64_t rows = index_part_live(p) / ix->options.memtable_rows;
    unsigned tier = 0;

    for (; rows >= FAN_IN; rows /= FAN_IN) {
        tier++;
    }
    return tier;
}

static bool is_mostly_dead(const struct index_part *p)
{
    return p->dead.dead * DEAD_SHARE > p->segment.shape.row_count;
}

static void choose_tier(struct merge *m, const struct index_view *v, unsigned tier)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < v->part_count; i++) {
        count += tier_of(m->ix, v->parts[i]) == tier;
    }
    for (uint32_t i = 0; i < v->part_count && count >= FAN_IN; i++) {
        if (tier_of(m->ix, v->parts[i]) == tier) index_inputs_add(&m->inputs, v->parts[i]);
    }
}

// Those of lower tiers would have to be written anew some time, too.
static void choose_with_smaller(struct merge *m, const struct index_view *v, struct index_part *p)
{
    unsigned tier = tier_of(m->ix, p);

    index_inputs_add(&m->inputs, p);
    for (uint32_t i = 0; i < v->part_count; i++) {
        if (v->parts[i] == p) continue; // rows die meanwhile, so its tier may be a lower one by now
        if (tier_of(m->ix, v->parts[i]) < tier) index_inputs_add(&m->inputs, v->parts[i]);
    }
}

// Tombstones are copied before rows are looked at, so that records may go on meanwhile; what dies
// then is seen in the moment of exchange.
static void choose(struct merge *m, const struct index_view *v)
{
    enum { TIERS = 32 };

    for (unsigned tier = 0; tier < TIERS && m->inputs.count == 0; tier++) {
        choose_tier(m, v, tier);
    }
    for (uint32_t i = 0; i < v->part_count && m->inputs.count == 0; i++) {
        if (is_mostly_dead(v->parts[i])) choose_with_smaller(m, v, v->parts[i]);
    }
}

static void choose_all(struct merge *m, const struct index_view *v)
{
    if (v->part_count == 1 && v->parts[0]->dead.dead == 0) return;
    for (uint32_t i = 0; i < v->part_count; i++) {
        index_inputs_add(&m->inputs, v->parts[i]);
    }
}

// One merge, if one is due. `*did` says whether.
static err merge_once(struct index *ix, struct build_watch *watch, bool all, bool *did)
{
    struct merge *m = merge_new(ix, watch);
    err e = OK;

    unsigned place = epoch_enter(&ix->epoch); // so that the view stays
    const struct index_view *v = ix->view;
    if (all) {
        choose_all(m, v);
    } else {
        choose(m, v);
    }
    epoch_leave(&ix->epoch, place);
    *did = m->inputs.count > 0;
    if (*did) e = merge(m);
    merge_free(m);
    (void)epoch_reclaim(&ix->epoch); // what readers still see waits for the next time
    return e;
}

static err merge_on(struct index *ix, struct build_watch *watch)
{
    bool did = true;
    err e = OK;

    pthread_mutex_lock(&ix->merging);
    while (!e && did) {
        e = merge_once(ix, watch, false, &did);
    }
    pthread_mutex_unlock(&ix->merging);
    return e;
}

err index_merge_due(struct index *ix)
{
    return merge_on(ix, NULL);
}

err index_merge_background(struct index *ix)
{
    err e = merge_on(ix, &ix->merge_watch);

    index_state_report(ix, e == ERR_CANCELED ? OK : e);
    return e;
}

err index_merge_all(struct index *ix)
{
    bool did = false;

    pthread_mutex_lock(&ix->merging);
    err e = merge_once(ix, NULL, true, &did);
    pthread_mutex_unlock(&ix->merging);
    return e;
}
