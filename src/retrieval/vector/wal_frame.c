#include "retrieval/vector/wal_frame.h"

#include "codec/crc32c.h"

#include <assert.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "structs are the bytes on the disk");

enum { VERSION = 1, RECORD_ALIGN = 8 };

static const uint64_t lsn_max = INT64_MAX; // so that sums of them stay what they are

struct file_head {
    char magic[8];
    uint32_t version;
    uint32_t crc;
    uint64_t sequence;
    uint64_t first_lsn;
    uint64_t salt;
};

struct frame_head {
    uint32_t head_crc;
    uint32_t body_crc;
    uint32_t body_bytes;
    uint32_t record_count;
    uint64_t first_lsn;
    uint64_t salt;
};

struct record_head {
    uint32_t payload_bytes;
    uint8_t op;
    uint8_t zero[3];
    uint64_t key;
};

static_assert(sizeof(struct frame_head) == WAL_FRAME_HEAD_BYTES, "no padding");
static_assert(sizeof(struct record_head) == WAL_FRAME_RECORD_HEAD_BYTES, "no padding");

static const char magic[8] = {'S', 'L', 'U', 'I', 'C', 'W', 'A', 'L'};

static size_t padded(size_t len, size_t align)
{
    return (len + align - 1) / align * align;
}

static uint32_t crc_of_file(const struct file_head *h)
{
    uint32_t crc = crc32c(0, h, offsetof(struct file_head, crc));

    return crc32c(crc, &h->sequence, sizeof(*h) - offsetof(struct file_head, sequence));
}

static uint32_t crc_of_head(const struct frame_head *h)
{
    return crc32c(0, &h->body_crc, sizeof(*h) - sizeof(h->head_crc));
}

void wal_frame_write_file(const struct wal_frame_file *f, char *out)
{
    struct file_head h = {
        .version = VERSION, .sequence = f->sequence, .first_lsn = f->first_lsn, .salt = f->salt};

    memcpy(h.magic, magic, sizeof(magic));
    h.crc = crc_of_file(&h);
    memset(out, 0, WAL_FRAME_SECTOR_BYTES);
    memcpy(out, &h, sizeof(h));
}

err wal_frame_read_file(str bytes, struct wal_frame_file *out)
{
    struct file_head h;

    if (bytes.len < sizeof(h)) return ERR_DAMAGED;
    memcpy(&h, bytes.ptr, sizeof(h));
    if (memcmp(h.magic, magic, sizeof(magic)) != 0) return ERR_DAMAGED;
    if (h.crc != crc_of_file(&h)) return ERR_DAMAGED;
    if (h.version != VERSION) return ERR_UNSUPPORTED;
    if (h.first_lsn == 0 || h.first_lsn > lsn_max) return ERR_DAMAGED;
    *out = (struct wal_frame_file){h.sequence, h.first_lsn, h.salt};
    return OK;
}

size_t wal_frame_record_bytes(const struct wal_record *r)
{
    return padded(sizeof(struct record_head) + r->payload.len, RECORD_ALIGN);
}

// Appends zeros until the buf holds `len` bytes.
static err pad_to(struct buf *frame, size_t len)
{
    size_t more = len - buf_len(frame);
    char *room = NULL;

    if (more == 0) return OK;
    TRY(buf_reserve(frame, more, &room));
    memset(room, 0, more);
    buf_grew(frame, more);
    return OK;
}

err wal_frame_begin(struct buf *frame)
{
    assert(buf_len(frame) == 0);
    return pad_to(frame, WAL_FRAME_HEAD_BYTES);
}

err wal_frame_add(struct buf *frame, const struct wal_record *r)
{
    struct record_head h = {.op = r->op, .key = r->key};
    size_t end = buf_len(frame) + wal_frame_record_bytes(r);
    char *room = NULL;

    assert(r->payload.len <= WAL_FRAME_PAYLOAD_MAX);
    h.payload_bytes = (uint32_t)r->payload.len;
    TRY(buf_reserve(frame, wal_frame_record_bytes(r), &room));
    TRY(buf_append(frame, (str){(const char *)&h, sizeof(h)}));
    TRY(buf_append(frame, r->payload));
    return pad_to(frame, end);
}

err wal_frame_seal(struct buf *frame, uint64_t first_lsn, uint32_t record_count, uint64_t salt)
{
    size_t body_bytes = buf_len(frame) - WAL_FRAME_HEAD_BYTES;
    struct frame_head h = {.record_count = record_count, .first_lsn = first_lsn, .salt = salt};

    TRY(pad_to(frame, padded(buf_len(frame), WAL_FRAME_SECTOR_BYTES)));
    char *bytes = frame->bytes + frame->start;
    h.body_bytes = (uint32_t)body_bytes;
    h.body_crc = crc32c(0, bytes + WAL_FRAME_HEAD_BYTES, body_bytes);
    h.head_crc = crc_of_head(&h);
    memcpy(bytes, &h, sizeof(h));
    return OK;
}

err wal_frame_read(str bytes, uint64_t salt, struct wal_frame *out)
{
    struct frame_head h;

    if (bytes.len < sizeof(h)) return ERR_DAMAGED;
    memcpy(&h, bytes.ptr, sizeof(h));
    if (h.salt != salt || h.head_crc != crc_of_head(&h)) return ERR_DAMAGED;
    if (h.body_bytes > WAL_FRAME_BYTES_MAX - WAL_FRAME_HEAD_BYTES) return ERR_DAMAGED;
    if (h.record_count == 0 || h.first_lsn > lsn_max) return ERR_DAMAGED;
    *out = (struct wal_frame){h.first_lsn, h.record_count, h.body_bytes, h.body_crc};
    return OK;
}

bool wal_frame_is_whole(const struct wal_frame *f, str body)
{
    return body.len == f->body_bytes && crc32c(0, body.ptr, body.len) == f->body_crc;
}

err wal_frame_next(str *body, struct wal_record *out)
{
    struct record_head h;
    struct wal_record r;

    if (body->len == 0) return ERR_EOF;
    if (body->len < sizeof(h)) return ERR_DAMAGED;
    memcpy(&h, body->ptr, sizeof(h));
    if (h.payload_bytes > WAL_FRAME_PAYLOAD_MAX) return ERR_DAMAGED;
    r = (struct wal_record){h.key, {body->ptr + sizeof(h), h.payload_bytes}, h.op};
    if (wal_frame_record_bytes(&r) > body->len) return ERR_DAMAGED;
    *body = str_sub(*body, wal_frame_record_bytes(&r), body->len);
    *out = r;
    return OK;
}

size_t wal_frame_bytes(const struct wal_frame *f)
{
    return padded(WAL_FRAME_HEAD_BYTES + f->body_bytes, WAL_FRAME_SECTOR_BYTES);
}
