// worker: a thread that runs a loop.
//
// Embedded in what it works on (a server's share of the connections), of which it calls `start` on
// its own thread before the loop runs and `stop` after. A process has one for each core; they
// share nothing and talk by loop_post().
#pragma once

#include "io/loop.h"

#include <pthread.h>
#include <semaphore.h>

struct worker;

enum { WORKER_NOT_PINNED = -1 };

struct worker_options {
    int cpu;                        // to run on only, or WORKER_NOT_PINNED
    const char *name;               // of the thread, at most 15 characters
    err (*start)(struct worker *w); // makes what the loop is to serve
    void (*stop)(struct worker *w); // closes it again; may be NULL
};

struct worker {
    struct loop loop;
    struct worker_options options;
    pthread_t thread;
    sem_t has_started;
    err result; // of starting
    bool is_running;
    bool is_joined; // and not yet done
};

// Starts the thread, waits until `start` has returned there and passes on its result; where that
// is a failure the thread is gone again and `stop` was not called. A CPU that can't be had is
// ERR_RANGE.
err worker_start(struct worker *w, const struct worker_options *options);

// The end takes three calls of the thread that started the workers, each for all of them before
// the next: a loop may be sent messages until every thread that does so has gone.
//
// Asks the loop to stop. Who wants to drain it first does so by message.
void worker_stop(struct worker *w);
// Waits for the thread: the loop ends its turn, then `stop` runs.
void worker_join(struct worker *w);
// After the offload pool is closed, too: runs a last turn for the messages that came late, and
// frees the loop. All three are harmless where the worker did not start.
void worker_done(struct worker *w);

// How many CPUs this process may use, at least 1: the number of workers a server wants.
unsigned worker_cpu_count(void);
