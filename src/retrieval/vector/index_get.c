// Design: from the oldest place to the newest, the last that has the key wins: what replaces a row
// enters the newest memtable before the row dies.
#include "retrieval/vector/index_source.h"
#include "retrieval/vector/index_state.h"
#include "retrieval/vector/row_values.h"

#include <string.h>

// Where the row of a key is.
struct place {
    struct index_part *part;
    struct index_fresh *fresh;
    uint64_t row;
};

static err find_in_parts(const struct index_view *v, uint64_t key, struct place *out)
{
    for (uint32_t i = 0; i < v->part_count; i++) {
        struct index_part *p = v->parts[i];
        uint64_t row = 0;
        err e = segment_find_key(&p->segment, key, &row);
        if (e && e != ERR_ABSENT) return e;
        if (!e && !tombstones_has(&p->dead, row)) *out = (struct place){.part = p, .row = row};
    }
    return OK;
}

static void find_in_memory(const struct index_view *v, uint64_t key, struct place *out)
{
    index_source_order_loads();
    for (struct index_fresh *f = v->first; f; f = index_view_fresh_next(f)) {
        uint32_t row = memtable_find(&f->table, key, memtable_visible(&f->table));
        if (row != MEMTABLE_NONE) *out = (struct place){.fresh = f, .row = row};
    }
}

static err copy_values(const struct index *ix, const struct place *p, struct buf *out)
{
    struct column_value values[COLUMN_SCHEMA_MAX];

    if (!out) return OK;
    if (p->fresh) return buf_append(out, memtable_values(&p->fresh->table, (uint32_t)p->row));
    for (uint32_t i = 0; i < ix->schema.count; i++) {
        values[i] = columns_get(&p->part->columns, (uint32_t)p->row, i);
    }
    return row_values_encode(&ix->schema, values, out);
}

static err copy(const struct index *ix, const struct place *p, float *vector, struct buf *values)
{
    struct index_source source = {.part = p->part, .fresh = p->fresh};
    struct segment_damage damage;

    if (!p->part && !p->fresh) return ERR_ABSENT;
    if (p->fresh) source.visible = memtable_visible(&p->fresh->table);
    if (vector) {
        memcpy(vector, index_source_vector(&source, p->row), ix->options.dim * sizeof *vector);
    }
    TRY(copy_values(ix, p, values));
    return p->part ? segment_health(&p->part->segment, &damage) : OK;
}

err index_get(struct index *ix, uint64_t key, float *vector, struct buf *values)
{
    struct place place = {0};

    unsigned at = epoch_enter(&ix->epoch);
    const struct index_view *v = ix->view;
    err e = find_in_parts(v, key, &place);
    find_in_memory(v, key, &place);
    if (place.fresh) e = OK; // the newest is there, whatever is damaged elsewhere
    if (!e) e = copy(ix, &place, vector, values);
    epoch_leave(&ix->epoch, at);
    return e;
}
