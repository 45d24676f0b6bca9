#include "retrieval/vector/manifest.h"

#include "codec/crc32c.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "structs are the bytes on the disk");

enum { VERSION = 1, ALIGN = 8, UUID_TEXT_BYTES = 2 * MANIFEST_UUID_BYTES + 1 };

struct head {
    char magic[8];
    uint32_t version;
    uint32_t crc;
    uint64_t generation;
    uint64_t checkpoint_lsn;
    uint64_t rotation_seed;
    uint32_t schema_bytes;
    uint32_t segment_count;
};

struct entry {
    uint8_t uuid[MANIFEST_UUID_BYTES];
    uint64_t tombstone_generation;
    uint64_t rows;
    uint64_t dead_rows;
    uint32_t name_bytes;
    uint32_t zero;
};

static_assert(sizeof(struct head) == 48 && sizeof(struct entry) == 48, "no padding");

static const char magic[8] = {'S', 'L', 'U', 'I', 'C', 'M', 'A', 'N'};

static size_t padded(size_t len)
{
    return (len + ALIGN - 1) / ALIGN * ALIGN;
}

// The checksum of a whole manifest but for the place where it stands.
static uint32_t crc_of(str bytes)
{
    const size_t at = offsetof(struct head, crc);
    const size_t behind = at + sizeof(uint32_t);

    return crc32c(crc32c(0, bytes.ptr, at), bytes.ptr + behind, bytes.len - behind);
}

static err append_padded(struct buf *out, str s)
{
    static const char zeros[ALIGN];

    TRY(buf_append(out, s));
    return buf_append(out, (str){zeros, padded(s.len) - s.len});
}

static err append_segment(struct buf *out, const struct manifest_segment *s)
{
    struct entry e = {.tombstone_generation = s->tombstone_generation,
                      .rows = s->rows,
                      .dead_rows = s->dead_rows,
                      .name_bytes = (uint32_t)s->name.len};

    assert(s->name.len > 0 && s->dead_rows <= s->rows);
    if (s->name.len >= MANIFEST_NAME_MAX) return ERR_LIMIT;
    memcpy(e.uuid, s->uuid, sizeof(e.uuid));
    TRY(buf_append(out, (str){(const char *)&e, sizeof(e)}));
    return append_padded(out, s->name);
}

err manifest_encode(const struct manifest *m, struct buf *out)
{
    struct head h = {.version = VERSION,
                     .generation = m->generation,
                     .checkpoint_lsn = m->checkpoint_lsn,
                     .rotation_seed = m->rotation_seed,
                     .schema_bytes = (uint32_t)m->schema.len,
                     .segment_count = (uint32_t)m->segment_count};
    size_t before = buf_len(out);

    if (m->segment_count > MANIFEST_SEGMENTS_MAX || m->schema.len > MANIFEST_SCHEMA_MAX) {
        return ERR_LIMIT;
    }
    memcpy(h.magic, magic, sizeof(magic));
    TRY(buf_append(out, (str){(const char *)&h, sizeof(h)}));
    TRY(append_padded(out, m->schema));
    for (size_t i = 0; i < m->segment_count; i++) {
        TRY(append_segment(out, &m->segments[i]));
    }
    str bytes = str_sub(buf_view(out), before, SIZE_MAX);
    h.crc = crc_of(bytes);
    memcpy(out->bytes + out->start + before, &h, sizeof(h));
    return OK;
}

// Takes `len` bytes and their padding off `*rest`.
static err take(str *rest, size_t len, str *out)
{
    if (padded(len) > rest->len) return ERR_DAMAGED;
    *out = str_sub(*rest, 0, len);
    *rest = str_sub(*rest, padded(len), rest->len);
    return OK;
}

// A file name of a segment leads nowhere else.
static bool is_plain_name(str name)
{
    return name.len > 0 && name.len < MANIFEST_NAME_MAX && name.ptr[0] != '.' &&
           str_find_char(name, '/') == name.len && str_find_char(name, '\0') == name.len;
}

static err take_segment(str *rest, struct arena *arena, struct manifest_segment *out)
{
    struct entry e;
    str bytes;
    str name;

    TRY(take(rest, sizeof(e), &bytes));
    memcpy(&e, bytes.ptr, sizeof(e));
    TRY(take(rest, e.name_bytes, &name));
    if (!is_plain_name(name) || e.dead_rows > e.rows) return ERR_DAMAGED;
    *out = (struct manifest_segment){.name = arena_str(arena, name),
                                     .tombstone_generation = e.tombstone_generation,
                                     .rows = e.rows,
                                     .dead_rows = e.dead_rows};
    memcpy(out->uuid, e.uuid, sizeof(out->uuid));
    return OK;
}

static err read_head(str bytes, struct head *h)
{
    if (bytes.len < sizeof(*h) || bytes.len > MANIFEST_BYTES_MAX) return ERR_DAMAGED;
    memcpy(h, bytes.ptr, sizeof(*h));
    if (memcmp(h->magic, magic, sizeof(magic)) != 0) return ERR_DAMAGED;
    if (h->crc != crc_of(bytes)) return ERR_DAMAGED;
    if (h->version != VERSION) return ERR_UNSUPPORTED;
    if (h->schema_bytes > MANIFEST_SCHEMA_MAX) return ERR_DAMAGED;
    return h->segment_count > MANIFEST_SEGMENTS_MAX ? ERR_DAMAGED : OK;
}

err manifest_decode(str bytes, struct arena *arena, struct manifest *out)
{
    struct head h;
    str schema;

    TRY(read_head(bytes, &h));
    str rest = str_sub(bytes, sizeof(h), bytes.len);
    TRY(take(&rest, h.schema_bytes, &schema));
    if (h.segment_count > rest.len / sizeof(struct entry)) return ERR_DAMAGED;
    struct manifest_segment *segments =
        arena_array(arena, struct manifest_segment, h.segment_count);
    for (uint32_t i = 0; i < h.segment_count; i++) {
        TRY(take_segment(&rest, arena, &segments[i]));
    }
    if (rest.len > 0) return ERR_DAMAGED;
    *out =
        (struct manifest){h.generation, h.checkpoint_lsn, h.rotation_seed, arena_str(arena, schema),
                          segments,     h.segment_count};
    return OK;
}

static void write_uuid(const uint8_t *uuid, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (int i = 0; i < MANIFEST_UUID_BYTES; i++) {
        *out++ = digits[uuid[i] >> 4];
        *out++ = digits[uuid[i] & 15];
    }
    *out = '\0';
}

void manifest_segment_name(const uint8_t *uuid, char *out)
{
    char text[UUID_TEXT_BYTES];

    write_uuid(uuid, text);
    (void)snprintf(out, MANIFEST_NAME_MAX, "seg-%s.vseg", text);
}

void manifest_tombstones_name(const uint8_t *uuid, uint64_t generation, char *out)
{
    char text[UUID_TEXT_BYTES];

    write_uuid(uuid, text);
    (void)snprintf(out, MANIFEST_NAME_MAX, "seg-%s-%" PRIu64 ".del", text, generation);
}

static bool segment_names(const struct manifest_segment *s, str name)
{
    char tombstones[MANIFEST_NAME_MAX];

    if (str_eq(s->name, name)) return true;
    if (s->tombstone_generation == 0) return false;
    manifest_tombstones_name(s->uuid, s->tombstone_generation, tombstones);
    return str_eq(str_from_c(tombstones), name);
}

bool manifest_names(const struct manifest *m, str name)
{
    for (size_t i = 0; i < m->segment_count; i++) {
        if (segment_names(&m->segments[i], name)) return true;
    }
    return false;
}
