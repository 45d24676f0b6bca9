// Design: the newest file whose first number is not above the one asked for is where to begin;
// older ones are not even opened. A file is read through a window, which grows to the largest frame
// there is; a bad frame makes the rest of the file be searched for later ones, sector by sector.
#include "retrieval/vector/wal_replay.h"

#include "base/list.h"
#include "base/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BYTES = 4096, WINDOW_BYTES = 256 * 1024 };

struct replay {
    struct disk_lister lister;
    struct disk *disk;
    str folder;
    uint64_t from_lsn;
    struct wal_sink *sink;
    struct wal_found *found;
};

// One file under way.
struct reader {
    struct disk_file *file;
    struct wal_frame_file head;
    uint64_t lsn;    // of the next record
    uint64_t offset; // of the next frame
    char *window;
    size_t room;
    uint64_t window_start;
    size_t window_len;
};

static void write_name(uint64_t sequence, char *out)
{
    (void)snprintf(out, WAL_REPLAY_NAME_MAX, "wal-%08" PRIu64 ".log", sequence);
}

err wal_replay_path(str folder, uint64_t sequence, char *out)
{
    char name[WAL_REPLAY_NAME_MAX];

    write_name(sequence, name);
    return disk_path(folder, str_from_c(name), out);
}

static err damage(struct replay *r, uint64_t sequence, uint64_t offset, const char *what)
{
    write_name(sequence, r->found->damaged);
    r->found->damaged_at = offset;
    r->found->damage = what;
    return ERR_DAMAGED;
}

// Names that only look like a log's are not its: the number is written in one way.
static bool read_name(str name, uint64_t *sequence)
{
    const str before = STR("wal-");
    const str behind = STR(".log");
    char canonical[WAL_REPLAY_NAME_MAX];
    uint64_t number = 0;

    if (!str_starts(name, before) || !str_ends(name, behind)) return false;
    if (name.len < before.len + behind.len) return false;
    str digits = str_sub(name, before.len, name.len - before.len - behind.len);
    if (!str_to_u64(digits, UINT64_MAX - 1, &number) || number == 0) return false;
    write_name(number, canonical);
    if (!str_eq(name, str_from_c(canonical))) return false;
    *sequence = number;
    return true;
}

static err take_name(struct disk_lister *l, str name)
{
    struct wal_found *found = container_of(l, struct replay, lister)->found;
    uint64_t sequence = 0;

    if (!read_name(name, &sequence)) return OK;
    if (found->file_count == WAL_REPLAY_FILES_MAX) return ERR_LIMIT;
    found->files[found->file_count++].sequence = sequence;
    return OK;
}

static int compare_files(const void *a, const void *b)
{
    uint64_t left = ((const struct wal_replay_file *)a)->sequence;
    uint64_t right = ((const struct wal_replay_file *)b)->sequence;

    return left < right ? -1 : left > right;
}

// Makes `len` bytes at `offset` visible, fewer where the file ends before.
static err look(struct reader *reader, uint64_t offset, size_t len, str *out)
{
    uint64_t end = reader->window_start + reader->window_len;

    if (offset < reader->window_start || offset + len > end) {
        if (len > reader->room) {
            memory_free(reader->window);
            reader->room = len > WINDOW_BYTES ? len : WINDOW_BYTES;
            reader->window = memory_alloc_raw(reader->room);
        }
        // Behind the head there is often nothing.
        size_t room = offset == 0 && len < FIRST_BYTES ? FIRST_BYTES : reader->room;
        reader->window_start = offset;
        reader->window_len = 0;
        TRY(disk_read_at(reader->file, reader->window, room, offset, &reader->window_len));
        end = offset + reader->window_len;
    }
    if (offset + len > end) len = (size_t)(end - offset);
    *out = (str){reader->window + (offset - reader->window_start), len};
    return OK;
}

static err open_file(struct replay *r, struct wal_replay_file *f, struct reader *out)
{
    char path[FILE_PATH_MAX];
    str bytes;
    err e = OK;

    *out = (struct reader){.offset = WAL_FRAME_SECTOR_BYTES};
    TRY(wal_replay_path(r->folder, f->sequence, path));
    TRY(disk_open(r->disk, str_from_c(path), DISK_READ, &out->file));
    TRY(look(out, 0, WAL_FRAME_SECTOR_BYTES, &bytes));
    e = wal_frame_read_file(bytes, &out->head);
    if (e) {
        (void)damage(r, f->sequence, 0, e == ERR_DAMAGED ? "no good head" : "unknown version");
        return e;
    }
    if (out->head.sequence != f->sequence) return damage(r, f->sequence, 0, "another file's head");
    f->first_lsn = out->head.first_lsn;
    out->lsn = f->first_lsn;
    return OK;
}

static void close_file(struct reader *reader)
{
    disk_close(reader->file);
    memory_free(reader->window);
}

// The newest file that has no record above the one asked for before it. The heads of older ones
// only tell wal_forget() what they hold; that one of them is bad is no matter.
static err find_first(struct replay *r, size_t *first)
{
    struct wal_found *found = r->found;
    bool is_found = false;

    *first = 0;
    for (size_t at = found->file_count; at-- > 0;) {
        struct reader reader;
        err e = open_file(r, &found->files[at], &reader);
        close_file(&reader);
        if (e && !is_found) return e;
        if (e) found->damage = NULL;
        if (e || is_found || found->files[at].first_lsn > r->from_lsn) continue;
        is_found = true;
        *first = at;
    }
    return OK;
}

// A frame that is here, of the number that is due; ERR_EOF where none is.
static err read_frame(struct reader *reader, struct wal_frame *f, str *body)
{
    str bytes;

    TRY(look(reader, reader->offset, WAL_FRAME_HEAD_BYTES, &bytes));
    if (wal_frame_read(bytes, reader->head.salt, f) != OK) return ERR_EOF;
    if (f->first_lsn != reader->lsn) return ERR_EOF;
    TRY(look(reader, reader->offset, WAL_FRAME_HEAD_BYTES + (size_t)f->body_bytes, &bytes));
    *body = str_sub(bytes, WAL_FRAME_HEAD_BYTES, f->body_bytes);
    return wal_frame_is_whole(f, *body) ? OK : ERR_EOF;
}

static err tell_records(struct replay *r, uint64_t lsn, const struct wal_frame *f, str body)
{
    struct wal_record record;
    err e = OK;

    for (uint32_t i = 0; i < f->record_count; i++, lsn++) {
        e = wal_frame_next(&body, &record);
        if (e) return ERR_DAMAGED;
        if (lsn >= r->from_lsn) TRY(r->sink->record(r->sink, lsn, &record));
    }
    return body.len == 0 ? OK : ERR_DAMAGED;
}

// Goes on where the file may have something, unless that is in sight. What is reserved is read as
// zeros, which takes milliseconds.
static err leave_hole(const struct reader *reader, uint64_t *at)
{
    uint64_t written = 0;

    if (*at + WAL_FRAME_HEAD_BYTES <= reader->window_start + reader->window_len) return OK;
    TRY(disk_next_written(reader->file, *at, &written));
    written -= written % WAL_FRAME_SECTOR_BYTES;
    if (written > *at) *at = written;
    return OK;
}

// Is there a frame behind the one that is bad? It has a later number, then.
static err is_followed(struct reader *reader, bool *out)
{
    uint64_t bytes = 0;
    struct wal_frame f;
    str head;

    *out = false;
    TRY(disk_size(reader->file, &bytes));
    for (uint64_t at = reader->offset + WAL_FRAME_SECTOR_BYTES; at < bytes;
         at += WAL_FRAME_SECTOR_BYTES) {
        TRY(leave_hole(reader, &at));
        if (at >= bytes) break;
        TRY(look(reader, at, WAL_FRAME_HEAD_BYTES, &head));
        if (wal_frame_read(head, reader->head.salt, &f) != OK) continue;
        *out = f.first_lsn > reader->lsn;
        if (*out) break;
    }
    return OK;
}

static bool is_blank(str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i]) return false;
    }
    return true;
}

// The newest file's records have ended: in order, in a torn write, or in damage.
static err end_newest(struct replay *r, struct reader *reader)
{
    str bytes;
    bool is_damage = false;

    TRY(is_followed(reader, &is_damage));
    if (is_damage) {
        return damage(r, reader->head.sequence, reader->offset, "a bad frame before good ones");
    }
    TRY(look(reader, reader->offset, WAL_FRAME_SECTOR_BYTES, &bytes));
    r->found->is_cut = !is_blank(bytes);
    r->found->end_lsn = reader->lsn;
    r->found->end_bytes = reader->offset;
    r->found->salt = reader->head.salt;
    return OK;
}

static err read_frames(struct replay *r, struct reader *reader, uint64_t until)
{
    struct wal_frame f;
    str body;
    err e = OK;

    while (reader->lsn < until && (e = read_frame(reader, &f, &body)) == OK) {
        e = tell_records(r, reader->lsn, &f, body);
        if (e == ERR_DAMAGED) {
            return damage(r, reader->head.sequence, reader->offset, "a frame of malformed records");
        }
        TRY(e);
        reader->lsn += f.record_count;
        reader->offset += wal_frame_bytes(&f);
    }
    return e == ERR_EOF ? OK : e;
}

// All records of a file; it has those below `until`, where another follows (else UINT64_MAX).
static err read_file(struct replay *r, struct reader *reader, uint64_t until)
{
    TRY(read_frames(r, reader, until));
    if (until == UINT64_MAX) return end_newest(r, reader);
    if (reader->lsn == until) return OK;
    return damage(r, reader->head.sequence, reader->offset,
                  reader->lsn < until ? "a bad frame, though a later file exists"
                                      : "records that the next file has too");
}

static err read_files(struct replay *r, size_t first)
{
    struct wal_found *found = r->found;

    for (size_t i = first; i < found->file_count; i++) {
        bool is_newest = i + 1 == found->file_count;
        uint64_t until = is_newest ? UINT64_MAX : found->files[i + 1].first_lsn;
        struct reader reader;
        err e = open_file(r, &found->files[i], &reader);
        if (!e) e = read_file(r, &reader, until);
        close_file(&reader);
        TRY(e);
    }
    return OK;
}

err wal_replay(struct disk *disk, str folder, uint64_t from_lsn, struct wal_sink *sink,
               struct wal_found *out)
{
    struct replay r = {{take_name}, disk, folder, from_lsn, sink, out};
    size_t first = 0;

    *out = (struct wal_found){.next_lsn = from_lsn};
    TRY(disk_list(disk, folder, &r.lister));
    if (out->file_count == 0) return from_lsn == 1 ? OK : damage(&r, 1, 0, "no log file");
    qsort(out->files, out->file_count, sizeof(out->files[0]), compare_files);
    TRY(find_first(&r, &first));
    if (out->files[first].first_lsn > from_lsn) {
        return damage(&r, out->files[first].sequence, 0, "records before this file are missing");
    }
    TRY(read_files(&r, first));
    if (out->end_lsn > from_lsn) out->next_lsn = out->end_lsn;
    return OK;
}
