// Design: all threads but the caller's start with the run and end with it. The run ends in order
// from the front: the source's end closes the queue of texts, the last worker closes that of
// results, and the sink's thread joins all. It ends early by pipeline_end(): a flag that ports look
// at, and a cancel of every queue and pool that a thread may sleep on. Either way whatever is still
// in a queue or a batch then has one owner again, the caller's thread, which gives its buffers
// back.
//
// No thread waits for a thing that another one holds while that one waits for it: buffers are taken
// by the reader only, which first pushes what it staged; batches are taken by workers only, before
// they take texts, and the queue of results holds all there are; the sink's thread waits for
// results only and gives both back.
#include "base/memory.h"
#include "retrieval/ingest/pipeline_private.h"

#include <signal.h>

// Buffers of longer texts aren't kept.
enum { TEXT_CLASS_MAX = 65'536 };

static bool is_between(uint64_t value, uint64_t min, uint64_t max)
{
    return value >= min && value <= max;
}

// Something that can be added to the time.
static bool is_span(usec span)
{
    return span >= 0 && span <= 1LL << 60;
}

static err check(const struct pipeline_options *o)
{
    TRY(embed_check(o->embedder));
    bool fits = is_between(o->workers, 1, PIPELINE_WORKERS_MAX) &&
                is_between(o->queue_max, 1, PIPELINE_QUEUE_MAX) && o->retry.attempts >= 1 &&
                is_span(o->retry.delay_us) && is_span(o->retry.delay_max_us) &&
                is_span(o->call_us) && o->call_us > 0 && is_span(o->commit_us) &&
                is_span(o->progress_us) && o->text_memory_max >= BUFFER_POOL_CLASS_MIN &&
                is_between(o->commit_rows, 1, JOURNAL_GROUP_MAX - EMBED_BATCH_MAX);
    if (o->journal && o->sink->keeps_marks) fits &= o->journal->mark == o->sink->mark;
    return fits ? OK : ERR_RANGE;
}

// Two for each worker, one in its hands and one under way, and one for the sink.
static void make_batches(struct pipeline *p)
{
    size_t max = p->options.embedder->batch_max;
    size_t count = 0;

    p->batch_count = 2 * p->options.workers + 1;
    p->batches = memory_alloc(p->batch_count * sizeof(*p->batches));
    bounded_queue_init(&p->free, sizeof(struct pipeline_batch *), p->batch_count);
    bounded_queue_init(&p->results, sizeof(struct pipeline_batch *), p->batch_count);
    for (uint32_t i = 0; i < p->batch_count; i++) {
        struct pipeline_batch *b = &p->batches[i];
        b->items = memory_alloc(max * sizeof(*b->items));
        b->texts = memory_alloc(max * sizeof(*b->texts));
        b->rows = memory_alloc(max * sizeof(*b->rows));
        b->vectors = memory_alloc(max * p->options.embedder->dim * sizeof(*b->vectors));
        (void)bounded_queue_push(&p->free, &b, 1, &count); // there is room for all
    }
}

err pipeline_new(const struct pipeline_options *options, struct pipeline **out)
{
    TRY(check(options));
    struct pipeline *p = memory_new(struct pipeline);
    p->options = *options;
    p->mark = options->sink->mark;
    make_batches(p);
    bounded_queue_init(&p->items, sizeof(struct pipeline_item), options->queue_max);
    struct buffer_pool_options texts = {
        .bytes_max = options->text_memory_max,
        .leases_max =
            options->queue_max + PIPELINE_TOLD_MAX + p->batch_count * options->embedder->batch_max,
        .class_max = TEXT_CLASS_MAX,
    };
    buffer_pool_init(&p->texts, &texts);
    p->workers = memory_alloc(options->workers * sizeof(*p->workers));
    *out = p;
    return OK;
}

void pipeline_free(struct pipeline *p)
{
    if (!p) return;
    for (uint32_t i = 0; i < p->batch_count; i++) {
        memory_free(p->batches[i].items);
        memory_free(p->batches[i].texts);
        memory_free(p->batches[i].rows);
        memory_free(p->batches[i].vectors);
    }
    memory_free(p->batches);
    bounded_queue_done(&p->free);
    bounded_queue_done(&p->results);
    bounded_queue_done(&p->items);
    buffer_pool_done(&p->texts);
    memory_free(p->workers);
    memory_free(p);
}

void pipeline_end(struct pipeline *p, err why)
{
    int none = OK;

    atomic_compare_exchange_strong(&p->first_error, &none, (int)why);
    atomic_store(&p->cancel, true);
    bounded_queue_cancel(&p->items);
    bounded_queue_cancel(&p->free);
    bounded_queue_cancel(&p->results);
    buffer_pool_cancel(&p->texts);
}

void pipeline_cancel(struct pipeline *p)
{
    pipeline_end(p, ERR_CANCELED);
}

static bool start_thread(pthread_t *thread, void *(*run)(void *), void *arg, const char *name)
{
    if (pthread_create(thread, NULL, run, arg) != 0) return false;
    (void)pthread_setname_np(*thread, name);
    return true;
}

static err start_all(struct pipeline *p)
{
    sigset_t most;
    sigset_t old;

    atomic_store(&p->workers_left, p->options.workers);
    sigfillset(&most);
    sigdelset(&most, SIGBUS); // whoever reads a mapped_file must be told of its faults
    pthread_sigmask(SIG_SETMASK, &most, &old); // inherited by the threads
    p->has_reader = start_thread(&p->reader, pipeline_read, p, "ingest-read");
    while (p->has_reader && p->worker_count < p->options.workers) {
        struct pipeline_worker *w = &p->workers[p->worker_count];
        w->pipeline = p;
        random_init(&w->random, p->options.seed + p->worker_count);
        if (!start_thread(&w->thread, pipeline_work, w, "ingest-work")) break;
        p->worker_count++;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return p->worker_count == p->options.workers ? OK : ERR_LIMIT;
}

static void join_all(struct pipeline *p)
{
    if (p->has_reader) pthread_join(p->reader, NULL);
    for (unsigned i = 0; i < p->worker_count; i++) {
        pthread_join(p->workers[i].thread, NULL);
    }
    p->has_reader = false;
    p->worker_count = 0;
}

// Whatever a run that ended early left anywhere.
static void give_all_back(struct pipeline *p)
{
    struct pipeline_item item;

    while (bounded_queue_take_left(&p->items, &item)) {
        buffer_pool_give(&p->texts, &item.lease);
    }
    for (uint32_t i = 0; i < p->batch_count; i++) {
        for (size_t k = 0; k < p->batches[i].count; k++) {
            buffer_pool_give(&p->texts, &p->batches[i].items[k].lease);
        }
        p->batches[i].count = 0;
    }
}

err pipeline_run(struct pipeline *p)
{
    p->started = p->options.clock->now(p->options.clock);
    p->next_progress = p->started + p->options.progress_us;
    err e = start_all(p);
    if (e) pipeline_end(p, e);
    if (!e) pipeline_store(p);
    join_all(p);
    give_all_back(p);
    if (!p->store_is_broken) {
        err last = pipeline_store_commit(p);
        if (last) pipeline_end(p, last);
    }
    return (err)atomic_load(&p->first_error);
}

struct pipeline_progress pipeline_progress(struct pipeline *p)
{
    struct pipeline_progress progress = p->progress;
    uint64_t known = 0;
    double left = 0;

    progress.read = atomic_load_explicit(&p->read, memory_order_relaxed);
    progress.skipped = atomic_load_explicit(&p->skipped, memory_order_relaxed);
    progress.calls = atomic_load_explicit(&p->calls, memory_order_relaxed);
    progress.text_memory_peak = buffer_pool_stats(&p->texts).peak_bytes;
    progress.elapsed_us = p->options.clock->now(p->options.clock) - p->started;
    if (progress.elapsed_us > 0) {
        progress.done_per_s = (double)progress.done * 1e6 / (double)progress.elapsed_us;
    }
    known = progress.skipped + progress.failed + progress.done;
    progress.left_us = TIME_NEVER;
    if (p->options.source->count >= known && progress.done_per_s > 0) {
        left = (double)(p->options.source->count - known) / progress.done_per_s * 1e6;
        if (left < 0x1p62) progress.left_us = (usec)left;
    }
    return progress;
}
