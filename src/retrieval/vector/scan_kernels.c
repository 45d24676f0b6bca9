#include "retrieval/vector/scan_kernels.h"

#include "retrieval/vector/scan_kernels_rows.h"

const struct scan_kernels *scan_kernels_of(enum isa isa)
{
    if (!isa_is_supported(isa)) return NULL;
    switch (isa) {
    case ISA_SCALAR: return &scan_kernels_scalar;
    default: return NULL;
    }
}

const struct scan_kernels *scan_kernels(void)
{
    const struct scan_kernels *best = scan_kernels_of(isa_best());

    return best ? best : &scan_kernels_scalar;
}
