// Design: what a slot holds is written before its block's `count` passes it, with release, and a
// block before the pointer that leads to it. Readers load both with acquire.
#include "retrieval/vector/memtable_lists.h"

#include "base/memory.h"

#include <assert.h>
#include <string.h>

enum {
    BLOCK_ROWS_FIRST = 4, // of a list's first block; each next one has twice as many
    BLOCK_ROWS_MAX = 64,
};

struct memtable_block {
    struct memtable_block *_Atomic next;
    uint16_t *fact4;
    uint32_t first_slot;
    uint32_t rows_max;
    _Atomic uint32_t count;
    uint8_t code4[];
};

struct memtable_list {
    struct memtable_block *_Atomic first;
    struct memtable_block *last; // the writer's
};

// Blocks double until they are large, so a list of r rows has fewer than 2 r + 4 slots.
static uint64_t slots_max(const struct ivf_view *parent, uint32_t rows_max)
{
    uint32_t lists = parent->quantizer.list_count;

    return 2 * (uint64_t)rows_max +
           (uint64_t)BLOCK_ROWS_FIRST * (lists < rows_max ? lists : rows_max);
}

uint64_t memtable_lists_bytes(const struct ivf_view *parent, uint32_t rows_max)
{
    uint64_t slot = code_row4_bytes(parent->quantizer.padded_dim) + 2 * sizeof(uint16_t) +
                    sizeof(uint32_t) + sizeof(struct memtable_block) / BLOCK_ROWS_FIRST;

    return slots_max(parent, rows_max) * slot +
           parent->quantizer.list_count * sizeof(struct memtable_list);
}

static float middling_radius(const struct ivf_view *v)
{
    float sum = 0;
    float wide = 0;

    for (uint32_t i = 0; i < v->quantizer.list_count; i++) {
        sum += v->lists[i].radius;
        wide += v->lists[i].radius > 0;
    }
    return sum / (wide > 0 ? wide : 1);
}

// A list that has no rows to tell its scale gets that of a middling one.
static float scale_of(const struct memtable_lists *l, uint32_t list)
{
    float radius = l->parent->lists[list].radius;

    return code_scale(radius > 0 ? radius : l->radius);
}

void memtable_lists_init(struct memtable_lists *l, const struct ivf_view *parent, uint32_t rows_max,
                         struct arena *arena)
{
    const struct quantizer *q = &parent->quantizer;

    *l = (struct memtable_lists){
        .parent = parent, .arena = arena, .radius = middling_radius(parent)};
    l->lists = memory_alloc(q->list_count * sizeof *l->lists);
    l->rows = memory_alloc(slots_max(parent, rows_max) * sizeof *l->rows);
    encoder_init(&l->encoder, q);
    ivf_query_init(&l->query, q->dim, q->list_count);
    l->code.bits = memory_alloc(q->padded_dim / 8);
    l->code.nibbles = memory_alloc(code_row4_bytes(q->padded_dim));
}

void memtable_lists_done(struct memtable_lists *l)
{
    memory_free(l->lists);
    memory_free(l->rows);
    memory_free(l->code.bits);
    memory_free(l->code.nibbles);
    encoder_done(&l->encoder);
    ivf_query_done(&l->query);
}

static struct memtable_block *block_new(struct memtable_lists *l, uint32_t rows)
{
    size_t codes = rows * code_row4_bytes(l->parent->quantizer.padded_dim);
    size_t factors = rows * 2 * sizeof(uint16_t);
    struct memtable_block *b = arena_alloc(l->arena, sizeof *b + codes + factors);

    b->fact4 = (uint16_t *)(void *)(b->code4 + codes);
    b->rows_max = rows;
    b->first_slot = l->slot_count;
    l->slot_count += rows;
    return b;
}

// The last block of a list, which has room.
static struct memtable_block *block_for(struct memtable_lists *l, struct memtable_list *list)
{
    struct memtable_block *last = list->last;

    if (last && last->count < last->rows_max) return last;
    uint32_t rows = last ? last->rows_max * 2 : BLOCK_ROWS_FIRST;
    struct memtable_block *b = block_new(l, rows < BLOCK_ROWS_MAX ? rows : BLOCK_ROWS_MAX);
    atomic_store_explicit(last ? &last->next : &list->first, b, memory_order_release);
    list->last = b;
    return b;
}

void memtable_lists_add(struct memtable_lists *l, uint32_t row, const float *vector)
{
    size_t bytes = code_row4_bytes(l->parent->quantizer.padded_dim);
    struct probe nearest = {0};

    ivf_query_set(&l->query, &l->parent->quantizer, vector);
    (void)ivf_query_probe(&l->query, 1, &nearest); // list 0 for want of any
    encoder_list(&l->encoder, nearest.list);
    encoder_row(&l->encoder, vector, &l->code);
    struct memtable_list *list = &l->lists[nearest.list];
    struct memtable_block *b = block_for(l, list);
    uint32_t at = b->count;
    memcpy(b->code4 + at * bytes, l->code.nibbles, bytes);
    code_fact4_put(b->fact4 + 2 * at, &l->code, scale_of(l, nearest.list));
    l->rows[b->first_slot + at] = row;
    atomic_store_explicit(&b->count, at + 1, memory_order_release);
}

uint32_t memtable_lists_scan(const struct memtable_lists *l, const struct ivf_query *query,
                             const struct probe *probe, struct ivf_scan *s)
{
    const struct memtable_list *list = &l->lists[probe->list];
    const struct memtable_block *b = atomic_load_explicit(&list->first, memory_order_acquire);
    uint32_t added = 0;

    assert(s->test);
    for (; b; b = atomic_load_explicit(&b->next, memory_order_acquire)) {
        struct ivf_rows rows = {.code4 = b->code4,
                                .fact4 = b->fact4,
                                .first_row = b->first_slot,
                                .count = atomic_load_explicit(&b->count, memory_order_acquire),
                                .scale = scale_of(l, probe->list)};
        if (rows.count) added += ivf_scan_rows(&rows, query, probe, s);
    }
    return added;
}
