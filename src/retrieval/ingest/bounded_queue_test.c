// Crosses threads.
#include "retrieval/ingest/bounded_queue.h"

#include "base/random.h"

#include "support/test.h"

#include <stdatomic.h>
#include <unistd.h>

enum { CREW_MAX = 8, CREW_ITEMS = 4000 };

// Threads that push or pop numbers until the end.
struct crew {
    struct bounded_queue queue;
    pthread_t pushers[CREW_MAX];
    pthread_t poppers[CREW_MAX];
    unsigned push_count;
    unsigned pop_count;
    atomic_uint next_seed;
    atomic_ullong pushed_sum;
    atomic_ullong popped_sum;
    atomic_uint popped;
    atomic_uint ends[ERR_SYSTEM + 1]; // by the err that ended a thread
};

static err push_one(struct bounded_queue *q, uint64_t item)
{
    size_t pushed = 0;

    return bounded_queue_push(q, &item, 1, &pushed);
}

static uint64_t pop_one(struct bounded_queue *q)
{
    uint64_t item = 0;
    size_t count = 0;

    CHECK_EQ(bounded_queue_pop(q, &item, 1, TIME_NEVER, &count), OK);
    CHECK_EQ(count, 1);
    return item;
}

static void *push_numbers(void *arg)
{
    struct crew *c = arg;
    struct random r;
    uint64_t items[7];
    unsigned left = CREW_ITEMS;
    err e = OK;

    random_init(&r, atomic_fetch_add(&c->next_seed, 1));
    while (left > 0 && !e) {
        size_t count = 1 + (size_t)random_below(&r, left < 7 ? left : 7);
        size_t pushed = 0;
        if (count > left) count = left;
        for (size_t i = 0; i < count; i++) {
            items[i] = random_u64(&r) >> 32;
        }
        e = bounded_queue_push(&c->queue, items, count, &pushed);
        for (size_t i = 0; i < pushed; i++) {
            atomic_fetch_add(&c->pushed_sum, items[i]);
        }
        left -= (unsigned)count;
    }
    atomic_fetch_add(&c->ends[e], 1);
    return NULL;
}

static void *pop_numbers(void *arg)
{
    struct crew *c = arg;
    struct random r;
    uint64_t items[5];
    size_t count = 0;
    err e = OK;

    random_init(&r, atomic_fetch_add(&c->next_seed, 1));
    do {
        usec wait = random_below(&r, 8) == 0 ? 50 : TIME_NEVER;
        e = bounded_queue_pop(&c->queue, items, 1 + (size_t)random_below(&r, 5), wait, &count);
        for (size_t i = 0; i < count; i++) {
            atomic_fetch_add(&c->popped_sum, items[i]);
        }
        atomic_fetch_add(&c->popped, (unsigned)count);
    } while (!e || e == ERR_TIMEOUT);
    atomic_fetch_add(&c->ends[e], 1);
    return NULL;
}

static void start(struct crew *c, unsigned pushers, unsigned poppers, size_t max)
{
    *c = (struct crew){.push_count = pushers, .pop_count = poppers};
    bounded_queue_init(&c->queue, sizeof(uint64_t), max);
    for (unsigned i = 0; i < pushers; i++) {
        CHECK_EQ(pthread_create(&c->pushers[i], NULL, push_numbers, c), 0);
    }
    for (unsigned i = 0; i < poppers; i++) {
        CHECK_EQ(pthread_create(&c->poppers[i], NULL, pop_numbers, c), 0);
    }
}

static void join(const pthread_t *threads, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
    }
}

TEST(bounded_queue_keeps_the_order_around_the_end_of_the_ring)
{
    struct bounded_queue q;
    uint64_t out[4] = {0};
    size_t count = 0;

    bounded_queue_init(&q, sizeof(uint64_t), 3);
    for (uint64_t i = 0; i < 7; i++) {
        CHECK_EQ(push_one(&q, 4 * i), OK);
        CHECK_EQ(push_one(&q, 4 * i + 1), OK);
        CHECK_EQ(pop_one(&q), 4 * i);
        CHECK_EQ(push_one(&q, 4 * i + 2), OK);
        CHECK_EQ(push_one(&q, 4 * i + 3), OK);
        CHECK_EQ(bounded_queue_len(&q), 3);
        CHECK_EQ(bounded_queue_pop(&q, out, 4, TIME_NEVER, &count), OK);
        CHECK_EQ(count, 3);
        CHECK_EQ(out[0], 4 * i + 1);
        CHECK_EQ(out[1], 4 * i + 2);
        CHECK_EQ(out[2], 4 * i + 3);
    }
    bounded_queue_done(&q);
}

TEST(bounded_queue_that_is_closed_still_gives_out_what_is_inside)
{
    struct bounded_queue q;
    uint64_t item = 0;
    size_t count = 0;

    bounded_queue_init(&q, sizeof(uint64_t), 2);
    CHECK_EQ(push_one(&q, 7), OK);
    bounded_queue_close(&q);
    CHECK_EQ(push_one(&q, 8), ERR_CLOSED);
    CHECK_EQ(pop_one(&q), 7);
    CHECK_EQ(bounded_queue_pop(&q, &item, 1, TIME_NEVER, &count), ERR_EOF);
    bounded_queue_done(&q);
}

TEST(bounded_queue_that_is_canceled_gives_out_only_what_is_taken_as_left)
{
    struct bounded_queue q;
    uint64_t item = 0;
    size_t count = 0;

    bounded_queue_init(&q, sizeof(uint64_t), 2);
    CHECK_EQ(push_one(&q, 7), OK);
    bounded_queue_cancel(&q);
    CHECK_EQ(push_one(&q, 8), ERR_CANCELED);
    CHECK_EQ(bounded_queue_pop(&q, &item, 1, TIME_NEVER, &count), ERR_CANCELED);
    CHECK(bounded_queue_take_left(&q, &item));
    CHECK_EQ(item, 7);
    CHECK(!bounded_queue_take_left(&q, &item));
    bounded_queue_done(&q);
}

TEST(bounded_queue_waits_no_longer_than_it_is_told)
{
    struct bounded_queue q;
    uint64_t item = 0;
    size_t count = 0;

    bounded_queue_init(&q, sizeof(uint64_t), 2);
    CHECK_EQ(bounded_queue_pop(&q, &item, 1, 0, &count), ERR_TIMEOUT);
    CHECK_EQ(bounded_queue_pop(&q, &item, 1, 2000, &count), ERR_TIMEOUT);
    CHECK_EQ(count, 0);
    bounded_queue_done(&q);
}

TEST(bounded_queue_passes_each_item_once_among_many_threads)
{
    static struct crew c;
    static const struct {
        unsigned pushers;
        unsigned poppers;
        size_t max;
    } rows[] = {{1, 8, 1}, {8, 1, 1}, {8, 8, 2}, {3, 5, 64}, {1, 1, 5}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        start(&c, rows[i].pushers, rows[i].poppers, rows[i].max);
        join(c.pushers, c.push_count);
        bounded_queue_close(&c.queue);
        join(c.poppers, c.pop_count);
        CHECK_EQ(atomic_load(&c.popped), CREW_ITEMS * c.push_count);
        CHECK_EQ(atomic_load(&c.popped_sum), atomic_load(&c.pushed_sum));
        CHECK_EQ(atomic_load(&c.ends[ERR_EOF]), c.pop_count);
        bounded_queue_done(&c.queue);
    }
}

TEST(bounded_queue_canceled_at_any_time_lets_everybody_go_and_loses_nothing)
{
    static struct crew c;
    struct random r;

    random_init(&r, test_seed());
    for (int i = 0; i < 50; i++) {
        uint64_t item = 0;
        start(&c, 1 + (unsigned)random_below(&r, 6), 1 + (unsigned)random_below(&r, 6),
              1 + (size_t)random_below(&r, 20));
        usleep((useconds_t)random_below(&r, 2000));
        bounded_queue_cancel(&c.queue);
        join(c.pushers, c.push_count);
        join(c.poppers, c.pop_count);
        while (bounded_queue_take_left(&c.queue, &item)) {
            atomic_fetch_add(&c.popped_sum, item);
        }
        CHECK_EQ(atomic_load(&c.popped_sum), atomic_load(&c.pushed_sum));
        CHECK_EQ(atomic_load(&c.ends[ERR_CANCELED]) + atomic_load(&c.ends[OK]),
                 c.push_count + c.pop_count);
        bounded_queue_done(&c.queue);
    }
}

TEST(bounded_queue_closed_while_threads_wait_lets_them_go)
{
    static struct crew c;

    start(&c, 0, 4, 3); // all wait for items
    usleep(2000);
    bounded_queue_close(&c.queue);
    join(c.poppers, c.pop_count);
    CHECK_EQ(atomic_load(&c.ends[ERR_EOF]), 4);
    bounded_queue_done(&c.queue);

    start(&c, 4, 0, 3); // all wait for room
    usleep(2000);
    bounded_queue_close(&c.queue);
    join(c.pushers, c.push_count);
    CHECK_EQ(atomic_load(&c.ends[ERR_CLOSED]), 4);
    bounded_queue_done(&c.queue);
}
