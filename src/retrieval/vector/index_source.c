#include "retrieval/vector/index_source.h"

#include <assert.h>

static const struct index_source *source_of(struct row_test *test)
{
    return container_of(test, struct index_source, test);
}

static bool part_matches(struct row_test *test, uint64_t row)
{
    return filter_bound_match(&source_of(test)->bound, (uint32_t)row);
}

static bool slot_is_accepted(struct row_test *test, uint64_t slot)
{
    const struct index_source *s = source_of(test);

    return index_source_accepts(s, memtable_lists_row(&s->fresh->table.lists, slot));
}

// Touches all of a column. The first time reads it; later ones look at a bit for each 64 KiB.
static void touch_column(struct index_source *s, uint16_t column)
{
    static const enum segment_type types[] = {SEGMENT_COLUMN_VALUES, SEGMENT_COLUMN_PRESENCE,
                                              SEGMENT_COLUMN_ORDER, SEGMENT_COLUMN_DICT};
    struct segment *g = &s->part->segment;

    for (unsigned i = 0; i < sizeof types / sizeof *types; i++) {
        const struct segment_section *section = segment_section(g, types[i], column);
        if (section && segment_touch(g, section, 0, section->len)) s->is_damaged = true;
    }
}

static void touch_columns(struct index_source *s)
{
    const struct filter *f = s->filter;

    if (!s->part->segment.touched) return;
    for (uint32_t i = 0; i < f->node_count; i++) {
        if (f->nodes[i].kind == FILTER_LEAF) touch_column(s, (uint16_t)f->nodes[i].leaf.column);
    }
}

void index_source_init_part(struct index_source *s, struct index_part *p,
                            const struct filter *filter, struct arena *arena)
{
    *s = (struct index_source){.part = p, .filter = filter, .test.accept = part_matches};
    if (!filter) return;
    touch_columns(s);
    filter_bound_init(&s->bound, filter, &p->columns, arena);
}

void index_source_init_fresh(struct index_source *s, struct index_fresh *f,
                             const struct filter *filter)
{
    *s = (struct index_source){
        .fresh = f,
        .filter = filter,
        .test.accept = slot_is_accepted,
        .visible = memtable_visible(&f->table),
    };
}

bool index_source_lives(const struct index_source *s, uint64_t row)
{
    if (s->part) return !tombstones_has(&s->part->dead, row);
    return row < s->visible && !memtable_is_dead(&s->fresh->table, (uint32_t)row, s->visible);
}

bool index_source_accepts(const struct index_source *s, uint64_t row)
{
    if (!index_source_lives(s, row)) return false;
    if (!s->filter) return true;
    if (s->part) return filter_bound_match(&s->bound, (uint32_t)row);
    return filter_match(s->filter, memtable_values(&s->fresh->table, (uint32_t)row));
}

static void touch(struct index_source *s, enum segment_type type, uint64_t offset, uint64_t len)
{
    struct segment *g = &s->part->segment;

    if (segment_touch(g, g->by_type[type], offset, len)) s->is_damaged = true;
}

uint64_t index_source_key(struct index_source *s, uint64_t row)
{
    if (!s->part) return memtable_key(&s->fresh->table, (uint32_t)row);
    touch(s, SEGMENT_KEYS, row * sizeof(uint64_t), sizeof(uint64_t));
    return s->part->segment.keys[row];
}

const float *index_source_vector(struct index_source *s, uint64_t row)
{
    uint32_t count = 1;

    return index_source_run(s, row, &count);
}

const float *index_source_run(struct index_source *s, uint64_t row, uint32_t *count)
{
    assert(row < index_source_rows(s) && *count > 0);
    if (s->part) {
        uint64_t left = s->part->segment.shape.row_count - row;
        if (*count > left) *count = (uint32_t)left;
        uint64_t row_bytes = s->part->segment.shape.dim * sizeof(float);
        touch(s, SEGMENT_RAW, row * row_bytes, *count * row_bytes);
        return s->part->segment.raw + row * s->part->segment.shape.dim;
    }
    uint32_t left = s->visible - (uint32_t)row;
    uint32_t run = memtable_run((uint32_t)row);
    if (run > left) run = left;
    if (*count > run) *count = run;
    return memtable_vector(&s->fresh->table, (uint32_t)row);
}
