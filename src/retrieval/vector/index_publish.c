#include "retrieval/vector/index_publish.h"

#include "base/memory.h"
#include "retrieval/vector/manifest_store.h"

#include <string.h>

// What is to be told: parts that are held, and where the log begins.
struct state {
    struct index_part *parts[INDEX_PARTS_MAX];
    struct manifest_segment segments[INDEX_PARTS_MAX];
    char names[INDEX_PARTS_MAX][MANIFEST_NAME_MAX];
    uint32_t count;
    uint64_t checkpoint;
};

// All records before the checkpoint are in the parts, or dead there, already.
static void state_take(struct state *s, struct index *ix)
{
    pthread_mutex_lock(&ix->mutex);
    const struct index_view *v = ix->view;
    s->count = v->part_count;
    s->checkpoint = v->first->first_lsn;
    for (uint32_t i = 0; i < s->count; i++) {
        s->parts[i] = index_part_hold(v->parts[i]);
    }
    pthread_mutex_unlock(&ix->mutex);
}

static err state_save_dead(struct state *s)
{
    for (uint32_t i = 0; i < s->count; i++) {
        struct index_part *p = s->parts[i];
        TRY(index_part_save_dead(p));
        manifest_segment_name(p->uuid, s->names[i]);
        s->segments[i] = (struct manifest_segment){
            .name = str_from_c(s->names[i]),
            .tombstone_generation = p->dead_generation,
            .rows = p->segment.shape.row_count,
            .dead_rows = p->dead_saved,
        };
        memcpy(s->segments[i].uuid, p->uuid, sizeof p->uuid);
    }
    return OK;
}

static void state_drop(struct state *s)
{
    for (uint32_t i = 0; i < s->count; i++) {
        index_part_drop(s->parts[i]);
    }
    memory_free(s);
}

static bool is_in_the_making(struct manifest_keeper *keeper, str name)
{
    struct index *ix = container_of(keeper, struct index, keeper);
    char made[MANIFEST_NAME_MAX];
    bool is_found = false;

    pthread_mutex_lock(&ix->mutex);
    for (unsigned i = 0; i < INDEX_MAKING_MAX; i++) {
        if (!ix->making[i].is_taken) continue;
        manifest_segment_name(ix->making[i].uuid, made);
        is_found |= str_eq(name, str_from_c(made));
    }
    pthread_mutex_unlock(&ix->mutex);
    return is_found;
}

static err write_manifest(struct index *ix, const struct state *s, str schema)
{
    uint64_t oldest_lsn = 0;
    struct manifest m = {
        .generation = ix->generation + 1,
        .checkpoint_lsn = s->checkpoint,
        .rotation_seed = ix->rotation_seed,
        .schema = schema,
        .segments = s->segments,
        .segment_count = s->count,
    };

    ix->unpublishable = manifest_store_write(ix->disk, str_from_c(ix->folder), &m, &oldest_lsn);
    TRY(ix->unpublishable);
    ix->generation = m.generation;
    TRY(wal_forget(&ix->wal, oldest_lsn));
    ix->keeper.is_needed = is_in_the_making;
    return manifest_store_clean(ix->disk, str_from_c(ix->folder), &ix->keeper);
}

static err publish(struct index *ix, struct state *s)
{
    struct buf schema;

    TRY(ix->unpublishable);
    buf_init(&schema, MANIFEST_SCHEMA_MAX);
    state_take(s, ix);
    err e = state_save_dead(s);
    if (!e) e = index_state_write_schema(ix, &schema);
    if (!e) e = write_manifest(ix, s, buf_view(&schema));
    buf_done(&schema);
    return e;
}

err index_publish(struct index *ix)
{
    struct state *s = memory_new(struct state);

    pthread_mutex_lock(&ix->publishing);
    err e = publish(ix, s);
    pthread_mutex_unlock(&ix->publishing);
    state_drop(s);
    return e;
}
