// Design: rows lie in chunks that never move, so that a reader's pointers last as long as the
// memtable. All that belongs to a row is written before `visible` passes it, with release, and read
// after `visible` was loaded, with acquire; what changes later is atomic. `keys` may tell a reader
// of a row that it must not see yet; each row names the one before it under the same key, which the
// reader takes instead.
#include "retrieval/vector/memtable.h"

#include "base/memory.h"

#include <assert.h>
#include <string.h>

enum { ARENA_CHUNK_BYTES = 256 * 1024 };

struct memtable_chunk {
    uint64_t keys[MEMTABLE_CHUNK_ROWS];
    str values[MEMTABLE_CHUNK_ROWS];
    uint32_t before[MEMTABLE_CHUNK_ROWS];       // the row before it under the same key
    _Atomic uint32_t died[MEMTABLE_CHUNK_ROWS]; // at this number of visible rows; 0 while alive
    float vectors[];                            // [MEMTABLE_CHUNK_ROWS][dim]
};

uint64_t memtable_row_bytes(uint32_t dim)
{
    enum { KEY_BYTES = 3 * sizeof(struct key_map_slot) }; // the map's room is a power of two

    return sizeof(struct memtable_chunk) / MEMTABLE_CHUNK_ROWS + dim * sizeof(float) + KEY_BYTES;
}

void memtable_init(struct memtable *m, uint32_t dim, uint32_t rows_max,
                   const struct ivf_view *parent)
{
    uint32_t chunks = (rows_max + MEMTABLE_CHUNK_ROWS - 1) / MEMTABLE_CHUNK_ROWS;

    assert(dim > 0 && rows_max > 0 && rows_max <= MEMTABLE_ROWS_MAX);
    *m = (struct memtable){.dim = dim, .rows_max = rows_max, .has_lists = parent != NULL};
    m->chunks = memory_alloc(chunks * sizeof *m->chunks);
    key_map_init(&m->keys, rows_max);
    arena_init(&m->arena, ARENA_CHUNK_BYTES);
    if (parent) memtable_lists_init(&m->lists, parent, rows_max, &m->arena);
}

void memtable_done(struct memtable *m)
{
    if (m->has_lists) memtable_lists_done(&m->lists);
    arena_reset(&m->arena);
    key_map_done(&m->keys);
    memory_free(m->chunks);
    m->chunks = NULL;
}

static struct memtable_chunk *chunk_of(const struct memtable *m, uint32_t row)
{
    return m->chunks[row / MEMTABLE_CHUNK_ROWS];
}

static struct memtable_chunk *chunk_for(struct memtable *m, uint32_t row)
{
    struct memtable_chunk **chunk = &m->chunks[row / MEMTABLE_CHUNK_ROWS];
    size_t vectors = sizeof(float) * m->dim * MEMTABLE_CHUNK_ROWS;

    if (!*chunk) *chunk = arena_alloc(&m->arena, sizeof(struct memtable_chunk) + vectors);
    return *chunk;
}

uint32_t memtable_append(struct memtable *m, uint64_t key, const float *vector, str values)
{
    uint32_t row = m->rows;
    uint32_t at = row % MEMTABLE_CHUNK_ROWS;

    assert(memtable_has_room(m, 1));
    struct memtable_chunk *chunk = chunk_for(m, row);
    uint32_t before = key_map_find(&m->keys, key);
    chunk->keys[at] = key;
    chunk->before[at] = before;
    if (values.len) chunk->values[at] = arena_str(&m->arena, values);
    memcpy(&chunk->vectors[(size_t)at * m->dim], vector, sizeof(float) * m->dim);
    m->rows++;
    (void)key_map_put(&m->keys, key, row);
    if (m->has_lists) memtable_lists_add(&m->lists, row, vector);
    if (before != MEMTABLE_NONE && !memtable_is_dead(m, before, UINT32_MAX)) {
        memtable_kill(m, before, m->rows);
    }
    atomic_store_explicit(&m->bytes, m->arena.held, memory_order_relaxed);
    return row;
}

uint32_t memtable_newest(const struct memtable *m, uint64_t key)
{
    uint32_t row = key_map_find(&m->keys, key);

    return row != MEMTABLE_NONE && memtable_is_dead(m, row, UINT32_MAX) ? MEMTABLE_NONE : row;
}

void memtable_kill(struct memtable *m, uint32_t row, uint32_t at)
{
    assert(at > 0 && row < m->rows);
    atomic_store_explicit(&chunk_of(m, row)->died[row % MEMTABLE_CHUNK_ROWS], at,
                          memory_order_release);
    atomic_fetch_add_explicit(&m->dead, 1, memory_order_relaxed);
}

void memtable_publish(struct memtable *m)
{
    atomic_store_explicit(&m->visible, m->rows, memory_order_release);
}

bool memtable_is_dead(const struct memtable *m, uint32_t row, uint32_t visible)
{
    uint32_t died = atomic_load_explicit(&chunk_of(m, row)->died[row % MEMTABLE_CHUNK_ROWS],
                                         memory_order_acquire);

    return died != 0 && died <= visible;
}

uint32_t memtable_find(const struct memtable *m, uint64_t key, uint32_t visible)
{
    uint32_t row = key_map_find(&m->keys, key);

    while (row != MEMTABLE_NONE && row >= visible) {
        row = chunk_of(m, row)->before[row % MEMTABLE_CHUNK_ROWS];
    }
    return row != MEMTABLE_NONE && memtable_is_dead(m, row, visible) ? MEMTABLE_NONE : row;
}

uint64_t memtable_key(const struct memtable *m, uint32_t row)
{
    return chunk_of(m, row)->keys[row % MEMTABLE_CHUNK_ROWS];
}

const float *memtable_vector(const struct memtable *m, uint32_t row)
{
    return &chunk_of(m, row)->vectors[(size_t)(row % MEMTABLE_CHUNK_ROWS) * m->dim];
}

str memtable_values(const struct memtable *m, uint32_t row)
{
    return chunk_of(m, row)->values[row % MEMTABLE_CHUNK_ROWS];
}
