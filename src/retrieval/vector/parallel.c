#include "retrieval/vector/parallel.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>

// One loop, on the stack of who called for it. The mutex guards `failed_at` and `result`, which
// only a failing piece touches.
struct loop_share {
    struct parallel *parallel;
    uint64_t count;
    uint64_t grain;
    _Atomic uint64_t next; // row at which the next piece begins
    atomic_bool has_failed;
    pthread_mutex_t mutex;
    uint64_t failed_at;
    err result;
};

struct loop_thread {
    struct loop_share *share;
    unsigned number;
    pthread_t thread;
};

static void note_failure(struct loop_share *s, uint64_t first, err e)
{
    pthread_mutex_lock(&s->mutex);
    if (!s->result || first < s->failed_at) {
        s->result = e;
        s->failed_at = first;
    }
    pthread_mutex_unlock(&s->mutex);
    atomic_store_explicit(&s->has_failed, true, memory_order_relaxed);
}

static void run_pieces(struct loop_share *s, unsigned thread)
{
    while (!atomic_load_explicit(&s->has_failed, memory_order_relaxed)) {
        uint64_t first = atomic_fetch_add_explicit(&s->next, s->grain, memory_order_relaxed);
        if (first >= s->count) return;
        uint64_t end = s->count - first > s->grain ? first + s->grain : s->count;
        err e = s->parallel->run(s->parallel, first, end, thread);
        if (e) note_failure(s, first, e);
    }
}

static void *run_thread(void *own)
{
    struct loop_thread *t = own;

    run_pieces(t->share, t->number);
    return NULL;
}

// Starts up to `wanted` threads beside the caller's and returns how many there are. Signals are
// the caller's to handle.
static unsigned start_threads(struct loop_thread *threads, unsigned wanted, struct loop_share *s)
{
    sigset_t most;
    sigset_t old;
    unsigned started = 0;

    sigfillset(&most);
    sigdelset(&most, SIGBUS); // whoever reads a mapped_file must be told of its faults
    pthread_sigmask(SIG_SETMASK, &most, &old); // inherited by the threads
    while (started < wanted) {
        struct loop_thread *t = &threads[started];
        *t = (struct loop_thread){.share = s, .number = started + 1};
        if (pthread_create(&t->thread, NULL, run_thread, t)) break;
        (void)pthread_setname_np(t->thread, "parallel"); // only for people who look
        started++;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return started;
}

err parallel_for(struct parallel *p, unsigned threads, uint64_t count, uint64_t grain)
{
    struct loop_thread others[PARALLEL_THREADS_MAX - 1];
    struct loop_share share = {.parallel = p, .count = count, .grain = grain};
    uint64_t pieces = count / (grain ? grain : 1) + 1;

    assert(grain > 0 && threads > 0 && threads <= PARALLEL_THREADS_MAX);
    assert(count <= UINT64_MAX / 2 && grain <= UINT64_MAX / 2 / (PARALLEL_THREADS_MAX + 1));
    pthread_mutex_init(&share.mutex, NULL);
    if (threads > pieces) threads = (unsigned)pieces;
    unsigned started = start_threads(others, threads - 1, &share);
    run_pieces(&share, 0);
    for (unsigned i = 0; i < started; i++) {
        pthread_join(others[i].thread, NULL);
    }
    pthread_mutex_destroy(&share.mutex);
    return share.result;
}
