// Design: a mutex guards the stacks of spare buffers and the sums, held for a few instructions. A
// loan lasts from the reading of a text to the writing of its vector, so there are two short
// critical sections a text beside an embedding of tens of microseconds and more; spares kept by
// each thread would be faster and have no common bound.
//
// Places live as long as the pool and never move, so that buffer_pool_bytes() needs no lock: a
// place's fields change only at the begin and end of a loan, and whoever hands a lease to another
// thread orders these before its use. The number is atomic for the sake of a stale lease, which may
// look while another thread has the place.
//
// One class after another may be wanted: spares of other classes are freed where they stand in the
// way of the bound, largest first.
#include "retrieval/ingest/buffer_pool.h"

#include "base/memory.h"

#include <assert.h>
#include <stdatomic.h>

struct buffer_pool_place {
    char *bytes;
    size_t room; // that were allocated
    atomic_uint_least32_t number;
};

struct buffer_pool_spare {
    struct buffer_pool_spare *next;
};

// No class: a buffer that is not kept.
enum { CLASS_NONE = BUFFER_POOL_CLASSES_MAX };

static size_t class_size(unsigned class)
{
    return (size_t)BUFFER_POOL_CLASS_MIN << class;
}

static unsigned class_of(const struct buffer_pool *p, size_t size)
{
    unsigned class = 0;

    if (size > p->options.class_max) return CLASS_NONE;
    while (class_size(class) < size) {
        class ++;
    }
    return class;
}

void buffer_pool_init(struct buffer_pool *p, const struct buffer_pool_options *options)
{
    uint32_t places = options->leases_max;

    assert(places > 0 && options->bytes_max > 0);
    assert(options->class_max >= BUFFER_POOL_CLASS_MIN);
    assert((options->class_max & (options->class_max - 1)) == 0);
    assert(options->class_max <= class_size(BUFFER_POOL_CLASSES_MAX - 1));
    *p = (struct buffer_pool){.options = *options, .free_count = places};
    p->places = memory_alloc(places * sizeof(*p->places));
    p->free_places = memory_alloc_raw(places * sizeof(*p->free_places));
    for (uint32_t i = 0; i < places; i++) {
        p->free_places[i] = places - 1 - i;
    }
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->has_room, NULL);
}

static char *pop_spare(struct buffer_pool *p, unsigned class)
{
    struct buffer_pool_spare *spare = p->spares[class];

    if (!spare) return NULL;
    memory_unpoison(spare, class_size(class));
    p->spares[class] = spare->next;
    p->stats.spare_bytes -= class_size(class);
    return (char *)spare;
}

static void push_spare(struct buffer_pool *p, unsigned class, char *bytes)
{
    struct buffer_pool_spare *spare = (struct buffer_pool_spare *)(void *)bytes;

    memory_unpoison(bytes, class_size(class));
    spare->next = p->spares[class];
    p->spares[class] = spare;
    p->stats.spare_bytes += class_size(class);
    memory_poison(bytes, class_size(class));
}

// Frees spares until `room` more bytes keep to the bound, or none is left.
static void free_spares(struct buffer_pool *p, size_t room)
{
    for (unsigned class = BUFFER_POOL_CLASSES_MAX; class -- > 0;) {
        while (p->spares[class] &&
               p->options.bytes_max - p->stats.lent_bytes - p->stats.spare_bytes < room) {
            memory_free(pop_spare(p, class));
        }
    }
}

void buffer_pool_done(struct buffer_pool *p)
{
    assert(p->stats.lent_count == 0);
    for (unsigned class = 0; class < BUFFER_POOL_CLASSES_MAX; class ++) {
        while (p->spares[class]) {
            memory_free(pop_spare(p, class));
        }
    }
    pthread_cond_destroy(&p->has_room);
    pthread_mutex_destroy(&p->mutex);
    memory_free(p->places);
    memory_free(p->free_places);
    *p = (struct buffer_pool){0};
}

static bool has_room(const struct buffer_pool *p, size_t room)
{
    return p->free_count > 0 && p->options.bytes_max - p->stats.lent_bytes >= room;
}

static err await_room(struct buffer_pool *p, size_t room)
{
    bool has_waited = false;

    while (!p->is_canceled && !has_room(p, room)) {
        has_waited = true;
        p->waits++;
        pthread_cond_wait(&p->has_room, &p->mutex);
        p->waits--;
    }
    p->stats.wait_count += has_waited;
    return p->is_canceled ? ERR_CANCELED : OK;
}

// Under the mutex; there is room.
static struct lease lend(struct buffer_pool *p, size_t size, unsigned class, size_t room)
{
    uint32_t number = p->free_places[--p->free_count];
    struct buffer_pool_place *place = &p->places[number];
    char *bytes = class == CLASS_NONE ? NULL : pop_spare(p, class);

    if (!bytes) {
        free_spares(p, room);
        bytes = memory_alloc_raw(room);
        p->stats.alloc_count++;
    }
    memory_poison(bytes + size, room - size);
    place->bytes = bytes;
    place->room = room;
    p->stats.lent_bytes += room;
    p->stats.lent_count++;
    p->stats.take_count++;
    if (p->stats.lent_bytes + p->stats.spare_bytes > p->stats.peak_bytes) {
        p->stats.peak_bytes = p->stats.lent_bytes + p->stats.spare_bytes;
    }
    return (struct lease){
        .place = number,
        .number = atomic_fetch_add_explicit(&place->number, 1, memory_order_relaxed) + 1,
        .size = size,
    };
}

static err take(struct buffer_pool *p, size_t size, bool waits, struct lease *out)
{
    unsigned class = class_of(p, size);
    size_t room = class == CLASS_NONE ? size : class_size(class);
    err e = OK;

    if (room > p->options.bytes_max) return ERR_LIMIT;
    pthread_mutex_lock(&p->mutex);
    if (!waits && !p->is_canceled && !has_room(p, room)) {
        e = ERR_AGAIN;
    } else {
        e = await_room(p, room);
    }
    if (!e) *out = lend(p, size, class, room);
    pthread_mutex_unlock(&p->mutex);
    return e;
}

err buffer_pool_take(struct buffer_pool *p, size_t size, struct lease *out)
{
    return take(p, size, true, out);
}

err buffer_pool_try_take(struct buffer_pool *p, size_t size, struct lease *out)
{
    return take(p, size, false, out);
}

static struct buffer_pool_place *place_of(const struct buffer_pool *p, struct lease l)
{
    struct buffer_pool_place *place = &p->places[l.place];

    assert(l.place < p->options.leases_max && l.number % 2 == 1);
    assert(atomic_load_explicit(&place->number, memory_order_relaxed) == l.number);
    return place;
}

char *buffer_pool_bytes(const struct buffer_pool *p, struct lease l)
{
    return place_of(p, l)->bytes;
}

void buffer_pool_give(struct buffer_pool *p, struct lease *l)
{
    if (l->number == 0) return;
    pthread_mutex_lock(&p->mutex);
    struct buffer_pool_place *place = place_of(p, *l);
    unsigned class = class_of(p, place->room);
    char *bytes = place->bytes;

    atomic_fetch_add_explicit(&place->number, 1, memory_order_relaxed);
    place->bytes = NULL;
    p->free_places[p->free_count++] = l->place;
    p->stats.lent_bytes -= place->room;
    p->stats.lent_count--;
    if (class != CLASS_NONE) {
        push_spare(p, class, bytes);
        bytes = NULL;
    }
    // All, because a small loan may fit where the one that sleeps longest does not.
    if (p->waits > 0) pthread_cond_broadcast(&p->has_room);
    pthread_mutex_unlock(&p->mutex);
    memory_free(bytes);
    *l = (struct lease){0};
}

void buffer_pool_cancel(struct buffer_pool *p)
{
    pthread_mutex_lock(&p->mutex);
    p->is_canceled = true;
    pthread_cond_broadcast(&p->has_room);
    pthread_mutex_unlock(&p->mutex);
}

struct buffer_pool_stats buffer_pool_stats(struct buffer_pool *p)
{
    pthread_mutex_lock(&p->mutex);
    struct buffer_pool_stats stats = p->stats;
    pthread_mutex_unlock(&p->mutex);
    return stats;
}
