// Crosses threads.
#include "retrieval/ingest/buffer_pool.h"

#include "base/random.h"

#include "support/test.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BORROWERS = 6, LOANS = 1500 };

static const struct buffer_pool_options small = {
    .bytes_max = 4096, .leases_max = 8, .class_max = 1024};

static struct lease take(struct buffer_pool *p, size_t size)
{
    struct lease l = {0};

    CHECK_EQ(buffer_pool_take(p, size, &l), OK);
    CHECK(l.number % 2 == 1);
    return l;
}

TEST(buffer_pool_lends_the_last_buffer_of_a_class_again)
{
    struct buffer_pool p;

    buffer_pool_init(&p, &small);
    struct lease a = take(&p, 300);
    char *bytes = buffer_pool_bytes(&p, a);
    memset(bytes, 1, 300);
    buffer_pool_give(&p, &a);
    CHECK_EQ(a.number, 0);
    struct lease b = take(&p, 512);
    CHECK(buffer_pool_bytes(&p, b) == bytes);
    buffer_pool_give(&p, &b);
    CHECK_EQ(buffer_pool_stats(&p).alloc_count, 1);
    CHECK_EQ(buffer_pool_stats(&p).take_count, 2);
    CHECK_EQ(buffer_pool_stats(&p).spare_bytes, 512);
    buffer_pool_done(&p);
}

TEST(buffer_pool_keeps_nothing_of_what_is_above_the_largest_class)
{
    struct buffer_pool p;

    buffer_pool_init(&p, &small);
    struct lease giant = take(&p, 3000);
    memset(buffer_pool_bytes(&p, giant), 1, 3000);
    CHECK_EQ(buffer_pool_stats(&p).lent_bytes, 3000);
    buffer_pool_give(&p, &giant);
    CHECK_EQ(buffer_pool_stats(&p).lent_bytes, 0);
    CHECK_EQ(buffer_pool_stats(&p).spare_bytes, 0);
    CHECK_EQ(buffer_pool_stats(&p).peak_bytes, 3000);
    buffer_pool_done(&p);
}

TEST(buffer_pool_frees_spares_of_other_classes_rather_than_pass_its_bound)
{
    struct buffer_pool p;
    struct lease leases[4];

    buffer_pool_init(&p, &small);
    for (int i = 0; i < 4; i++) {
        leases[i] = take(&p, 1024);
    }
    for (int i = 0; i < 4; i++) {
        buffer_pool_give(&p, &leases[i]);
    }
    CHECK_EQ(buffer_pool_stats(&p).spare_bytes, 4096);
    struct lease giant = take(&p, 4000);
    CHECK_EQ(buffer_pool_stats(&p).spare_bytes, 0);
    CHECK_EQ(buffer_pool_stats(&p).peak_bytes, 4096);
    buffer_pool_give(&p, &giant);
    buffer_pool_done(&p);
}

TEST(buffer_pool_refuses_what_can_never_fit_and_lends_nothing_once_canceled)
{
    struct buffer_pool p;
    struct lease l = {0};

    buffer_pool_init(&p, &small);
    CHECK_EQ(buffer_pool_take(&p, 4097, &l), ERR_LIMIT);
    struct lease most = take(&p, 3000);
    CHECK_EQ(buffer_pool_try_take(&p, 2000, &l), ERR_AGAIN);
    CHECK_EQ(buffer_pool_try_take(&p, 700, &l), OK);
    buffer_pool_give(&p, &most);
    buffer_pool_give(&p, &l);
    buffer_pool_cancel(&p);
    CHECK_EQ(buffer_pool_take(&p, 1, &l), ERR_CANCELED);
    CHECK_EQ(buffer_pool_try_take(&p, 1, &l), ERR_CANCELED);
    CHECK_EQ(l.number, 0);
    buffer_pool_give(&p, &l); // of nothing is nothing
    buffer_pool_done(&p);
}

// What a child does with a lease that it no longer holds; it must not live to tell.
static void look_at_it(struct buffer_pool *p, struct lease stale)
{
    buffer_pool_bytes(p, stale)[0] = 1;
}

static void give_it_again(struct buffer_pool *p, struct lease stale)
{
    buffer_pool_give(p, &stale);
}

static bool dies(void (*misuse)(struct buffer_pool *, struct lease), struct buffer_pool *p,
                 struct lease stale)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        struct rlimit none = {0};
        setrlimit(RLIMIT_CORE, &none);
        close(STDERR_FILENO);
        misuse(p, stale);
        _exit(0);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

TEST(buffer_pool_finds_out_a_lease_that_was_kept)
{
    struct buffer_pool p;

    buffer_pool_init(&p, &small);
    struct lease held = take(&p, 100);
    struct lease stale = held;
    CHECK(!dies(look_at_it, &p, stale));
    CHECK(!dies(give_it_again, &p, stale));
    buffer_pool_give(&p, &held);
    CHECK(dies(look_at_it, &p, stale));
    CHECK(dies(give_it_again, &p, stale));
    struct lease next = take(&p, 100); // has the same place and bytes
    CHECK_EQ(next.place, stale.place);
    CHECK(dies(look_at_it, &p, stale));
    CHECK(dies(give_it_again, &p, stale));
    buffer_pool_give(&p, &next);
    buffer_pool_done(&p);
}

struct borrowers {
    struct buffer_pool pool;
    pthread_t threads[BORROWERS];
    atomic_uint next_seed;
    atomic_uint canceled;
    atomic_uint torn; // buffers in which another holder has written
};

static void *borrow(void *arg)
{
    struct borrowers *b = arg;
    struct random r;
    unsigned seed = atomic_fetch_add(&b->next_seed, 1);
    err e = OK;

    random_init(&r, seed);
    for (int i = 0; i < LOANS && !e; i++) {
        struct lease l = {0};
        size_t size = 1 + (size_t)random_below(&r, random_below(&r, 10) == 0 ? 4000 : 600);
        e = buffer_pool_take(&b->pool, size, &l);
        if (e) break;
        char *bytes = buffer_pool_bytes(&b->pool, l);
        memset(bytes, (int)seed, size);
        if (i % 16 == 0) sched_yield();
        for (size_t k = 0; k < size; k++) {
            if (bytes[k] != (char)seed) atomic_fetch_add(&b->torn, 1);
        }
        buffer_pool_give(&b->pool, &l);
    }
    if (e == ERR_CANCELED) atomic_fetch_add(&b->canceled, 1);
    return NULL;
}

static void start(struct borrowers *b, uint32_t leases_max)
{
    struct buffer_pool_options options = small;

    options.leases_max = leases_max;
    *b = (struct borrowers){0};
    buffer_pool_init(&b->pool, &options);
    for (int i = 0; i < BORROWERS; i++) {
        CHECK_EQ(pthread_create(&b->threads[i], NULL, borrow, b), 0);
    }
}

static void end(struct borrowers *b)
{
    for (int i = 0; i < BORROWERS; i++) {
        pthread_join(b->threads[i], NULL);
    }
    CHECK_EQ(atomic_load(&b->torn), 0);
    CHECK_EQ(buffer_pool_stats(&b->pool).lent_count, 0);
    CHECK_EQ(buffer_pool_stats(&b->pool).lent_bytes, 0);
    CHECK(buffer_pool_stats(&b->pool).peak_bytes <= small.bytes_max);
}

TEST(buffer_pool_serves_many_threads_within_its_bound)
{
    static struct borrowers b;

    for (uint32_t leases = 1; leases <= 8; leases *= 2) {
        start(&b, leases);
        end(&b);
        CHECK_EQ(buffer_pool_stats(&b.pool).take_count, BORROWERS * LOANS);
        buffer_pool_done(&b.pool);
    }
}

TEST(buffer_pool_canceled_while_threads_wait_lets_them_go)
{
    static struct borrowers b;
    struct buffer_pool_options options = small;
    struct lease all = {0};

    options.leases_max = 1;
    b = (struct borrowers){0};
    buffer_pool_init(&b.pool, &options);
    all = take(&b.pool, 1);
    for (int i = 0; i < BORROWERS; i++) {
        CHECK_EQ(pthread_create(&b.threads[i], NULL, borrow, &b), 0);
    }
    usleep(2000);
    buffer_pool_cancel(&b.pool);
    buffer_pool_give(&b.pool, &all);
    end(&b);
    CHECK_EQ(atomic_load(&b.canceled), BORROWERS);
    buffer_pool_done(&b.pool);
}
