#include "retrieval/vector/isa.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

const char *isa_name(enum isa isa)
{
    static const char *const names[ISA_COUNT] = {"scalar", "sse2", "avx2", "avx512", "neon"};

    return names[isa];
}

#if defined(__x86_64__)
// clang 14 has no name for it.
static bool isa_has_f16c(void)
{
    unsigned a;
    unsigned b;
    unsigned c;
    unsigned d;

    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}

bool isa_is_supported(enum isa isa)
{
    switch (isa) {
    case ISA_SCALAR:
    case ISA_SSE2: return true;
    case ISA_AVX2:
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
               __builtin_cpu_supports("popcnt") && isa_has_f16c();
    case ISA_AVX512:
        return isa_is_supported(ISA_AVX2) && __builtin_cpu_supports("avx512f") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi") &&
               __builtin_cpu_supports("avx512vnni");
    default: return false;
    }
}
#elif defined(__aarch64__)
bool isa_is_supported(enum isa isa)
{
    return isa == ISA_SCALAR || isa == ISA_NEON;
}
#else
bool isa_is_supported(enum isa isa)
{
    return isa == ISA_SCALAR;
}
#endif

enum isa isa_best(void)
{
    static const enum isa order[] = {ISA_AVX512, ISA_AVX2, ISA_NEON, ISA_SSE2};

    for (unsigned i = 0; i < sizeof order / sizeof *order; i++) {
        if (isa_is_supported(order[i])) return order[i];
    }
    return ISA_SCALAR;
}
