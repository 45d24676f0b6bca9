#include "retrieval/vector/index_state.h"

#include <string.h>

// The newest memtable, those that wait and one that is let go: each has a quarter of the memory.
enum { MEMORY_SHARES = 4, ROWS_LEAST = 16 };

uint64_t index_state_memtable_bytes(const struct index *ix)
{
    return ix->options.memory_bytes_max / MEMORY_SHARES;
}

uint32_t index_state_memtable_rows(const struct index *ix, const struct index_part *parent)
{
    uint64_t row = memtable_row_bytes(ix->options.dim);
    uint32_t rows = ix->options.memtable_rows;

    if (parent) row += memtable_lists_bytes(&parent->ivf, rows) / rows;
    uint64_t most = index_state_memtable_bytes(ix) / row;
    if (most < ROWS_LEAST) most = ROWS_LEAST;
    return rows < most ? rows : (uint32_t)most;
}

void index_state_rotate(struct index *ix, uint32_t rows)
{
    struct index_part *parent = index_view_parent(ix->view);
    uint32_t rows_max = index_state_memtable_rows(ix, parent);
    struct index_fresh *next =
        index_view_fresh_new(ix->options.dim, rows > rows_max ? rows : rows_max, parent);

    next->first_lsn = ix->applied_lsn + 1;
    atomic_store_explicit(&ix->active->table.next, &next->table, memory_order_release);
    ix->active = next;
    ix->frozen_count++;
    pthread_cond_broadcast(&ix->has_work);
}

err index_state_part_fits(struct index *ix)
{
    pthread_mutex_lock(&ix->mutex);
    const struct index_view *v = ix->view;
    err e = v->part_count < INDEX_PARTS_MAX ? OK : ERR_LIMIT;
    pthread_mutex_unlock(&ix->mutex);
    return e;
}

static void kill_waiting(struct index_fresh *f, uint64_t key)
{
    uint32_t row = memtable_newest(&f->table, key);

    if (row != MEMTABLE_NONE) memtable_kill(&f->table, row, memtable_visible(&f->table));
}

err index_state_kill(struct index *ix, uint64_t key)
{
    const struct index_view *v = ix->view;
    err result = OK;

    for (struct index_fresh *f = v->first; f != ix->active; f = index_view_fresh_next(f)) {
        kill_waiting(f, key);
    }
    for (uint32_t i = 0; i < v->part_count; i++) {
        uint64_t row = 0;
        err e = segment_find_key(&v->parts[i]->segment, key, &row);
        if (e == OK) (void)tombstones_set(&v->parts[i]->dead, row); // it may have been dead
        if (e != OK && e != ERR_ABSENT) result = e;
    }
    return result;
}

void index_state_show(struct index *ix, struct index_view *v)
{
    struct index_view *old = atomic_exchange(&ix->view, v);

    index_view_retire(old, &ix->epoch);
}

void index_state_report(struct index *ix, err e)
{
    ix->background = e;
    pthread_mutex_lock(&ix->mutex);
    pthread_cond_broadcast(&ix->has_moved);
    pthread_mutex_unlock(&ix->mutex);
}

err index_state_make_folder(struct disk *disk, str folder)
{
    size_t len = folder.len;

    TRY(disk_make_folder(disk, folder));
    while (len > 0 && folder.ptr[len - 1] != '/') {
        len--;
    }
    return disk_sync_folder(disk, len ? str_sub(folder, 0, len) : STR("."));
}

// What stands before the schema's own bytes in the manifest.
struct head {
    uint8_t version;
    uint8_t metric;
    uint8_t zero[2];
    uint32_t dim;
};

enum { HEAD_VERSION = 1 };

err index_state_write_schema(const struct index *ix, struct buf *out)
{
    struct head head = {
        .version = HEAD_VERSION,
        .metric = (uint8_t)ix->options.metric,
        .dim = ix->options.dim,
    };

    TRY(buf_append(out, (str){(const char *)&head, sizeof head}));
    return column_schema_write(&ix->schema, out);
}

err index_state_read_schema(struct index *ix, str bytes)
{
    struct head head;

    if (bytes.len < sizeof head) return ERR_DAMAGED;
    memcpy(&head, bytes.ptr, sizeof head);
    if (head.version != HEAD_VERSION) return ERR_UNSUPPORTED;
    if (head.metric >= METRIC_COUNT || head.dim == 0 || head.dim > INDEX_DIM_MAX) {
        return ERR_DAMAGED;
    }
    ix->options.metric = head.metric;
    ix->options.dim = head.dim;
    return column_schema_read(str_sub(bytes, sizeof head, SIZE_MAX), &ix->schema);
}
