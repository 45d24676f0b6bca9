#include "retrieval/ingest/vector_layout.h"

#include <assert.h>
#include <string.h>

enum { LENGTH_BYTES = 4, MAGIC_BYTES = 8, NPY_AXES = 2 };

static const char too_long[] = "its rows have no number, or more than 65536, to a row";

static uint32_t load_u32(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

err vector_layout_format(str path, enum vector_format *out)
{
    static const char *const ends[VECTOR_FORMAT_COUNT] = {".fvecs", ".bvecs", ".ivecs", ".npy"};

    for (int i = 0; i < VECTOR_FORMAT_COUNT; i++) {
        if (!str_ends(path, str_from_c(ends[i]))) continue;
        *out = (enum vector_format)i;
        return OK;
    }
    return ERR_UNSUPPORTED;
}

static uint64_t number_bytes(enum vector_format format)
{
    return format == VECTOR_FORMAT_BVECS ? 1 : 4;
}

static err read_vecs(enum vector_format format, const uint8_t *bytes, uint64_t len,
                     struct vector_layout *out, const char **why)
{
    struct vector_layout l = {.format = format, .start = 0};

    *why = "it is too short for a row";
    if (len < LENGTH_BYTES) return ERR_DAMAGED;
    l.dim = load_u32(bytes);
    *why = too_long;
    if (l.dim < 1 || l.dim > VECTOR_LAYOUT_DIM_MAX) return ERR_RANGE;
    l.stride = LENGTH_BYTES + l.dim * number_bytes(format);
    l.count = len / l.stride;
    *why = "it does not end with a whole row";
    if (len % l.stride != 0) return ERR_DAMAGED;
    *out = l;
    return OK;
}

// ---- the dictionary of a .npy

// What is left to read of it, and what it said.
struct header {
    str rest;
    str descr;
    bool is_fortran;
    uint64_t shape[NPY_AXES];
    unsigned axes;
    unsigned seen; // members, as bits
};

static void skip_blanks(struct header *h)
{
    while (h->rest.len && memchr(" \t\r\n", h->rest.ptr[0], 4)) {
        h->rest = str_sub(h->rest, 1, h->rest.len);
    }
}

static bool take_word(struct header *h, str word)
{
    skip_blanks(h);
    if (!str_starts(h->rest, word)) return false;
    h->rest = str_sub(h->rest, word.len, h->rest.len);
    return true;
}

static err take_text(struct header *h, str *out)
{
    char quote = take_word(h, STR("'")) ? '\'' : '"';

    if (quote == '"' && !take_word(h, STR("\""))) return ERR_SYNTAX;
    size_t len = str_find_char(h->rest, quote);
    if (len == h->rest.len) return ERR_SYNTAX;
    *out = str_cut(&h->rest, quote);
    return OK;
}

static err take_number(struct header *h, uint64_t *out)
{
    size_t len = 0;

    skip_blanks(h);
    while (len < h->rest.len && h->rest.ptr[len] >= '0' && h->rest.ptr[len] <= '9') {
        len++;
    }
    if (!str_to_u64(str_sub(h->rest, 0, len), UINT64_MAX, out)) return ERR_SYNTAX;
    h->rest = str_sub(h->rest, len, h->rest.len);
    return OK;
}

// A tuple of Python: (), (1,), (1, 2) or (1, 2,). Of more axes than two only the number is kept.
static err take_shape(struct header *h)
{
    uint64_t number = 0;

    if (!take_word(h, STR("("))) return ERR_SYNTAX;
    while (!take_word(h, STR(")"))) {
        if (h->axes > 0 && !take_word(h, STR(","))) return ERR_SYNTAX;
        if (h->axes > 0 && take_word(h, STR(")"))) return OK;
        TRY(take_number(h, &number));
        if (h->axes < NPY_AXES) h->shape[h->axes] = number;
        h->axes++;
    }
    return OK;
}

static err take_member(struct header *h)
{
    static const char *const names[] = {"descr", "fortran_order", "shape"};
    str name = STR("");
    unsigned i = 0;

    TRY(take_text(h, &name));
    if (!take_word(h, STR(":"))) return ERR_SYNTAX;
    while (i < 3 && !str_eq(name, str_from_c(names[i]))) {
        i++;
    }
    if (i == 3 || h->seen & 1U << i) return ERR_SYNTAX;
    h->seen |= 1U << i;
    if (i == 0) return take_text(h, &h->descr);
    if (i == 2) return take_shape(h);
    h->is_fortran = take_word(h, STR("True"));
    return h->is_fortran || take_word(h, STR("False")) ? OK : ERR_SYNTAX;
}

static err read_header(struct header *h)
{
    if (!take_word(h, STR("{"))) return ERR_SYNTAX;
    while (!take_word(h, STR("}"))) {
        if (h->seen && !take_word(h, STR(","))) return ERR_SYNTAX;
        if (h->seen && take_word(h, STR("}"))) break;
        TRY(take_member(h));
    }
    skip_blanks(h);
    return h->seen == 7 && h->rest.len == 0 ? OK : ERR_SYNTAX;
}

// The magic, the version and how long the dictionary is, which has two bytes or, from version 2 on,
// four for that.
static err find_header(const uint8_t *bytes, uint64_t len, struct header *h, uint64_t *start)
{
    uint64_t length_bytes = 0;
    uint64_t header_len = 0;

    if (len < MAGIC_BYTES || memcmp(bytes, "\x93NUMPY", 6) != 0) return ERR_SYNTAX;
    if (bytes[6] < 1 || bytes[6] > 3 || bytes[7] != 0) return ERR_SYNTAX;
    length_bytes = bytes[6] == 1 ? 2 : 4;
    *start = MAGIC_BYTES + length_bytes;
    if (len < *start) return ERR_SYNTAX;
    header_len = bytes[8] | (uint64_t)bytes[9] << 8;
    if (length_bytes == 4) header_len = load_u32(bytes + MAGIC_BYTES);
    if (header_len > VECTOR_LAYOUT_HEADER_MAX || header_len > len - *start) return ERR_SYNTAX;
    h->rest = (str){(const char *)bytes + *start, header_len};
    *start += header_len;
    return OK;
}

static err read_npy(const uint8_t *bytes, uint64_t len, struct vector_layout *out, const char **why)
{
    struct vector_layout l = {.format = VECTOR_FORMAT_NPY};
    struct header h = {.seen = 0};
    uint64_t whole = 0;

    *why = "it has no header of NumPy's";
    TRY(find_header(bytes, len, &h, &l.start));
    TRY(read_header(&h));
    *why = "its numbers are not float32 with the low byte first ('<f4')";
    if (!str_eq(h.descr, STR("<f4"))) return ERR_UNSUPPORTED;
    *why = "its array does not have two dimensions, rows and what is in a row";
    if (h.axes != NPY_AXES) return ERR_UNSUPPORTED;
    *why = "its array lies column by column (fortran_order)";
    if (h.is_fortran) return ERR_UNSUPPORTED;
    *why = too_long;
    if (h.shape[1] < 1 || h.shape[1] > VECTOR_LAYOUT_DIM_MAX) return ERR_RANGE;
    l.dim = (uint32_t)h.shape[1];
    l.stride = l.dim * number_bytes(l.format);
    l.count = h.shape[0];
    *why = "it is longer or shorter than its array";
    if (__builtin_mul_overflow(l.count, l.stride, &whole)) return ERR_DAMAGED;
    if (whole != len - l.start) return ERR_DAMAGED;
    *out = l;
    return OK;
}

err vector_layout_read(enum vector_format format, const uint8_t *bytes, uint64_t len,
                       struct vector_layout *out, const char **why)
{
    if (format == VECTOR_FORMAT_NPY) return read_npy(bytes, len, out, why);
    return read_vecs(format, bytes, len, out, why);
}

// ---- rows

static err find_row(const struct vector_layout *l, const uint8_t *bytes, uint64_t row,
                    const uint8_t **out)
{
    const uint8_t *at = bytes + l->start + row * l->stride;

    assert(row < l->count);
    if (l->format != VECTOR_FORMAT_NPY) {
        if (load_u32(at) != l->dim) return ERR_DAMAGED;
        at += LENGTH_BYTES;
    }
    *out = at;
    return OK;
}

static bool is_finite(const float *row, uint32_t dim)
{
    const uint32_t exponent = 0x7f800000;
    bool finite = true;

    for (uint32_t i = 0; i < dim; i++) {
        uint32_t bits;
        memcpy(&bits, &row[i], sizeof(bits));
        finite &= (bits & exponent) != exponent;
    }
    return finite;
}

err vector_layout_floats(const struct vector_layout *l, const uint8_t *bytes, uint64_t row,
                         float *out)
{
    const uint8_t *at = NULL;

    assert(l->format != VECTOR_FORMAT_IVECS);
    TRY(find_row(l, bytes, row, &at));
    if (l->format == VECTOR_FORMAT_BVECS) {
        for (uint32_t i = 0; i < l->dim; i++) {
            out[i] = (float)at[i];
        }
        return OK;
    }
    memcpy(out, at, l->dim * sizeof(*out));
    return is_finite(out, l->dim) ? OK : ERR_RANGE;
}

err vector_layout_numbers(const struct vector_layout *l, const uint8_t *bytes, uint64_t row,
                          uint32_t take, uint64_t *out)
{
    const uint8_t *at = NULL;

    assert(l->format == VECTOR_FORMAT_IVECS && take <= l->dim);
    TRY(find_row(l, bytes, row, &at));
    for (uint32_t i = 0; i < take; i++) {
        uint32_t number = load_u32(at + i * 4);
        if (number > INT32_MAX) return ERR_RANGE;
        out[i] = number;
    }
    return OK;
}
