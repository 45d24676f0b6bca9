#include "support/segment_sample.h"

#include "base/memory.h"
#include "base/random.h"
#include "retrieval/vector/key_hash.h"
#include "retrieval/vector/segment_writer.h"

#include "support/test.h"

#include <string.h>

uint64_t segment_sample_key(uint64_t row)
{
    return row * 7 + 1;
}

static uint8_t *add(struct segment_sample *s, enum segment_type type, uint16_t number,
                    uint32_t elem_bytes, uint64_t len)
{
    struct segment_sample_section *section = &s->sections[s->section_count++];
    struct random r;

    CHECK(s->section_count <= SEGMENT_SAMPLE_SECTIONS);
    *section = (struct segment_sample_section){type, number, elem_bytes, len, memory_alloc(len)};
    random_init(&r, type * 100U + number);
    for (uint64_t i = 0; i < len; i++) {
        section->bytes[i] = (uint8_t)random_u64(&r);
    }
    return section->bytes;
}

static uint8_t *add_shaped(struct segment_sample *s, enum segment_type type, uint32_t elem_bytes)
{
    return add(s, type, 0, elem_bytes, segment_format_bytes(&s->shape, type, 0));
}

// Lists of as many rows each, but for the first, which has none, and the last, which has the rest.
static uint64_t make_lists(struct ivf_list *lists, uint32_t rows)
{
    uint32_t each = rows / (SEGMENT_SAMPLE_LISTS - 1);
    uint64_t row = 0;
    uint64_t block = 0;

    for (uint32_t i = 0; i < SEGMENT_SAMPLE_LISTS; i++) {
        uint32_t of_list = i == 0 ? 0 : each;
        if (i == SEGMENT_SAMPLE_LISTS - 1) of_list = rows - (uint32_t)row;
        lists[i] = (struct ivf_list){
            .first_row = row, .first_block = block, .rows = of_list, .radius = 1, .scale = 0.5F};
        row += of_list;
        block += ivf_list_blocks(of_list);
    }
    return block;
}

static void add_lists(struct segment_sample *s)
{
    struct ivf_list lists[SEGMENT_SAMPLE_LISTS];

    s->shape.list_count = SEGMENT_SAMPLE_LISTS;
    s->shape.block_count = make_lists(lists, (uint32_t)s->shape.row_count);
    s->shape.padded_dim = rotation_padded_dim(s->shape.dim);
    s->shape.rotation_kind = SEGMENT_ROTATION;
    s->shape.rotation_seed = 42;
    s->shape.quantizer_id = 4711;
    add_shaped(s, SEGMENT_CENT, 4);
    add_shaped(s, SEGMENT_CENTQ, 1);
    memcpy(add_shaped(s, SEGMENT_LISTS, sizeof *lists), lists, sizeof lists);
    add(s, SEGMENT_CALIB, 0, 4, 100);
    add_shaped(s, SEGMENT_CODE1, (uint32_t)code_block_bytes(s->shape.padded_dim));
    add_shaped(s, SEGMENT_CODE4, (uint32_t)code_row4_bytes(s->shape.padded_dim));
    add_shaped(s, SEGMENT_FACT4, 4);
}

static void add_keys(struct segment_sample *s)
{
    uint64_t rows = s->shape.row_count;
    uint64_t slot_count = key_hash_slots(rows);
    uint64_t hash_bytes = slot_count * sizeof(uint32_t);
    uint64_t *keys = (uint64_t *)(void *)add_shaped(s, SEGMENT_KEYS, 8);
    uint32_t *slots = (uint32_t *)(void *)add(s, SEGMENT_KEYHASH, 0, 4, hash_bytes);

    memset(slots, 0, hash_bytes);
    for (uint64_t row = 0; row < rows; row++) {
        keys[row] = segment_sample_key(row);
        key_hash_put(slots, slot_count, keys[row], row);
    }
}

void segment_sample_init(struct segment_sample *s, enum segment_tier tier, uint32_t rows)
{
    *s = (struct segment_sample){.shape = {.row_count = rows,
                                           .dim = SEGMENT_SAMPLE_DIM,
                                           .metric = METRIC_COSINE,
                                           .tier = tier,
                                           .uuid = {1, 2, 3}}};
    if (tier == SEGMENT_IVF) add_lists(s);
    if (tier == SEGMENT_BYTES) {
        add(s, SEGMENT_INT8, 0, 32, 32 * (uint64_t)rows);
        add(s, SEGMENT_SCALE8, 0, 8, 8 * (uint64_t)rows);
    }
    add_keys(s);
    add_shaped(s, SEGMENT_RAW, 4 * SEGMENT_SAMPLE_DIM);
    add_shaped(s, SEGMENT_NORM, 4);
    for (uint16_t column = 0; column < 2; column++) {
        add(s, SEGMENT_COLUMN_VALUES, column, 8, 8 * (uint64_t)rows);
        add(s, SEGMENT_COLUMN_PRESENCE, column, 1, rows / 8 + 1);
    }
    add(s, SEGMENT_COLUMN_DICT, 0, 1, 0);
}

void segment_sample_done(struct segment_sample *s)
{
    for (unsigned i = 0; i < s->section_count; i++) {
        memory_free(s->sections[i].bytes);
    }
}

err segment_sample_open(const struct segment_sample *s, struct disk *disk, str path,
                        struct segment_writer *w)
{
    TRY(segment_writer_open(w, disk, path, &s->shape));
    for (unsigned i = 0; i < s->section_count; i++) {
        const struct segment_sample_section *c = &s->sections[i];
        unsigned section = 0;
        CHECK_EQ(segment_writer_reserve(w, c->type, c->number, c->elem_bytes, c->len, &section),
                 OK);
        CHECK_EQ(section, i);
    }
    return OK;
}

static err append_and_finish(const struct segment_sample *s, struct segment_writer *w)
{
    TRY(segment_writer_layout(w));
    for (unsigned i = 0; i < s->section_count; i++) {
        TRY(segment_writer_append(w, i, s->sections[i].bytes, s->sections[i].len));
    }
    return segment_writer_finish(w);
}

err segment_sample_write(const struct segment_sample *s, struct disk *disk, str path)
{
    struct segment_writer w;

    TRY(segment_sample_open(s, disk, path, &w));
    err e = append_and_finish(s, &w);
    if (e) segment_writer_abort(&w);
    return e;
}

static void keep(err e, err *first)
{
    if (!*first) *first = e;
}

// Every byte is looked at, so that one which is not there is missed.
static err read_bytes(struct segment *s, const struct segment_section *section)
{
    uint64_t sum = 0;
    err e = segment_touch(s, section, 0, section->len);

    for (uint64_t i = 0; i < section->len; i++) {
        sum += section->bytes[i];
    }
    return sum == UINT64_MAX ? ERR_RANGE : e;
}

// What a scan reads is within the sections, whatever the lists say.
static err read_lists(struct segment *s)
{
    struct ivf_view view;
    err first = segment_ivf(s, &view);

    for (uint32_t i = 0; !first && i < view.quantizer.list_count; i++) {
        CHECK(ivf_holds(&view, &view.lists[i]));
        keep(segment_touch_list(s, i), &first);
    }
    return first;
}

static err read_keys(struct segment *s)
{
    err first = OK;
    uint64_t row = 0;

    for (uint64_t i = 0; i < 40; i++) {
        err e = segment_find_key(s, segment_sample_key(i * 61), &row);
        if (!e) CHECK(row < s->shape.row_count);
        if (e != ERR_ABSENT) keep(e, &first);
    }
    return first;
}

err segment_sample_read(struct segment *s)
{
    struct segment_damage d;
    err first = OK;

    for (unsigned i = 0; i < s->section_count; i++) {
        const struct segment_section *c = &s->sections[i];
        CHECK(segment_section(s, c->type, c->number) == c);
        if (c->type != SEGMENT_BLKCRC) keep(read_bytes(s, c), &first);
    }
    if (s->shape.tier == SEGMENT_IVF) keep(read_lists(s), &first);
    keep(read_keys(s), &first);
    keep(segment_health(s, &d), &first);
    return first;
}
