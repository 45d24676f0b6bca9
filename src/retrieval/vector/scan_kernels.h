// scan_kernels: the inner loops over codes, one row of them an instruction set.
//
// All take plain arrays of any alignment, 64 bytes being fastest, and read nothing beyond them.
// Integer results are the same in every row of the table, bit for bit; floats agree within a few
// units in the last place of the largest term. Safe from any thread.
#pragma once

#include "retrieval/vector/isa.h"

#include <stddef.h>
#include <stdint.h>

// What a scan of coarse blocks (quantizer.h) takes.
struct coarse_scan {
    const uint8_t *blocks;
    const int8_t *levels; // of the query
    uint32_t padded_dim;
    uint32_t block_count;
    int32_t level_bias;  // what the bytes' zero adds to each sum
    float weight;        // a score is offset - weight * step * (sum - level_bias)
    float *scores;       // out, 16 a block
    float *block_scores; // out, the least of each block
};

// What a scan of one list's code1 blocks (code.h) takes, in units of the list's scale.
struct code1_scan {
    const uint8_t *blocks;
    const uint8_t *table; // [padded_dim / 4][16], no entry above SCAN_KERNELS_ENTRY_MAX
    uint32_t padded_dim;
    float step; // <R q, b> is offset + step * sum
    float offset;
    float error; // what e is multiplied by
    float limit; // a row survives if its bound a - f <R q, b> - e * error is below
};

enum { SCAN_KERNELS_ENTRY_MAX = 63 }; // four entries fit a byte, all of 4096 dimensions two bytes

struct code1_hit {
    uint32_t rows; // those of the block that survive, as bits
    float bounds[32];
};

// What sums over code4 rows (code.h) take.
struct code4_scan {
    const uint8_t *codes;
    const int8_t *levels; // of the query
    uint32_t padded_dim;
};

struct scan_kernels {
    const char *name;
    // The Hadamard transform of `n` floats in place, a power of two from 64 on; not scaled.
    void (*hadamard)(float *x, size_t n);
    void (*coarse)(const struct coarse_scan *s);
    // Fills [n / 4][16] bytes: entry e of group g is the sum of the |x| of coordinates 4g + k where
    // bit k of e differs from x being negative, that is the sum of those whose bit is set less the
    // least such sum, times `inverse`, rounded; which keeps it within SCAN_KERNELS_ENTRY_MAX.
    void (*table1)(const float *x, size_t n, float inverse, uint8_t *table);
    // The first block from `block` on with a survivor, which is described in `hit`; else `end`.
    uint32_t (*code1)(const struct code1_scan *s, uint32_t block, uint32_t end,
                      struct code1_hit *hit);
    // Sums of nibble by level of the `count` rows of `codes` that `rows` numbers.
    void (*code4)(const struct code4_scan *s, const uint32_t *rows, uint32_t count, int32_t *sums);
    // Levels 0..15 of `n` floats, 8 plus the floor of each by the step whose inverse is given;
    // sums: of (level - 7.5) by the float, of (level - 7.5) squared. `n` is a multiple of 64.
    void (*round4)(const float *x, size_t n, float inverse, uint8_t *levels, float sums[2]);
};

// The fastest that this processor supports.
const struct scan_kernels *scan_kernels(void);

// Of one instruction set; NULL where the processor has it not, or it has no row of its own.
const struct scan_kernels *scan_kernels_of(enum isa isa);
