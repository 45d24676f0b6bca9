// buffer_pool: buffers on loan between threads, within one bound of bytes.
//
// A *lease* names a buffer and has exactly one holder, who gives it back once; it may be handed to
// another thread by whatever hands over what lies in the buffer. A lease is a place and a number
// that changes with each loan, so that one kept after its end is found out (assert) instead of
// reading what the next holder wrote; bytes nobody holds are poisoned under AddressSanitizer.
//
// Sizes are rounded up to classes, powers of two from 256 B to `class_max`; buffers of a class are
// kept for the next loan. Larger ones go back to the system at once, so a giant text leaves nothing
// behind. Lent and kept bytes together never pass `bytes_max`: who wants more waits for others, and
// that bounds a pipeline's memory whatever the texts' lengths. Any thread may take and give.
#pragma once

#include "base/err.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BUFFER_POOL_CLASS_MIN = 256, BUFFER_POOL_CLASSES_MAX = 16 };

struct buffer_pool_options {
    size_t bytes_max;    // lent and kept together
    uint32_t leases_max; // lent at once, at least 1
    size_t class_max;    // a power of two from BUFFER_POOL_CLASS_MIN to it << 15
};

// Nothing is leased where `number` is 0.
struct lease {
    uint32_t place;
    uint32_t number; // odd; of the loan
    size_t size;     // as asked for
};

struct buffer_pool_stats {
    size_t lent_bytes;  // rounded up to classes
    size_t spare_bytes; // kept for the next loan
    size_t peak_bytes;  // the most there ever was of both
    uint32_t lent_count;
    uint64_t take_count;
    uint64_t alloc_count; // loans that took memory from the system
    uint64_t wait_count;  // loans that had to wait for others
};

struct buffer_pool {
    pthread_mutex_t mutex;
    pthread_cond_t has_room;
    struct buffer_pool_options options;
    struct buffer_pool_place *places; // leases_max of them
    uint32_t *free_places;            // a stack
    uint32_t free_count;
    struct buffer_pool_spare *spares[BUFFER_POOL_CLASSES_MAX]; // by class
    struct buffer_pool_stats stats;
    unsigned waits; // threads that wait for room
    bool is_canceled;
};

void buffer_pool_init(struct buffer_pool *p, const struct buffer_pool_options *options);
// Frees all. Nothing may be lent any more.
void buffer_pool_done(struct buffer_pool *p);

// Lends `size` bytes, unset, aligned for any type; waits until others gave back enough. ERR_LIMIT:
// more than `bytes_max` at all. ERR_CANCELED once the pool was canceled.
err buffer_pool_take(struct buffer_pool *p, size_t size, struct lease *out);
// The same without waiting: ERR_AGAIN where it would have to.
err buffer_pool_try_take(struct buffer_pool *p, size_t size, struct lease *out);

// The bytes of a lease that is held. Valid until it is given back.
[[gnu::returns_nonnull]] char *buffer_pool_bytes(const struct buffer_pool *p, struct lease l);

// Ends the loan and empties `*l`; does nothing to an empty one.
void buffer_pool_give(struct buffer_pool *p, struct lease *l);

// Ends every wait, and lends nothing from now on.
void buffer_pool_cancel(struct buffer_pool *p);

struct buffer_pool_stats buffer_pool_stats(struct buffer_pool *p);
