#include "base/arena.h"
#include "base/memory.h"
#include "retrieval/vector/index.h"
#include "retrieval/vector/index_state.h"
#include "retrieval/vector/manifest_store.h"
#include "retrieval/vector/segment_verify.h"

enum { ARENA_BYTES = 64 * 1024 };

struct verify {
    struct segment_verify_watcher watcher;
    struct index_finder *finder;
    str file;
    bool is_damaged;
    err told; // what the finder returned
    uint32_t count;
    struct {
        struct index_part *part; // held
        uint64_t dead_generation;
    } parts[INDEX_PARTS_MAX];
};

static void find(struct verify *v, const struct index_finding *finding)
{
    v->is_damaged = true;
    if (!v->told && v->finder) v->told = v->finder->found(v->finder, finding);
}

static void found(struct segment_verify_watcher *w, const struct segment_damage *d)
{
    struct verify *v = container_of(w, struct verify, watcher);
    const struct index_finding finding = {
        .file = v->file,
        .section = str_from_c(segment_format_type_name(d->type)),
        .block = d->block,
        .what = str_from_c(segment_format_harm_name(d->harm)),
    };

    find(v, &finding);
}

static bool goes_on(struct segment_verify_watcher *w)
{
    return !container_of(w, struct verify, watcher)->told;
}

// Its file of tombstones may have been replaced since by a newer one.
static err check_dead(struct verify *v, struct index *ix, uint32_t i)
{
    const struct index_part *p = v->parts[i].part;
    uint64_t generation = v->parts[i].dead_generation;
    char name[MANIFEST_NAME_MAX];
    char path[FILE_PATH_MAX];
    struct tombstones t;

    if (generation == 0) return OK;
    manifest_tombstones_name(p->uuid, generation, name);
    TRY(disk_path(str_from_c(ix->folder), str_from_c(name), path));
    tombstones_init(&t, p->segment.shape.row_count);
    err e = tombstones_load(&t, ix->disk, str_from_c(path));
    tombstones_done(&t);
    if (e != ERR_DAMAGED) return e == ERR_ABSENT ? OK : e;
    const struct index_finding finding = {.file = str_from_c(name), .what = STR("it is damaged")};
    find(v, &finding);
    return v->told;
}

static err check_part(struct verify *v, struct index *ix, uint32_t i)
{
    char name[MANIFEST_NAME_MAX];

    manifest_segment_name(v->parts[i].part->uuid, name);
    v->file = str_from_c(name);
    err e = segment_verify(&v->parts[i].part->segment, &v->watcher);
    if (e && e != ERR_DAMAGED && e != ERR_CANCELED) return e;
    return v->told ? v->told : check_dead(v, ix, i);
}

static err check_manifest(struct verify *v, struct index *ix)
{
    struct arena arena;
    struct manifest m;
    struct manifest_found found;

    arena_init(&arena, ARENA_BYTES);
    err e = manifest_store_load(ix->disk, str_from_c(ix->folder), &arena, &m, &found);
    arena_reset(&arena);
    if (e && e != ERR_DAMAGED) return e;
    if (!found.damaged[0]) return OK;
    const struct index_finding finding = {
        .file = str_from_c(found.damaged),
        .what = STR("it is damaged"),
    };
    find(v, &finding);
    return v->told;
}

static err hold_parts(struct verify *v, struct index *ix)
{
    pthread_mutex_lock(&ix->publishing); // or `dead_generation` might change
    pthread_mutex_lock(&ix->mutex);
    const struct index_view *view = ix->view;
    err e = view->part_count <= INDEX_PARTS_MAX ? OK : ERR_LIMIT;
    for (uint32_t i = 0; i < view->part_count && !e; i++) {
        v->parts[i].part = index_part_hold(view->parts[i]);
        v->parts[i].dead_generation = view->parts[i]->dead_generation;
        v->count++;
    }
    pthread_mutex_unlock(&ix->mutex);
    pthread_mutex_unlock(&ix->publishing);
    return e;
}

static err check(struct verify *v, struct index *ix)
{
    TRY(hold_parts(v, ix));
    TRY(check_manifest(v, ix));
    for (uint32_t i = 0; i < v->count; i++) {
        TRY(check_part(v, ix, i));
    }
    return v->is_damaged ? ERR_DAMAGED : OK;
}

err index_verify(struct index *ix, struct index_finder *finder)
{
    struct verify *v = memory_new(struct verify);

    v->watcher = (struct segment_verify_watcher){found, goes_on};
    v->finder = finder;
    err e = check(v, ix);
    for (uint32_t i = 0; i < v->count; i++) {
        index_part_drop(v->parts[i].part);
    }
    memory_free(v);
    return e;
}
