// Design: leader and followers. The mutex guards the pending frame and the numbers; whoever wants
// something durable while nobody leads takes the pending frame, gives up the mutex, seals, writes
// and syncs it, and wakes the others. Those who come meanwhile append to the other frame and sleep.
// No timer gathers them: a sync takes long enough for that. Beginning a file is done as a leader,
// so that nothing is written meanwhile; what is appended goes into the new file.
#include "retrieval/vector/wal.h"

#include "base/random.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { COPY_BYTES = 64 * 1024 };

static uint64_t reserve_step(const struct wal *w)
{
    return w->options.reserve_bytes ? w->options.reserve_bytes : WAL_RESERVE_BYTES;
}

// Writes the file under another name, so that the name alone tells that its head is in place.
static err write_new_file(struct wal *w, const struct wal_frame_file *head, const char *temporary,
                          struct disk_file **out)
{
    char sector[WAL_FRAME_SECTOR_BYTES];
    struct disk_file *f = NULL;
    err e = OK;

    wal_frame_write_file(head, sector);
    TRY(disk_open(w->options.disk, str_from_c(temporary), DISK_REPLACE, &f));
    e = disk_reserve(f, reserve_step(w));
    if (!e) e = disk_write_at(f, (str){sector, sizeof(sector)}, 0);
    if (!e) e = disk_sync(f);
    if (e) {
        disk_close(f);
        return e;
    }
    *out = f;
    return OK;
}

static err name_new_file(struct wal *w, const char *temporary, uint64_t sequence)
{
    char path[FILE_PATH_MAX];

    TRY(wal_replay_path(w->options.folder, sequence, path));
    TRY(disk_rename(w->options.disk, str_from_c(temporary), str_from_c(path)));
    return disk_sync_folder(w->options.disk, w->options.folder);
}

// Makes a file that follows the newest the newest. By the leader, or before there is any. A failure
// is harmless as long as the file has no name; `*is_named` tells.
static err begin_file(struct wal *w, uint64_t sequence, uint64_t first_lsn, bool *is_named)
{
    uint64_t salt = random_mix(w->options.seed ^ random_mix(sequence ^ random_mix(first_lsn)));
    struct wal_frame_file head = {sequence, first_lsn, salt};
    char temporary[FILE_PATH_MAX];
    struct disk_file *f = NULL;

    *is_named = false;
    TRY(disk_path(w->options.folder, STR("wal.tmp"), temporary));
    TRY(write_new_file(w, &head, temporary, &f));
    *is_named = true;
    err e = name_new_file(w, temporary, sequence);
    if (e) {
        disk_close(f);
        return e;
    }
    disk_close(w->file);
    w->file = f;
    w->salt = salt;
    w->file_bytes = WAL_FRAME_SECTOR_BYTES;
    w->reserved_bytes = reserve_step(w);
    return OK;
}

// After a failed sync the kernel shows bytes that it has not written and takes for written. What a
// replay has read may be such, so it is written once more before anything is built on it.
static err rewrite(struct disk_file *f, uint64_t end)
{
    char piece[COPY_BYTES];
    size_t len = 0;

    for (uint64_t at = 0; at < end; at += len) {
        size_t want = end - at < sizeof(piece) ? (size_t)(end - at) : sizeof(piece);
        TRY(disk_read_at(f, piece, want, at, &len));
        if (len == 0) break; // the last sector may lack its padding
        TRY(disk_write_at(f, (str){piece, len}, at));
    }
    return disk_sync(f);
}

static err resume_file(struct wal *w, const struct wal_found *found)
{
    char path[FILE_PATH_MAX];

    TRY(wal_replay_path(w->options.folder, w->files[w->file_count - 1].sequence, path));
    TRY(disk_open(w->options.disk, str_from_c(path), DISK_WRITE, &w->file));
    TRY(disk_size(w->file, &w->reserved_bytes));
    TRY(rewrite(w->file, found->end_bytes));
    TRY(disk_sync_folder(w->options.disk, w->options.folder));
    w->salt = found->salt;
    w->file_bytes = found->end_bytes;
    return OK;
}

static void note_file(struct wal *w, uint64_t sequence, uint64_t first_lsn)
{
    w->files[w->file_count++] = (struct wal_replay_file){sequence, first_lsn};
}

// The newest file, unless it ends before the number that is next.
static err open_files(struct wal *w, const struct wal_found *found)
{
    uint64_t sequence = 1;
    bool is_named = false;

    if (w->file_count > 0 && found->end_lsn == found->next_lsn) return resume_file(w, found);
    if (w->file_count == WAL_REPLAY_FILES_MAX) return ERR_LIMIT;
    if (w->file_count > 0) sequence = w->files[w->file_count - 1].sequence + 1;
    TRY(begin_file(w, sequence, found->next_lsn, &is_named));
    note_file(w, sequence, found->next_lsn);
    return OK;
}

err wal_open(struct wal *w, const struct wal_options *o, const struct wal_found *found)
{
    *w = (struct wal){.options = *o,
                      .next_lsn = found->next_lsn,
                      .durable_lsn = found->next_lsn,
                      .file_count = found->file_count};
    memcpy(w->files, found->files, sizeof(w->files));
    pthread_mutex_init(&w->mutex, NULL);
    pthread_cond_init(&w->has_moved, NULL);
    buf_init(&w->pending, WAL_FRAME_BYTES_MAX);
    buf_init(&w->spare, WAL_FRAME_BYTES_MAX);
    err e = wal_frame_begin(&w->pending);
    if (!e) e = open_files(w, found);
    if (e) wal_close(w);
    return e;
}

void wal_close(struct wal *w)
{
    assert(!w->is_led);
    disk_close(w->file);
    w->file = NULL;
    buf_done(&w->pending);
    buf_done(&w->spare);
    pthread_cond_destroy(&w->has_moved);
    pthread_mutex_destroy(&w->mutex);
}

static err write_frame(struct wal *w, struct buf *frame, uint64_t first_lsn, uint32_t count)
{
    TRY(wal_frame_seal(frame, first_lsn, count, w->salt));
    uint64_t end = w->file_bytes + buf_len(frame);
    if (end > w->reserved_bytes) {
        uint64_t step = reserve_step(w);
        uint64_t bytes = (end + step - 1) / step * step;
        TRY(disk_reserve(w->file, bytes));
        w->reserved_bytes = bytes;
    }
    TRY(disk_write_at(w->file, buf_view(frame), w->file_bytes));
    TRY(disk_sync(w->file));
    w->file_bytes = end;
    return OK;
}

static void end_lead(struct wal *w, err e)
{
    w->is_led = false;
    if (e) w->failure = e;
    pthread_cond_broadcast(&w->has_moved);
}

// Makes all that is pending durable. With the mutex, which is given up meanwhile.
static void lead(struct wal *w)
{
    struct buf frame = w->pending;
    uint64_t first_lsn = w->durable_lsn;
    uint32_t count = w->pending_count;

    w->pending = w->spare;
    w->pending_count = 0;
    w->is_led = true;
    err e = wal_frame_begin(&w->pending);
    pthread_mutex_unlock(&w->mutex);
    if (!e) e = write_frame(w, &frame, first_lsn, count);
    buf_clear(&frame);
    pthread_mutex_lock(&w->mutex);
    w->spare = frame;
    if (!e) w->durable_lsn += count;
    end_lead(w, e);
}

// One step towards less that is pending, whoever makes it. A roll that waits comes before others.
static void move(struct wal *w)
{
    if (w->is_led || w->rolls_waiting > 0) {
        pthread_cond_wait(&w->has_moved, &w->mutex);
    } else {
        lead(w);
    }
}

// What the records take; ERR_LIMIT where no frame can hold them.
static err measure(const struct wal_record *records, size_t count, size_t *bytes)
{
    const size_t max = WAL_FRAME_BYTES_MAX - WAL_FRAME_SECTOR_BYTES - WAL_FRAME_HEAD_BYTES;
    size_t sum = 0;

    assert(count > 0);
    for (size_t i = 0; i < count; i++) {
        if (records[i].payload.len > WAL_FRAME_PAYLOAD_MAX) return ERR_LIMIT;
        sum += wal_frame_record_bytes(&records[i]);
        if (sum > max) return ERR_LIMIT;
    }
    *bytes = sum;
    return OK;
}

static bool has_room(const struct wal *w, size_t bytes)
{
    return bytes <= WAL_FRAME_BYTES_MAX - WAL_FRAME_SECTOR_BYTES - buf_len(&w->pending);
}

static err append_locked(struct wal *w, const struct wal_record *records, size_t count,
                         size_t bytes)
{
    while (!w->failure && !has_room(w, bytes)) {
        move(w);
    }
    if (w->failure) return w->failure;
    for (size_t i = 0; i < count; i++) {
        TRY(wal_frame_add(&w->pending, &records[i]));
    }
    w->pending_count += (uint32_t)count;
    w->next_lsn += count;
    return OK;
}

err wal_append(struct wal *w, const struct wal_record *records, size_t count, uint64_t *first_lsn)
{
    size_t bytes = 0;

    TRY(measure(records, count, &bytes));
    pthread_mutex_lock(&w->mutex);
    err e = append_locked(w, records, count, bytes);
    if (!e) *first_lsn = w->next_lsn - count;
    pthread_mutex_unlock(&w->mutex);
    return e;
}

err wal_commit(struct wal *w, uint64_t lsn)
{
    pthread_mutex_lock(&w->mutex);
    assert(lsn < w->next_lsn);
    while (!w->failure && w->durable_lsn <= lsn) {
        move(w);
    }
    err e = w->durable_lsn > lsn ? OK : w->failure;
    pthread_mutex_unlock(&w->mutex);
    return e;
}

// With the mutex, which is given up meanwhile.
static err roll_locked(struct wal *w)
{
    uint64_t sequence = w->files[w->file_count - 1].sequence + 1;
    uint64_t first_lsn = w->durable_lsn;
    bool is_named = false;

    if (w->file_count == WAL_REPLAY_FILES_MAX) return ERR_LIMIT;
    w->is_led = true;
    pthread_mutex_unlock(&w->mutex);
    err e = begin_file(w, sequence, first_lsn, &is_named);
    pthread_mutex_lock(&w->mutex);
    if (!e) note_file(w, sequence, first_lsn);
    end_lead(w, is_named ? e : OK);
    return e;
}

// Waits until all so far is durable and nobody leads. What is appended meanwhile need not be: it
// goes into the new file.
static err wait_to_roll(struct wal *w)
{
    uint64_t until = w->next_lsn;

    w->rolls_waiting++;
    while (!w->failure && (w->is_led || w->durable_lsn < until)) {
        if (w->is_led) {
            pthread_cond_wait(&w->has_moved, &w->mutex);
        } else {
            lead(w);
        }
    }
    w->rolls_waiting--;
    return w->failure;
}

err wal_roll(struct wal *w, uint64_t *first_lsn)
{
    pthread_mutex_lock(&w->mutex);
    err e = wait_to_roll(w);
    bool is_empty = w->files[w->file_count - 1].first_lsn == w->durable_lsn;
    if (!e && !is_empty) e = roll_locked(w);
    if (!e) *first_lsn = w->files[w->file_count - 1].first_lsn;
    pthread_cond_broadcast(&w->has_moved); // to those who let it go first
    pthread_mutex_unlock(&w->mutex);
    return e;
}

err wal_health(struct wal *w)
{
    pthread_mutex_lock(&w->mutex);
    err e = w->failure;
    pthread_mutex_unlock(&w->mutex);
    return e;
}

// The oldest file's number, which is then no longer known; 0 where it is needed.
static uint64_t take_oldest(struct wal *w, uint64_t lsn)
{
    uint64_t sequence = 0;

    pthread_mutex_lock(&w->mutex);
    for (size_t i = 1; i < w->file_count; i++) {
        uint64_t first_lsn = w->files[i].first_lsn;
        if (first_lsn > 0 && first_lsn <= lsn) sequence = w->files[0].sequence;
    }
    if (sequence) {
        w->file_count--;
        memmove(&w->files[0], &w->files[1], w->file_count * sizeof(w->files[0]));
    }
    pthread_mutex_unlock(&w->mutex);
    return sequence;
}

// The folder need not be synced: a file that comes back is too old to be read.
err wal_forget(struct wal *w, uint64_t lsn)
{
    char path[FILE_PATH_MAX];
    uint64_t sequence = 0;

    while ((sequence = take_oldest(w, lsn))) {
        TRY(wal_replay_path(w->options.folder, sequence, path));
        TRY(disk_remove(w->options.disk, str_from_c(path)));
    }
    return OK;
}
