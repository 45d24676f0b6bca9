#include "retrieval/vector/index_view.h"

#include "base/memory.h"

struct index_fresh *index_view_fresh_new(uint32_t dim, uint32_t rows_max, struct index_part *parent)
{
    struct index_fresh *f = memory_new(struct index_fresh);

    memtable_init(&f->table, dim, rows_max, parent ? &parent->ivf : NULL);
    if (parent) f->parent = index_part_hold(parent);
    return f;
}

void index_view_fresh_free(struct index_fresh *f)
{
    if (!f) return;
    memtable_done(&f->table);
    index_part_drop(f->parent);
    memory_free(f);
}

static void fresh_gone(struct epoch_retired *r)
{
    index_view_fresh_free(container_of(r, struct index_fresh, retired));
}

void index_view_fresh_retire(struct index_fresh *f, struct epoch *e)
{
    epoch_retire(e, &f->retired, fresh_gone);
}

struct index_view *index_view_new(uint32_t part_count, struct index_fresh *first)
{
    struct index_view *v = memory_alloc(sizeof *v + part_count * sizeof(struct index_part *));

    v->part_count = part_count;
    v->first = first;
    return v;
}

void index_view_free(struct index_view *v)
{
    if (!v) return;
    for (uint32_t i = 0; i < v->part_count; i++) {
        index_part_drop(v->parts[i]);
    }
    memory_free(v);
}

static void view_gone(struct epoch_retired *r)
{
    index_view_free(container_of(r, struct index_view, retired));
}

void index_view_retire(struct index_view *v, struct epoch *e)
{
    epoch_retire(e, &v->retired, view_gone);
}

struct index_part *index_view_parent(const struct index_view *v)
{
    struct index_part *best = NULL;

    for (uint32_t i = 0; i < v->part_count; i++) {
        struct index_part *p = v->parts[i];
        if (!p->has_lists) continue;
        if (!best || p->segment.shape.row_count > best->segment.shape.row_count) best = p;
    }
    return best;
}
