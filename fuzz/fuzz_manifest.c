// Any bytes as a manifest, with a checksum that holds: damage, or what can be written again, names
// only files of its folder and keeps to the maxima.
#include "base/memory.h"
#include "codec/crc32c.h"
#include "retrieval/vector/manifest.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { CRC_AT = 12, CRC_BYTES = 4 };

static void check(bool is_true)
{
    if (!is_true) __builtin_trap();
}

static void mend(char *bytes, size_t len)
{
    if (len < CRC_AT + CRC_BYTES) return;
    uint32_t crc = crc32c(0, bytes, CRC_AT);
    crc = crc32c(crc, bytes + CRC_AT + CRC_BYTES, len - CRC_AT - CRC_BYTES);
    memcpy(bytes + CRC_AT, &crc, CRC_BYTES);
}

static void check_segment(const struct manifest *m, const struct manifest_segment *s)
{
    char name[MANIFEST_NAME_MAX];

    check(s->name.len > 0 && s->name.len < MANIFEST_NAME_MAX);
    check(s->name.ptr[0] != '.' && str_find_char(s->name, '/') == s->name.len);
    check(s->dead_rows <= s->rows);
    check(manifest_names(m, s->name));
    manifest_tombstones_name(s->uuid, s->tombstone_generation, name);
    if (s->tombstone_generation) check(manifest_names(m, str_from_c(name)));
}

static void check_again(const struct manifest *m, struct arena *arena)
{
    struct manifest again;
    struct buf once;
    struct buf twice;

    buf_init(&once, MANIFEST_BYTES_MAX);
    buf_init(&twice, MANIFEST_BYTES_MAX);
    check(manifest_encode(m, &once) == OK);
    check(manifest_decode(buf_view(&once), arena, &again) == OK);
    check(manifest_encode(&again, &twice) == OK);
    check(str_eq(buf_view(&once), buf_view(&twice)));
    buf_done(&once);
    buf_done(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char *room = memory_alloc_raw(len + 1);
    struct arena arena;
    struct manifest m;

    if (len) memcpy(room, bytes, len);
    mend(room, len);
    arena_init(&arena, 4096);
    if (manifest_decode((str){room, len}, &arena, &m) == OK) {
        check(m.segment_count <= MANIFEST_SEGMENTS_MAX && m.schema.len <= MANIFEST_SCHEMA_MAX);
        for (size_t i = 0; i < m.segment_count && i < 100; i++) {
            check_segment(&m, &m.segments[i]);
        }
        check_again(&m, &arena);
    }
    arena_reset(&arena);
    memory_free(room);
    return 0;
}
