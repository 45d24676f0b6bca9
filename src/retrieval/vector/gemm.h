// gemm: the inner products of many queries with many rows, which is a matrix product.
//
// OpenBLAS does it where it is found, on the calling thread alone (gemm_blas.h); else the tiles of
// kernels.h. Which of the two may change the last bits of a sum, hence exact.h takes its distances
// elsewhere. Matrices are dense and row by row: queries[nq][dim], rows[nr][dim], out[nq][nr]. `out`
// overlaps neither of the others. Safe from any thread, never allocates.
#pragma once

#include "retrieval/vector/kernels.h"

struct gemm {
    const float *queries;
    const float *rows;
    float *out;
    size_t nq, nr, dim;
};

// out[q][r] = <queries[q], rows[r]>.
void gemm_dots(const float *queries, size_t nq, const float *rows, size_t nr, size_t dim,
               float *out);

// The same by a row of kernels, without OpenBLAS. A sum does not depend on what is beside it.
void gemm_tiles(const struct kernels *k, const struct gemm *g);
