// Any bytes as one or two files of a log, whose checksums may be made to hold: whatever is told of
// them is numbered without a gap, damage is named, and what was good up to its end stays so when
// the rest is cut off.
//
// The input is flags u8, the first file's length u16, and the bytes of both files.
#include "base/list.h"
#include "base/memory.h"
#include "codec/crc32c.h"
#include "retrieval/vector/wal_replay.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { FLAG_MEND = 1, FROM_SHIFT = 1, FROM_MASK = 7, HEAD_BYTES = 3, FILES = 2 };

// A folder of up to two files, which can only be read.
struct shelf {
    struct disk disk;
    struct disk_file opened[FILES];
    char *bytes[FILES];
    size_t lens[FILES];
    size_t count;
};

struct listener {
    struct wal_sink sink;
    uint64_t next_lsn;
    uint64_t crc; // of all that was told
};

static void check(bool is_true)
{
    if (!is_true) __builtin_trap();
}

static struct shelf *shelf_of(struct disk *d)
{
    return container_of(d, struct shelf, disk);
}

static size_t number_of(struct disk_file *f)
{
    return (size_t)(f - shelf_of(f->disk)->opened);
}

static err shelf_open(struct disk *d, str path, enum disk_mode mode, struct disk_file **out)
{
    struct shelf *s = shelf_of(d);

    check(mode == DISK_READ);
    size_t number = str_ends(path, STR("1.log")) ? 0 : 1;
    check(number < s->count);
    s->opened[number].disk = d;
    *out = &s->opened[number];
    return OK;
}

static void shelf_close(struct disk_file *f)
{
    (void)f;
}

static err shelf_read_at(struct disk_file *f, char *room, size_t size, uint64_t offset, size_t *len)
{
    const struct shelf *s = shelf_of(f->disk);
    str rest = str_sub((str){s->bytes[number_of(f)], s->lens[number_of(f)]}, offset, SIZE_MAX);

    *len = rest.len < size ? rest.len : size;
    if (*len) memcpy(room, rest.ptr, *len);
    return OK;
}

static err shelf_size(struct disk_file *f, uint64_t *bytes)
{
    *bytes = shelf_of(f->disk)->lens[number_of(f)];
    return OK;
}

// As a file system would tell that keeps no zeros at all.
static err shelf_next_written(struct disk_file *f, uint64_t offset, uint64_t *at)
{
    const struct shelf *s = shelf_of(f->disk);
    size_t n = number_of(f);

    for (*at = offset; *at < s->lens[n] && s->bytes[n][*at] == 0;)
        (*at)++;
    return OK;
}

static err shelf_list(struct disk *d, str path, struct disk_lister *l)
{
    (void)path;
    TRY(l->name(l, STR("MANIFEST-00000001")));
    if (shelf_of(d)->count > 1) TRY(l->name(l, STR("wal-00000002.log")));
    return l->name(l, STR("wal-00000001.log"));
}

static const struct disk_ops shelf_ops = {
    .open = shelf_open,
    .close = shelf_close,
    .read_at = shelf_read_at,
    .size = shelf_size,
    .next_written = shelf_next_written,
    .list = shelf_list,
};

static err listen(struct wal_sink *sink, uint64_t lsn, const struct wal_record *r)
{
    struct listener *l = container_of(sink, struct listener, sink);

    check(lsn == l->next_lsn++);
    check(r->payload.len <= WAL_FRAME_PAYLOAD_MAX);
    l->crc = crc32c((uint32_t)l->crc, r->payload.ptr, r->payload.len) + r->key + r->op;
    return OK;
}

static void put_u32(char *at, uint32_t number)
{
    memcpy(at, &number, sizeof(number));
}

// Makes the checksums of a frame hold, as far as its body is there; returns its length.
static size_t mend_frame(char *frame, size_t len, uint64_t salt)
{
    uint32_t body_bytes = 0;
    uint32_t rest = (uint32_t)(len - WAL_FRAME_HEAD_BYTES);

    memcpy(&body_bytes, frame + 8, sizeof(body_bytes));
    if (body_bytes > rest) body_bytes = rest;
    put_u32(frame + 8, body_bytes);
    memcpy(frame + 24, &salt, sizeof(salt));
    put_u32(frame + 4, crc32c(0, frame + WAL_FRAME_HEAD_BYTES, body_bytes));
    put_u32(frame, crc32c(0, frame + 4, WAL_FRAME_HEAD_BYTES - 4));
    return wal_frame_bytes(&(struct wal_frame){.body_bytes = body_bytes});
}

static void mend(char *bytes, size_t len, uint64_t sequence)
{
    struct wal_frame_file head = {.sequence = sequence};
    size_t at = WAL_FRAME_SECTOR_BYTES;

    if (len < WAL_FRAME_SECTOR_BYTES) return;
    memcpy(&head.first_lsn, bytes + 24, sizeof(head.first_lsn));
    memcpy(&head.salt, bytes + 32, sizeof(head.salt));
    wal_frame_write_file(&head, bytes);
    while (at + WAL_FRAME_HEAD_BYTES <= len) {
        at += mend_frame(bytes + at, len - at, head.salt);
    }
}

static err replay(struct shelf *s, uint64_t from_lsn, struct listener *l, struct wal_found *found)
{
    *l = (struct listener){.sink = {listen}, .next_lsn = from_lsn};
    return wal_replay(&s->disk, STR("folder"), from_lsn, &l->sink, found);
}

static void check_shelf(struct shelf *s, uint64_t from_lsn)
{
    struct listener once;
    struct listener twice;
    struct wal_found found;
    struct wal_found cut;
    size_t newest = s->count - 1;

    err e = replay(s, from_lsn, &once, &found);
    if (e) {
        check(found.damage != NULL && (e == ERR_DAMAGED || e == ERR_UNSUPPORTED));
        return;
    }
    check(found.next_lsn == once.next_lsn && found.file_count == s->count);
    check(found.end_bytes % WAL_FRAME_SECTOR_BYTES == 0);
    if (s->lens[newest] > found.end_bytes) s->lens[newest] = (size_t)found.end_bytes;
    check(replay(s, from_lsn, &twice, &cut) == OK);
    check(!cut.is_cut && cut.next_lsn == found.next_lsn && cut.end_bytes == found.end_bytes);
    check(once.crc == twice.crc);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct shelf s = {.disk = {&shelf_ops}};
    uint16_t first_bytes = 0;

    if (len < HEAD_BYTES) return 0;
    memcpy(&first_bytes, bytes + 1, sizeof(first_bytes));
    s.lens[0] = first_bytes < len - HEAD_BYTES ? first_bytes : len - HEAD_BYTES;
    s.lens[1] = len - HEAD_BYTES - s.lens[0];
    s.count = s.lens[1] > 0 ? 2 : 1;
    const uint8_t *from = bytes + HEAD_BYTES;
    for (size_t i = 0; i < FILES; i++) {
        s.bytes[i] = memory_alloc_raw(s.lens[i] + 1);
        memcpy(s.bytes[i], from, s.lens[i]);
        from += s.lens[i];
        if (bytes[0] & FLAG_MEND) mend(s.bytes[i], s.lens[i], i + 1);
    }
    check_shelf(&s, 1 + (uint64_t)(bytes[0] >> FROM_SHIFT & FROM_MASK));
    memory_free(s.bytes[0]);
    memory_free(s.bytes[1]);
    return 0;
}
