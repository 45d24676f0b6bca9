#include "retrieval/ingest/pipeline_private.h"

#include <math.h>

// A pause is slept in pieces, so that a cancel is heard.
enum { NAP_US = 20'000 };

static bool is_canceled(const struct pipeline *p)
{
    return atomic_load_explicit(&p->cancel, memory_order_relaxed);
}

// Half of the span and a random part of the other half, so that workers that failed together don't
// come back together.
static usec pause_before(struct pipeline_worker *w, unsigned attempt)
{
    const struct pipeline_retry *retry = &w->pipeline->options.retry;
    usec span = retry->delay_us;

    for (unsigned i = 1; i < attempt && span < retry->delay_max_us; i++) {
        span *= 2;
    }
    if (span > retry->delay_max_us) span = retry->delay_max_us;
    return span / 2 + (usec)((double)(span - span / 2) * random_unit(&w->random));
}

static void pause_for(struct pipeline *p, usec span)
{
    struct ingest_clock *clock = p->options.clock;
    usec end = clock->now(clock) + span;

    for (usec left = span; left > 0 && !is_canceled(p); left = end - clock->now(clock)) {
        clock->sleep(clock, left < NAP_US ? left : NAP_US);
    }
}

// One call, and more of them while the failure may pass.
static err call(struct pipeline_worker *w, struct pipeline_batch *b, size_t first, size_t count)
{
    struct pipeline *p = w->pipeline;
    struct embedder *embedder = p->options.embedder;
    float *out = b->vectors + first * embedder->dim;
    err e = OK;

    for (unsigned attempt = 1;; attempt++) {
        struct embed_limits limits = {.cancel = &p->cancel};
        limits.deadline = p->options.clock->now(p->options.clock) + p->options.call_us;
        atomic_fetch_add_explicit(&p->calls, 1, memory_order_relaxed);
        e = embed(embedder, b->texts + first, count, out, &limits);
        if (!e || is_canceled(p)) return e;
        if (embed_fault_of(e) != EMBED_FAULT_PASSES) return e;
        if (attempt == p->options.retry.attempts) return e;
        pause_for(p, pause_before(w, attempt));
        if (is_canceled(p)) return ERR_CANCELED;
    }
}

static bool is_finite(const float *vector, uint32_t dim)
{
    bool finite = true;

    for (uint32_t i = 0; i < dim; i++) {
        finite &= isfinite(vector[i]) != 0;
    }
    return finite;
}

// A call that failed for one of its texts is made for either half: of n texts a bad one costs
// log2(n) calls more for each half that holds it. As deep as EMBED_BATCH_MAX has bits.
static void embed_range(struct pipeline_worker *w, struct pipeline_batch *b, size_t first,
                        size_t count)
{
    uint32_t dim = w->pipeline->options.embedder->dim;
    err e = call(w, b, first, count);

    if (e && count > 1 && embed_fault_of(e) == EMBED_FAULT_TEXT) {
        embed_range(w, b, first, count / 2);
        embed_range(w, b, first + count / 2, count - count / 2);
        return;
    }
    for (size_t i = first; i < first + count; i++) {
        b->items[i].error = e;
        if (!e && !is_finite(b->vectors + i * dim, dim)) b->items[i].error = ERR_RANGE;
    }
}

// Moves what failed before behind the rest, so that texts and vectors stand as the items do.
// Returns how many are left to embed.
static size_t line_up(struct pipeline *p, struct pipeline_batch *b)
{
    size_t good = 0;

    for (size_t i = 0; i < b->count; i++) {
        struct pipeline_item item = b->items[i];
        if (item.error) continue;
        b->items[i] = b->items[good];
        b->items[good] = item;
        b->texts[good++] = (str){buffer_pool_bytes(&p->texts, item.lease), item.text_len};
    }
    return good;
}

// As many of the texts from `first` on as one call may have.
static size_t call_size(const struct pipeline *p, const struct pipeline_batch *b, size_t first,
                        size_t end)
{
    size_t bytes_max = p->options.embedder->batch_bytes_max;
    size_t bytes = 0;
    size_t at = first;

    if (bytes_max == 0) return end - first;
    while (at < end && b->texts[at].len <= bytes_max - bytes) {
        bytes += b->texts[at++].len;
    }
    return at - first;
}

static void embed_batch(struct pipeline_worker *w, struct pipeline_batch *b)
{
    size_t good = line_up(w->pipeline, b);

    for (size_t first = 0; first < good;) {
        size_t count = call_size(w->pipeline, b, first, good);
        embed_range(w, b, first, count);
        first += count;
    }
}

// One batch: a free one, filled, embedded and handed on. The queue of results has room for all.
static err work_once(struct pipeline_worker *w)
{
    struct pipeline *p = w->pipeline;
    struct pipeline_batch *b = NULL;
    size_t count = 0;

    TRY(bounded_queue_pop(&p->free, &b, 1, TIME_NEVER, &count));
    err e = bounded_queue_pop(&p->items, b->items, p->options.embedder->batch_max, TIME_NEVER,
                              &b->count);
    if (e) return e;
    embed_batch(w, b);
    if (is_canceled(p)) return ERR_CANCELED;
    return bounded_queue_push(&p->results, &b, 1, &count);
}

// The last worker tells the sink's thread that no more comes. Buffers of a batch that was cut
// short are given back at the end of the run.
void *pipeline_work(void *worker)
{
    struct pipeline_worker *w = worker;
    err e = OK;

    while (!e) {
        e = work_once(w);
    }
    if (atomic_fetch_sub(&w->pipeline->workers_left, 1) == 1) {
        bounded_queue_close(&w->pipeline->results);
    }
    return NULL;
}
