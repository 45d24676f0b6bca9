// Design: a mutex and two conditions. What passes are chunks of text that cost tens of microseconds
// to milliseconds each, and they pass by the dozen, so that a queue without locks would save
// nothing that can be measured, while a thread that finds nothing must sleep anyway.
//
// No wakeup is lost, and none is wasted on a crowd: who changes the queue wakes one waiter at most,
// and who leaves it passes the turn on where something is left for another (wake_next). So whenever
// there are items (or room) and waiters for them, a signalled thread or one inside is on its way to
// see to it. The counts of waiters only spare signals that nobody would hear; they change under the
// mutex, which a waiter gives up and falls asleep in one step. close() and cancel() wake all.
#include "retrieval/ingest/bounded_queue.h"

#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <time.h>

void bounded_queue_init(struct bounded_queue *q, size_t item_size, size_t max)
{
    pthread_condattr_t monotonic;
    size_t bytes = 0;

    assert(item_size > 0 && max > 0 && !__builtin_mul_overflow(item_size, max, &bytes));
    *q = (struct bounded_queue){.item_size = item_size, .max = max};
    q->slots = memory_alloc_raw(bytes);
    pthread_mutex_init(&q->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&q->has_items, &monotonic);
    pthread_cond_init(&q->has_room, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

void bounded_queue_done(struct bounded_queue *q)
{
    assert(q->pop_waits == 0 && q->push_waits == 0);
    pthread_cond_destroy(&q->has_items);
    pthread_cond_destroy(&q->has_room);
    pthread_mutex_destroy(&q->mutex);
    memory_free(q->slots);
    *q = (struct bounded_queue){0};
}

// Under the mutex, by who has done all it came for.
static void wake_next(struct bounded_queue *q)
{
    if (q->len > 0 && q->pop_waits > 0) pthread_cond_signal(&q->has_items);
    if (q->len < q->max && q->push_waits > 0) pthread_cond_signal(&q->has_room);
}

// Both copy the part up to the ring's end and the part from its start.
static void copy_in(struct bounded_queue *q, const char *items, size_t count)
{
    size_t tail = (q->head + q->len) % q->max;
    size_t first = count < q->max - tail ? count : q->max - tail;

    memcpy(q->slots + tail * q->item_size, items, first * q->item_size);
    memcpy(q->slots, items + first * q->item_size, (count - first) * q->item_size);
    q->len += count;
}

static void copy_out(struct bounded_queue *q, char *out, size_t count)
{
    size_t first = count < q->max - q->head ? count : q->max - q->head;

    memcpy(out, q->slots + q->head * q->item_size, first * q->item_size);
    memcpy(out + first * q->item_size, q->slots, (count - first) * q->item_size);
    q->head = (q->head + count) % q->max;
    q->len -= count;
}

// Waits until there is room or none will be wanted any more.
static err await_room(struct bounded_queue *q)
{
    while (q->len == q->max && !q->is_closed && !q->is_canceled) {
        q->push_waits++;
        pthread_cond_wait(&q->has_room, &q->mutex);
        q->push_waits--;
    }
    if (q->is_canceled) return ERR_CANCELED;
    return q->is_closed ? ERR_CLOSED : OK;
}

err bounded_queue_push(struct bounded_queue *q, const void *items, size_t count, size_t *pushed)
{
    const char *from = items;
    err e = OK;

    *pushed = 0;
    pthread_mutex_lock(&q->mutex);
    while (*pushed < count) {
        e = await_room(q);
        if (e) break;
        size_t part = count - *pushed < q->max - q->len ? count - *pushed : q->max - q->len;
        copy_in(q, from + *pushed * q->item_size, part);
        *pushed += part;
        if (q->pop_waits > 0) pthread_cond_signal(&q->has_items);
    }
    wake_next(q);
    pthread_mutex_unlock(&q->mutex);
    return e;
}

static struct timespec instant_in(usec wait_us)
{
    struct timespec t;
    usec ns = 0;

    clock_gettime(CLOCK_MONOTONIC, &t);
    ns = t.tv_nsec + wait_us % 1'000'000 * 1000;
    t.tv_sec += (time_t)(wait_us / 1'000'000 + ns / 1'000'000'000);
    t.tv_nsec = (long)(ns % 1'000'000'000);
    return t;
}

static err await_items(struct bounded_queue *q, usec wait_us)
{
    struct timespec until = {0};
    int number = 0;

    if (q->len == 0 && wait_us != TIME_NEVER) until = instant_in(wait_us);
    while (q->len == 0 && !q->is_closed && !q->is_canceled && number != ETIMEDOUT) {
        q->pop_waits++;
        number = wait_us == TIME_NEVER ? pthread_cond_wait(&q->has_items, &q->mutex)
                                       : pthread_cond_timedwait(&q->has_items, &q->mutex, &until);
        q->pop_waits--;
    }
    if (q->is_canceled) return ERR_CANCELED;
    if (q->len > 0) return OK;
    return q->is_closed ? ERR_EOF : ERR_TIMEOUT;
}

err bounded_queue_pop(struct bounded_queue *q, void *out, size_t max, usec wait_us, size_t *count)
{
    err e = OK;

    assert(max > 0 && wait_us >= 0);
    *count = 0;
    pthread_mutex_lock(&q->mutex);
    e = await_items(q, wait_us);
    if (!e) {
        *count = max < q->len ? max : q->len;
        copy_out(q, out, *count);
    }
    wake_next(q);
    pthread_mutex_unlock(&q->mutex);
    return e;
}

bool bounded_queue_take_left(struct bounded_queue *q, void *out)
{
    bool is_there = false;

    pthread_mutex_lock(&q->mutex);
    is_there = q->len > 0;
    if (is_there) copy_out(q, out, 1);
    wake_next(q);
    pthread_mutex_unlock(&q->mutex);
    return is_there;
}

size_t bounded_queue_len(struct bounded_queue *q)
{
    size_t len = 0;

    pthread_mutex_lock(&q->mutex);
    len = q->len;
    pthread_mutex_unlock(&q->mutex);
    return len;
}

void bounded_queue_close(struct bounded_queue *q)
{
    pthread_mutex_lock(&q->mutex);
    q->is_closed = true;
    pthread_cond_broadcast(&q->has_items);
    pthread_cond_broadcast(&q->has_room);
    pthread_mutex_unlock(&q->mutex);
}

void bounded_queue_cancel(struct bounded_queue *q)
{
    pthread_mutex_lock(&q->mutex);
    q->is_canceled = true;
    pthread_cond_broadcast(&q->has_items);
    pthread_cond_broadcast(&q->has_room);
    pthread_mutex_unlock(&q->mutex);
}
