// Crosses threads.
#include "io/offload.h"

#include "support/test.h"

#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

struct errand {
    struct offload_job job;
    pthread_t ran_on;
    err answer;
    err result;
    int done_count;
};

static atomic_bool gate_is_open;
static atomic_int started_count;
static atomic_int dropped_count;

static err run_at_once(struct offload_job *job)
{
    struct errand *e = container_of(job, struct errand, job);

    e->ran_on = pthread_self();
    return e->answer;
}

static err run_when_open(struct offload_job *job)
{
    atomic_fetch_add(&started_count, 1);
    while (!atomic_load(&gate_is_open)) {
        usleep(200);
    }
    return run_at_once(job);
}

static void note_done(struct op *op, err result)
{
    struct errand *e = container_of(op, struct errand, job.op);

    e->result = result;
    e->done_count++;
}

static void note_drop(struct offload_job *job)
{
    (void)job;
    atomic_fetch_add(&dropped_count, 1);
}

static void close_gate(void)
{
    atomic_store(&gate_is_open, false);
    atomic_store(&started_count, 0);
    atomic_store(&dropped_count, 0);
}

static void wait_until_started(int count)
{
    while (atomic_load(&started_count) < count) {
        usleep(200);
    }
}

static void turn_until_done(struct loop *l, struct errand *e)
{
    for (int i = 0; i < 500 && e->done_count == 0; i++) {
        (void)loop_turn(l, 10);
    }
}

TEST(offload_runs_a_job_elsewhere_and_brings_its_result_back)
{
    static struct offload o;
    struct loop l;
    struct errand e = {.answer = ERR_ABSENT};

    CHECK_EQ(loop_init(&l), OK);
    CHECK_EQ(offload_open(&o, 2, 10), OK);
    offload_start(&e.job, &o, &l, run_at_once, note_done);
    CHECK_EQ(e.done_count, 0);
    turn_until_done(&l, &e);
    CHECK_EQ(e.done_count, 1);
    CHECK_EQ(e.result, ERR_ABSENT);
    CHECK(!pthread_equal(e.ran_on, pthread_self()));
    CHECK(op_is_idle(&e.job.op));
    offload_close(&o);
    loop_done(&l);
}

static err tell_signals(struct offload_job *job)
{
    sigset_t blocked;

    (void)job;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    if (sigismember(&blocked, SIGBUS)) return ERR_SYSTEM;
    return sigismember(&blocked, SIGTERM) ? OK : ERR_RANGE;
}

// A job may read a mapped file, whose pages may be gone.
TEST(offload_threads_hear_of_faults_and_of_no_other_signal)
{
    static struct offload o;
    struct loop l;
    struct errand e = {.result = ERR_AGAIN};

    CHECK_EQ(loop_init(&l), OK);
    CHECK_EQ(offload_open(&o, 1, 10), OK);
    offload_start(&e.job, &o, &l, tell_signals, note_done);
    turn_until_done(&l, &e);
    CHECK_EQ(e.result, OK);
    offload_close(&o);
    loop_done(&l);
}

enum { ERRANDS = 300 };

TEST(offload_many_jobs_all_come_back_once)
{
    static struct errand errands[ERRANDS];
    static struct offload o;
    struct loop l;

    CHECK_EQ(loop_init(&l), OK);
    CHECK_EQ(offload_open(&o, 4, ERRANDS), OK);
    for (int i = 0; i < ERRANDS; i++) {
        errands[i] = (struct errand){.answer = i % 2 ? OK : ERR_RANGE};
        offload_start(&errands[i].job, &o, &l, run_at_once, note_done);
    }
    for (int i = 0; i < ERRANDS; i++) {
        turn_until_done(&l, &errands[i]);
        CHECK_EQ(errands[i].done_count, 1);
        CHECK_EQ(errands[i].result, i % 2 ? OK : ERR_RANGE);
    }
    offload_close(&o);
    loop_done(&l);
}

TEST(offload_full_queue_refuses)
{
    static struct offload o;
    struct loop l;
    struct errand e[3] = {{.answer = OK}};

    close_gate();
    CHECK_EQ(loop_init(&l), OK);
    CHECK_EQ(offload_open(&o, 1, 1), OK);
    offload_start(&e[0].job, &o, &l, run_when_open, note_done);
    wait_until_started(1);
    offload_start(&e[1].job, &o, &l, run_at_once, note_done);
    offload_start(&e[2].job, &o, &l, run_at_once, note_done);
    CHECK_EQ(e[2].done_count, 0);
    (void)loop_turn(&l, 0);
    CHECK_EQ(e[2].done_count, 1);
    CHECK_EQ(e[2].result, ERR_LIMIT);
    atomic_store(&gate_is_open, true);
    turn_until_done(&l, &e[1]);
    CHECK_EQ(e[1].result, OK);
    offload_close(&o);
    loop_done(&l);
}

TEST(offload_cancel_stops_a_queued_job_but_not_a_running_one)
{
    static struct offload o;
    struct loop l;
    struct errand e[2] = {{.answer = OK}};

    close_gate();
    CHECK_EQ(loop_init(&l), OK);
    CHECK_EQ(offload_open(&o, 1, 5), OK);
    offload_start(&e[0].job, &o, &l, run_when_open, note_done);
    offload_start(&e[1].job, &o, &l, run_at_once, note_done);
    wait_until_started(1);
    op_cancel(&e[0].job.op);
    op_cancel(&e[1].job.op);
    op_cancel(&e[1].job.op);
    (void)loop_turn(&l, 0);
    CHECK_EQ(e[0].done_count, 0);
    CHECK_EQ(e[1].done_count, 1);
    CHECK_EQ(e[1].result, ERR_CANCELED);
    atomic_store(&gate_is_open, true);
    turn_until_done(&l, &e[0]);
    CHECK_EQ(e[0].result, OK);
    offload_close(&o);
    loop_done(&l);
}

static void *open_gate_soon(void *unused)
{
    usleep(20'000);
    atomic_store(&gate_is_open, true);
    return unused;
}

TEST(offload_close_waits_for_the_running_and_cancels_the_queued)
{
    static struct offload o;
    struct loop l;
    struct errand e[3] = {{.answer = OK}};
    pthread_t opener;

    close_gate();
    CHECK_EQ(loop_init(&l), OK);
    CHECK_EQ(offload_open(&o, 1, 5), OK);
    offload_start(&e[0].job, &o, &l, run_when_open, note_done);
    offload_start(&e[1].job, &o, &l, run_at_once, note_done);
    wait_until_started(1);
    CHECK_EQ(pthread_create(&opener, NULL, open_gate_soon, NULL), 0);
    offload_close(&o);
    offload_start(&e[2].job, &o, &l, run_at_once, note_done);
    (void)loop_turn(&l, 0);
    CHECK_EQ(e[0].result, OK);
    CHECK_EQ(e[0].done_count, 1);
    CHECK_EQ(e[1].result, ERR_CANCELED);
    CHECK_EQ(e[1].done_count, 1);
    CHECK_EQ(e[2].result, ERR_CANCELED);
    CHECK_EQ(e[2].done_count, 1);
    pthread_join(opener, NULL);
    loop_done(&l);
}

TEST(offload_abandoned_jobs_are_dropped_once_and_never_done)
{
    static struct offload o;
    struct loop l;
    struct errand e[2] = {{.answer = OK}};

    close_gate();
    CHECK_EQ(loop_init(&l), OK);
    CHECK_EQ(offload_open(&o, 1, 5), OK);
    offload_start(&e[0].job, &o, &l, run_when_open, note_done);
    offload_start(&e[1].job, &o, &l, run_at_once, note_done);
    wait_until_started(1);
    offload_abandon(&e[1].job, note_drop);
    CHECK_EQ(atomic_load(&dropped_count), 1);
    offload_abandon(&e[0].job, note_drop);
    CHECK_EQ(atomic_load(&dropped_count), 1);
    atomic_store(&gate_is_open, true);
    offload_close(&o);
    (void)loop_turn(&l, 0);
    CHECK_EQ(atomic_load(&dropped_count), 2);
    CHECK_EQ(e[0].done_count + e[1].done_count, 0);
    loop_done(&l);
}

TEST(offload_wait_returns_once_the_job_has_run)
{
    static struct offload o;
    struct loop l;
    struct errand e = {.answer = ERR_TYPE};
    pthread_t opener;

    close_gate();
    CHECK_EQ(loop_init(&l), OK);
    CHECK_EQ(offload_open(&o, 1, 5), OK);
    offload_start(&e.job, &o, &l, run_when_open, note_done);
    CHECK_EQ(pthread_create(&opener, NULL, open_gate_soon, NULL), 0);
    offload_wait(&e.job);
    CHECK(atomic_load(&gate_is_open));
    CHECK_EQ(e.done_count, 0);
    (void)loop_turn(&l, 0);
    CHECK_EQ(e.done_count, 1);
    CHECK_EQ(e.result, ERR_TYPE);
    pthread_join(opener, NULL);
    offload_close(&o);
    loop_done(&l);
}

TEST(offload_refuses_a_foolish_number_of_threads)
{
    static struct offload o;

    CHECK_EQ(offload_open(&o, 0, 1), ERR_RANGE);
    CHECK_EQ(offload_open(&o, OFFLOAD_THREADS_MAX + 1, 1), ERR_RANGE);
}
