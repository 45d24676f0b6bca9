#include "gateway/cells.h"

#include "base/memory.h"

#include <assert.h>

// An event: the kind, the worker, and the span in tenths of a second.
enum { KIND_BITS = 2, WORKER_BITS = 10, SPAN_SHIFT = KIND_BITS + WORKER_BITS, SPAN_UNIT_MS = 100 };

static uint32_t packed(const struct cell *c, size_t worker)
{
    uint32_t span = (uint32_t)(breaker_span(&c->breaker) / SPAN_UNIT_MS);
    uint32_t most = UINT32_MAX >> SPAN_SHIFT;

    return (span < most ? span : most) << SPAN_SHIFT | (uint32_t)worker << KIND_BITS |
           (uint32_t)c->news;
}

void cells_init(struct cells *cells, struct route_board *board, size_t worker, msec now)
{
    // Whatever it is told, it admits: by it no name could be kept from another.
    struct cell_options o = {.breaker = BREAKER_DEFAULTS, .retry_ratio = 0.2};

    o.breaker.trip_after = 0;
    *cells = (struct cells){.board = board, .worker = worker};
    cells->by_index = memory_alloc(CELLS_MAX * sizeof(*cells->by_index));
    cell_init(&cells->other, &o, now);
    cells->other.is_shared = true;
}

void cells_done(struct cells *cells)
{
    for (size_t i = 0; i < CELLS_MAX; i++) {
        memory_free(cells->by_index[i]);
    }
    memory_free(cells->by_index);
}

struct cell *cells_find(struct cells *cells, const struct cell_options *o, msec now, str provider,
                        str model, str key)
{
    struct route_entry *entry = route_board_find(cells->board, provider, model, key);
    struct cell *c = NULL;

    if (!entry || entry->index >= CELLS_MAX) return &cells->other;
    c = cells->by_index[entry->index];
    if (c) return c;
    c = memory_new(struct cell);
    cell_init(c, o, now);
    c->entry = entry;
    cells->by_index[entry->index] = c;
    return c;
}

struct cell *cells_at(struct cells *cells, size_t index)
{
    return index < CELLS_MAX ? cells->by_index[index] : NULL;
}

bool cells_tell(struct cells *cells, struct cell *c)
{
    bool has_news = c->has_news && c->entry;

    c->has_news = false;
    if (!has_news) return false;
    mailbox_put(&c->entry->news, packed(c, cells->worker));
    cell_publish(c, cells->worker);
    return true;
}

size_t cells_news_worker(uint32_t event)
{
    return event >> KIND_BITS & ((1 << WORKER_BITS) - 1);
}

struct cell_news cells_news(uint32_t event)
{
    return (struct cell_news){.kind = (enum cell_news_kind)(event & ((1 << KIND_BITS) - 1)),
                              .span_ms = (msec)(event >> SPAN_SHIFT) * SPAN_UNIT_MS};
}

void cells_publish(struct cells *cells)
{
    for (size_t i = 0; i < CELLS_MAX; i++) {
        if (cells->by_index[i]) cell_publish(cells->by_index[i], cells->worker);
    }
}
