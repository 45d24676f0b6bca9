#include "support/segment_forge.h"

#include "base/memory.h"
#include "codec/crc32c.h"

#include "support/segment_sample.h"
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { GROWTH = 64 * 1024, FILE_MAX = 64 * 1024 * 1024 };

static void name_file(struct segment_forge *f)
{
    f->fd = memfd_create("segment", MFD_CLOEXEC);
    CHECK(f->fd >= 0);
    snprintf(f->path, sizeof f->path, "/proc/self/fd/%d", f->fd);
}

static void read_file(struct segment_forge *f, str path)
{
    struct buf b;

    buf_init(&b, FILE_MAX);
    CHECK_EQ(file_read(path, &b), OK);
    f->len = buf_len(&b);
    f->room = f->len + GROWTH;
    f->bytes = memory_alloc(f->room);
    memcpy(f->bytes, buf_view(&b).ptr, f->len);
    buf_done(&b);
}

void segment_forge_init(struct segment_forge *f, enum segment_tier tier, uint32_t rows)
{
    char path[] = "/tmp/segment_forge.XXXXXX";
    struct segment_sample sample;
    int fd = mkstemp(path);

    CHECK(fd >= 0);
    close(fd);
    unlink(path); // the writer wants to make it
    segment_sample_init(&sample, tier, rows);
    CHECK_EQ(segment_sample_write(&sample, disk_real(), str_from_c(path)), OK);
    read_file(f, str_from_c(path));
    unlink(path);
    segment_sample_done(&sample);
    name_file(f);
}

void segment_forge_done(struct segment_forge *f)
{
    close(f->fd);
    memory_free(f->bytes);
}

void segment_forge_copy(struct segment_forge *f, const struct segment_forge *from)
{
    *f = *from;
    f->bytes = memory_alloc(f->room);
    memcpy(f->bytes, from->bytes, from->len);
    name_file(f);
}

struct segment_header *segment_forge_header(const struct segment_forge *f)
{
    return (struct segment_header *)(void *)f->bytes;
}

static struct segment_entry *entries_of(const struct segment_forge *f)
{
    return (struct segment_entry *)(void *)(f->bytes + segment_forge_header(f)->table_offset);
}

struct segment_entry *segment_forge_entry(const struct segment_forge *f, enum segment_type type)
{
    uint32_t count = segment_forge_header(f)->section_count;
    uint32_t i = 0;

    while (i < count && entries_of(f)[i].type != type) {
        i++;
    }
    CHECK(i < count);
    return &entries_of(f)[i];
}

static bool is_inside(const struct segment_forge *f, uint64_t offset, uint64_t len)
{
    return offset <= f->len && len <= f->len - offset;
}

void segment_forge_seal_table(struct segment_forge *f)
{
    struct segment_header *h = segment_forge_header(f);
    uint64_t table_bytes = h->section_count * sizeof(struct segment_entry);

    if (is_inside(f, h->table_offset, table_bytes)) {
        h->table_crc = crc32c(0, f->bytes + h->table_offset, table_bytes);
    }
    h->crc = crc32c(0, h, offsetof(struct segment_header, crc));
    memcpy(f->bytes + f->len - SEGMENT_PAGE_BYTES, h, sizeof *h);
}

static void seal_section(struct segment_forge *f, struct segment_entry *e, uint8_t *checks)
{
    for (uint64_t b = 0; b < segment_format_blocks(e->bytes); b++) {
        uint64_t at = b * SEGMENT_BLOCK_BYTES;
        uint64_t left = e->bytes - at;
        uint32_t crc = crc32c(0, f->bytes + e->offset + at,
                              left < SEGMENT_BLOCK_BYTES ? left : SEGMENT_BLOCK_BYTES);
        memcpy(checks + b * sizeof crc, &crc, sizeof crc);
    }
    e->crc = crc32c(0, checks, segment_format_blocks(e->bytes) * sizeof(uint32_t));
}

void segment_forge_seal(struct segment_forge *f)
{
    struct segment_entry *entries = entries_of(f);
    uint64_t at = segment_forge_entry(f, SEGMENT_BLKCRC)->offset;

    for (uint32_t i = 0; i + 1 < segment_forge_header(f)->section_count; i++) {
        uint64_t len = segment_format_blocks(entries[i].bytes) * sizeof(uint32_t);
        if (!is_inside(f, entries[i].offset, entries[i].bytes) || !is_inside(f, at, len)) continue;
        seal_section(f, &entries[i], f->bytes + at);
        at += len;
    }
    segment_forge_seal_table(f);
}

err segment_forge_open(struct segment_forge *f, enum segment_check check, struct segment *s,
                       struct segment_damage *why)
{
    CHECK_EQ(ftruncate(f->fd, (off_t)f->len), 0);
    CHECK_EQ(pwrite(f->fd, f->bytes, f->len, 0), f->len);
    return segment_open(s, str_from_c(f->path), check, why);
}
