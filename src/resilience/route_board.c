// Design: entries are made outside, then hung into a chain of their hash by compare-and-swap, so
// nobody sees half of one. Who loses the race for the same name frees its own and takes the
// other's; the index that it drew stays empty, so that nobody ever waits for one.
#include "resilience/route_board.h"

#include "base/memory.h"
#include "base/random.h"

#include <string.h>

enum { CHAINS = 256 };

struct node {
    struct route_entry entry;
    struct node *next; // set before it is seen, then unchanged
};

struct route_board {
    size_t capacity;
    size_t workers;
    _Atomic size_t drawn; // indices
    _Atomic(struct node *) chains[CHAINS];
    _Atomic(struct node *) by_index[];
};

struct route_board *route_board_new(size_t capacity, size_t workers)
{
    struct route_board *b = memory_alloc(sizeof(*b) + capacity * sizeof(_Atomic(struct node *)));

    b->capacity = capacity;
    b->workers = workers;
    return b;
}

static void free_node(struct node *n)
{
    memory_free(n->entry.figures);
    memory_free(n);
}

void route_board_free(struct route_board *b)
{
    if (!b) return;
    for (size_t i = 0; i < CHAINS; i++) {
        struct node *next = NULL;
        for (struct node *n = atomic_load(&b->chains[i]); n; n = next) {
            next = n->next;
            free_node(n);
        }
    }
    memory_free(b);
}

static uint64_t hash(str s, uint64_t h)
{
    for (size_t i = 0; i < s.len; i++) {
        h = (h ^ (unsigned char)s.ptr[i]) * UINT64_C(0x100000001b3); // FNV-1a
    }
    return random_mix(h + s.len);
}

static struct node *find(struct node *n, const struct node *end, str provider, str model, str key)
{
    for (; n != end; n = n->next) {
        if (str_eq(n->entry.provider, provider) && str_eq(n->entry.model, model) &&
            str_eq(n->entry.key, key))
            return n;
    }
    return NULL;
}

static str copy(char **at, str s)
{
    str out = {.ptr = *at, .len = s.len};

    if (s.len) memcpy(*at, s.ptr, s.len);
    *at += s.len;
    return out;
}

static struct node *make(const struct route_board *b, str provider, str model, str key)
{
    struct node *n = memory_alloc(sizeof(*n) + provider.len + model.len + key.len);
    char *texts = (char *)(n + 1);

    n->entry.provider = copy(&texts, provider);
    n->entry.model = copy(&texts, model);
    n->entry.key = copy(&texts, key);
    mailbox_init(&n->entry.news);
    n->entry.figures = memory_alloc(b->workers * sizeof(*n->entry.figures));
    return n;
}

static bool draw(struct route_board *b, uint32_t *index)
{
    size_t before = atomic_load(&b->drawn);

    do {
        if (before == b->capacity) return false;
    } while (!atomic_compare_exchange_weak(&b->drawn, &before, before + 1));
    *index = (uint32_t)before;
    return true;
}

struct route_entry *route_board_find(struct route_board *b, str provider, str model, str key)
{
    uint64_t h = hash(key, hash(model, hash(provider, UINT64_C(0xcbf29ce484222325))));
    _Atomic(struct node *) *chain = &b->chains[h % CHAINS];
    struct node *first = atomic_load_explicit(chain, memory_order_acquire);
    struct node *n = find(first, NULL, provider, model, key);
    uint32_t index = 0;

    if (n) return &n->entry;
    if (provider.len > ROUTE_BOARD_TEXT_MAX || model.len > ROUTE_BOARD_TEXT_MAX ||
        key.len > ROUTE_BOARD_TEXT_MAX || !draw(b, &index))
        return NULL;
    struct node *own = make(b, provider, model, key);
    own->entry.index = index;
    struct node *known = NULL;
    do {
        n = find(first, known, provider, model, key); // among those that came meanwhile
        if (n) {
            free_node(own);
            return &n->entry;
        }
        known = first;
        own->next = first;
    } while (!atomic_compare_exchange_weak_explicit(chain, &first, own, memory_order_acq_rel,
                                                    memory_order_acquire));
    atomic_store_explicit(&b->by_index[index], own, memory_order_release);
    return &own->entry;
}

size_t route_board_count(const struct route_board *b)
{
    return atomic_load(&b->drawn);
}

struct route_entry *route_board_at(const struct route_board *b, size_t i)
{
    struct node *n =
        i < b->capacity ? atomic_load_explicit(&b->by_index[i], memory_order_acquire) : NULL;

    return n ? &n->entry : NULL;
}
