// pipeline: chunks from a source, through an embedder, into a sink, with many calls under way.
//
//     source -> reader -> [queue of texts] -> workers -> [queue of batches] -> sink
//                (skips what the journal knows)  (embed)        (put, commit, journal)
//
// A thread reads the source and copies texts into leased buffers; workers gather batches of what
// has queued up and embed them; the thread that called pipeline_run() puts the vectors into the
// sink and commits groups of them. Each part waits for the next one, so memory is bounded whatever
// is slow: queues have places, texts under way have a bound of bytes, and batches are made once.
//
// A call that failed on the way is made again after a pause that doubles; a text that no call takes
// is found by halving its batch, reported and counted, and the others go on. Chunks that failed are
// not in the journal, so the next run tries them again. The order of rows in the sink is not that
// of the source.
#pragma once

#include "base/time.h"
#include "retrieval/ingest/chunk.h"
#include "retrieval/ingest/embed.h"
#include "retrieval/ingest/ingest_clock.h"
#include "retrieval/ingest/journal.h"

enum {
    PIPELINE_WORKERS_MAX = 64,
    PIPELINE_QUEUE_MAX = 65'536,
};

// Never ends a run for the sake of chunks that fail.
#define PIPELINE_FAILED_ANY UINT64_MAX

struct pipeline_retry {
    unsigned attempts; // calls in all, at least 1
    usec delay_us;     // before the second one; then twice as long each time
    usec delay_max_us;
};

struct pipeline_progress {
    uint64_t read;           // chunks the source told
    uint64_t skipped;        // of these, in the journal already
    uint64_t failed;         // given up
    uint64_t done;           // durable in the sink
    uint64_t bytes;          // of their texts
    uint64_t calls;          // of the embedder, those that failed included
    size_t text_memory_peak; // of the bound for texts under way
    usec elapsed_us;
    double done_per_s; // since the start
    usec left_us;      // at this rate; TIME_NEVER where it can't be told
};

// Hears of a run, on the thread that called pipeline_run().
struct pipeline_listener {
    void (*progress)(struct pipeline_listener *l, const struct pipeline_progress *p);
    void (*failed)(struct pipeline_listener *l, uint64_t key, err why);
};

struct pipeline_options {
    struct chunk_source *source;
    struct embedder *embedder;
    struct chunk_sink *sink;
    struct journal *journal;            // NULL: nothing is skipped, nothing remembered
    struct ingest_clock *clock;         // &ingest_clock
    struct pipeline_listener *listener; // may be NULL
    unsigned workers;                   // 1 to PIPELINE_WORKERS_MAX
    uint32_t queue_max;                 // texts between reader and workers
    size_t text_memory_max;             // bytes of texts and attributes under way
    struct pipeline_retry retry;
    usec call_us;         // longest call of the embedder
    uint64_t failed_max;  // more failed chunks than this end the run
    uint32_t commit_rows; // at the latest after so many rows
    usec commit_us;       // and at the latest after this
    usec progress_us;     // progress is told at most as often
    uint64_t seed;        // of the jitter of pauses
};

#define PIPELINE_DEFAULTS                                                                          \
    ((struct pipeline_options){                                                                    \
        .clock = &ingest_clock,                                                                    \
        .workers = 8,                                                                              \
        .queue_max = 4096,                                                                         \
        .text_memory_max = (size_t)64 << 20,                                                       \
        .retry = {.attempts = 5, .delay_us = 250'000, .delay_max_us = 8'000'000},                  \
        .call_us = 60'000'000,                                                                     \
        .failed_max = PIPELINE_FAILED_ANY,                                                         \
        .commit_rows = 4096,                                                                       \
        .commit_us = 1'000'000,                                                                    \
        .progress_us = 1'000'000,                                                                  \
    })

struct pipeline;

// ERR_RANGE where a number makes no sense, or the journal was not opened with the sink's mark;
// `*out` is the caller's until pipeline_free().
err pipeline_new(const struct pipeline_options *options, struct pipeline **out);
// Takes NULL. No run is under way.
void pipeline_free(struct pipeline *p);

// Runs until the source ends or something ends the run, once; all threads are gone when it returns.
// What had reached the sink is committed in any case but a failure of sink or journal. OK: every
// chunk is in the sink or was reported as failed. ERR_CANCELED; the error of source, sink or
// journal; that of the chunk which was one too many; ERR_LIMIT where the system has no more
// threads.
err pipeline_run(struct pipeline *p);

// Ends a run soon, or one that begins later at once. From any thread, also from within the ports.
void pipeline_cancel(struct pipeline *p);

// Where the run is; after it, how it ended. From the thread that runs it.
struct pipeline_progress pipeline_progress(struct pipeline *p);
