// Design
//
// `entries` alone decides which entries there are. It is filled from the front and never changed
// behind that: who misses a route goes through it and compares, and at the first empty place tries
// to put an entry of its own there. If another was quicker, that one is compared like the rest. Two
// who make the same route thus meet at the same place, and the slower one drops its own.
//
// `slots` is a hash table, open and at most half full, that only finds again what is in `entries`.
// A miss in it is no proof, and costs a walk over all entries; each route has few of those.
#include "resilience/route_board.h"

#include "base/memory.h"
#include "base/random.h"

#include <assert.h>
#include <string.h>

static_assert(sizeof(struct route_figures) % 64 == 0);

typedef _Atomic(struct route_entry *) place;

struct route_board {
    size_t capacity;
    size_t workers;
    size_t slot_mask;
    _Atomic size_t count; // at most as many as there are; raised by whoever makes one
    place *entries;       // `capacity` of them
    place *slots;         // a power of two, at least twice as many
};

struct route_name {
    str provider;
    str model;
    str key;
};

struct route_board *route_board_new(size_t capacity, size_t workers)
{
    assert(capacity > 0 && capacity <= 1 << 20);
    struct route_board *board = memory_new(struct route_board);
    size_t slots = 2;

    while (slots < 2 * capacity) {
        slots *= 2;
    }
    board->capacity = capacity;
    board->workers = workers;
    board->slot_mask = slots - 1;
    board->entries = memory_alloc(capacity * sizeof(place));
    board->slots = memory_alloc(slots * sizeof(place));
    return board;
}

void route_board_free(struct route_board *board)
{
    if (!board) return;
    for (size_t i = 0; i < board->capacity; i++) {
        memory_free(atomic_load(&board->entries[i]));
    }
    memory_free(board->entries);
    memory_free(board->slots);
    memory_free(board);
}

static uint64_t hash_text(uint64_t hash, str text)
{
    for (size_t i = 0; i < text.len; i++) {
        hash = (hash ^ (uint8_t)text.ptr[i]) * UINT64_C(0x100000001b3); // FNV-1a
    }
    return random_mix(hash ^ text.len);
}

static uint64_t hash_name(const struct route_name *name)
{
    return hash_text(hash_text(hash_text(0, name->provider), name->model), name->key);
}

static bool is_named(const struct route_entry *entry, const struct route_name *name)
{
    return str_eq(entry->key, name->key) && str_eq(entry->model, name->model) &&
           str_eq(entry->provider, name->provider);
}

static str copy_text(char **to, str text)
{
    str copy = {.ptr = *to, .len = text.len};

    if (text.len > 0) memcpy(*to, text.ptr, text.len);
    *to += text.len;
    return copy;
}

static struct route_entry *make_entry(const struct route_board *board,
                                      const struct route_name *name)
{
    size_t size = sizeof(struct route_entry) + board->workers * sizeof(struct route_figures);
    struct route_entry *entry =
        memory_alloc(size + name->provider.len + name->model.len + name->key.len);
    char *text = (char *)entry + size;

    entry->provider = copy_text(&text, name->provider);
    entry->model = copy_text(&text, name->model);
    entry->key = copy_text(&text, name->key);
    mailbox_init(&entry->news);
    return entry;
}

// Never beyond what is there, and never back.
static void raise_count(struct route_board *board, size_t count)
{
    size_t seen = atomic_load(&board->count);

    while (seen < count && !atomic_compare_exchange_weak(&board->count, &seen, count)) {
    }
}

static struct route_entry *find_or_make(struct route_board *board, const struct route_name *name)
{
    struct route_entry *mine = NULL;

    for (size_t i = 0; i < board->capacity; i++) {
        struct route_entry *entry = atomic_load(&board->entries[i]);

        if (!entry) {
            if (!mine) mine = make_entry(board, name);
            mine->index = (uint32_t)i;
            if (atomic_compare_exchange_strong(&board->entries[i], &entry, mine)) {
                raise_count(board, i + 1);
                return mine;
            }
        }
        if (is_named(entry, name)) {
            memory_free(mine);
            return entry;
        }
    }
    memory_free(mine);
    return NULL;
}

// Two who remember the same entry meet at the same slot, so it is in there once.
static void remember(struct route_board *board, uint64_t hash, struct route_entry *entry)
{
    for (size_t i = hash & board->slot_mask;; i = (i + 1) & board->slot_mask) {
        struct route_entry *there = NULL;

        if (atomic_compare_exchange_strong(&board->slots[i], &there, entry)) return;
        if (there == entry) return;
    }
}

struct route_entry *route_board_find(struct route_board *board, str provider, str model, str key)
{
    struct route_name name = {.provider = provider, .model = model, .key = key};
    struct route_entry *entry;

    if (provider.len > ROUTE_BOARD_TEXT_MAX || model.len > ROUTE_BOARD_TEXT_MAX ||
        key.len > ROUTE_BOARD_TEXT_MAX) {
        return NULL;
    }
    uint64_t hash = hash_name(&name);
    for (size_t i = hash & board->slot_mask;; i = (i + 1) & board->slot_mask) {
        entry = atomic_load_explicit(&board->slots[i], memory_order_acquire);
        if (!entry) break;
        if (is_named(entry, &name)) return entry;
    }
    entry = find_or_make(board, &name);
    if (entry) remember(board, hash, entry);
    return entry;
}

size_t route_board_count(const struct route_board *board)
{
    return atomic_load(&board->count);
}

struct route_entry *route_board_at(const struct route_board *board, size_t i)
{
    return i < board->capacity ? atomic_load(&board->entries[i]) : NULL;
}
