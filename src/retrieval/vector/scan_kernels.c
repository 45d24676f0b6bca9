#include "retrieval/vector/scan_kernels.h"

#include "retrieval/vector/scan_kernels_rows.h"

#include <stdatomic.h>

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
    // Asking the processor leaves a virtual machine, which takes longer than a query's rotation:
    // the answer is kept. Threads that meet here find the same row, so that neither needs to wait.
    static _Atomic(const struct scan_kernels *) found;
    const struct scan_kernels *row = atomic_load_explicit(&found, memory_order_relaxed);

    if (row) return row;
    row = scan_kernels_of(isa_best());
    if (!row) row = &scan_kernels_scalar;
    atomic_store_explicit(&found, row, memory_order_relaxed);
    return row;
}
