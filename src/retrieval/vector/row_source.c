#include "retrieval/vector/row_source.h"

#include "base/list.h"

#include <string.h>

static err fetch(struct row_source *s, uint64_t first, uint32_t count, float *out, uint64_t *keys)
{
    const struct row_source_array *a = container_of(s, struct row_source_array, source);

    if (first > s->count || count > s->count - first) return ERR_RANGE;
    if (out && count) memcpy(out, a->rows + first * s->dim, (size_t)count * s->dim * sizeof *out);
    for (uint32_t i = 0; keys && i < count; i++) {
        keys[i] = a->keys ? a->keys[first + i] : first + i;
    }
    return OK;
}

void row_source_array_init(struct row_source_array *a, const float *rows, uint64_t count,
                           uint32_t dim)
{
    *a = (struct row_source_array){{.count = count, .dim = dim, .fetch = fetch}, rows, NULL};
}
