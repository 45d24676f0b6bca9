// Any bytes as a file of vectors, in the format that the first byte picks: rows that are told lie
// within it, end where it does, and each is read or is an error.
#include "base/memory.h"
#include "retrieval/ingest/vector_layout.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void must(bool holds)
{
    if (!holds) abort();
}

static void check_floats(const struct vector_layout *l, const uint8_t *bytes, uint64_t row)
{
    float *out = memory_alloc(l->dim * sizeof(*out));
    err e = vector_layout_floats(l, bytes, row, out);

    must(e == OK || e == ERR_DAMAGED || e == ERR_RANGE);
    for (uint32_t i = 0; !e && i < l->dim; i++) {
        must(isfinite(out[i]));
    }
    memory_free(out);
}

static void check_numbers(const struct vector_layout *l, const uint8_t *bytes, uint64_t row)
{
    uint64_t *out = memory_alloc(l->dim * sizeof(*out));
    err e = vector_layout_numbers(l, bytes, row, l->dim, out);

    must(e == OK || e == ERR_DAMAGED || e == ERR_RANGE);
    for (uint32_t i = 0; !e && i < l->dim; i++) {
        must(out[i] <= INT32_MAX);
    }
    memory_free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct vector_layout l;
    const char *why = NULL;

    if (len < 1) return 0;
    enum vector_format format = (enum vector_format)(bytes[0] % VECTOR_FORMAT_COUNT);
    bytes++;
    len--;
    if (vector_layout_read(format, bytes, len, &l, &why)) {
        must(why != NULL);
        return 0;
    }
    must(l.dim >= 1 && l.dim <= VECTOR_LAYOUT_DIM_MAX && l.format == format);
    must(l.count <= len && l.start + l.count * l.stride == len);
    for (uint64_t row = 0; row < l.count; row++) {
        if (format == VECTOR_FORMAT_IVECS) {
            check_numbers(&l, bytes, row);
        } else {
            check_floats(&l, bytes, row);
        }
    }
    return 0;
}
