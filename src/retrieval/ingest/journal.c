// Design: the file is a head and then groups, each as it was written:
//
//     head    "sluice-J" u64 stamp, u64 mark, u64 check                        32 bytes
//     group   u64 mark, u64 count, count x { u64 key, u64 hash }, u64 check
//
// All numbers are little-endian. A check is the content_hash() of what precedes it in the head or
// group, seeded with the stamp and the place, so that neither old bytes nor bytes of another place
// pass for a group. A group's mark is that of the one before it or one more; the same, where a file
// was written anew and its chunks need several groups. The file is read to the first bytes that
// are no group: there it is cut, because a crash can only have left the last one unfinished. Damage
// further in front costs the chunks behind it. Where the sink keeps marks, it shows: the journal
// was durable before the sink's commit, so its last mark can't be below the sink's.
//
// The mutex guards the table, which the source's thread asks for each chunk and the sink's thread
// changes for each: two short critical sections a chunk. No write to the file happens under it.
#include "retrieval/ingest/journal.h"

#include "base/memory.h"
#include "base/random.h"
#include "io/file.h"
#include "retrieval/ingest/content_hash.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    HEAD_BYTES = 32,
    GROUP_FRAME_BYTES = 24, // before and behind the entries
    ENTRY_BYTES = 16,
    GROUP_BYTES_MAX = GROUP_FRAME_BYTES + JOURNAL_GROUP_MAX * ENTRY_BYTES,
    TABLE_SIZE_MIN = 1024,
    OLD_ENTRIES_MIN = 4096, // fewer are not worth a new file
};

static const char magic[8] = {'s', 'l', 'u', 'i', 'c', 'e', '-', 'J'};

static void put_u64(char *at, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++) {
        at[i] = (char)(value >> 8 * i);
    }
}

static uint64_t get_u64(const char *at)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < 8; i++) {
        value |= (uint64_t)(unsigned char)at[i] << 8 * i;
    }
    return value;
}

static uint64_t check_of(const struct journal *j, const char *bytes, size_t len, uint64_t offset)
{
    return content_hash((str){bytes, len}, random_mix(j->options.stamp) ^ offset);
}

// The entry of a key, or the free place where it belongs.
static struct journal_entry *find(const struct journal *j, uint64_t key)
{
    size_t at = (size_t)random_mix(key) & (j->table_size - 1);

    while (j->table[at].hash != 0 && j->table[at].key != key) {
        at = (at + 1) & (j->table_size - 1);
    }
    return &j->table[at];
}

static void grow_table(struct journal *j)
{
    struct journal_entry *old = j->table;
    size_t old_size = j->table_size;

    j->table_size = old_size ? old_size * 2 : TABLE_SIZE_MIN;
    j->table = memory_alloc(j->table_size * sizeof(*j->table));
    for (size_t i = 0; i < old_size; i++) {
        if (old[i].hash != 0) *find(j, old[i].key) = old[i];
    }
    memory_free(old);
}

static err remember(struct journal *j, struct journal_entry entry)
{
    if (j->known_count >= j->table_size / 10 * 7) grow_table(j);
    struct journal_entry *place = find(j, entry.key);
    if (place->hash == 0) {
        if (j->known_count >= JOURNAL_CHUNKS_MAX) return ERR_LIMIT;
        j->known_count++;
    }
    *place = entry;
    return OK;
}

bool journal_has(struct journal *j, uint64_t key, uint64_t hash)
{
    pthread_mutex_lock(&j->mutex);
    bool has = hash != 0 && find(j, key)->hash == hash;
    pthread_mutex_unlock(&j->mutex);
    return has;
}

err journal_note(struct journal *j, struct journal_entry entry)
{
    assert(entry.hash != 0);
    if (j->pending_count == JOURNAL_GROUP_MAX) return ERR_LIMIT;
    pthread_mutex_lock(&j->mutex);
    err e = remember(j, entry);
    pthread_mutex_unlock(&j->mutex);
    if (!e) j->pending[j->pending_count++] = entry;
    return e;
}

// ERR_EOF where the file ends before.
static err read_at(int fd, char *out, size_t len, uint64_t offset)
{
    while (len > 0) {
        ssize_t got = pread(fd, out, len, (off_t)offset);
        if (got == 0) return ERR_EOF;
        if (got < 0 && errno != EINTR) return err_from_errno(errno);
        if (got < 0) continue;
        out += got;
        len -= (size_t)got;
        offset += (size_t)got;
    }
    return OK;
}

static err write_at(int fd, const char *bytes, size_t len, uint64_t offset)
{
    while (len > 0) {
        ssize_t put = pwrite(fd, bytes, len, (off_t)offset);
        if (put < 0 && errno != EINTR) return err_from_errno(errno);
        if (put < 0) continue;
        bytes += put;
        len -= (size_t)put;
        offset += (size_t)put;
    }
    return OK;
}

static err write_head(struct journal *j, int fd)
{
    char head[HEAD_BYTES];

    memcpy(head, magic, sizeof(magic));
    put_u64(head + 8, j->options.stamp);
    put_u64(head + 16, j->mark);
    put_u64(head + 24, check_of(j, head, 24, 0));
    TRY(write_at(fd, head, sizeof(head), 0));
    j->file_bytes = sizeof(head);
    j->file_entries = 0;
    return OK;
}

static err write_group(struct journal *j, int fd, const struct journal_entry *entries, size_t count)
{
    size_t len = GROUP_FRAME_BYTES + count * ENTRY_BYTES;
    char *group = memory_alloc_raw(len);

    put_u64(group, j->mark);
    put_u64(group + 8, count);
    for (size_t i = 0; i < count; i++) {
        put_u64(group + 16 + i * ENTRY_BYTES, entries[i].key);
        put_u64(group + 24 + i * ENTRY_BYTES, entries[i].hash);
    }
    put_u64(group + len - 8, check_of(j, group, len - 8, j->file_bytes));
    err e = write_at(fd, group, len, j->file_bytes);
    memory_free(group);
    if (e) return e;
    j->file_bytes += len;
    j->file_entries += count;
    return OK;
}

static err read_head(struct journal *j)
{
    char head[HEAD_BYTES];

    TRY(read_at(j->fd, head, sizeof(head), 0));
    if (memcmp(head, magic, sizeof(magic)) != 0) return ERR_SYNTAX;
    if (get_u64(head + 8) != j->options.stamp) return ERR_TYPE;
    if (get_u64(head + 24) != check_of(j, head, 24, 0)) return ERR_SYNTAX;
    j->mark = get_u64(head + 16);
    j->file_bytes = sizeof(head);
    return OK;
}

static struct journal_entry entry_of(const char *group, size_t i)
{
    const char *at = group + 16 + i * ENTRY_BYTES;

    return (struct journal_entry){get_u64(at), get_u64(at + 8)};
}

// Reads the group at the end of what was read so far. ERR_EOF: there is none, or none that may be
// kept.
static err read_group(struct journal *j, char *room)
{
    TRY(read_at(j->fd, room, 16, j->file_bytes));
    uint64_t mark = get_u64(room);
    uint64_t count = get_u64(room + 8);
    size_t len = GROUP_FRAME_BYTES + (size_t)count * ENTRY_BYTES;

    if (count == 0 || count > JOURNAL_GROUP_MAX) return ERR_EOF;
    if (mark != j->mark && mark != j->mark + 1) return ERR_EOF;
    if (j->options.keeps_marks && mark > j->options.mark) return ERR_EOF;
    TRY(read_at(j->fd, room, len, j->file_bytes));
    if (get_u64(room + len - 8) != check_of(j, room, len - 8, j->file_bytes)) return ERR_EOF;
    for (size_t i = 0; i < count; i++) {
        if (entry_of(room, i).hash == 0) return ERR_EOF; // before any is known
    }
    for (size_t i = 0; i < count; i++) {
        TRY(remember(j, entry_of(room, i)));
    }
    j->mark = mark;
    j->file_bytes += len;
    j->file_entries += count;
    return OK;
}

static err read_groups(struct journal *j)
{
    char *room = memory_alloc_raw(GROUP_BYTES_MAX);
    err e = OK;

    while (!e) {
        e = read_group(j, room);
    }
    memory_free(room);
    if (e != ERR_EOF) return e;
    return j->options.keeps_marks && j->mark != j->options.mark ? ERR_SYNTAX : OK;
}

// Makes the file's name durable.
static err sync_folder(const char *path)
{
    char folder[FILE_PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) + 1 : 1;
    err e = OK;

    memcpy(folder, slash ? path : ".", len);
    folder[len] = '\0';
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return err_from_errno(errno);
    if (fsync(fd) < 0) e = err_from_errno(errno);
    close(fd);
    return e;
}

// Writes all that is known to a new file. Its groups have one mark, the last.
static err write_known(struct journal *j, int fd)
{
    size_t count = 0;

    TRY(write_head(j, fd));
    for (size_t i = 0; i <= j->table_size; i++) {
        bool is_end = i == j->table_size;
        if (!is_end && j->table[i].hash != 0) j->pending[count++] = j->table[i];
        if (count == JOURNAL_GROUP_MAX || (is_end && count > 0)) {
            TRY(write_group(j, fd, j->pending, count));
            count = 0;
        }
    }
    return fsync(fd) < 0 ? err_from_errno(errno) : OK;
}

// Puts a new file in the place of one that mostly holds entries that later ones replaced. The new
// one is locked before it has the name.
static err renew(struct journal *j, const char *path)
{
    char other[FILE_PATH_MAX];
    size_t len = strlen(path);

    if (len + sizeof(".new") > sizeof(other)) return ERR_RANGE;
    memcpy(other, path, len);
    memcpy(other + len, ".new", sizeof(".new"));
    int fd = open(other, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) return err_from_errno(errno);
    err e = flock(fd, LOCK_EX | LOCK_NB) < 0 ? ERR_IN_USE : write_known(j, fd);
    if (!e && rename(other, path) < 0) e = err_from_errno(errno);
    if (!e) e = sync_folder(path);
    if (e) {
        (void)unlink(other);
        close(fd);
        return e;
    }
    close(j->fd);
    j->fd = fd;
    return OK;
}

// An empty file was made a moment ago, or a crash prevented more: heads come by rename.
static err load(struct journal *j, const char *path)
{
    struct stat info;

    if (fstat(j->fd, &info) < 0) return err_from_errno(errno);
    if (info.st_size == 0) {
        j->mark = j->options.keeps_marks ? j->options.mark : 0;
        return renew(j, path);
    }
    err e = read_head(j);
    if (e) return e == ERR_EOF ? ERR_SYNTAX : e;
    TRY(read_groups(j));
    if (j->file_entries > 2 * (uint64_t)j->known_count + OLD_ENTRIES_MIN) return renew(j, path);
    if (ftruncate(j->fd, (off_t)j->file_bytes) < 0) return err_from_errno(errno);
    return OK;
}

// Locks the file, if it still is the one that the path names: another process may have put a new
// one in its place meanwhile.
static err lock(int fd, const char *path)
{
    struct stat ours;
    struct stat named;

    if (flock(fd, LOCK_EX | LOCK_NB) < 0) return ERR_IN_USE;
    if (fstat(fd, &ours) < 0 || stat(path, &named) < 0) return ERR_IN_USE;
    return ours.st_dev == named.st_dev && ours.st_ino == named.st_ino ? OK : ERR_IN_USE;
}

err journal_open(struct journal *j, str path, const struct journal_options *options)
{
    char text[FILE_PATH_MAX];

    TRY(file_path_copy(path, text));
    int fd = open(text, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return err_from_errno(errno);
    *j = (struct journal){.options = *options, .fd = fd};
    pthread_mutex_init(&j->mutex, NULL);
    grow_table(j);
    j->pending = memory_alloc_raw(JOURNAL_GROUP_MAX * sizeof(*j->pending));
    err e = lock(fd, text);
    if (!e) e = load(j, text);
    if (e) journal_close(j);
    return e;
}

void journal_close(struct journal *j)
{
    close(j->fd);
    memory_free(j->table);
    memory_free(j->pending);
    pthread_mutex_destroy(&j->mutex);
    *j = (struct journal){.fd = -1};
}

err journal_write(struct journal *j)
{
    if (j->broken) return j->broken;
    if (j->pending_count == 0) return OK;
    j->mark++;
    j->broken = write_group(j, j->fd, j->pending, j->pending_count);
    if (!j->broken && fdatasync(j->fd) < 0) j->broken = err_from_errno(errno);
    if (!j->broken) j->pending_count = 0;
    return j->broken;
}
