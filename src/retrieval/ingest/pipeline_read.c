#include "retrieval/ingest/content_hash.h"
#include "retrieval/ingest/pipeline_private.h"

#include <assert.h>
#include <string.h>

// Texts that wait to be pushed together.
struct staged {
    struct pipeline_item items[PIPELINE_TOLD_MAX];
    size_t count;
};

// Pushes what was staged. What couldn't be pushed any more goes back.
static err push_staged(struct pipeline *p, struct staged *s)
{
    size_t pushed = 0;
    err e = bounded_queue_push(&p->items, s->items, s->count, &pushed);

    for (size_t i = pushed; i < s->count; i++) {
        buffer_pool_give(&p->texts, &s->items[i].lease);
    }
    s->count = 0;
    return e;
}

// Where texts under way fill the memory, those staged go on first: others wait for their room.
static err take_room(struct pipeline *p, struct staged *s, size_t size, struct lease *out)
{
    err e = buffer_pool_try_take(&p->texts, size, out);

    if (e != ERR_AGAIN) return e;
    TRY(push_staged(p, s));
    return buffer_pool_take(&p->texts, size, out);
}

static err copy_in(struct pipeline *p, struct staged *s, const struct chunk *c, struct lease *out)
{
    size_t size = 0;

    if (c->text.len > p->options.embedder->text_bytes_max) return ERR_LIMIT;
    if (__builtin_add_overflow(c->text.len, c->attributes.len, &size)) return ERR_LIMIT;
    TRY(take_room(p, s, size, out));
    char *bytes = buffer_pool_bytes(&p->texts, *out);
    if (c->text.len) memcpy(bytes, c->text.ptr, c->text.len);
    if (c->attributes.len) memcpy(bytes + c->text.len, c->attributes.ptr, c->attributes.len);
    return OK;
}

// A text that is too long goes on as a failure, for the sink's thread to report.
static err stage(struct pipeline *p, struct staged *s, const struct chunk *c)
{
    struct pipeline_item item = {.key = c->key, .text_len = c->text.len};

    item.hash = content_hash(c->text, 0);
    if (p->options.journal && journal_has(p->options.journal, item.key, item.hash)) {
        atomic_fetch_add_explicit(&p->skipped, 1, memory_order_relaxed);
        return OK;
    }
    item.error = copy_in(p, s, c, &item.lease);
    if (item.error && item.error != ERR_LIMIT) return item.error;
    s->items[s->count++] = item;
    return OK;
}

static err read_some(struct pipeline *p, struct staged *s)
{
    struct chunk_source *source = p->options.source;
    struct chunk told[PIPELINE_TOLD_MAX];
    size_t count = 0;

    TRY(source->next(source, told, PIPELINE_TOLD_MAX, &p->cancel, &count));
    assert(count > 0 && count <= PIPELINE_TOLD_MAX);
    atomic_fetch_add_explicit(&p->read, count, memory_order_relaxed);
    for (size_t i = 0; i < count; i++) {
        TRY(stage(p, s, &told[i]));
    }
    return push_staged(p, s);
}

// What was read before the source failed is still embedded: pipeline_end() would throw it away.
static void note_failure(struct pipeline *p, err why)
{
    int none = OK;

    atomic_compare_exchange_strong(&p->first_error, &none, (int)why);
}

void *pipeline_read(void *pipeline)
{
    struct pipeline *p = pipeline;
    struct staged staged = {.count = 0};
    err e = OK;

    while (!e) {
        e = read_some(p, &staged);
    }
    for (size_t i = 0; i < staged.count; i++) {
        buffer_pool_give(&p->texts, &staged.items[i].lease);
    }
    if (e != ERR_EOF) note_failure(p, e);
    bounded_queue_close(&p->items);
    return NULL;
}
