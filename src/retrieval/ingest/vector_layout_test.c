#include "retrieval/ingest/vector_layout.h"

#include "base/memory.h"

#include "support/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { FILE_MAX = 512 };

// A file being made of numbers with the low byte first.
struct sample {
    uint8_t bytes[FILE_MAX];
    size_t len;
    struct vector_layout layout;
    const char *why;
};

static void add(struct sample *s, const void *bytes, size_t len)
{
    CHECK(len <= FILE_MAX - s->len);
    memcpy(s->bytes + s->len, bytes, len);
    s->len += len;
}

static void add_u32(struct sample *s, uint32_t number)
{
    add(s, &number, sizeof(number));
}

static void add_floats(struct sample *s, const float *floats, size_t count)
{
    add(s, floats, count * sizeof(*floats));
}

// A .npy of format 1 with this dictionary, and `bytes` of zeros as its array.
static void add_npy(struct sample *s, const char *header, size_t bytes)
{
    size_t len = strlen(header);
    uint8_t length[2] = {(uint8_t)len, (uint8_t)(len >> 8)};

    *s = (struct sample){.len = 0};
    add(s, "\x93NUMPY\x01\x00", 8);
    add(s, length, 2);
    add(s, header, len);
    CHECK(bytes <= FILE_MAX - s->len);
    s->len += bytes;
}

// Reads a copy that ends where the file does, so that a byte too many is found.
static err read_layout(struct sample *s, enum vector_format format)
{
    uint8_t *exact = memory_alloc_raw(s->len + 1);

    memcpy(exact + 1, s->bytes, s->len);
    s->why = NULL;
    err e = vector_layout_read(format, exact + 1, s->len, &s->layout, &s->why);
    memory_free(exact);
    return e;
}

TEST(vector_layout_tells_formats_by_names)
{
    enum vector_format format = VECTOR_FORMAT_COUNT;

    CHECK_EQ(vector_layout_format(STR("a/b.fvecs"), &format), OK);
    CHECK_EQ(format, VECTOR_FORMAT_FVECS);
    CHECK_EQ(vector_layout_format(STR("a.npy"), &format), OK);
    CHECK_EQ(format, VECTOR_FORMAT_NPY);
    CHECK_EQ(vector_layout_format(STR("a.npz"), &format), ERR_UNSUPPORTED);
    CHECK_EQ(vector_layout_format(STR("fvecs"), &format), ERR_UNSUPPORTED);
}

TEST(vector_layout_reads_rows_of_floats)
{
    static const float rows[] = {1.5F, -2, 3, 4, 5e-42F, 6};
    struct sample s = {.len = 0};
    float out[3];

    for (size_t i = 0; i < 2; i++) {
        add_u32(&s, 3);
        add_floats(&s, rows + i * 3, 3);
    }
    CHECK_EQ(read_layout(&s, VECTOR_FORMAT_FVECS), OK);
    CHECK_EQ(s.layout.dim, 3);
    CHECK_EQ(s.layout.count, 2);
    for (size_t i = 0; i < 2; i++) {
        CHECK_EQ(vector_layout_floats(&s.layout, s.bytes, i, out), OK);
        CHECK(memcmp(out, rows + i * 3, sizeof(out)) == 0);
    }
}

TEST(vector_layout_reads_rows_of_bytes)
{
    struct sample s = {.len = 0};
    float out[5];

    add_u32(&s, 5);
    add(&s, "\x00\x01\x7f\x80\xff", 5);
    CHECK_EQ(read_layout(&s, VECTOR_FORMAT_BVECS), OK);
    CHECK_EQ(vector_layout_floats(&s.layout, s.bytes, 0, out), OK);
    CHECK(out[0] == 0 && out[1] == 1 && out[2] == 127 && out[3] == 128 && out[4] == 255);
}

TEST(vector_layout_reads_the_first_numbers_of_rows)
{
    struct sample s = {.len = 0};
    uint64_t out[2] = {9, 9};

    add_u32(&s, 2);
    add_u32(&s, INT32_MAX);
    add_u32(&s, UINT32_MAX);
    CHECK_EQ(read_layout(&s, VECTOR_FORMAT_IVECS), OK);
    CHECK_EQ(vector_layout_numbers(&s.layout, s.bytes, 0, 1, out), OK);
    CHECK_EQ(out[0], INT32_MAX);
    CHECK_EQ(out[1], 9);
    CHECK_EQ(vector_layout_numbers(&s.layout, s.bytes, 0, 2, out), ERR_RANGE);
}

TEST(vector_layout_finds_rows_of_another_length_and_what_is_not_finite)
{
    static const float values[] = {1, NAN, INFINITY, -INFINITY};
    struct sample s = {.len = 0};
    float out = 0;

    for (uint32_t i = 0; i < 4; i++) {
        add_u32(&s, 1);
        add_floats(&s, &values[i], 1);
    }
    CHECK_EQ(read_layout(&s, VECTOR_FORMAT_FVECS), OK);
    CHECK_EQ(vector_layout_floats(&s.layout, s.bytes, 0, &out), OK);
    for (uint32_t i = 1; i < 4; i++) {
        CHECK_EQ(vector_layout_floats(&s.layout, s.bytes, i, &out), ERR_RANGE);
    }
    s.bytes[0] = 2;
    CHECK_EQ(vector_layout_floats(&s.layout, s.bytes, 0, &out), ERR_DAMAGED);
}

TEST(vector_layout_rejects_rows_that_cannot_be)
{
    static const enum vector_format formats[] = {VECTOR_FORMAT_FVECS, VECTOR_FORMAT_BVECS,
                                                 VECTOR_FORMAT_IVECS};

    for (size_t i = 0; i < 3; i++) {
        struct sample s = {.bytes = {1}, .len = 3};
        CHECK_EQ(read_layout(&s, formats[i]), ERR_DAMAGED);
        s.len = 4;
        CHECK_EQ(read_layout(&s, formats[i]), ERR_DAMAGED);
        s.len = 11 + i % 2 * 2;
        CHECK_EQ(read_layout(&s, formats[i]), ERR_DAMAGED);
        CHECK_STR(str_from_c(s.why), "it does not end with a whole row");
        s.bytes[0] = 0;
        CHECK_EQ(read_layout(&s, formats[i]), ERR_RANGE);
        memset(s.bytes, 0xff, 4);
        CHECK_EQ(read_layout(&s, formats[i]), ERR_RANGE);
        memcpy(s.bytes, "\x01\x00\x01\x00", 4);
        CHECK_EQ(read_layout(&s, formats[i]), ERR_RANGE);
    }
}

TEST(vector_layout_reads_arrays_of_numpy)
{
    static const char *const headers[] = {
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }          \n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2)}",
        " { \"shape\" :(3,2,),'fortran_order':False\t,'descr':\"<f4\"}\n\n"};

    for (size_t i = 0; i < 3; i++) {
        static const float row[] = {7, -8};
        float out[2];
        struct sample s;
        add_npy(&s, headers[i], 24);
        CHECK_EQ(read_layout(&s, VECTOR_FORMAT_NPY), OK);
        CHECK_EQ(s.layout.count, 3);
        CHECK_EQ(s.layout.dim, 2);
        memcpy(s.bytes + s.len - sizeof(row), row, sizeof(row));
        CHECK_EQ(vector_layout_floats(&s.layout, s.bytes, 2, out), OK);
        CHECK(out[0] == row[0] && out[1] == row[1]);
    }
}

TEST(vector_layout_reads_long_headers_of_numpy)
{
    const char *header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1), }\n";
    struct sample s = {.len = 0};

    add(&s, "\x93NUMPY\x02\x00", 8);
    add_u32(&s, (uint32_t)strlen(header));
    add(&s, header, strlen(header));
    add_u32(&s, 0);
    CHECK_EQ(read_layout(&s, VECTOR_FORMAT_NPY), OK);
    s.bytes[6] = 3;
    CHECK_EQ(read_layout(&s, VECTOR_FORMAT_NPY), OK);
    s.bytes[6] = 4;
    CHECK_EQ(read_layout(&s, VECTOR_FORMAT_NPY), ERR_SYNTAX);
    s.bytes[6] = 2;
    s.bytes[11] = 0xff;
    CHECK_EQ(read_layout(&s, VECTOR_FORMAT_NPY), ERR_SYNTAX);
}

TEST(vector_layout_reads_an_array_without_rows)
{
    struct sample s;

    add_npy(&s, "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 2)}", 0);
    CHECK_EQ(read_layout(&s, VECTOR_FORMAT_NPY), OK);
    CHECK_EQ(s.layout.count, 0);
    CHECK_EQ(s.layout.dim, 2);
}

TEST(vector_layout_tells_why_an_array_is_not_read)
{
    static const struct {
        err error;
        const char *header;
    } bad[] = {
        {ERR_UNSUPPORTED, "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2)}"},
        {ERR_UNSUPPORTED, "{'descr': '>f4', 'fortran_order': False, 'shape': (3, 2)}"},
        {ERR_UNSUPPORTED, "{'descr': '<f4', 'fortran_order': True, 'shape': (3, 2)}"},
        {ERR_UNSUPPORTED, "{'descr': '<f4', 'fortran_order': False, 'shape': ()}"},
        {ERR_UNSUPPORTED, "{'descr': '<f4', 'fortran_order': False, 'shape': (6,)}"},
        {ERR_UNSUPPORTED, "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, 2)}"},
        {ERR_RANGE, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 0)}"},
        {ERR_RANGE, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 65537)}"},
        {ERR_DAMAGED, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2)}"},
        {ERR_DAMAGED, "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 2)}"},
        {ERR_DAMAGED,
         "{'descr': '<f4', 'fortran_order': False, 'shape': (2305843009213693955, 2)}"},
        {ERR_SYNTAX,
         "{'descr': '<f4', 'fortran_order': False, 'shape': (18446744073709551616, 2)}"},
        {ERR_SYNTAX, "{'descr': '<f4', 'fortran_order': False, 'shape': (-3, 2)}"},
        {ERR_SYNTAX, "{'descr': '<f4', 'fortran_order': False, 'shape': (3 2)}"},
        {ERR_SYNTAX, "{'descr': '<f4', 'fortran_order': False, 'shape': (,)}"},
        {ERR_SYNTAX, "{'descr': '<f4', 'fortran_order': False, 'shape': 3}"},
        {ERR_SYNTAX, "{'descr': '<f4', 'fortran_order': 0, 'shape': (3, 2)}"},
        {ERR_SYNTAX, "{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (3, 2)}"},
        {ERR_SYNTAX, "{'descr': '<f4', 'fortran_order': False}"},
        {ERR_SYNTAX, "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (3, 2)}"},
        {ERR_SYNTAX, "{'descr': '<f4', 'other': False, 'fortran_order': False, 'shape': (3, 2)}"},
        {ERR_SYNTAX, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2)} x"},
        {ERR_SYNTAX, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2)"},
        {ERR_SYNTAX, "{'descr': '<f4"},
        {ERR_SYNTAX, "{'descr' '<f4'}"},
        {ERR_SYNTAX, "{}"},
        {ERR_SYNTAX, ""},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct sample s;
        add_npy(&s, bad[i].header, 24);
        CHECK_EQ(read_layout(&s, VECTOR_FORMAT_NPY), bad[i].error);
        CHECK(s.why != NULL);
    }
}

TEST(vector_layout_of_any_part_of_a_file_is_an_error)
{
    struct sample s;

    add_npy(&s, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }\n", 24);
    for (size_t len = s.len; len-- > 0;) {
        s.len = len;
        CHECK(read_layout(&s, VECTOR_FORMAT_NPY) != OK);
    }
}
