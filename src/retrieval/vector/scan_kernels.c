#include "retrieval/vector/scan_kernels.h"

#include "retrieval/vector/scan_kernels_rows.h"

const struct scan_kernels *scan_kernels_of(enum isa isa)
{
    if (!isa_is_supported(isa)) return NULL;
    switch (isa) {
    case ISA_SCALAR: return &scan_kernels_scalar;
#if defined(__x86_64__)
    case ISA_AVX2: return &scan_kernels_avx2;
    case ISA_AVX512: return &scan_kernels_avx512;
#elif defined(__aarch64__)
    case ISA_NEON: return &scan_kernels_neon;
#endif
    default: return NULL;
    }
}

const struct scan_kernels *scan_kernels(void)
{
    const struct scan_kernels *best = scan_kernels_of(isa_best());

    return best ? best : &scan_kernels_scalar;
}
