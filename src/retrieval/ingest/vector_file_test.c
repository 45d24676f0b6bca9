#include "retrieval/ingest/vector_file.h"

#include "support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { DIM = 2, ROWS = 3000, ROW_BYTES = 4 + DIM * 4 };

// A file with a name of its own, which ends as its format wants.
struct sample {
    char path[64];
    int fd;
};

static void sample_init(struct sample *s, const char *end)
{
    snprintf(s->path, sizeof(s->path), "/tmp/vector-file-%d%s", (int)getpid(), end);
    s->fd = open(s->path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(s->fd >= 0);
}

static void sample_add(struct sample *s, const void *bytes, size_t len)
{
    CHECK_EQ(write(s->fd, bytes, len), (ssize_t)len);
}

static void sample_done(struct sample *s)
{
    close(s->fd);
    unlink(s->path);
}

// Row i is i and -i: as floats, or as whole numbers.
static void sample_rows(struct sample *s, const char *end)
{
    sample_init(s, end);
    for (int32_t i = 0; i < ROWS; i++) {
        const float floats[DIM] = {(float)i, (float)-i};
        const int32_t numbers[DIM] = {i, -i};
        const uint32_t dim = DIM;
        sample_add(s, &dim, 4);
        sample_add(s, strcmp(end, ".ivecs") ? (const void *)floats : numbers, sizeof(floats));
    }
}

TEST(vector_file_is_a_source_of_its_rows_under_their_numbers)
{
    struct sample s;
    struct vector_file f;
    const char *why = NULL;
    float out[3 * DIM];
    uint64_t keys[3];

    sample_rows(&s, ".fvecs");
    CHECK_EQ(vector_file_open(&f, str_from_c(s.path), &why), OK);
    CHECK_EQ(f.source.count, ROWS);
    CHECK_EQ(f.source.dim, DIM);
    CHECK_EQ(f.source.fetch(&f.source, ROWS - 3, 3, out, keys), OK);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(keys[i], ROWS - 3 + i);
        CHECK(out[i * DIM] == (float)(ROWS - 3 + i) && out[i * DIM + 1] == (float)(3 - i - ROWS));
    }
    CHECK_EQ(f.source.fetch(&f.source, 0, 1, NULL, keys), OK);
    CHECK_EQ(f.source.fetch(&f.source, 0, 1, out, NULL), OK);
    CHECK_EQ(f.source.fetch(&f.source, ROWS - 3, 4, out, keys), ERR_RANGE);
    CHECK_EQ(f.source.fetch(&f.source, UINT64_MAX, 2, out, keys), ERR_RANGE);
    vector_file_close(&f);
    sample_done(&s);
}

TEST(vector_file_tells_the_first_row_of_no_use)
{
    static const uint32_t nan = 0x7fc00000;
    static const uint32_t other = 3;
    struct sample s;
    struct vector_file f;
    const char *why = NULL;
    float out[ROWS * DIM];
    uint64_t row = 0;

    sample_rows(&s, ".fvecs");
    CHECK_EQ(pwrite(s.fd, &nan, 4, 100 * ROW_BYTES + 4), 4);
    CHECK_EQ(pwrite(s.fd, &other, 4, 50 * ROW_BYTES), 4);
    CHECK_EQ(vector_file_open(&f, str_from_c(s.path), &why), OK);
    CHECK(!vector_file_bad_row(&f, &row));
    CHECK_EQ(f.source.fetch(&f.source, 51, 100, out, NULL), ERR_RANGE);
    CHECK(vector_file_bad_row(&f, &row));
    CHECK_EQ(row, 100);
    CHECK_EQ(f.source.fetch(&f.source, 0, 100, out, NULL), ERR_DAMAGED);
    CHECK_EQ(f.source.fetch(&f.source, 51, 100, out, NULL), ERR_RANGE);
    CHECK(vector_file_bad_row(&f, &row));
    CHECK_EQ(row, 50);
    vector_file_close(&f);
    sample_done(&s);
}

TEST(vector_file_of_numbers_gives_the_first_of_each_row)
{
    struct sample s;
    struct vector_file f;
    const char *why = NULL;
    uint64_t out[4] = {0};

    sample_rows(&s, ".ivecs");
    CHECK_EQ(vector_file_open_numbers(&f, str_from_c(s.path), &why), OK);
    CHECK_EQ(vector_file_numbers(&f, 10, 2, 1, out), OK);
    CHECK_EQ(out[0], 10);
    CHECK_EQ(out[1], 11);
    CHECK_EQ(vector_file_numbers(&f, 0, 2, 2, out), ERR_RANGE); // -1
    CHECK_EQ(vector_file_numbers(&f, 0, 1, DIM + 1, out), ERR_RANGE);
    CHECK_EQ(vector_file_numbers(&f, ROWS - 1, 2, 1, out), ERR_RANGE);
    vector_file_close(&f);
    CHECK_EQ(vector_file_open(&f, str_from_c(s.path), &why), ERR_UNSUPPORTED);
    sample_done(&s);
}

TEST(vector_file_says_why_it_is_not_read)
{
    struct sample s;
    struct vector_file f;
    const char *why = NULL;

    CHECK_EQ(vector_file_open(&f, STR("/nowhere/a.fvecs"), &why), ERR_ABSENT);
    CHECK_STR(str_from_c(why), "not found");
    CHECK_EQ(vector_file_open(&f, STR("/nowhere/a.csv"), &why), ERR_UNSUPPORTED);
    CHECK_STR(str_from_c(why), "vectors are read of .fvecs, .bvecs and .npy files");
    CHECK_EQ(vector_file_open_numbers(&f, STR("/nowhere/a.npy"), &why), ERR_UNSUPPORTED);
    sample_init(&s, ".npy");
    CHECK_EQ(vector_file_open(&f, str_from_c(s.path), &why), ERR_EOF);
    CHECK_STR(str_from_c(why), "it is empty");
    sample_add(&s, "1,2\n", 4);
    CHECK_EQ(vector_file_open(&f, str_from_c(s.path), &why), ERR_SYNTAX);
    CHECK_STR(str_from_c(why), "it has no header of NumPy's");
    sample_done(&s);
}

// An array of NumPy's has nothing by which a row of zeros could be told from one that is gone.
TEST(vector_file_that_is_cut_while_it_is_read_is_an_error)
{
    static const char header[] = "\x93NUMPY\x01\x00\x76\x00"
                                 "{'descr': '<f4', 'fortran_order': False, 'shape': (4096, 1), }";
    enum { START = 128, ARRAY = 4096 };
    struct sample s;
    struct vector_file f;
    const char *why = NULL;
    float out = 1;

    sample_init(&s, ".npy");
    sample_add(&s, header, sizeof(header) - 1);
    for (int i = (int)sizeof(header) - 1; i < START; i++) {
        sample_add(&s, " ", 1);
    }
    CHECK_EQ(ftruncate(s.fd, START + ARRAY * 4), 0);
    CHECK_EQ(vector_file_open(&f, str_from_c(s.path), &why), OK);
    CHECK_EQ(f.source.fetch(&f.source, ARRAY - 1, 1, &out, NULL), OK);
    CHECK(out == 0);
    CHECK_EQ(ftruncate(s.fd, START + ARRAY * 4 - 4), 0); // its page is there, with zeros at the end
    CHECK_EQ(f.source.fetch(&f.source, ARRAY - 1, 1, &out, NULL), ERR_SYSTEM);
    CHECK_EQ(ftruncate(s.fd, START), 0);
    CHECK_EQ(f.source.fetch(&f.source, ARRAY - 1, 1, &out, NULL), ERR_SYSTEM);
    vector_file_close(&f);
    sample_done(&s);
}
