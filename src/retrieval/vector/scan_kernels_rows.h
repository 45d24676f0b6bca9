// scan_kernels_rows: the rows of the table in scan_kernels.h, for it alone.
#pragma once

#include "retrieval/vector/scan_kernels.h"

extern const struct scan_kernels scan_kernels_scalar;
