// gemm_blas: OpenBLAS, where it is built in and found.
#pragma once

#include "retrieval/vector/gemm.h"

// As gemm_tiles() does, on the calling thread alone. False, and nothing is done, without OpenBLAS.
bool gemm_blas(const struct gemm *g);

// Whether there is one.
bool gemm_blas_is_there(void);
