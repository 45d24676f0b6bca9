// Design: a segment is built of the rows while writers and readers go on. Then it takes effect in
// a moment in which nobody writes: what is in memory becomes segments, so that all records of the
// log are older than the rows, and none is replayed over them. The segment is shown first, and what
// it replaces dies once everybody who reads can see it.
#include "base/memory.h"
#include "retrieval/vector/index.h"
#include "retrieval/vector/index_build.h"
#include "retrieval/vector/index_publish.h"
#include "retrieval/vector/index_write.h"
#include "retrieval/vector/row_values.h"

#include <time.h>

// The caller's rows, as they are stored.
struct load {
    struct index_rows rows;
    struct build_watch watch;
    struct index *ix;
    struct row_source *source;
    struct index_values *values;
    struct index_progress *progress;
};

static err fetch_rows(struct row_source *source, uint64_t first, uint32_t count, float *out,
                      uint64_t *keys)
{
    const struct load *l = container_of(source, struct load, rows.source);

    TRY(l->source->fetch(l->source, first, count, out, keys));
    for (uint32_t i = 0; i < count && out; i++) {
        float *row = out + (size_t)i * source->dim;
        TRY(index_write_vector(l->ix, row, row));
    }
    return OK;
}

static err value_of(struct index_rows *rows, uint64_t row, uint32_t column,
                    struct column_value *out)
{
    const struct load *l = container_of(rows, struct load, rows);
    str bytes = STR("");

    TRY(l->values->fetch(l->values, row, &bytes));
    TRY(row_values_check(&l->ix->schema, bytes));
    *out = row_values_get(&l->ix->schema, bytes, column);
    return OK;
}

static bool tell(struct build_watch *w, enum build_stage stage, uint64_t done, uint64_t total)
{
    static const char *const names[BUILD_STAGES] = {
        [BUILD_SAMPLE] = "sample", [BUILD_TRAIN] = "train",         [BUILD_ASSIGN] = "assign",
        [BUILD_WRITE] = "write",   [BUILD_CALIBRATE] = "calibrate",
    };
    struct index_progress *p = container_of(w, struct load, watch)->progress;

    return p->report(p, names[stage], done, total);
}

// ---- taking effect

// Of rows with one key the one that is found by it stays.
static err kill_doubles(struct index_part *p)
{
    uint64_t row = 0;

    for (uint64_t i = 0; i < p->segment.shape.row_count; i++) {
        TRY(segment_find_key(&p->segment, p->segment.keys[i], &row));
        if (row != i) (void)tombstones_set(&p->dead, i);
    }
    return OK;
}

// Kills the rows of `old` whose keys `by` has: by looking up the keys of the smaller in the other.
static err kill_replaced(struct index_part *old, struct index_part *by)
{
    bool by_old = old->segment.shape.row_count < by->segment.shape.row_count;
    struct index_part *few = by_old ? old : by;
    struct index_part *many = by_old ? by : old;
    uint64_t row = 0;

    for (uint64_t i = 0; i < few->segment.shape.row_count; i++) {
        err e = segment_find_key(&many->segment, few->segment.keys[i], &row);
        if (e == ERR_ABSENT) continue;
        TRY(e);
        (void)tombstones_set(&old->dead, by_old ? i : row);
    }
    return OK;
}

// Behind all other parts: the last one counts while two show one key.
static void show(struct index *ix, struct index_part *p)
{
    pthread_mutex_lock(&ix->mutex);
    const struct index_view *old = ix->view;
    struct index_view *v = index_view_new(old->part_count + 1, old->first);
    for (uint32_t i = 0; i < old->part_count; i++) {
        v->parts[i] = index_part_hold(old->parts[i]);
    }
    v->parts[old->part_count] = index_part_hold(p);
    index_state_show(ix, v);
    ix->has_merge_work = true;
    index_state_rotate(ix, 0); // so that new rows get the lists that there are now
    pthread_mutex_unlock(&ix->mutex);
}

static void wait_for_readers(struct index *ix)
{
    const struct timespec pause = {.tv_nsec = 100'000};

    while (!epoch_reclaim(&ix->epoch)) {
        nanosleep(&pause, NULL);
    }
}

// With `merging` and `flushing`, so that the view stays.
static err replace(struct index *ix, struct index_part *p)
{
    err result = OK;

    show(ix, p);
    wait_for_readers(ix);
    const struct index_view *v = ix->view;
    for (uint32_t i = 0; i < v->part_count; i++) {
        struct index_part *old = v->parts[i];
        err e = old != p && index_part_live(old) ? kill_replaced(old, p) : OK;
        if (e) result = e; // something is damaged there; the rows are in all the same
    }
    err e = index_publish(ix);
    if (!e) e = index_publish(ix); // no log has the rows, so the manifest before it names them, too
    return e ? e : result;
}

static err take_effect(struct index *ix, struct index_part *p)
{
    pthread_mutex_lock(&ix->merging);
    index_write_close_gate(ix);
    err e = wal_health(&ix->wal); // a write that failed may still be replayed, over the rows
    if (!e) e = index_flush(ix);
    if (!e) {
        pthread_mutex_lock(&ix->flushing);
        e = index_state_part_fits(ix);
        if (!e) e = replace(ix, p);
        pthread_mutex_unlock(&ix->flushing);
    }
    index_write_open_gate(ix);
    pthread_mutex_unlock(&ix->merging);
    return e;
}

err index_load(struct index *ix, struct row_source *rows, struct index_values *values,
               struct index_progress *progress)
{
    struct load l = {.ix = ix, .source = rows, .values = values, .progress = progress};
    const struct index_build_options options = {.rows = &l.rows, .watch = &l.watch};
    struct index_part *p = NULL;

    if (ix->options.is_read_only) return ERR_DENIED;
    if (rows->dim != ix->options.dim) return ERR_RANGE;
    if (rows->count == 0) return OK;
    l.rows.source = (struct row_source){rows->count, rows->dim, fetch_rows};
    if (values && ix->schema.count) l.rows.value = value_of;
    if (progress) l.watch.report = tell;
    TRY(index_build(ix, &options, &p));
    err e = kill_doubles(p);
    if (!e) e = take_effect(ix, p);
    index_build_settle(ix, p);
    index_part_drop(p);
    return e;
}
