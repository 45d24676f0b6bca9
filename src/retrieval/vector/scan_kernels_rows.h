// scan_kernels_rows: the rows of the table in scan_kernels.h, for it alone.
#pragma once

#include "retrieval/vector/scan_kernels.h"

extern const struct scan_kernels scan_kernels_scalar;
#if defined(__x86_64__)
extern const struct scan_kernels scan_kernels_avx2;
extern const struct scan_kernels scan_kernels_avx512;
#elif defined(__aarch64__)
extern const struct scan_kernels scan_kernels_neon;
#endif
