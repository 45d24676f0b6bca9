// Design: files of segments never change, so a second name of each is a copy. The backup is taken
// in a moment in which nobody writes, when all rows are in segments: then what is dead there is
// what was replaced there, and no log is needed. So its numbers of records begin anew.
#include "retrieval/vector/index.h"
#include "retrieval/vector/index_catalog.h"
#include "retrieval/vector/index_write.h"
#include "retrieval/vector/manifest_store.h"

static err link_name(struct index *ix, str folder, const char *name)
{
    char from[FILE_PATH_MAX];
    char to[FILE_PATH_MAX];

    TRY(disk_path(str_from_c(ix->folder), str_from_c(name), from));
    TRY(disk_path(folder, str_from_c(name), to));
    return disk_link(ix->disk, str_from_c(from), str_from_c(to));
}

static err link_files(struct index *ix, const struct index_catalog *c, str folder)
{
    char name[MANIFEST_NAME_MAX];

    for (uint32_t i = 0; i < c->count; i++) {
        const struct manifest_segment *s = &c->segments[i];
        TRY(link_name(ix, folder, c->names[i]));
        if (s->tombstone_generation == 0) continue;
        manifest_tombstones_name(s->uuid, s->tombstone_generation, name);
        TRY(link_name(ix, folder, name));
    }
    return disk_sync_folder(ix->disk, folder);
}

// The manifest comes last: a folder without one is no index.
static err write_backup(struct index *ix, const struct index_catalog *c, str folder)
{
    uint64_t oldest_lsn = 0;

    TRY(index_state_make_folder(ix->disk, folder));
    TRY(link_files(ix, c, folder));
    struct manifest m = index_catalog_manifest(c, ix, 1);
    m.checkpoint_lsn = 1;
    return manifest_store_write(ix->disk, folder, &m, &oldest_lsn);
}

// With `publishing`, so that no file goes meanwhile. The gate may open as soon as the catalog is
// there: parts never change, and what is dead is in files.
static err back_up(struct index *ix, str folder)
{
    struct index_catalog *c = NULL;

    err e = index_catalog_take(ix, &c);
    index_write_open_gate(ix);
    TRY(e);
    e = write_backup(ix, c, folder);
    index_catalog_drop(c);
    return e;
}

err index_backup(struct index *ix, str folder)
{
    if (ix->options.is_read_only) return ERR_DENIED;
    index_write_close_gate(ix);
    err e = index_flush(ix);
    if (e) {
        index_write_open_gate(ix);
        return e;
    }
    pthread_mutex_lock(&ix->publishing);
    e = back_up(ix, folder);
    pthread_mutex_unlock(&ix->publishing);
    return e;
}
