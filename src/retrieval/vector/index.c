// Design: opening reads the manifest and the segments it names, and lets the rest of the log enter
// memory as if it were written now. A memtable that fills up meanwhile waits like any other; so
// opening writes nothing but what cleans up.
#include "retrieval/vector/index.h"

#include "base/arena.h"
#include "base/memory.h"
#include "io/clock.h"
#include "retrieval/vector/index_background.h"
#include "retrieval/vector/index_publish.h"
#include "retrieval/vector/index_write.h"

#include <math.h>
#include <string.h>
#include <sys/random.h>

enum {
    MEMTABLE_ROWS = 32'768,
    EXACT_ROWS = 10'000,
    BYTES_ROWS = 50'000,
    MEMORY_BYTES = 256 * 1024 * 1024,
    ARENA_BYTES = 64 * 1024,
};

static const float recall_default = 0.95F;

static void set_default_u32(uint32_t *value, uint32_t otherwise)
{
    if (*value == 0) *value = otherwise;
}

static void set_defaults(struct index_options *o)
{
    set_default_u32(&o->memtable_rows, MEMTABLE_ROWS);
    set_default_u32(&o->exact_rows_max, EXACT_ROWS);
    set_default_u32(&o->bytes_rows_max, BYTES_ROWS);
    set_default_u32(&o->threads, 1);
    if (o->memory_bytes_max == 0) o->memory_bytes_max = MEMORY_BYTES;
    if (o->recall == 0) o->recall = recall_default;
    if (!o->disk) o->disk = disk_real();
    if (!o->now) o->now = clock_monotonic;
}

static err check_options(const struct index_options *o)
{
    if (o->memtable_rows > MEMTABLE_ROWS_MAX || o->threads > INDEX_THREADS_MAX) return ERR_RANGE;
    if (!(o->recall >= 0 && o->recall <= 1)) return ERR_RANGE;
    return OK;
}

// Names of segments and the salt of logs are nobody's to foresee. ERR_SYSTEM.
static err seed_of(uint64_t *out)
{
    return getrandom(out, sizeof *out, 0) == sizeof *out ? OK : ERR_SYSTEM;
}

static err index_new(str folder, const struct index_options *options, struct index **out)
{
    uint64_t seed = 0;

    TRY(check_options(options));
    TRY(seed_of(&seed));
    struct index *ix = memory_new(struct index);
    err e = file_path_copy(folder, ix->folder);
    if (e) {
        memory_free(ix);
        return e;
    }
    ix->options = *options;
    set_defaults(&ix->options);
    ix->disk = ix->options.disk;
    random_init(&ix->names, seed);
    epoch_init(&ix->epoch);
    pthread_mutex_init(&ix->mutex, NULL);
    pthread_mutex_init(&ix->flushing, NULL);
    pthread_mutex_init(&ix->merging, NULL);
    pthread_mutex_init(&ix->publishing, NULL);
    pthread_cond_init(&ix->has_moved, NULL);
    pthread_cond_init(&ix->has_work, NULL);
    *out = ix;
    return OK;
}

static void index_free(struct index *ix)
{
    struct index_view *v = ix->view;

    epoch_done(&ix->epoch);
    for (struct index_fresh *f = v ? v->first : NULL; f;) {
        struct index_fresh *next = index_view_fresh_next(f);
        index_view_fresh_free(f);
        f = next;
    }
    index_view_free(v);
    pthread_mutex_destroy(&ix->mutex);
    pthread_mutex_destroy(&ix->flushing);
    pthread_mutex_destroy(&ix->merging);
    pthread_mutex_destroy(&ix->publishing);
    pthread_cond_destroy(&ix->has_moved);
    pthread_cond_destroy(&ix->has_work);
    memory_free(ix);
}

// ---- making one

static err write_first_manifest(struct index *ix)
{
    struct arena arena;
    struct buf schema;
    uint64_t oldest_lsn = 0;
    struct manifest m = {.generation = 1, .checkpoint_lsn = 1, .rotation_seed = ix->rotation_seed};
    struct manifest there;
    struct manifest_found found;

    arena_init(&arena, ARENA_BYTES);
    err e = manifest_store_load(ix->disk, str_from_c(ix->folder), &arena, &there, &found);
    arena_reset(&arena);
    if (e != ERR_ABSENT) return e ? e : ERR_IN_USE;
    buf_init(&schema, MANIFEST_SCHEMA_MAX);
    e = index_state_write_schema(ix, &schema);
    m.schema = buf_view(&schema);
    if (!e) e = manifest_store_write(ix->disk, str_from_c(ix->folder), &m, &oldest_lsn);
    buf_done(&schema);
    return e;
}

static err create(struct index *ix)
{
    pid_t holder = 0;

    err made = index_state_make_folder(ix->disk, str_from_c(ix->folder));
    if (made && made != ERR_IN_USE) return made; // one that is there will do if it holds no index
    TRY(index_lock_take(&ix->lock, str_from_c(ix->folder), INDEX_LOCK_WRITE, &holder));
    err e = write_first_manifest(ix);
    index_lock_release(&ix->lock);
    return e;
}

err index_create(str folder, const struct index_options *options)
{
    struct index *ix = NULL;

    if (options->dim == 0 || options->dim > INDEX_DIM_MAX) return ERR_RANGE;
    if (options->metric >= METRIC_COUNT) return ERR_RANGE;
    TRY(index_new(folder, options, &ix));
    if (options->schema) {
        ix->schema = *options->schema;
    } else {
        column_schema_init(&ix->schema);
    }
    ix->rotation_seed = random_mix(options->seed);
    err e = create(ix);
    index_free(ix);
    return e;
}

// ---- opening one

static err open_part(struct index *ix, const struct manifest_segment *segment,
                     struct index_part **out)
{
    static const enum segment_check checks[] = {
        [INDEX_VERIFY_OFF] = SEGMENT_CHECK_OFF,
        [INDEX_VERIFY_FIRST_TOUCH] = SEGMENT_CHECK_FIRST_TOUCH,
        [INDEX_VERIFY_FULL] = SEGMENT_CHECK_FULL,
    };
    const struct index_part_options options = {
        .disk = ix->disk,
        .folder = str_from_c(ix->folder),
        .uuid = segment->uuid,
        .schema = &ix->schema,
        .dead_generation = segment->tombstone_generation,
        .check = checks[ix->options.verify],
    };

    err e = index_part_open(&options, out);
    if (e) return e == ERR_ABSENT ? ERR_DAMAGED : e; // the manifest says that it is there
    const struct segment_shape *shape = &(*out)->segment.shape;
    if (shape->dim == ix->options.dim && shape->metric == ix->options.metric &&
        shape->row_count == segment->rows) {
        return OK;
    }
    index_part_drop(*out);
    return ERR_DAMAGED;
}

// The first view: segments, and an empty memtable for the log.
static err open_parts(struct index *ix, const struct manifest *m)
{
    if (m->segment_count > INDEX_PARTS_MAX) return ERR_LIMIT;
    struct index_view *v = index_view_new((uint32_t)m->segment_count, NULL);
    for (uint32_t i = 0; i < v->part_count; i++) {
        err e = open_part(ix, &m->segments[i], &v->parts[i]);
        if (!e) continue;
        v->parts[i] = NULL;
        index_view_free(v);
        return e;
    }
    struct index_part *parent = index_view_parent(v);
    ix->active =
        index_view_fresh_new(ix->options.dim, index_state_memtable_rows(ix, parent), parent);
    ix->active->first_lsn = m->checkpoint_lsn;
    ix->applied_lsn = m->checkpoint_lsn - 1;
    v->first = ix->active;
    ix->view = v;
    return OK;
}

struct replay {
    struct wal_sink sink;
    struct index *ix;
};

static err replay_record(struct wal_sink *sink, uint64_t lsn, const struct wal_record *r)
{
    struct index *ix = container_of(sink, struct replay, sink)->ix;

    ix->replayed++;
    return index_write_replay(ix, lsn, r);
}

static err open_log(struct index *ix)
{
    struct replay replay = {.sink.record = replay_record, .ix = ix};
    struct wal_options options = {.disk = ix->disk, .folder = str_from_c(ix->folder)};
    struct wal_found found;

    TRY(wal_replay(ix->disk, options.folder, ix->applied_lsn + 1, &replay.sink, &found));
    ix->applied_lsn = found.next_lsn - 1;
    if (ix->options.is_read_only) return OK;
    TRY(seed_of(&options.seed));
    TRY(wal_open(&ix->wal, &options, &found));
    ix->has_log = true;
    return OK;
}

static err load(struct index *ix, struct arena *arena)
{
    struct manifest m;
    struct manifest_found found;

    TRY(manifest_store_load(ix->disk, str_from_c(ix->folder), arena, &m, &found));
    TRY(index_state_read_schema(ix, m.schema));
    ix->rotation_seed = m.rotation_seed;
    ix->generation = found.newest;
    if (found.damaged[0]) ix->background = ERR_DAMAGED; // an older one had to do
    TRY(open_parts(ix, &m));
    TRY(open_log(ix));
    if (ix->options.is_read_only) return OK;
    return manifest_store_clean(ix->disk, str_from_c(ix->folder), NULL);
}

static err open_locked(struct index *ix)
{
    struct arena arena;

    arena_init(&arena, ARENA_BYTES);
    err e = load(ix, &arena);
    arena_reset(&arena);
    if (!e && !ix->options.is_read_only && !ix->options.has_no_background) {
        e = index_background_start(ix);
    }
    return e;
}

err index_open(str folder, const struct index_options *options, struct index **out)
{
    struct index *ix = NULL;
    pid_t holder = 0;

    TRY(index_new(folder, options, &ix));
    enum index_lock_mode mode = options->is_read_only ? INDEX_LOCK_READ : INDEX_LOCK_WRITE;
    err e = index_lock_take(&ix->lock, str_from_c(ix->folder), mode, &holder);
    if (e) {
        index_free(ix);
        return e;
    }
    e = open_locked(ix);
    if (e) {
        index_close(ix);
        return e;
    }
    *out = ix;
    return OK;
}

void index_close(struct index *ix)
{
    if (!ix) return;
    index_background_stop(ix);
    if (ix->has_log) wal_close(&ix->wal);
    index_lock_release(&ix->lock);
    index_free(ix);
}

const struct column_schema *index_schema(const struct index *ix)
{
    return &ix->schema;
}

void index_stats(struct index *ix, struct index_stats *out)
{
    *out = (struct index_stats){
        .dim = ix->options.dim,
        .metric = ix->options.metric,
        .replayed = ix->replayed,
        .flushes = ix->flushes,
        .merges = ix->merges,
        .searches_damaged = ix->searches_damaged,
        .background = ix->background,
    };
    pthread_mutex_lock(&ix->publishing);
    out->generation = ix->generation;
    pthread_mutex_unlock(&ix->publishing);
    pthread_mutex_lock(&ix->mutex);
    const struct index_view *v = ix->view;
    out->lsn = ix->applied_lsn + 1;
    out->segments = v->part_count;
    for (uint32_t i = 0; i < v->part_count; i++) {
        out->rows += index_part_live(v->parts[i]);
        out->dead += v->parts[i]->dead.dead;
        out->disk_bytes += v->parts[i]->file_bytes;
    }
    for (struct index_fresh *f = v->first; f; f = index_view_fresh_next(f)) {
        out->memtable_rows += f->table.visible;
        out->memtable_bytes += f->table.bytes;
        out->rows += f->table.visible - f->table.dead;
    }
    pthread_mutex_unlock(&ix->mutex);
}
