// pipeline_private: what the parts of a pipeline share; for pipeline*.c only.
//
// Who may touch what: a batch belongs to whoever took it out of a queue; `first_error` and counters
// that several threads change are atomic; the rest of the struct belongs to the thread that runs
// the pipeline, and is constant while the others live.
#pragma once

#include "base/random.h"
#include "retrieval/ingest/bounded_queue.h"
#include "retrieval/ingest/buffer_pool.h"
#include "retrieval/ingest/pipeline.h"

// Chunks that the reader asks for at once, and stages beside what is in the queue.
enum { PIPELINE_TOLD_MAX = 64 };

// A chunk under way. Its text lies in the lease, the attributes behind it. One that can't be
// embedded has an error and no lease.
struct pipeline_item {
    uint64_t key;
    uint64_t hash;
    struct lease lease;
    size_t text_len;
    err error;
};

// Made once, and then goes round: free -> a worker -> results -> the sink -> free.
struct pipeline_batch {
    struct pipeline_item *items; // those with errors of their own behind the others
    str *texts;
    float *vectors; // [count][dim]
    struct chunk_row *rows;
    size_t count;
};

struct pipeline_worker {
    struct pipeline *pipeline;
    struct random random;
    pthread_t thread;
};

struct pipeline {
    struct pipeline_options options;
    struct buffer_pool texts;
    struct bounded_queue items;   // struct pipeline_item
    struct bounded_queue free;    // struct pipeline_batch *
    struct bounded_queue results; // struct pipeline_batch *
    struct pipeline_batch *batches;
    uint32_t batch_count;
    pthread_t reader;
    struct pipeline_worker *workers;
    unsigned worker_count; // started
    bool has_reader;
    atomic_bool cancel;     // seen by source and embedder
    atomic_int first_error; // an err: why the run ends before its time
    atomic_uint workers_left;
    atomic_uint_least64_t read;
    atomic_uint_least64_t skipped;
    atomic_uint_least64_t calls;
    // Of the thread that runs it:
    struct pipeline_progress progress;
    usec started;
    usec next_progress;
    usec first_put; // since the last commit
    size_t uncommitted;
    uint64_t uncommitted_bytes;
    uint64_t mark;        // of a sink without a journal
    bool store_is_broken; // sink or journal failed: nothing more is committed
};

// The main function of each kind of thread; takes a struct pipeline, or a struct pipeline_worker.
void *pipeline_read(void *pipeline);
void *pipeline_work(void *worker);

// Puts and commits until all results have come or the run ends, on the caller's thread.
void pipeline_store(struct pipeline *p);
// Commits what was put.
err pipeline_store_commit(struct pipeline *p);

// Ends the run for `why`, unless something else has before.
void pipeline_end(struct pipeline *p, err why);
