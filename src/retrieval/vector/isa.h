// isa: which vector instructions this processor has.
//
// Kernels come in rows, one an instruction set, and isa_best() names the row to use. Every row that
// the processor supports is tested against the plain one. Safe from any thread.
#pragma once

#include <stdbool.h>

enum isa {
    ISA_SCALAR,
    ISA_SSE2,
    ISA_AVX2,   // with FMA, F16C and POPCNT
    ISA_AVX512, // F, BW, DQ, VL, VBMI and VNNI
    ISA_NEON,   // with dot products left out: what every arm64 has
    ISA_COUNT,
};

// "scalar", "avx2".
const char *isa_name(enum isa isa);

bool isa_is_supported(enum isa isa);

// The fastest that is supported.
enum isa isa_best(void);
