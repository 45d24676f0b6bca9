#include "retrieval/vector/segment_format.h"

#include "codec/crc32c.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const uint8_t magic[8] = {0x89, 'v', 's', 'e', 'g', '\r', '\n', 0x1a};

const char *segment_format_type_name(enum segment_type type)
{
    switch (type) {
#define SECTION(name, number)                                                                      \
    case SEGMENT_##name:                                                                           \
        return #name;
#include "retrieval/vector/segment_section.def"
#undef SECTION
    }
    return "?";
}

const char *segment_format_harm_name(enum segment_harm harm)
{
    static const char *const harms[] = {
        [SEGMENT_CHANGED] = "a checksum does not match",
        [SEGMENT_CUT] = "the file ends before it",
        [SEGMENT_UNREADABLE] = "it can't be read",
        [SEGMENT_IMPOSSIBLE] = "it holds what can't be",
    };

    return harms[harm];
}

void segment_format_tell(str path, const struct segment_damage *d, char *out, size_t size)
{
    snprintf(out, size, "%" STR_FMT ": section %s %u, block %llu: %s", STR_ARG(path),
             segment_format_type_name(d->type), d->number, (unsigned long long)d->block,
             segment_format_harm_name(d->harm));
}

static bool is_lists_shape_good(const struct segment_shape *s)
{
    return s->list_count >= 1 && s->list_count <= SEGMENT_LISTS_MAX &&
           s->padded_dim == rotation_padded_dim(s->dim) && s->rotation_kind == SEGMENT_ROTATION &&
           s->block_count >= s->row_count / CODE_BLOCK_ROWS && s->block_count <= s->row_count;
}

err segment_format_check_shape(const struct segment_shape *s)
{
    if (s->row_count < 1 || s->row_count > SEGMENT_ROWS_MAX) return ERR_RANGE;
    if (s->dim < 1 || s->dim > SEGMENT_DIM_MAX) return ERR_RANGE;
    if (s->metric >= METRIC_COUNT || s->tier >= SEGMENT_TIERS) return ERR_RANGE;
    if (s->tier == SEGMENT_IVF) return is_lists_shape_good(s) ? OK : ERR_RANGE;
    return s->list_count || s->padded_dim || s->rotation_kind || s->block_count ? ERR_RANGE : OK;
}

static uint32_t crc_of(const struct segment_header *h)
{
    return crc32c(0, h, offsetof(struct segment_header, crc));
}

void segment_format_seal(struct segment_header *h)
{
    memcpy(h->magic, magic, sizeof magic);
    h->endian = SEGMENT_ENDIAN;
    h->major = SEGMENT_MAJOR;
    h->minor = SEGMENT_MINOR;
    h->crc = crc_of(h);
}

static err damaged(enum segment_type type, uint16_t number, enum segment_harm harm,
                   struct segment_damage *why)
{
    *why = (struct segment_damage){.type = type, .number = number, .harm = harm};
    return ERR_DAMAGED;
}

// The table ends where the footer begins, but for less than a page.
static bool is_table_in_place(const struct segment_header *h)
{
    uint64_t bytes =
        segment_format_align(h->section_count * sizeof(struct segment_entry), SEGMENT_PAGE_BYTES);

    return h->section_count >= 1 && h->section_count <= SEGMENT_SECTIONS_MAX &&
           h->table_offset % SEGMENT_PAGE_BYTES == 0 && h->table_offset >= SEGMENT_PAGE_BYTES &&
           h->table_offset <= h->file_bytes &&
           h->file_bytes - h->table_offset == bytes + SEGMENT_PAGE_BYTES;
}

err segment_format_check_header(const struct segment_header *h, uint64_t file_bytes,
                                struct segment_damage *why)
{
    if (memcmp(h->magic, magic, sizeof magic) != 0) {
        return damaged(SEGMENT_HEADER, 0, SEGMENT_CHANGED, why);
    }
    if (h->endian == __builtin_bswap32(SEGMENT_ENDIAN)) return ERR_UNSUPPORTED;
    // The checksum is where it is in every major version.
    if (h->crc != crc_of(h)) return damaged(SEGMENT_HEADER, 0, SEGMENT_CHANGED, why);
    if (h->major != SEGMENT_MAJOR) return ERR_UNSUPPORTED;
    if (h->file_bytes > file_bytes) return damaged(SEGMENT_FOOTER, 0, SEGMENT_CUT, why);
    if (h->file_bytes < file_bytes) return damaged(SEGMENT_FOOTER, 0, SEGMENT_CHANGED, why);
    if (h->endian != SEGMENT_ENDIAN || !is_table_in_place(h) ||
        segment_format_check_shape(&h->shape)) {
        return damaged(SEGMENT_HEADER, 0, SEGMENT_IMPOSSIBLE, why);
    }
    return OK;
}

uint64_t segment_format_bytes(const struct segment_shape *s, enum segment_type type,
                              uint64_t otherwise)
{
    switch (type) {
    case SEGMENT_CENT: return (uint64_t)s->list_count * s->dim * sizeof(float);
    case SEGMENT_CENTQ:
        return s->list_count ? quantizer_coarse_bytes(s->padded_dim, s->list_count) : 0;
    case SEGMENT_LISTS: return s->list_count * sizeof(struct ivf_list);
    case SEGMENT_CODE1: return s->block_count * code_block_bytes(s->padded_dim);
    case SEGMENT_CODE4: return s->row_count * code_row4_bytes(s->padded_dim);
    case SEGMENT_FACT4: return s->list_count ? s->row_count * 2 * sizeof(uint16_t) : 0;
    case SEGMENT_KEYS: return s->row_count * sizeof(uint64_t);
    case SEGMENT_RAW: return s->row_count * s->dim * sizeof(float);
    case SEGMENT_NORM: return s->row_count * sizeof(float);
    default: return otherwise;
    }
}

// Sections whose elements are as long as the writer liked.
static bool is_own_length_good(const struct segment_shape *s, const struct segment_entry *e)
{
    uint64_t slots = e->bytes / sizeof(uint32_t);

    switch (e->type) {
    case SEGMENT_INT8: return e->elem_bytes >= s->dim && e->bytes == s->row_count * e->elem_bytes;
    case SEGMENT_SCALE8:
        return e->elem_bytes % sizeof(float) == 0 && e->bytes == s->row_count * e->elem_bytes;
    case SEGMENT_KEYHASH:
        return e->bytes % sizeof(uint32_t) == 0 && slots > s->row_count &&
               (slots & (slots - 1)) == 0;
    default: return true;
    }
}

// Of one entry, but for where it lies.
static bool is_length_good(const struct segment_shape *s, const struct segment_entry *e)
{
    return e->zero == 0 && e->elem_bytes > 0 && e->bytes % e->elem_bytes == 0 &&
           e->bytes == segment_format_bytes(s, (enum segment_type)e->type, e->bytes) &&
           is_own_length_good(s, e);
}

// Whether one of `entries` has the type and the number.
static bool has(const struct segment_entry *entries, unsigned count, unsigned type, unsigned number)
{
    for (unsigned i = 0; i < count; i++) {
        if (entries[i].type == type && entries[i].number == number) return true;
    }
    return false;
}

static err check_presence(const struct segment_header *h, const struct segment_entry *entries,
                          struct segment_damage *why)
{
    static const struct {
        enum segment_type type;
        unsigned tiers; // a bit each
    } demands[] = {
        {SEGMENT_KEYS, ~0U},
        {SEGMENT_KEYHASH, ~0U},
        {SEGMENT_RAW, ~0U},
        {SEGMENT_INT8, 1U << SEGMENT_BYTES},
        {SEGMENT_SCALE8, 1U << SEGMENT_BYTES},
        {SEGMENT_CENT, 1U << SEGMENT_IVF},
        {SEGMENT_CENTQ, 1U << SEGMENT_IVF},
        {SEGMENT_LISTS, 1U << SEGMENT_IVF},
        {SEGMENT_CODE1, 1U << SEGMENT_IVF},
        {SEGMENT_CODE4, 1U << SEGMENT_IVF},
        {SEGMENT_FACT4, 1U << SEGMENT_IVF},
    };

    for (size_t i = 0; i < sizeof demands / sizeof *demands; i++) {
        if (demands[i].tiers >> h->shape.tier & 1 &&
            !has(entries, h->section_count, demands[i].type, 0)) {
            return damaged(demands[i].type, 0, SEGMENT_IMPOSSIBLE, why);
        }
    }
    return OK;
}

// BLKCRC comes last and has a checksum for each block of the others.
static bool is_last_good(const struct segment_entry *last, uint64_t blocks)
{
    return last->type == SEGMENT_BLKCRC && last->number == 0 && last->crc == 0 &&
           last->bytes == blocks * sizeof(uint32_t);
}

err segment_format_check_table(const struct segment_header *h, const struct segment_entry *entries,
                               struct segment_damage *why)
{
    unsigned last = h->section_count - 1;
    uint64_t end = SEGMENT_PAGE_BYTES;
    uint64_t blocks = 0;

    for (unsigned i = 0; i <= last; i++) {
        const struct segment_entry *e = &entries[i];
        bool is_apart = e->offset >= end && e->offset <= h->table_offset &&
                        e->offset % SEGMENT_PAGE_BYTES == 0 &&
                        e->bytes <= h->table_offset - e->offset;
        if (!is_apart || !is_length_good(&h->shape, e) || has(entries, i, e->type, e->number)) {
            return damaged((enum segment_type)e->type, e->number, SEGMENT_IMPOSSIBLE, why);
        }
        end = e->offset + e->bytes;
        if (i < last) blocks += segment_format_blocks(e->bytes);
    }
    if (!is_last_good(&entries[last], blocks)) {
        return damaged(SEGMENT_BLKCRC, 0, SEGMENT_IMPOSSIBLE, why);
    }
    return check_presence(h, entries, why);
}

err segment_format_check_lists(const struct segment_shape *shape, const struct ivf_list *lists,
                               struct segment_damage *why)
{
    uint64_t row = 0;
    uint64_t block = 0;

    for (uint32_t i = 0; i < shape->list_count; i++) {
        const struct ivf_list *l = &lists[i];
        uint64_t blocks = ivf_list_blocks(l->rows);
        if (l->first_row < row || l->first_row > shape->row_count ||
            l->rows > shape->row_count - l->first_row || l->first_block < block ||
            l->first_block > shape->block_count || blocks > shape->block_count - l->first_block ||
            !isfinite(l->radius) || !isfinite(l->scale)) {
            *why = (struct segment_damage){.type = SEGMENT_LISTS,
                                           .block = i * sizeof *l / SEGMENT_BLOCK_BYTES,
                                           .harm = SEGMENT_IMPOSSIBLE};
            return ERR_DAMAGED;
        }
        row = l->first_row + l->rows;
        block = l->first_block + blocks;
    }
    return OK;
}
