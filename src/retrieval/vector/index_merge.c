// Design: rows that live when a merge begins are numbered through all inputs, in their order, and
// the new segment is built of these. In the moment in which it takes their place, rows that died
// meanwhile die there, too. What is read was checked before: damage ends a merge, so that it never
// gets a new checksum.
#include "retrieval/vector/index_merge.h"

#include "base/memory.h"
#include "retrieval/vector/index_build.h"
#include "retrieval/vector/index_flush.h"
#include "retrieval/vector/index_publish.h"
#include "retrieval/vector/index_relist.h"
#include "retrieval/vector/segment_verify.h"

#include <assert.h>
#include <string.h>

enum {
    FAN_IN = 4,       // segments of one size that become one of the next
    DEAD_SHARE = 5,   // a segment is written anew when one in so many of its rows is dead
    SAMPLE_SHARE = 4, // the part of the memory that a sample of the rows may take
};

// One segment that goes.
struct input {
    struct index_part *part; // held
    uint64_t first;          // of its rows, in the numbers of the merge
    uint32_t *rows;          // that lived at the beginning
    uint32_t count;
    uint64_t *dead; // the others, a bit each
};

struct merge {
    struct index_rows rows;
    struct build_watch own_watch;
    struct build_watch *watch;
    struct index *ix;
    struct input inputs[INDEX_PARTS_MAX];
    uint32_t input_count;
};

// ---- reading the inputs

static const struct input *input_of(const struct merge *m, uint64_t row)
{
    uint32_t low = 0;
    uint32_t high = m->input_count;

    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;
        if (m->inputs[middle].first <= row) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return &m->inputs[low];
}

static err fetch_rows(struct row_source *source, uint64_t first, uint32_t count, float *out,
                      uint64_t *keys)
{
    const struct merge *m = container_of(source, struct merge, rows.source);

    for (uint32_t i = 0; i < count; i++) {
        const struct input *input = input_of(m, first + i);
        const struct segment *s = &input->part->segment;
        uint64_t row = input->rows[first + i - input->first];
        if (out) {
            memcpy(out + (size_t)i * source->dim, s->raw + row * source->dim,
                   source->dim * sizeof *out);
        }
        if (keys) keys[i] = s->keys[row];
    }
    return OK;
}

static err value_of(struct index_rows *rows, uint64_t row, uint32_t column,
                    struct column_value *out)
{
    const struct input *input = input_of(container_of(rows, struct merge, rows), row);

    *out = columns_get(&input->part->columns, input->rows[row - input->first], column);
    return OK;
}

static void input_open(struct input *in, struct index_part *p, uint64_t first)
{
    uint64_t rows = p->segment.shape.row_count;
    uint64_t words = (rows + 63) / 64;

    *in = (struct input){.part = index_part_hold(p), .first = first};
    in->rows = memory_alloc_raw(rows * sizeof *in->rows);
    in->dead = memory_alloc_raw(words * sizeof *in->dead);
    for (uint64_t i = 0; i < words; i++) {
        in->dead[i] = atomic_load_explicit(&p->dead.words[i], memory_order_relaxed);
    }
    for (uint64_t row = 0; row < rows; row++) {
        if (!(in->dead[row / 64] >> row % 64 & 1)) in->rows[in->count++] = (uint32_t)row;
    }
}

static void input_close(struct input *in)
{
    index_part_drop(in->part);
    memory_free(in->rows);
    memory_free(in->dead);
}

static bool goes_on(struct segment_verify_watcher *w);

struct check {
    struct segment_verify_watcher watcher;
    struct build_watch *watch;
};

static void ignore_damage(struct segment_verify_watcher *w, const struct segment_damage *d)
{
    (void)w;
    (void)d; // the error tells that there is some; index_verify() where
}

static bool goes_on(struct segment_verify_watcher *w)
{
    return !build_watch_is_canceled(container_of(w, struct check, watcher)->watch);
}

static err check_inputs(struct merge *m)
{
    struct check check = {.watcher = {ignore_damage, goes_on}, .watch = m->watch};

    for (uint32_t i = 0; i < m->input_count; i++) {
        TRY(segment_verify(&m->inputs[i].part->segment, &check.watcher));
    }
    return OK;
}

// Pages may have become unreadable since they were checked; they were read as zeros then.
static err check_reads(struct merge *m)
{
    struct segment_damage damage;

    for (uint32_t i = 0; i < m->input_count; i++) {
        TRY(segment_health(&m->inputs[i].part->segment, &damage));
    }
    return OK;
}

// ---- the moment of exchange

static bool is_input(const struct merge *m, const struct index_part *p)
{
    for (uint32_t i = 0; i < m->input_count; i++) {
        if (m->inputs[i].part == p) return true;
    }
    return false;
}

// A row of an input died since: its key, if the new segment has it, dies there.
static err carry_row(const struct input *in, uint64_t row, struct index_part *p)
{
    uint64_t there = 0;

    TRY(segment_find_key(&p->segment, in->part->segment.keys[row], &there));
    (void)tombstones_set(&p->dead, there);
    return OK;
}

static err carry_dead(const struct input *in, struct index_part *p)
{
    uint64_t words = (in->part->dead.rows + 63) / 64;

    for (uint64_t i = 0; i < words; i++) {
        uint64_t now = atomic_load_explicit(&in->part->dead.words[i], memory_order_relaxed);
        for (uint64_t news = now & ~in->dead[i]; news; news &= news - 1) {
            TRY(carry_row(in, i * 64 + (unsigned)__builtin_ctzll(news), p));
        }
    }
    return OK;
}

static void show_without_inputs(struct merge *m, struct index_part *p)
{
    const struct index_view *old = m->ix->view;
    uint32_t count = 0;
    struct index_view *v = index_view_new(old->part_count + 1, old->first);

    if (p) v->parts[count++] = index_part_hold(p);
    for (uint32_t i = 0; i < old->part_count; i++) {
        if (!is_input(m, old->parts[i])) v->parts[count++] = index_part_hold(old->parts[i]);
    }
    v->part_count = count;
    index_state_show(m->ix, v);
}

// `p` is NULL where no row lived.
static err replace(struct merge *m, struct index_part *p)
{
    err e = OK;

    pthread_mutex_lock(&m->ix->mutex);
    for (uint32_t i = 0; i < m->input_count && p && !e; i++) {
        e = carry_dead(&m->inputs[i], p);
    }
    if (!e) show_without_inputs(m, p);
    pthread_mutex_unlock(&m->ix->mutex);
    return e;
}

// ---- one merge

// The input with most rows among those with lists.
static const struct index_part *parent_of(const struct merge *m)
{
    const struct index_part *best = NULL;

    for (uint32_t i = 0; i < m->input_count; i++) {
        const struct index_part *p = m->inputs[i].part;
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

    if (!parent || m->rows.source.count < o->bytes_rows_max) return OK;
    const struct index_relist_options options = {
        .rows = &m->rows.source,
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
    struct index_build_options options = {.rows = &m->rows, .watch = m->watch};
    struct index_relist relist = {0};

    *out = NULL;
    TRY(check_inputs(m));
    if (m->rows.source.count == 0) return OK;
    err e = choose_lists(m, &relist, &options.lists);
    if (!e) e = index_build(m->ix, &options, out);
    index_relist_done(&relist);
    TRY(e);
    e = check_reads(m);
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

static void add_input(struct merge *m, struct index_part *p)
{
    struct input *in = &m->inputs[m->input_count++];

    input_open(in, p, m->rows.source.count);
    m->rows.source.count += in->count;
}

static struct merge *merge_new(struct index *ix, struct build_watch *watch)
{
    struct merge *m = memory_new(struct merge);

    m->ix = ix;
    m->watch = watch ? watch : &m->own_watch;
    m->rows.source.dim = ix->options.dim;
    m->rows.source.fetch = fetch_rows;
    if (ix->schema.count) m->rows.value = value_of;
    return m;
}

static void merge_free(struct merge *m)
{
    for (uint32_t i = 0; i < m->input_count; i++) {
        input_close(&m->inputs[i]);
    }
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
        if (tier_of(m->ix, v->parts[i]) == tier) add_input(m, v->parts[i]);
    }
}

// Tombstones are copied before rows are looked at, so that records may go on meanwhile; what dies
// then is seen in the moment of exchange.
static void choose(struct merge *m, const struct index_view *v)
{
    enum { TIERS = 32 };

    for (unsigned tier = 0; tier < TIERS && m->input_count == 0; tier++) {
        choose_tier(m, v, tier);
    }
    for (uint32_t i = 0; i < v->part_count && m->input_count == 0; i++) {
        if (is_mostly_dead(v->parts[i])) add_input(m, v->parts[i]);
    }
}

static void choose_all(struct merge *m, const struct index_view *v)
{
    if (v->part_count == 1 && v->parts[0]->dead.dead == 0) return;
    for (uint32_t i = 0; i < v->part_count; i++) {
        add_input(m, v->parts[i]);
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
    *did = m->input_count > 0;
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
