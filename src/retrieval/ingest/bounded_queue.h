// bounded_queue: items handed from threads to threads, at most so many at a time.
//
// Items are of one size and copied in and out, in order. A full queue holds up who pushes, an empty
// one who pops: that is the back-pressure of a pipeline. close() is its orderly end, what is inside
// still comes out; cancel() ends every wait at once and leaves what is inside to take_left(). Any
// thread may call anything but init and done, which come before and after all others.
#pragma once

#include "base/err.h"
#include "base/time.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct bounded_queue {
    pthread_mutex_t mutex;
    pthread_cond_t has_items;
    pthread_cond_t has_room;
    char *slots; // a ring
    size_t item_size;
    size_t max;
    size_t head; // of the oldest
    size_t len;
    unsigned pop_waits;  // threads that wait for items
    unsigned push_waits; // threads that wait for room
    bool is_closed;
    bool is_canceled;
};

// Makes room for `max` items of `item_size` bytes; neither is 0.
void bounded_queue_init(struct bounded_queue *q, size_t item_size, size_t max);
// Nobody waits, and what is inside is lost.
void bounded_queue_done(struct bounded_queue *q);

// Puts all `count` items in, waiting for room as often as it takes. ERR_CLOSED or ERR_CANCELED:
// `*pushed` tells how many went in before, the others are still the caller's.
err bounded_queue_push(struct bounded_queue *q, const void *items, size_t count, size_t *pushed);

// Takes what there is, at most `max`, waiting until there is anything or `wait_us` have passed by
// the kernel's clock; TIME_NEVER waits on. ERR_EOF: closed and empty. ERR_TIMEOUT. ERR_CANCELED,
// whatever is inside.
err bounded_queue_pop(struct bounded_queue *q, void *out, size_t max, usec wait_us, size_t *count);

// The next item, also of a queue that was canceled; false if there is none. Waits for nothing.
bool bounded_queue_take_left(struct bounded_queue *q, void *out);

size_t bounded_queue_len(struct bounded_queue *q);
void bounded_queue_close(struct bounded_queue *q);
void bounded_queue_cancel(struct bounded_queue *q);
