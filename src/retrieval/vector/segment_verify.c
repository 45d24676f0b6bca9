#include "retrieval/vector/segment_verify.h"

#include "codec/crc32c.h"

#include <string.h>

enum { STEP_BYTES = 16 * SEGMENT_BLOCK_BYTES };

struct reading {
    struct segment *segment;
    struct segment_verify_watcher *watcher;
    bool is_damaged;
};

static void found(struct reading *r, const struct segment_damage *d)
{
    r->is_damaged = true;
    r->watcher->found(r->watcher, d);
}

static void found_at(struct reading *r, enum segment_type type, enum segment_harm harm)
{
    struct segment_damage d = {.type = type, .harm = harm};

    found(r, &d);
}

static enum segment_harm unreadable(const struct reading *r)
{
    const struct mapped_file *f = &r->segment->file;

    return mapped_file_size(f) < f->len ? SEGMENT_CUT : SEGMENT_UNREADABLE;
}

// Whether the bytes can be read; where they can't, the system says so here and sends no signal.
static bool can_read(const struct reading *r, const uint8_t *bytes, uint64_t len)
{
    const struct mapped_file *f = &r->segment->file;

    return mapped_file_populate(f, (uint64_t)(bytes - f->bytes), len) == OK;
}

static void let_go(const struct reading *r, const uint8_t *bytes, uint64_t len)
{
    const struct mapped_file *f = &r->segment->file;

    mapped_file_advise(f, (uint64_t)(bytes - f->bytes), len, MAPPED_FILE_DONE);
}

// The block checksums; what they say of blocks counts for nothing where they are damaged.
static bool are_checks_good(struct reading *r, const struct segment_section *section)
{
    const struct segment *s = r->segment;
    uint64_t byte = section->first_check * sizeof *s->checks;

    if (segment_are_checks_good(s, section)) return true;
    struct segment_damage d =
        segment_damage_at(s, s->by_type[SEGMENT_BLKCRC], byte / SEGMENT_BLOCK_BYTES);
    found(r, &d);
    return false;
}

static void check_block(struct reading *r, const struct segment_section *section, uint64_t block,
                        bool has_check)
{
    const uint8_t *bytes = section->bytes + block * SEGMENT_BLOCK_BYTES;
    uint64_t left = section->len - block * SEGMENT_BLOCK_BYTES;
    uint64_t len = left < SEGMENT_BLOCK_BYTES ? left : SEGMENT_BLOCK_BYTES;
    struct segment_damage d = segment_damage_at(r->segment, section, block);

    if (d.harm == SEGMENT_CUT) {
        found(r, &d); // where a reader was before, zeros can be read
    } else if (!can_read(r, bytes, len)) {
        d.harm = SEGMENT_UNREADABLE;
        found(r, &d);
    } else if (has_check && segment_check_block(r->segment, section, block, &d)) {
        found(r, &d);
    }
}

static err check_section(struct reading *r, const struct segment_section *section)
{
    struct segment_verify_watcher *w = r->watcher;
    bool has_checks = are_checks_good(r, section);

    for (uint64_t start = 0; start < section->len; start += STEP_BYTES) {
        uint64_t left = section->len - start;
        uint64_t len = left < STEP_BYTES ? left : STEP_BYTES;
        if (w->goes_on && !w->goes_on(w)) return ERR_CANCELED;
        (void)can_read(r, section->bytes + start, len); // many pages at once; each block asks again
        for (uint64_t at = start; at < start + len; at += SEGMENT_BLOCK_BYTES) {
            check_block(r, section, at / SEGMENT_BLOCK_BYTES, has_checks);
        }
        let_go(r, section->bytes + start, len);
    }
    return OK;
}

static bool are_zeros(const uint8_t *bytes, uint64_t len)
{
    return len == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, (size_t)len - 1) == 0);
}

// What lies between sections belongs to none, and is zero.
static void check_gap(struct reading *r, const uint8_t *from, const uint8_t *to,
                      struct segment_damage where)
{
    uint64_t len = (uint64_t)(to - from);

    if (len == 0) return;
    if (!can_read(r, from, len)) {
        where.harm = unreadable(r);
        found(r, &where);
    } else if (!are_zeros(from, len)) {
        found(r, &where);
    }
    let_go(r, from, len);
}

static void check_gaps(struct reading *r)
{
    const struct segment *s = r->segment;
    struct segment_damage where = {.type = SEGMENT_HEADER};
    const uint8_t *from = s->file.bytes + SEGMENT_PAGE_BYTES;

    for (unsigned i = 0; i < s->section_count; i++) {
        const struct segment_section *section = &s->sections[i];
        check_gap(r, from, section->bytes, where);
        from = section->bytes + section->len;
        where = (struct segment_damage){.type = section->type,
                                        .number = section->number,
                                        .block = section->len / SEGMENT_BLOCK_BYTES};
    }
    check_gap(r, from, s->file.bytes + s->table_offset, where);
    from = s->file.bytes + s->table_offset + s->section_count * sizeof(struct segment_entry);
    check_gap(r, from, s->file.bytes + s->file.len - SEGMENT_PAGE_BYTES,
              (struct segment_damage){.type = SEGMENT_TABLE});
}

// Header, footer and table, which were good when the segment was opened.
static void check_frame(struct reading *r)
{
    const struct segment *s = r->segment;
    struct segment_header header;
    struct segment_damage d;
    size_t table_bytes = s->section_count * sizeof(struct segment_entry);
    const uint8_t *footer = s->file.bytes + s->file.len - SEGMENT_PAGE_BYTES;

    memcpy(&header, s->file.bytes, sizeof header);
    if (segment_format_check_header(&header, s->file.len, &d)) {
        found_at(r, SEGMENT_HEADER, SEGMENT_CHANGED);
    } else if (memcmp(footer, &header, sizeof header) != 0) {
        found_at(r, SEGMENT_FOOTER, SEGMENT_CHANGED);
    }
    if (crc32c(0, s->file.bytes + s->table_offset, table_bytes) != s->table_crc) {
        found_at(r, SEGMENT_TABLE, SEGMENT_CHANGED);
    }
}

err segment_verify(struct segment *s, struct segment_verify_watcher *w)
{
    struct reading r = {.segment = s, .watcher = w};
    struct segment_damage d;

    check_frame(&r);
    for (unsigned i = 0; i + 1 < s->section_count; i++) {
        TRY(check_section(&r, &s->sections[i]));
    }
    check_gaps(&r);
    if (!r.is_damaged && segment_health(s, &d)) found(&r, &d);
    return r.is_damaged ? ERR_DAMAGED : OK;
}
