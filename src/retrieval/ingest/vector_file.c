#include "retrieval/ingest/vector_file.h"

#include "base/list.h"

static void note_bad(struct vector_file *f, uint64_t row)
{
    uint_least64_t lowest = atomic_load(&f->bad_row);

    while (row < lowest && !atomic_compare_exchange_weak(&f->bad_row, &lowest, row)) {
    }
}

// What was read of a page that could not be read were zeros.
static err check_pages(struct vector_file *f)
{
    uint64_t offset = 0;

    return mapped_file_fault(&f->file, &offset) ? ERR_SYSTEM : OK;
}

// Behind the end of a file that was cut, the rest of its last page is zeros, too, without a fault.
static err check_length(const struct vector_file *f)
{
    return mapped_file_size(&f->file) < f->file.len ? ERR_SYSTEM : OK;
}

static err fetch(struct row_source *s, uint64_t first, uint32_t count, float *out, uint64_t *keys)
{
    struct vector_file *f = container_of(s, struct vector_file, source);

    if (first > s->count || count > s->count - first) return ERR_RANGE;
    for (uint32_t i = 0; out && i < count; i++) {
        err e =
            vector_layout_floats(&f->layout, f->file.bytes, first + i, out + (size_t)i * s->dim);
        TRY(check_pages(f));
        if (e) note_bad(f, first + i);
        if (e) return e;
    }
    for (uint32_t i = 0; keys && i < count; i++) {
        keys[i] = first + i;
    }
    return out ? check_length(f) : OK;
}

err vector_file_numbers(struct vector_file *f, uint64_t first, uint32_t count, uint32_t take,
                        uint64_t *out)
{
    if (first > f->layout.count || count > f->layout.count - first) return ERR_RANGE;
    if (take > f->layout.dim) return ERR_RANGE;
    for (uint32_t i = 0; i < count; i++) {
        err e = vector_layout_numbers(&f->layout, f->file.bytes, first + i, take,
                                      out + (size_t)i * take);
        TRY(check_pages(f));
        if (e) note_bad(f, first + i);
        if (e) return e;
    }
    return check_length(f);
}

static err open_format(struct vector_file *f, str path, enum vector_format format, const char **why)
{
    *f = (struct vector_file){.source = {.fetch = fetch}};
    atomic_init(&f->bad_row, UINT64_MAX);
    err e = mapped_file_open(&f->file, path);
    if (e) *why = e == ERR_EOF ? "it is empty" : err_text(e);
    if (e) return e;
    e = vector_layout_read(format, f->file.bytes, f->file.len, &f->layout, why);
    if (e) mapped_file_close(&f->file);
    f->source.count = f->layout.count;
    f->source.dim = f->layout.dim;
    return e;
}

err vector_file_open(struct vector_file *f, str path, const char **why)
{
    enum vector_format format = VECTOR_FORMAT_COUNT;

    *why = "vectors are read of .fvecs, .bvecs and .npy files";
    TRY(vector_layout_format(path, &format));
    if (format == VECTOR_FORMAT_IVECS) return ERR_UNSUPPORTED;
    return open_format(f, path, format, why);
}

err vector_file_open_numbers(struct vector_file *f, str path, const char **why)
{
    enum vector_format format = VECTOR_FORMAT_COUNT;

    *why = "numbers of rows are read of .ivecs files";
    TRY(vector_layout_format(path, &format));
    if (format != VECTOR_FORMAT_IVECS) return ERR_UNSUPPORTED;
    return open_format(f, path, format, why);
}

void vector_file_close(struct vector_file *f)
{
    mapped_file_close(&f->file);
}

bool vector_file_bad_row(const struct vector_file *f, uint64_t *row)
{
    uint64_t lowest = atomic_load(&f->bad_row);

    if (lowest != UINT64_MAX) *row = lowest;
    return lowest != UINT64_MAX;
}
