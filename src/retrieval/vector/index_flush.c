// Design: while a segment is built of a memtable that nobody adds to any more, its rows go on to
// die. In the moment in which the segment takes the memtable's place, rows that died meanwhile die
// there, too; from then on records find the segment instead.
#include "retrieval/vector/index_flush.h"

#include "base/memory.h"
#include "retrieval/vector/index_build.h"
#include "retrieval/vector/index_publish.h"
#include "retrieval/vector/row_values.h"

#include <string.h>

// The rows of a memtable that live.
struct live {
    struct index_rows rows;
    struct build_watch watch;
    const struct column_schema *schema;
    const struct memtable *table;
    uint32_t *numbers;
    uint32_t dead; // rows of the table that did not
};

static err fetch_live(struct row_source *source, uint64_t first, uint32_t count, float *out,
                      uint64_t *keys)
{
    const struct live *l = container_of(source, struct live, rows.source);

    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = l->numbers[first + i];
        if (out) {
            memcpy(out + (size_t)i * source->dim, memtable_vector(l->table, row),
                   source->dim * sizeof *out);
        }
        if (keys) keys[i] = memtable_key(l->table, row);
    }
    return OK;
}

static err live_value(struct index_rows *rows, uint64_t row, uint32_t column,
                      struct column_value *out)
{
    const struct live *l = container_of(rows, struct live, rows);

    *out = row_values_get(l->schema, memtable_values(l->table, l->numbers[row]), column);
    return OK;
}

static void live_init(struct live *l, const struct index *ix, const struct memtable *m)
{
    uint32_t visible = memtable_visible(m);

    *l = (struct live){.schema = &ix->schema, .table = m, .dead = m->dead};
    l->rows.source.dim = ix->options.dim;
    l->rows.source.fetch = fetch_live;
    if (ix->schema.count) l->rows.value = live_value;
    l->numbers = memory_alloc_raw((visible + 1) * sizeof *l->numbers);
    for (uint32_t row = 0; row < visible; row++) {
        if (memtable_is_dead(m, row, visible)) continue;
        l->numbers[l->rows.source.count++] = row;
    }
}

// Rows that died in the memtable since `live` was made die in the part. Under `mutex`.
static void carry_dead(const struct live *live, struct index_part *p)
{
    if (live->table->dead == live->dead) return;
    for (uint64_t row = 0; row < p->segment.shape.row_count; row++) {
        if (memtable_newest(live->table, p->segment.keys[row]) != MEMTABLE_NONE) continue;
        (void)tombstones_set(&p->dead, row);
    }
}

// The part, if any, takes the place of the oldest memtable.
static void replace(struct index *ix, struct index_fresh *oldest, const struct live *live,
                    struct index_part *p)
{
    pthread_mutex_lock(&ix->mutex);
    const struct index_view *old = ix->view;
    uint32_t count = old->part_count + (p != NULL);
    struct index_view *v = index_view_new(count, index_view_fresh_next(oldest));
    for (uint32_t i = 0; i < old->part_count; i++) {
        v->parts[i] = index_part_hold(old->parts[i]);
    }
    if (p) {
        carry_dead(live, p);
        v->parts[count - 1] = index_part_hold(p);
    }
    index_state_show(ix, v);
    ix->frozen_count--;
    pthread_cond_broadcast(&ix->has_moved);
    pthread_mutex_unlock(&ix->mutex);
    index_view_fresh_retire(oldest, &ix->epoch);
}

// Lists that are mostly empty cost more than they save.
static bool fills_lists(const struct live *l, const struct index_part *parent)
{
    return parent && l->rows.source.count >= 2 * (uint64_t)parent->ivf.quantizer.list_count;
}

static err flush(struct index *ix, struct index_fresh *oldest)
{
    struct live live;
    struct index_part *p = NULL;
    err e = OK;

    live_init(&live, ix, &oldest->table);
    struct index_build_options options = {.rows = &live.rows, .watch = &live.watch};
    if (fills_lists(&live, oldest->parent)) options.lists = index_build_lists_of(oldest->parent);
    if (live.rows.source.count) e = index_state_part_fits(ix);
    if (live.rows.source.count && !e) e = index_build(ix, &options, &p);
    if (!e) {
        replace(ix, oldest, &live, p);
        ix->flushes++;
        e = index_publish(ix);
    }
    if (p) index_build_settle(ix, p);
    index_part_drop(p);
    memory_free(live.numbers);
    (void)epoch_reclaim(&ix->epoch); // what readers still see waits for the next time
    return e;
}

// The oldest memtable, if it is full; NULL otherwise.
static struct index_fresh *oldest_of(struct index *ix)
{
    struct index_fresh *oldest = NULL;

    pthread_mutex_lock(&ix->mutex);
    if (ix->frozen_count) oldest = ix->view->first;
    pthread_mutex_unlock(&ix->mutex);
    return oldest;
}

err index_flush_oldest(struct index *ix)
{
    err e = OK;

    pthread_mutex_lock(&ix->flushing);
    struct index_fresh *oldest = oldest_of(ix);
    if (oldest) {
        uint64_t first_lsn = 0;
        e = wal_roll(&ix->wal, &first_lsn); // so that what becomes a segment is in older files
        if (e == ERR_LIMIT) e = OK;         // then they are given up later
        if (!e) e = flush(ix, oldest);
        index_state_report(ix, e);
    }
    pthread_mutex_unlock(&ix->flushing);
    return e;
}

err index_flush(struct index *ix)
{
    err e = OK;

    if (ix->options.is_read_only) return ERR_DENIED;
    pthread_mutex_lock(&ix->mutex);
    if (ix->active->first_lsn <= ix->applied_lsn) index_state_rotate(ix, 0);
    const struct index_fresh *last = ix->active;
    while (!e && ix->view->first != last && ix->frozen_count) {
        pthread_mutex_unlock(&ix->mutex);
        e = index_flush_oldest(ix);
        pthread_mutex_lock(&ix->mutex);
    }
    pthread_mutex_unlock(&ix->mutex);
    return e;
}
