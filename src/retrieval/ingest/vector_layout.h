// vector_layout: how rows of vectors lie in the files other programs write them to.
//
// Of .fvecs, .bvecs and .ivecs each row is its length (32 bits) and as many floats, bytes or 32-bit
// numbers (the format of the TEXMEX data sets); all rows are of one length. A .npy is a header that
// is a Python dictionary, and an array of float32 in two dimensions, one row after another (NumPy's
// format 1 to 3). Numbers have their low byte first. Pure, and nothing read is trusted: what the
// file may turn into after its layout was read is checked row by row.
#pragma once

#include "base/err.h"
#include "base/str.h"

enum {
    VECTOR_LAYOUT_DIM_MAX = 65'536,
    VECTOR_LAYOUT_HEADER_MAX = 65'536, // bytes of a .npy's dictionary
};

enum vector_format {
    VECTOR_FORMAT_FVECS,
    VECTOR_FORMAT_BVECS,
    VECTOR_FORMAT_IVECS,
    VECTOR_FORMAT_NPY,
    VECTOR_FORMAT_COUNT,
};

struct vector_layout {
    enum vector_format format;
    uint32_t dim; // numbers in a row
    uint64_t count;
    uint64_t start;  // bytes before the first row
    uint64_t stride; // bytes from a row to the next
};

// What a file is by the end of its name. ERR_UNSUPPORTED.
err vector_layout_format(str path, enum vector_format *out);

// Reads where the rows lie in a whole file. `*why` is written on failure, for people: ERR_SYNTAX
// for what is no such file, ERR_UNSUPPORTED for numbers or an order that it may have but that are
// not read here, ERR_RANGE for a length of rows outside the bounds, ERR_DAMAGED where bytes are
// missing or too many.
err vector_layout_read(enum vector_format format, const uint8_t *bytes, uint64_t len,
                       struct vector_layout *out, const char **why);

// Copies a row below `count` of the same file to `out` ([dim]). ERR_DAMAGED where it claims another
// length than the first, ERR_RANGE where a component is not finite. Not of .ivecs.
err vector_layout_floats(const struct vector_layout *l, const uint8_t *bytes, uint64_t row,
                         float *out);

// The first `take` numbers, at most dim, of a row of an .ivecs. ERR_DAMAGED as above; ERR_RANGE
// where one is negative.
err vector_layout_numbers(const struct vector_layout *l, const uint8_t *bytes, uint64_t row,
                          uint32_t take, uint64_t *out);
