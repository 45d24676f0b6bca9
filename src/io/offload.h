// offload: a few threads for work that blocks or takes long.
//
// The process owns one pool; every loop gives it jobs. A job is an op: its `run` runs on a thread
// of the pool and returns the op's result, which comes back to the job's loop as a message. The
// queue is bounded, so that a slow resolver or disk can't gather work without end.
//
// A job has no deadline of its own, for a thread can't be called back. Who can't wait embeds the
// job in memory of its own and lets go of it: offload_abandon().
#pragma once

#include "io/loop.h"

#include <pthread.h>

struct offload_job;
typedef err offload_run_fn(struct offload_job *job);
typedef void offload_drop_fn(struct offload_job *job);

// Embedded by the caller; `run` may touch what it is embedded in, as nobody else may until `done`.
struct offload_job {
    struct op op;
    struct message message;
    struct link link; // in the queue
    struct offload *offload;
    offload_run_fn *run;
    offload_drop_fn *drop; // set once abandoned
    err result;
    uint8_t state; // enum offload_state, under the pool's mutex
};

enum offload_state { OFFLOAD_IDLE, OFFLOAD_QUEUED, OFFLOAD_RUNNING, OFFLOAD_ENDED };

enum { OFFLOAD_THREADS_MAX = 64 };

struct offload {
    pthread_mutex_t mutex;
    pthread_cond_t has_work;
    pthread_cond_t has_ended;
    struct link queue;
    size_t queue_len;
    size_t queue_max;
    bool is_closing;
    unsigned thread_count;
    pthread_t threads[OFFLOAD_THREADS_MAX];
};

// Starts the threads, with every signal blocked. ERR_RANGE for 0 threads or too many.
err offload_open(struct offload *o, unsigned threads, size_t queue_max);
// Refuses new jobs, waits for the running ones and joins the threads; those still queued end with
// ERR_CANCELED. The loops must live until then, and turn once more to hear of it.
void offload_close(struct offload *o);

// Has `run` called on a thread of the pool. Ends with what it returns, ERR_LIMIT when the queue is
// full, or ERR_CANCELED when the pool closes or the op is canceled before a thread has begun it.
void offload_start(struct offload_job *job, struct offload *o, struct loop *loop,
                   offload_run_fn *run, op_done_fn *done);

// From the job's loop: gives up a job in flight. Exactly one of these follows: `drop`, here or on
// the pool's thread once it has ended; or, where its end is already on its way to the loop, `done`.
void offload_abandon(struct offload_job *job, offload_drop_fn *drop);

// From the job's loop: blocks until a job in flight has run. `done` still comes. For the orderly
// end of the process only.
void offload_wait(struct offload_job *job);
