#include "retrieval/vector/epoch.h"

#include <assert.h>
#include <sched.h>
#include <stddef.h>

void epoch_init(struct epoch *e)
{
    for (unsigned i = 0; i < EPOCH_READERS_MAX; i++) {
        atomic_init(&e->places[i].entered, 0);
    }
    atomic_init(&e->now, 1);
    pthread_mutex_init(&e->mutex, NULL);
    e->retired = NULL;
}

void epoch_done(struct epoch *e)
{
    bool is_empty = epoch_reclaim(e);

    assert(is_empty);
    (void)is_empty;
    pthread_mutex_destroy(&e->mutex);
}

// Threads begin to look at different places, so that they seldom touch one line.
static unsigned first_place(void)
{
    static _Atomic unsigned threads;
    static _Thread_local unsigned mine;

    if (mine == 0) mine = 1 + atomic_fetch_add(&threads, 1);
    return mine * 7;
}

unsigned epoch_enter(struct epoch *e)
{
    unsigned at = first_place();

    for (unsigned tried = 0;; tried++, at++) {
        unsigned place = at % EPOCH_READERS_MAX;
        uint64_t free_place = 0;
        if (tried > 0 && tried % EPOCH_READERS_MAX == 0) sched_yield();
        if (atomic_compare_exchange_strong(&e->places[place].entered, &free_place, e->now)) {
            return place;
        }
    }
}

void epoch_leave(struct epoch *e, unsigned place)
{
    assert(place < EPOCH_READERS_MAX);
    atomic_store_explicit(&e->places[place].entered, 0, memory_order_release);
}

void epoch_retire(struct epoch *e, struct epoch_retired *r, void (*gone)(struct epoch_retired *r))
{
    r->gone = gone;
    r->epoch = atomic_fetch_add(&e->now, 1);
    pthread_mutex_lock(&e->mutex);
    r->next = e->retired;
    e->retired = r;
    pthread_mutex_unlock(&e->mutex);
}

// The epoch in which the reader entered that is inside for longest.
static uint64_t oldest_reader(struct epoch *e)
{
    uint64_t oldest = UINT64_MAX;

    for (unsigned i = 0; i < EPOCH_READERS_MAX; i++) {
        uint64_t entered = e->places[i].entered;
        if (entered && entered < oldest) oldest = entered;
    }
    return oldest;
}

bool epoch_reclaim(struct epoch *e)
{
    struct epoch_retired *ready = NULL;
    struct epoch_retired **at = &e->retired;
    bool is_empty = false;

    pthread_mutex_lock(&e->mutex);
    uint64_t oldest = oldest_reader(e); // after the list is ours: what it holds is hidden already
    while (*at) {
        struct epoch_retired *r = *at;
        if (r->epoch < oldest) {
            *at = r->next;
            r->next = ready;
            ready = r;
        } else {
            at = &r->next;
        }
    }
    is_empty = e->retired == NULL;
    pthread_mutex_unlock(&e->mutex);
    while (ready) {
        struct epoch_retired *r = ready;
        ready = r->next;
        r->gone(r);
    }
    return is_empty;
}
