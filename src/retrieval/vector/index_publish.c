#include "retrieval/vector/index_publish.h"

#include "retrieval/vector/index_catalog.h"
#include "retrieval/vector/manifest_store.h"

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

static err write_manifest(struct index *ix, const struct index_catalog *c)
{
    struct manifest m = index_catalog_manifest(c, ix, ix->generation + 1);
    uint64_t oldest_lsn = 0;

    ix->unpublishable = manifest_store_write(ix->disk, str_from_c(ix->folder), &m, &oldest_lsn);
    TRY(ix->unpublishable);
    ix->generation = m.generation;
    TRY(wal_forget(&ix->wal, oldest_lsn));
    ix->keeper.is_needed = is_in_the_making;
    return manifest_store_clean(ix->disk, str_from_c(ix->folder), &ix->keeper);
}

static err publish(struct index *ix)
{
    struct index_catalog *c = NULL;

    TRY(ix->unpublishable);
    TRY(index_catalog_take(ix, &c));
    err e = write_manifest(ix, c);
    index_catalog_drop(c);
    return e;
}

err index_publish(struct index *ix)
{
    pthread_mutex_lock(&ix->publishing);
    err e = publish(ix);
    pthread_mutex_unlock(&ix->publishing);
    return e;
}
