#include "retrieval/ingest/embed.h"

#include "retrieval/ingest/content_hash.h"

#include <assert.h>

err embed(struct embedder *e, const str *texts, size_t count, float *out,
          const struct embed_limits *limits)
{
    assert(count >= 1 && count <= e->batch_max);
    return e->embed(e, texts, count, out, limits);
}

enum embed_fault embed_fault_of(err e)
{
    switch (e) {
    case ERR_AGAIN:
    case ERR_TIMEOUT:
    case ERR_CLOSED:
    case ERR_REFUSED:
    case ERR_UNREACHABLE:
    case ERR_RESOLVE: return EMBED_FAULT_PASSES;
    case ERR_SYNTAX:
    case ERR_LIMIT:
    case ERR_RANGE:
    case ERR_TYPE:
    case ERR_UNSUPPORTED: return EMBED_FAULT_TEXT;
    default: return EMBED_FAULT_ALL;
    }
}

err embed_check(const struct embedder *e)
{
    if (e->dim < 1 || e->dim > EMBED_DIM_MAX) return ERR_RANGE;
    if (e->batch_max < 1 || e->batch_max > EMBED_BATCH_MAX) return ERR_RANGE;
    if (e->text_bytes_max < 1) return ERR_RANGE;
    if (e->batch_bytes_max > 0 && e->batch_bytes_max < e->text_bytes_max) return ERR_RANGE;
    return OK;
}

uint64_t embed_stamp(const struct embedder *e)
{
    return content_hash(e->version, content_hash(e->name, e->dim));
}
