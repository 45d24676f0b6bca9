// Design: the mapping may change under its readers, by a disk that fails or a hand that writes, so
// what is used as an address is copied before it is checked: header, table and LISTS. Rows that
// KEYHASH names are compared with the row count at each use. All else is numbers.
#include "retrieval/vector/segment.h"

#include "base/list.h"
#include "base/memory.h"
#include "codec/crc32c.h"
#include "retrieval/vector/key_hash.h"
#include "retrieval/vector/segment_verify.h"

#include <stdatomic.h>
#include <string.h>

enum { BITS = 64 };

enum damage_step { DAMAGE_NONE, DAMAGE_BEING_WRITTEN, DAMAGE_THERE };

static err damaged(struct segment_damage *why, enum segment_type type, enum segment_harm harm)
{
    *why = (struct segment_damage){.type = type, .harm = harm};
    return ERR_DAMAGED;
}

// Header and footer, which equals it.
static err read_header(struct segment *s, struct segment_header *h, struct segment_damage *why)
{
    struct segment_header footer;

    if (s->file.len < 2 * SEGMENT_PAGE_BYTES) return damaged(why, SEGMENT_HEADER, SEGMENT_CUT);
    memcpy(h, s->file.bytes, sizeof *h);
    TRY(segment_format_check_header(h, s->file.len, why));
    memcpy(&footer, s->file.bytes + h->file_bytes - SEGMENT_PAGE_BYTES, sizeof footer);
    if (memcmp(&footer, h, sizeof footer) != 0) {
        return damaged(why, SEGMENT_FOOTER, SEGMENT_CHANGED);
    }
    s->shape = h->shape;
    s->table_offset = h->table_offset;
    s->table_crc = h->table_crc;
    return OK;
}

static void take_entry(struct segment *s, const struct segment_entry *e, uint64_t first_check)
{
    struct segment_section *section = &s->sections[s->section_count++];

    *section = (struct segment_section){
        .type = (enum segment_type)e->type,
        .number = e->number,
        .elem_bytes = e->elem_bytes,
        .bytes = s->file.bytes + e->offset,
        .len = e->bytes,
        .crc = e->crc,
        .first_check = first_check,
    };
    if (e->number == 0 && e->type <= SEGMENT_BLKCRC) s->by_type[e->type] = section;
}

static const void *bytes_of(const struct segment *s, enum segment_type type)
{
    return s->by_type[type] ? s->by_type[type]->bytes : NULL;
}

static void take_table(struct segment *s, const struct segment_entry *entries, unsigned count)
{
    uint64_t first_check = 0;

    s->sections = memory_alloc(count * sizeof *s->sections);
    for (unsigned i = 0; i < count; i++) {
        take_entry(s, &entries[i], first_check);
        first_check += segment_format_blocks(entries[i].bytes);
    }
    s->checks = bytes_of(s, SEGMENT_BLKCRC);
    s->keys = bytes_of(s, SEGMENT_KEYS);
    s->raw = bytes_of(s, SEGMENT_RAW);
}

static err read_table(struct segment *s, const struct segment_header *h, struct segment_damage *why)
{
    size_t bytes = h->section_count * sizeof(struct segment_entry);
    struct segment_entry *entries = memory_alloc_raw(bytes);
    err e = OK;

    memcpy(entries, s->file.bytes + h->table_offset, bytes);
    if (crc32c(0, entries, bytes) != h->table_crc) {
        e = damaged(why, SEGMENT_TABLE, SEGMENT_CHANGED);
    } else {
        e = segment_format_check_table(h, entries, why);
    }
    if (!e) take_table(s, entries, h->section_count);
    memory_free(entries);
    return e;
}

bool segment_are_checks_good(const struct segment *s, const struct segment_section *section)
{
    size_t bytes = (size_t)segment_format_blocks(section->len) * sizeof *s->checks;

    return crc32c(0, s->checks + section->first_check, bytes) == section->crc;
}

struct segment_damage segment_damage_at(const struct segment *s,
                                        const struct segment_section *section, uint64_t block)
{
    struct segment_damage d = {.type = section->type, .number = section->number, .block = block};
    uint64_t begin = (uint64_t)(section->bytes - s->file.bytes);
    uint64_t start = begin + block * SEGMENT_BLOCK_BYTES;
    uint64_t end = begin + section->len;
    uint64_t size = mapped_file_size(&s->file);
    uint64_t fault = 0;

    if (end > start + SEGMENT_BLOCK_BYTES) end = start + SEGMENT_BLOCK_BYTES;
    if (size < end) {
        d.harm = SEGMENT_CUT;
    } else if (mapped_file_fault(&s->file, &fault) && fault >= start && fault < end) {
        d.harm = SEGMENT_UNREADABLE;
    }
    return d;
}

// `bytes` are those of the block, or a copy.
static err check_block(const struct segment *s, const struct segment_section *section,
                       uint64_t block, const uint8_t *bytes, struct segment_damage *why)
{
    uint64_t start = block * SEGMENT_BLOCK_BYTES;
    uint64_t left = section->len - start;
    uint64_t check = section->first_check + block;
    size_t len = (size_t)(left < SEGMENT_BLOCK_BYTES ? left : SEGMENT_BLOCK_BYTES);

    if (crc32c(0, bytes, len) == s->checks[check]) return OK;
    *why = segment_damage_at(s, section, block);
    if (why->harm == SEGMENT_CHANGED && !segment_are_checks_good(s, section)) {
        why->type = SEGMENT_BLKCRC;
        why->number = 0;
        why->block = check * sizeof *s->checks / SEGMENT_BLOCK_BYTES;
    }
    return ERR_DAMAGED;
}

err segment_check_block(const struct segment *s, const struct segment_section *section,
                        uint64_t block, struct segment_damage *why)
{
    return check_block(s, section, block, section->bytes + block * SEGMENT_BLOCK_BYTES, why);
}

// LISTS, copied and then checked.
static err read_lists(struct segment *s, struct segment_damage *why)
{
    const struct segment_section *section = s->by_type[SEGMENT_LISTS];
    struct ivf_list *lists = memory_alloc_raw((size_t)section->len);

    s->lists = lists;
    memcpy(lists, section->bytes, (size_t)section->len);
    for (uint64_t b = 0; b < segment_format_blocks(section->len); b++) {
        const uint8_t *bytes = (const uint8_t *)lists + b * SEGMENT_BLOCK_BYTES;
        TRY(check_block(s, section, b, bytes, why));
    }
    return segment_format_check_lists(&s->shape, lists, why);
}

static void give_advice(const struct segment *s)
{
    static const enum segment_type scattered[] = {SEGMENT_CODE4, SEGMENT_KEYS, SEGMENT_KEYHASH,
                                                  SEGMENT_RAW};

    // Rows are read here and there, but by a scan of all.
    for (size_t i = 0; i < sizeof scattered / sizeof *scattered; i++) {
        const struct segment_section *section = s->by_type[scattered[i]];
        if (!section || (section->type == SEGMENT_RAW && s->shape.tier == SEGMENT_EXACT)) continue;
        mapped_file_advise(&s->file, (uint64_t)(section->bytes - s->file.bytes), section->len,
                           MAPPED_FILE_RANDOM);
    }
}

// Keeps the first damage that a full reading finds.
struct first_found {
    struct segment_verify_watcher watcher;
    struct segment_damage *why;
    bool is_set;
};

static void keep_first(struct segment_verify_watcher *w, const struct segment_damage *d)
{
    struct first_found *f = container_of(w, struct first_found, watcher);

    if (!f->is_set) *f->why = *d;
    f->is_set = true;
}

static err check_all(struct segment *s, struct segment_damage *why)
{
    struct first_found first = {.watcher = {.found = keep_first}, .why = why};

    return segment_verify(s, &first.watcher);
}

static err read_all(struct segment *s, enum segment_check check, struct segment_damage *why)
{
    struct segment_header header;

    TRY(read_header(s, &header, why));
    TRY(read_table(s, &header, why));
    if (s->shape.tier == SEGMENT_IVF) {
        TRY(read_lists(s, why));
        rotation_init(&s->rotation, s->shape.dim, s->shape.rotation_seed);
    }
    if (check == SEGMENT_CHECK_FIRST_TOUCH) {
        uint64_t blocks = s->by_type[SEGMENT_BLKCRC]->first_check;
        s->touched = memory_alloc((size_t)(blocks / BITS + 1) * sizeof *s->touched);
    }
    if (check == SEGMENT_CHECK_FULL) TRY(check_all(s, why));
    give_advice(s);
    return segment_health(s, why);
}

err segment_open(struct segment *s, str path, enum segment_check check, struct segment_damage *why)
{
    *s = (struct segment){0};
    TRY(mapped_file_open(&s->file, path));
    s->path = memory_alloc(path.len + 1);
    memcpy(s->path, path.ptr, path.len);
    err e = read_all(s, check, why);
    if (e) segment_close(s);
    return e;
}

void segment_close(struct segment *s)
{
    mapped_file_close(&s->file);
    rotation_done(&s->rotation);
    memory_free(s->touched);
    memory_free(s->lists);
    memory_free(s->sections);
    memory_free(s->path);
    *s = (struct segment){0};
}

const struct segment_section *segment_section(const struct segment *s, enum segment_type type,
                                              uint16_t number)
{
    if (number == 0 && type <= SEGMENT_BLKCRC) return s->by_type[type];
    for (unsigned i = 0; i < s->section_count; i++) {
        if (s->sections[i].type == type && s->sections[i].number == number) return &s->sections[i];
    }
    return NULL;
}

// The first to come writes it down.
static err note(struct segment *s, const struct segment_damage *d)
{
    unsigned none = DAMAGE_NONE;

    if (atomic_compare_exchange_strong(&s->damage_step, &none, DAMAGE_BEING_WRITTEN)) {
        s->damage = *d;
        atomic_store_explicit(&s->damage_step, DAMAGE_THERE, memory_order_release);
    }
    return ERR_DAMAGED;
}

err segment_touch_blocks(struct segment *s, const struct segment_section *section, uint64_t offset,
                         uint64_t len)
{
    struct segment_damage d;

    if (offset > section->len || len > section->len - offset) return ERR_RANGE;
    uint64_t end = segment_format_blocks(offset + len);
    for (uint64_t b = offset / SEGMENT_BLOCK_BYTES; b < end; b++) {
        uint64_t check = section->first_check + b;
        _Atomic uint64_t *word = &s->touched[check / BITS];
        uint64_t bit = UINT64_C(1) << check % BITS;
        if (atomic_load_explicit(word, memory_order_relaxed) & bit) continue;
        if (segment_check_block(s, section, b, &d)) return note(s, &d);
        atomic_fetch_or_explicit(word, bit, memory_order_relaxed);
    }
    return OK;
}

err segment_touch_list(struct segment *s, uint32_t list)
{
    const struct ivf_list *l = &s->lists[list];
    uint32_t padded_dim = s->shape.padded_dim;
    uint64_t centroid = s->shape.dim * sizeof(float);

    if (!s->touched) return OK;
    TRY(segment_touch(s, s->by_type[SEGMENT_CENT], list * centroid, centroid));
    TRY(segment_touch(s, s->by_type[SEGMENT_CODE1], l->first_block * code_block_bytes(padded_dim),
                      ivf_list_blocks(l->rows) * code_block_bytes(padded_dim)));
    TRY(segment_touch(s, s->by_type[SEGMENT_CODE4], l->first_row * code_row4_bytes(padded_dim),
                      l->rows * code_row4_bytes(padded_dim)));
    return segment_touch(s, s->by_type[SEGMENT_FACT4], l->first_row * 2 * sizeof(uint16_t),
                         l->rows * 2 * sizeof(uint16_t));
}

err segment_ivf(struct segment *s, struct ivf_view *out)
{
    if (s->shape.tier != SEGMENT_IVF) return ERR_TYPE;
    TRY(segment_touch(s, s->by_type[SEGMENT_CENTQ], 0, s->by_type[SEGMENT_CENTQ]->len));
    *out = (struct ivf_view){
        .quantizer =
            {
                .dim = s->shape.dim,
                .padded_dim = s->shape.padded_dim,
                .list_count = s->shape.list_count,
                .metric = (enum metric)s->shape.metric,
                .rotation = &s->rotation,
                .centroids = bytes_of(s, SEGMENT_CENT),
                .coarse = bytes_of(s, SEGMENT_CENTQ),
            },
        .lists = s->lists,
        .code1 = bytes_of(s, SEGMENT_CODE1),
        .code4 = bytes_of(s, SEGMENT_CODE4),
        .fact4 = bytes_of(s, SEGMENT_FACT4),
        .raw = s->raw,
        .row_count = s->shape.row_count,
        .block_count = s->shape.block_count,
    };
    return OK;
}

// A slot that names no row, or slots without an end.
static err impossible_slot(struct segment *s, uint64_t slot)
{
    struct segment_damage d = {.type = SEGMENT_KEYHASH,
                               .block = slot * sizeof(uint32_t) / SEGMENT_BLOCK_BYTES,
                               .harm = SEGMENT_IMPOSSIBLE};

    return note(s, &d);
}

err segment_find_key(struct segment *s, uint64_t key, uint64_t *row)
{
    const struct segment_section *hash = s->by_type[SEGMENT_KEYHASH];
    const uint32_t *slots = (const uint32_t *)(const void *)hash->bytes;
    uint64_t slot_count = hash->len / sizeof *slots;
    uint64_t at = key_hash_start(key, slot_count);

    for (uint64_t i = 0; i < slot_count; i++, at = (at + 1) & (slot_count - 1)) {
        TRY(segment_touch(s, hash, at * sizeof *slots, sizeof *slots));
        uint32_t slot = slots[at];
        if (slot == 0) return ERR_ABSENT;
        if (slot > s->shape.row_count) return impossible_slot(s, at);
        uint64_t found = slot - 1;
        TRY(segment_touch(s, s->by_type[SEGMENT_KEYS], found * sizeof key, sizeof key));
        if (s->keys[found] == key) {
            *row = found;
            return OK;
        }
    }
    return impossible_slot(s, at);
}

// The section whose bytes, or the zeros behind them, lie at an offset of the file.
static struct segment_damage place_of(const struct segment *s, uint64_t offset,
                                      enum segment_harm harm)
{
    struct segment_damage d = {.type = SEGMENT_HEADER, .harm = harm};

    for (unsigned i = 0; i < s->section_count; i++) {
        const struct segment_section *section = &s->sections[i];
        uint64_t start = (uint64_t)(section->bytes - s->file.bytes);
        if (start > offset) return d;
        d.type = section->type;
        d.number = section->number;
        d.block = (offset - start) / SEGMENT_BLOCK_BYTES;
    }
    if (offset >= s->table_offset) d = (struct segment_damage){.type = SEGMENT_TABLE, .harm = harm};
    return d;
}

err segment_health(struct segment *s, struct segment_damage *out)
{
    uint64_t size = mapped_file_size(&s->file);
    uint64_t fault = 0;

    if (atomic_load_explicit(&s->damage_step, memory_order_acquire) == DAMAGE_THERE) {
        *out = s->damage;
    } else if (size < s->file.len) {
        *out = place_of(s, size, SEGMENT_CUT);
    } else if (mapped_file_fault(&s->file, &fault)) {
        *out = place_of(s, fault, SEGMENT_UNREADABLE);
    } else {
        return OK;
    }
    return ERR_DAMAGED;
}
