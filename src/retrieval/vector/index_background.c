#include "retrieval/vector/index_background.h"

#include "retrieval/vector/index_flush.h"
#include "retrieval/vector/index_merge.h"

#include <signal.h>
#include <time.h>

enum { AGAIN_MS = 500 }; // after a failure

// Under `mutex`: sleeps until woken, or until it is time to try again what failed.
static void sleep_on(struct index *ix, err failure)
{
    struct timespec until;

    if (!failure) {
        pthread_cond_wait(&ix->has_work, &ix->mutex);
        return;
    }
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += AGAIN_MS * 1'000'000L;
    until.tv_sec += until.tv_nsec / 1'000'000'000;
    until.tv_nsec %= 1'000'000'000;
    pthread_cond_timedwait(&ix->has_work, &ix->mutex, &until);
}

// Under `mutex`: whether so many segments wait to be merged that more of them would slow searches.
// Where merges fail, flushes go on, or soon nobody could write.
static bool is_behind(const struct index *ix)
{
    return ix->view->part_count >= INDEX_PARTS_BUSY && !ix->background;
}

static void *flush_on(void *index)
{
    struct index *ix = index;
    err e = OK;

    pthread_mutex_lock(&ix->mutex);
    while (!ix->is_closing) {
        if (ix->frozen_count == 0 || is_behind(ix) || e) sleep_on(ix, e);
        e = OK;
        if (ix->frozen_count == 0 || is_behind(ix) || ix->is_closing) continue;
        pthread_mutex_unlock(&ix->mutex);
        e = index_flush_oldest(ix);
        pthread_mutex_lock(&ix->mutex);
        ix->has_merge_work = true;
        pthread_cond_broadcast(&ix->has_work);
    }
    pthread_mutex_unlock(&ix->mutex);
    return NULL;
}

static void *merge_on(void *index)
{
    struct index *ix = index;
    err e = OK;

    pthread_mutex_lock(&ix->mutex);
    while (!ix->is_closing) {
        if (!ix->has_merge_work || e) sleep_on(ix, e);
        e = OK;
        if (!ix->has_merge_work || ix->is_closing) continue;
        ix->has_merge_work = false;
        pthread_mutex_unlock(&ix->mutex);
        e = index_merge_background(ix);
        pthread_mutex_lock(&ix->mutex);
        if (e) ix->has_merge_work = true;
        pthread_cond_broadcast(&ix->has_work); // to flushes that waited for it
    }
    pthread_mutex_unlock(&ix->mutex);
    return NULL;
}

err index_background_start(struct index *ix)
{
    sigset_t most;
    sigset_t old;

    sigfillset(&most);
    sigdelset(&most, SIGBUS);                  // mapped_file takes it, in whichever thread reads
    pthread_sigmask(SIG_SETMASK, &most, &old); // inherited by the threads
    ix->has_merge_work = true;
    int number = pthread_create(&ix->flusher, NULL, flush_on, ix);
    if (number == 0) {
        number = pthread_create(&ix->merger, NULL, merge_on, ix);
        ix->has_threads = number == 0;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (number == 0) return OK;
    if (ix->flusher) {
        pthread_mutex_lock(&ix->mutex);
        ix->is_closing = true;
        pthread_cond_broadcast(&ix->has_work);
        pthread_mutex_unlock(&ix->mutex);
        pthread_join(ix->flusher, NULL);
    }
    return ERR_LIMIT; // the only reason there is: too many threads
}

void index_background_stop(struct index *ix)
{
    if (!ix->has_threads) return;
    pthread_mutex_lock(&ix->mutex);
    ix->is_closing = true;
    ix->merge_watch.cancel = true;
    pthread_cond_broadcast(&ix->has_work);
    pthread_mutex_unlock(&ix->mutex);
    pthread_join(ix->flusher, NULL);
    pthread_join(ix->merger, NULL);
    ix->has_threads = false;
}
