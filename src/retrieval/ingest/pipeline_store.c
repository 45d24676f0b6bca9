#include "retrieval/ingest/pipeline_private.h"

static usec now(struct pipeline *p)
{
    return p->options.clock->now(p->options.clock);
}

static void tell_progress(struct pipeline *p)
{
    struct pipeline_listener *l = p->options.listener;

    if (!l || !l->progress || now(p) < p->next_progress) return;
    struct pipeline_progress progress = pipeline_progress(p);
    p->next_progress = now(p) + p->options.progress_us;
    l->progress(l, &progress);
}

static void tell_failed(struct pipeline *p, const struct pipeline_item *item)
{
    struct pipeline_listener *l = p->options.listener;

    p->progress.failed++;
    if (l && l->failed) l->failed(l, item->key, item->error);
    if (p->progress.failed > p->options.failed_max) pipeline_end(p, item->error);
}

// Passes on how sink or journal did.
static err broken_by(struct pipeline *p, err e)
{
    if (e) p->store_is_broken = true;
    return e;
}

// A source may tell a chunk twice; noted ones are known at once.
static bool is_known(struct pipeline *p, const struct pipeline_item *item)
{
    return p->options.journal && journal_has(p->options.journal, item->key, item->hash);
}

static err note(struct pipeline *p, const struct pipeline_item *item)
{
    struct journal_entry entry = {item->key, item->hash};

    return p->options.journal ? journal_note(p->options.journal, entry) : OK;
}

static err add_row(struct pipeline *p, struct pipeline_batch *b, size_t at, size_t *count)
{
    struct pipeline_item *item = &b->items[at];
    const char *bytes = buffer_pool_bytes(&p->texts, item->lease);
    uint32_t dim = p->options.embedder->dim;

    if (is_known(p, item)) {
        atomic_fetch_add_explicit(&p->skipped, 1, memory_order_relaxed);
        return OK;
    }
    TRY(note(p, item));
    b->rows[(*count)++] = (struct chunk_row){
        .chunk = {.key = item->key,
                  .text = {bytes, item->text_len},
                  .attributes = {bytes + item->text_len, item->lease.size - item->text_len}},
        .hash = item->hash,
        .vector = b->vectors + at * dim,
    };
    p->uncommitted_bytes += item->text_len;
    return OK;
}

static err put_batch(struct pipeline *p, struct pipeline_batch *b)
{
    size_t count = 0;

    for (size_t i = 0; i < b->count; i++) {
        if (b->items[i].error) {
            tell_failed(p, &b->items[i]);
        } else {
            TRY(add_row(p, b, i, &count));
        }
    }
    if (count == 0) return OK;
    if (p->uncommitted == 0) p->first_put = now(p);
    p->uncommitted += count;
    return p->options.sink->put(p->options.sink, b->rows, count);
}

static err give_back(struct pipeline *p, struct pipeline_batch *b)
{
    size_t count = 0;

    for (size_t i = 0; i < b->count; i++) {
        buffer_pool_give(&p->texts, &b->items[i].lease);
    }
    b->count = 0;
    return bounded_queue_push(&p->free, &b, 1, &count);
}

// The order is what journal.h promises by.
static err commit_both(struct pipeline *p)
{
    struct chunk_sink *sink = p->options.sink;
    struct journal *journal = p->options.journal;

    if (!journal) return sink->commit(sink, ++p->mark);
    if (!sink->keeps_marks) {
        TRY(sink->commit(sink, journal->mark + 1));
        return journal_write(journal);
    }
    TRY(journal_write(journal));
    return sink->commit(sink, journal->mark);
}

err pipeline_store_commit(struct pipeline *p)
{
    if (p->uncommitted == 0) return OK;
    TRY(broken_by(p, commit_both(p)));
    p->progress.done += p->uncommitted;
    p->progress.bytes += p->uncommitted_bytes;
    p->uncommitted = 0;
    p->uncommitted_bytes = 0;
    return OK;
}

// How long rows may still wait for others to be committed with.
static usec commit_wait(struct pipeline *p)
{
    if (p->uncommitted == 0) return TIME_NEVER;
    usec left = p->first_put + p->options.commit_us - now(p);
    return left > 0 ? left : 0;
}

static err store_once(struct pipeline *p)
{
    struct pipeline_batch *b = NULL;
    size_t count = 0;
    err e = bounded_queue_pop(&p->results, &b, 1, commit_wait(p), &count);

    if (e && e != ERR_TIMEOUT) return e;
    if (!e) {
        TRY(broken_by(p, put_batch(p, b)));
        TRY(give_back(p, b));
    }
    if (p->uncommitted >= p->options.commit_rows || commit_wait(p) == 0) {
        TRY(pipeline_store_commit(p));
    }
    tell_progress(p);
    return OK;
}

void pipeline_store(struct pipeline *p)
{
    err e = OK;

    while (!e) {
        e = store_once(p);
    }
    if (e != ERR_EOF) pipeline_end(p, e);
}
