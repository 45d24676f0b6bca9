#include "retrieval/vector/index_catalog.h"

#include "base/memory.h"

#include <string.h>

static err take_parts(struct index_catalog *c, struct index *ix)
{
    pthread_mutex_lock(&ix->mutex);
    const struct index_view *v = ix->view;
    err e = v->part_count <= INDEX_PARTS_MAX ? OK : ERR_LIMIT;
    c->checkpoint = v->first->first_lsn;
    for (uint32_t i = 0; i < v->part_count && !e; i++) {
        c->parts[c->count++] = index_part_hold(v->parts[i]);
    }
    pthread_mutex_unlock(&ix->mutex);
    return e;
}

static err save_dead(struct index_catalog *c)
{
    for (uint32_t i = 0; i < c->count; i++) {
        struct index_part *p = c->parts[i];
        TRY(index_part_save_dead(p));
        manifest_segment_name(p->uuid, c->names[i]);
        c->segments[i] = (struct manifest_segment){
            .name = str_from_c(c->names[i]),
            .tombstone_generation = p->dead_generation,
            .rows = p->segment.shape.row_count,
            .dead_rows = p->dead_saved,
        };
        memcpy(c->segments[i].uuid, p->uuid, sizeof p->uuid);
    }
    return OK;
}

err index_catalog_take(struct index *ix, struct index_catalog **out)
{
    struct index_catalog *c = memory_new(struct index_catalog);

    buf_init(&c->schema, MANIFEST_SCHEMA_MAX);
    err e = take_parts(c, ix);
    if (!e) e = save_dead(c);
    if (!e) e = index_state_write_schema(ix, &c->schema);
    if (e) {
        index_catalog_drop(c);
        return e;
    }
    *out = c;
    return OK;
}

void index_catalog_drop(struct index_catalog *c)
{
    for (uint32_t i = 0; i < c->count; i++) {
        index_part_drop(c->parts[i]);
    }
    buf_done(&c->schema);
    memory_free(c);
}

struct manifest index_catalog_manifest(const struct index_catalog *c, const struct index *ix,
                                       uint64_t generation)
{
    return (struct manifest){
        .generation = generation,
        .checkpoint_lsn = c->checkpoint,
        .rotation_seed = ix->rotation_seed,
        .schema = buf_view(&c->schema),
        .segments = c->segments,
        .segment_count = c->count,
    };
}
