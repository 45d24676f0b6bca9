#include "retrieval/vector/kernels.h"

#include "retrieval/vector/kernels_rows.h"

#include <stdatomic.h>

static const struct kernels *row_of(enum isa isa)
{
    switch (isa) {
    case ISA_SCALAR: return &kernels_scalar;
#if defined(__x86_64__)
    case ISA_SSE2: return &kernels_sse2;
    case ISA_AVX2: return &kernels_avx2;
    case ISA_AVX512: return &kernels_avx512;
#elif defined(__aarch64__)
    case ISA_NEON: return &kernels_neon;
#endif
    default: return NULL;
    }
}

const struct kernels *kernels_of(enum isa isa)
{
    return isa_is_supported(isa) ? row_of(isa) : NULL;
}

const struct kernels *kernels(void)
{
    // Threads that meet here find the same row, so that neither needs to wait.
    static _Atomic(const struct kernels *) found;
    const struct kernels *row = atomic_load_explicit(&found, memory_order_relaxed);

    if (row) return row;
    row = row_of(isa_best());
    atomic_store_explicit(&found, row, memory_order_relaxed);
    return row;
}
