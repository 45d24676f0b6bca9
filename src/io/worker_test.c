// Crosses threads.
#include "io/worker.h"

#include "support/test.h"

#include <sched.h>
#include <stdatomic.h>

enum { WORKERS = 3 };

struct clerk {
    struct worker worker;
    struct timer timer;
    struct message message;
    pthread_t started_on;
    err answer;
    int cpu;
    int stopped_count;
    atomic_int ticks;
    int letters;
};

static void tick(struct timer *t)
{
    struct clerk *c = container_of(t, struct clerk, timer);

    c->cpu = sched_getcpu();
    if (atomic_fetch_add(&c->ticks, 1) < 4) loop_alarm(&c->worker.loop, t, 1, tick);
}

static err begin(struct worker *w)
{
    struct clerk *c = container_of(w, struct clerk, worker);

    c->started_on = pthread_self();
    if (!c->answer) loop_alarm(&w->loop, &c->timer, 1, tick);
    return c->answer;
}

static void end(struct worker *w)
{
    container_of(w, struct clerk, worker)->stopped_count++;
}

static void take_letter(struct message *m, struct loop *l)
{
    (void)l;
    container_of(m, struct clerk, message)->letters++;
}

static const struct worker_options plain = {
    .cpu = WORKER_NOT_PINNED, .name = "clerk", .start = begin, .stop = end};

TEST(worker_several_run_their_loops_on_their_own_threads)
{
    static struct clerk clerks[WORKERS];

    for (int i = 0; i < WORKERS; i++) {
        CHECK_EQ(worker_start(&clerks[i].worker, &plain), OK);
        CHECK(!pthread_equal(clerks[i].started_on, pthread_self()));
    }
    for (int i = 0; i < WORKERS; i++) {
        while (atomic_load(&clerks[i].ticks) < 5) {
            sched_yield();
        }
        worker_stop(&clerks[i].worker);
    }
    for (int i = 0; i < WORKERS; i++) {
        worker_join(&clerks[i].worker);
        worker_join(&clerks[i].worker);
        CHECK_EQ(clerks[i].stopped_count, 1);
    }
    for (int i = 0; i < WORKERS; i++) {
        worker_done(&clerks[i].worker);
        worker_done(&clerks[i].worker);
    }
}

TEST(worker_that_fails_to_start_says_so_and_leaves_nothing)
{
    static struct clerk c = {.answer = ERR_IN_USE};

    CHECK_EQ(worker_start(&c.worker, &plain), ERR_IN_USE);
    worker_stop(&c.worker);
    worker_join(&c.worker);
    worker_done(&c.worker);
    CHECK_EQ(c.stopped_count, 0);
}

TEST(worker_pinned_runs_where_it_was_told)
{
    static struct clerk c;
    cpu_set_t set;
    int cpu = 0;

    CHECK_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
    while (!CPU_ISSET((unsigned)cpu, &set)) {
        cpu++;
    }
    struct worker_options pinned = plain;
    pinned.cpu = cpu;
    CHECK_EQ(worker_start(&c.worker, &pinned), OK);
    while (atomic_load(&c.ticks) < 5) {
        sched_yield();
    }
    worker_stop(&c.worker);
    worker_join(&c.worker);
    worker_done(&c.worker);
    CHECK_EQ(c.cpu, cpu);
    pinned.cpu = 100'000;
    CHECK_EQ(worker_start(&c.worker, &pinned), ERR_RANGE);
}

TEST(worker_loop_takes_messages_sent_before_and_after_its_thread_has_gone)
{
    static struct clerk c;

    CHECK_EQ(worker_start(&c.worker, &plain), OK);
    loop_post(&c.worker.loop, &c.message, take_letter);
    worker_stop(&c.worker);
    worker_join(&c.worker);
    CHECK(c.letters <= 1);
    if (c.letters == 1) loop_post(&c.worker.loop, &c.message, take_letter);
    int expected = c.letters + 1;
    worker_done(&c.worker);
    CHECK_EQ(c.letters, expected);
    CHECK(worker_cpu_count() >= 1);
}
