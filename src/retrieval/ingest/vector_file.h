// vector_file: rows of vectors in a file, as a source for an index.
//
// A .fvecs, .bvecs or .npy (vector_layout.h) is mapped and read where it lies; a row's number is
// its key, and its vector is finite but of any length. An .ivecs holds numbers of rows instead,
// such as the true nearest of each query. Any thread may read rows.
#pragma once

#include "io/mapped_file.h"
#include "retrieval/ingest/vector_layout.h"
#include "retrieval/vector/row_source.h"

#include <stdatomic.h>

struct vector_file {
    struct row_source source; // of vectors; count and dim of either kind
    struct mapped_file file;
    struct vector_layout layout;
    atomic_uint_least64_t bad_row; // the lowest met, UINT64_MAX for none
};

// What mapped_file_open() and vector_layout_read() return; ERR_UNSUPPORTED where the name does not
// say one of the formats wanted. On failure `*why` is one phrase for people.
err vector_file_open(struct vector_file *f, str path, const char **why);
err vector_file_open_numbers(struct vector_file *f, str path, const char **why); // .ivecs
// Nobody reads it any more.
void vector_file_close(struct vector_file *f);

// The first `take` numbers of each of `count` rows of an .ivecs, to `out` ([count][take]).
// ERR_RANGE for rows or numbers that aren't there, and for a negative one; ERR_DAMAGED; ERR_SYSTEM
// where the file could not be read. The source of vectors fails likewise.
err vector_file_numbers(struct vector_file *f, uint64_t first, uint32_t count, uint32_t take,
                        uint64_t *out);

// Whether a row was met that could not be used, and the first such row.
bool vector_file_bad_row(const struct vector_file *f, uint64_t *row);
