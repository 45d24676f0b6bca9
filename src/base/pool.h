// pool: objects of one size, recycled.
//
// A loop keeps a pool for each kind of object it makes at high rate. A freed object is poisoned
// under AddressSanitizer until it is handed out again. At most `spare_max` free ones are kept; the
// rest goes back to the system, so a burst leaves nothing behind. Belongs to one loop.
#pragma once

#include <stddef.h>

struct pool {
    struct pool_spare *spare;
    size_t object_size;
    size_t spare_count;
    size_t spare_max;
    size_t live_count; // handed out and not yet back
};

void pool_init(struct pool *p, size_t object_size, size_t spare_max);
// Frees the spare objects. None may be live.
void pool_done(struct pool *p);

// A zeroed object.
[[gnu::returns_nonnull]] void *pool_take(struct pool *p);
// The same, with unset bytes, for what is filled at once.
[[gnu::returns_nonnull]] void *pool_take_raw(struct pool *p);
void pool_give(struct pool *p, void *object);
