// Design: one mutex guards the queue, the flag and every job's state. It is held for a few
// instructions and never while a job runs, and jobs are rare beside requests (a name to resolve, a
// batch of log lines), so that a lock-free queue would buy nothing. Threads sleep on `has_work`;
// offload_wait(), used at shutdown, sleeps on `has_ended`.
#include "io/offload.h"

#include <assert.h>
#include <signal.h>

static struct offload_job *job_of(struct op *op)
{
    return container_of(op, struct offload_job, op);
}

static void job_arrived(struct message *m, struct loop *loop)
{
    struct offload_job *job = container_of(m, struct offload_job, message);

    (void)loop;
    job->state = OFFLOAD_IDLE;
    op_finish(&job->op, job->result);
}

// The next job, or NULL when the pool closes and nothing is left.
static struct offload_job *take(struct offload *o, bool *is_closing)
{
    struct link *link = NULL;

    pthread_mutex_lock(&o->mutex);
    while (list_is_empty(&o->queue) && !o->is_closing) {
        pthread_cond_wait(&o->has_work, &o->mutex);
    }
    link = list_pop_front(&o->queue);
    *is_closing = o->is_closing;
    if (link) {
        o->queue_len--;
        container_of(link, struct offload_job, link)->state = OFFLOAD_RUNNING;
    }
    pthread_mutex_unlock(&o->mutex);
    return link ? container_of(link, struct offload_job, link) : NULL;
}

// The post is made under the mutex: once a waiter sees the job ended, its message has been sent.
static void give_back(struct offload *o, struct offload_job *job, err result)
{
    offload_drop_fn *drop = NULL;

    pthread_mutex_lock(&o->mutex);
    job->state = OFFLOAD_ENDED;
    job->result = result;
    drop = job->drop;
    if (!drop) loop_post(job->op.loop, &job->message, job_arrived);
    pthread_cond_broadcast(&o->has_ended);
    pthread_mutex_unlock(&o->mutex);
    if (drop) drop(job);
}

static void *run_jobs(void *pool)
{
    struct offload *o = pool;
    struct offload_job *job = NULL;
    bool is_closing = false;

    while ((job = take(o, &is_closing))) {
        give_back(o, job, is_closing ? ERR_CANCELED : job->run(job));
    }
    return NULL;
}

static err start_threads(struct offload *o, unsigned threads)
{
    sigset_t most;
    sigset_t old;
    int number = 0;

    sigfillset(&most);
    sigdelset(&most, SIGBUS); // whoever reads a mapped_file must be told of its faults
    pthread_sigmask(SIG_SETMASK, &most, &old); // inherited by the threads
    while (o->thread_count < threads && number == 0) {
        number = pthread_create(&o->threads[o->thread_count], NULL, run_jobs, o);
        if (number == 0) (void)pthread_setname_np(o->threads[o->thread_count++], "offload");
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return number ? ERR_LIMIT : OK; // the only reason there is: too many threads
}

err offload_open(struct offload *o, unsigned threads, size_t queue_max)
{
    if (threads == 0 || threads > OFFLOAD_THREADS_MAX) return ERR_RANGE;
    *o = (struct offload){.queue_max = queue_max};
    list_init(&o->queue);
    pthread_mutex_init(&o->mutex, NULL);
    pthread_cond_init(&o->has_work, NULL);
    pthread_cond_init(&o->has_ended, NULL);
    err e = start_threads(o, threads);
    if (e) offload_close(o);
    return e;
}

void offload_close(struct offload *o)
{
    pthread_mutex_lock(&o->mutex);
    o->is_closing = true;
    pthread_cond_broadcast(&o->has_work);
    pthread_mutex_unlock(&o->mutex);
    for (unsigned i = 0; i < o->thread_count; i++) {
        pthread_join(o->threads[i], NULL);
    }
    o->thread_count = 0;
}

// Takes a job that no thread has begun out of the queue; false where it is too late.
static bool withdraw(struct offload_job *job)
{
    struct offload *o = job->offload;
    bool was_queued = false;

    pthread_mutex_lock(&o->mutex);
    was_queued = job->state == OFFLOAD_QUEUED;
    if (was_queued) {
        list_remove(&job->link);
        o->queue_len--;
        job->state = OFFLOAD_IDLE;
        pthread_cond_broadcast(&o->has_ended);
    }
    pthread_mutex_unlock(&o->mutex);
    return was_queued;
}

static void cancel_job(struct op *op)
{
    if (withdraw(job_of(op))) op_finish(op, ERR_CANCELED);
}

void offload_start(struct offload_job *job, struct offload *o, struct loop *loop,
                   offload_run_fn *run, op_done_fn *done)
{
    err refusal = OK;

    op_start(&job->op, loop, done, cancel_job);
    job->offload = o;
    job->run = run;
    job->drop = NULL;
    pthread_mutex_lock(&o->mutex);
    if (o->is_closing) {
        refusal = ERR_CANCELED;
    } else if (o->queue_len >= o->queue_max) {
        refusal = ERR_LIMIT;
    } else {
        job->state = OFFLOAD_QUEUED;
        list_push_back(&o->queue, &job->link);
        o->queue_len++;
        pthread_cond_signal(&o->has_work);
    }
    pthread_mutex_unlock(&o->mutex);
    if (refusal) op_finish(&job->op, refusal);
}

void offload_abandon(struct offload_job *job, offload_drop_fn *drop)
{
    struct offload *o = job->offload;

    assert(!op_is_idle(&job->op));
    if (job->op.state == OP_FINISHED) return; // refused, or its message has come
    if (withdraw(job)) {
        drop(job);
        return;
    }
    pthread_mutex_lock(&o->mutex);
    if (job->state == OFFLOAD_RUNNING) job->drop = drop;
    pthread_mutex_unlock(&o->mutex);
}

void offload_wait(struct offload_job *job)
{
    struct offload *o = job->offload;

    pthread_mutex_lock(&o->mutex);
    while (job->state == OFFLOAD_QUEUED || job->state == OFFLOAD_RUNNING) {
        pthread_cond_wait(&o->has_ended, &o->mutex);
    }
    pthread_mutex_unlock(&o->mutex);
}
