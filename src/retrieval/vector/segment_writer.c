// Design: what makes a file valid is written last. First the sections, their checksums and the
// table, and a sync; only then footer and header, and another. Until these are there the first
// 4 KiB are zeros, which no reader takes for a header, and since the sync between them a header
// that survived a power cut tells of bytes that did. Which of the two pages comes first, or whether
// one is torn, does not matter: a reader wants both and wants them equal. The folder is synced at
// the end, so that whoever names the file in turn (a manifest) names one that is there.
#include "retrieval/vector/segment_writer.h"

#include "base/memory.h"
#include "codec/crc32c.h"

#include <assert.h>
#include <string.h>

struct segment_writer_section {
    struct segment_entry entry;
    uint8_t *block;   // what was appended and not yet written; NULL while nothing had to wait
    uint32_t *checks; // of its blocks
    uint64_t filled;
    bool has_failed;
};

err segment_writer_open(struct segment_writer *w, struct disk *disk, str path,
                        const struct segment_shape *shape)
{
    struct disk_file *file = NULL;

    TRY(segment_format_check_shape(shape));
    TRY(disk_open(disk, path, DISK_CREATE, &file));
    *w = (struct segment_writer){.disk = disk, .file = file, .shape = *shape};
    w->path = memory_alloc(path.len + 1);
    memcpy(w->path, path.ptr, path.len);
    w->sections = memory_alloc(SEGMENT_SECTIONS_MAX * sizeof *w->sections);
    return OK;
}

static bool is_name_taken(const struct segment_writer *w, enum segment_type type, uint16_t number)
{
    for (unsigned i = 0; i < w->section_count; i++) {
        const struct segment_entry *e = &w->sections[i].entry;
        if (e->type == type && e->number == number) return true;
    }
    return false;
}

err segment_writer_reserve(struct segment_writer *w, enum segment_type type, uint16_t number,
                           uint32_t elem_bytes, uint64_t bytes, unsigned *section)
{
    assert(!w->table_offset);
    if (type >= SEGMENT_BLKCRC || is_name_taken(w, type, number)) return ERR_RANGE;
    if (w->section_count == SEGMENT_SECTIONS_MAX - 1) return ERR_LIMIT; // one is BLKCRC's
    w->sections[w->section_count].entry = (struct segment_entry){
        .type = (uint16_t)type, .number = number, .elem_bytes = elem_bytes, .bytes = bytes};
    *section = w->section_count++;
    return OK;
}

// Puts a section at the next offset that suits it and returns its end.
static uint64_t place(struct segment_entry *e, uint64_t end)
{
    bool is_huge = e->type == SEGMENT_RAW && e->bytes >= SEGMENT_HUGE_BYTES;

    e->offset = segment_format_align(end, is_huge ? SEGMENT_HUGE_BYTES : SEGMENT_PAGE_BYTES);
    return e->offset + e->bytes;
}

// All that a header says but the table's checksum.
static struct segment_header header_of(const struct segment_writer *w)
{
    uint64_t table_bytes = w->section_count * sizeof(struct segment_entry);
    uint64_t footer = segment_format_align(w->table_offset + table_bytes, SEGMENT_PAGE_BYTES);

    return (struct segment_header){.file_bytes = footer + SEGMENT_PAGE_BYTES,
                                   .table_offset = w->table_offset,
                                   .section_count = w->section_count,
                                   .shape = w->shape};
}

static struct segment_entry *table_of(const struct segment_writer *w)
{
    struct segment_entry *table = memory_alloc(w->section_count * sizeof *table);

    for (unsigned i = 0; i < w->section_count; i++) {
        table[i] = w->sections[i].entry;
    }
    return table;
}

// Whether a reader will take it; it is asked before anything is written.
static err check_table(const struct segment_writer *w)
{
    struct segment_header header = header_of(w);
    struct segment_entry *table = table_of(w);
    struct segment_damage why;

    err e = segment_format_check_table(&header, table, &why);
    memory_free(table);
    return e ? ERR_RANGE : OK;
}

err segment_writer_layout(struct segment_writer *w)
{
    struct segment_writer_section *checks = &w->sections[w->section_count];
    uint64_t blocks = 0;
    uint64_t end = SEGMENT_PAGE_BYTES;

    assert(!w->table_offset);
    for (unsigned i = 0; i < w->section_count; i++) {
        struct segment_writer_section *s = &w->sections[i];
        if (s->entry.bytes > INT64_MAX / SEGMENT_SECTIONS_MAX) return ERR_RANGE;
        end = place(&s->entry, end);
        blocks += segment_format_blocks(s->entry.bytes);
    }
    checks->entry = (struct segment_entry){
        .type = SEGMENT_BLKCRC, .elem_bytes = sizeof(uint32_t), .bytes = blocks * sizeof(uint32_t)};
    end = place(&checks->entry, end);
    w->section_count++;
    w->table_offset = segment_format_align(end, SEGMENT_PAGE_BYTES);
    TRY(check_table(w));
    for (struct segment_writer_section *s = w->sections; s < checks; s++) {
        s->checks = memory_alloc(segment_format_blocks(s->entry.bytes) * sizeof(uint32_t));
    }
    return disk_reserve(w->file, header_of(w).file_bytes);
}

// Writes whole blocks, or the last one.
static err write_blocks(struct segment_writer *w, struct segment_writer_section *s,
                        const uint8_t *bytes, size_t len)
{
    uint64_t start = s->filled - len; // `filled` counts them already

    for (size_t at = 0; at < len; at += SEGMENT_BLOCK_BYTES) {
        size_t part = len - at < SEGMENT_BLOCK_BYTES ? len - at : SEGMENT_BLOCK_BYTES;
        s->checks[(start + at) / SEGMENT_BLOCK_BYTES] = crc32c(0, bytes + at, part);
    }
    return disk_write_at(w->file, (str){(const char *)bytes, len}, s->entry.offset + start);
}

// Takes the next bytes and says how many: as many whole blocks as there are, or what the block
// that is being gathered lacks.
static err take(struct segment_writer *w, struct segment_writer_section *s, const uint8_t *bytes,
                size_t *len)
{
    size_t gathered = (size_t)(s->filled % SEGMENT_BLOCK_BYTES);

    if (gathered == 0 && *len >= SEGMENT_BLOCK_BYTES) {
        *len -= *len % SEGMENT_BLOCK_BYTES;
        s->filled += *len;
        return write_blocks(w, s, bytes, *len);
    }
    if (*len > SEGMENT_BLOCK_BYTES - gathered) *len = SEGMENT_BLOCK_BYTES - gathered;
    if (!s->block) s->block = memory_alloc_raw(SEGMENT_BLOCK_BYTES);
    memcpy(s->block + gathered, bytes, *len);
    gathered += *len;
    s->filled += *len;
    if (gathered < SEGMENT_BLOCK_BYTES && s->filled < s->entry.bytes) return OK;
    return write_blocks(w, s, s->block, gathered);
}

err segment_writer_append(struct segment_writer *w, unsigned section, const void *bytes, size_t len)
{
    struct segment_writer_section *s = &w->sections[section];
    const uint8_t *at = bytes;

    assert(w->table_offset && section < w->section_count - 1);
    if (s->has_failed || len > s->entry.bytes - s->filled) {
        s->has_failed = true;
        return ERR_RANGE;
    }
    while (len > 0) {
        size_t part = len;
        err e = take(w, s, at, &part);
        if (e) {
            s->has_failed = true;
            return e;
        }
        at += part;
        len -= part;
    }
    return OK;
}

uint64_t segment_writer_offset(const struct segment_writer *w, unsigned section)
{
    assert(w->table_offset && section < w->section_count - 1);
    return w->sections[section].entry.offset;
}

static err write_at(struct segment_writer *w, const void *bytes, size_t len, uint64_t offset)
{
    return disk_write_at(w->file, (str){bytes, len}, offset);
}

// The checksums of all blocks, and in each entry that of its own.
static err write_checks(struct segment_writer *w)
{
    uint64_t offset = w->sections[w->section_count - 1].entry.offset;

    for (unsigned i = 0; i + 1 < w->section_count; i++) {
        struct segment_writer_section *s = &w->sections[i];
        size_t len = (size_t)segment_format_blocks(s->entry.bytes) * sizeof(uint32_t);
        s->entry.crc = crc32c(0, s->checks, len);
        TRY(write_at(w, s->checks, len, offset));
        offset += len;
    }
    return OK;
}

// The table; its checksum goes to the header.
static err write_table(struct segment_writer *w, struct segment_header *h)
{
    struct segment_entry *table = table_of(w);
    size_t len = w->section_count * sizeof *table;

    h->table_crc = crc32c(0, table, len);
    err e = write_at(w, table, len, w->table_offset);
    memory_free(table);
    return e;
}

static err sync_folder(struct segment_writer *w)
{
    str folder = str_from_c(w->path);

    while (folder.len > 0 && folder.ptr[folder.len - 1] != '/') {
        folder.len--;
    }
    if (folder.len == 0) folder = STR(".");
    if (folder.len > 1 && folder.ptr[folder.len - 1] == '/') folder.len--;
    return disk_sync_folder(w->disk, folder);
}

static err write_last(struct segment_writer *w)
{
    struct segment_header header = header_of(w);

    TRY(write_checks(w));
    TRY(write_table(w, &header));
    TRY(disk_sync(w->file));
    segment_format_seal(&header);
    TRY(write_at(w, &header, sizeof header, header.file_bytes - SEGMENT_PAGE_BYTES));
    TRY(write_at(w, &header, sizeof header, 0));
    TRY(disk_sync(w->file));
    return sync_folder(w);
}

static void done(struct segment_writer *w)
{
    disk_close(w->file);
    for (unsigned i = 0; i < w->section_count; i++) {
        memory_free(w->sections[i].block);
        memory_free(w->sections[i].checks);
    }
    memory_free(w->sections);
    memory_free(w->path);
    *w = (struct segment_writer){0};
}

err segment_writer_finish(struct segment_writer *w)
{
    assert(w->table_offset);
    for (unsigned i = 0; i + 1 < w->section_count; i++) {
        const struct segment_writer_section *s = &w->sections[i];
        if (s->has_failed || s->filled < s->entry.bytes) return ERR_RANGE;
    }
    TRY(write_last(w));
    done(w);
    return OK;
}

void segment_writer_abort(struct segment_writer *w)
{
    // What stays behind has no header, so whoever finds it removes it.
    (void)disk_remove(w->disk, str_from_c(w->path));
    done(w);
}
