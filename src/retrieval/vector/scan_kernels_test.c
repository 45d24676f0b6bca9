#include "retrieval/vector/scan_kernels.h"

#include "base/memory.h"
#include "base/random.h"
#include "retrieval/vector/half.h"

#include "support/test.h"

#include <math.h>
#include <string.h>

enum { DIM_MAX = 4096, LISTS = 16, ROWS = 32, BLOCKS = 7, HALVES = 3 * ROWS };

static const uint32_t dims[] = {64, 128, 192, 256, 320, 768, 1536, 4096};

// Calls `check` for every row but the plain one, with dimensions of every kind.
static void with_rows(void (*check)(const struct scan_kernels *k, const struct scan_kernels *plain,
                                    uint32_t dim, struct random *random))
{
    const struct scan_kernels *plain = scan_kernels_of(ISA_SCALAR);
    struct random random;

    random_init(&random, 7);
    for (int isa = 0; isa < ISA_COUNT; isa++) {
        const struct scan_kernels *k = scan_kernels_of((enum isa)isa);
        if (!k) continue;
        for (unsigned i = 0; i < sizeof dims / sizeof *dims; i++) {
            check(k, plain, dims[i], &random);
        }
    }
}

static void fill_normal(struct random *random, float *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = (float)random_normal(random);
    }
}

static void fill_bytes(struct random *random, void *out, size_t count, unsigned below)
{
    uint8_t *bytes = out;

    for (size_t i = 0; i < count; i++) {
        bytes[i] = (uint8_t)random_below(random, below);
    }
}

static void fill_levels(struct random *random, int8_t *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = (int8_t)((int)random_below(random, 255) - 127);
    }
}

TEST(scan_kernels_best_row_is_there)
{
    const struct scan_kernels *best = scan_kernels_of(isa_best());

    CHECK(scan_kernels() == (best ? best : scan_kernels_of(ISA_SCALAR)));
}

static void check_hadamard(const struct scan_kernels *k, const struct scan_kernels *plain,
                           uint32_t dim, struct random *random)
{
    float *a = memory_alloc(dim * sizeof(float));
    float *b = memory_alloc(dim * sizeof(float));

    if ((dim & (dim - 1)) == 0) {
        fill_normal(random, a, dim);
        memcpy(b, a, dim * sizeof(float));
        k->hadamard(a, dim);
        plain->hadamard(b, dim);
        CHECK(memcmp(a, b, dim * sizeof(float)) == 0);
    }
    memory_free(a);
    memory_free(b);
}

TEST(scan_kernels_transform_alike_bit_for_bit)
{
    with_rows(check_hadamard);
}

// Blocks of random lists; with `simple`, a score is the sum of products, negated.
static uint8_t *coarse_blocks(struct random *random, uint32_t dim, bool simple)
{
    size_t block_bytes = (size_t)dim * LISTS + 2 * LISTS * sizeof(float);
    uint8_t *blocks = memory_alloc(BLOCKS * block_bytes);

    for (unsigned b = 0; b < BLOCKS; b++) {
        uint8_t *block = blocks + b * block_bytes;
        float tail[2 * LISTS];
        for (unsigned i = 0; i < LISTS; i++) {
            tail[i] = simple ? 1 : (float)random_unit(random);
            tail[LISTS + i] = simple ? 0 : (float)random_normal(random) * 1000;
        }
        fill_bytes(random, block, (size_t)dim * LISTS, 128);
        memcpy(block + (size_t)dim * LISTS, tail, sizeof tail);
    }
    return blocks;
}

static void compare_scores(const float *a, const float *b, bool exact)
{
    for (unsigned i = 0; i < BLOCKS * LISTS; i++) {
        if (exact) {
            CHECK(a[i] == b[i]);
        } else {
            CHECK(fabsf(a[i] - b[i]) <= 1e-6F * (fabsf(a[i]) + 40000));
        }
    }
}

static void check_coarse(const struct scan_kernels *k, const struct scan_kernels *plain,
                         uint32_t dim, struct random *random)
{
    int8_t levels[DIM_MAX];
    float scores[2][BLOCKS * LISTS];
    float least[2][BLOCKS];

    fill_levels(random, levels, dim);
    for (unsigned simple = 0; simple < 2; simple++) {
        uint8_t *blocks = coarse_blocks(random, dim, simple);
        struct coarse_scan scan = {
            .blocks = blocks,
            .levels = levels,
            .padded_dim = dim,
            .block_count = BLOCKS,
            .level_bias = simple ? 0 : 4711,
            .weight = simple ? 1 : 0.01F,
            .scores = scores[0],
            .block_scores = least[0],
        };
        k->coarse(&scan);
        scan.scores = scores[1];
        scan.block_scores = least[1];
        plain->coarse(&scan);
        compare_scores(scores[0], scores[1], simple);
        for (unsigned i = 0; i < BLOCKS * LISTS; i++) {
            CHECK(scores[0][i] >= least[0][i / LISTS]);
        }
        memory_free(blocks);
    }
}

TEST(scan_kernels_score_lists_alike)
{
    with_rows(check_coarse);
}

static void check_table(const struct scan_kernels *k, const struct scan_kernels *plain,
                        uint32_t dim, struct random *random)
{
    float x[DIM_MAX];
    uint8_t a[DIM_MAX * 4];
    uint8_t b[DIM_MAX * 4];

    fill_normal(random, x, dim);
    k->table1(x, dim, 4.5F, a);
    plain->table1(x, dim, 4.5F, b);
    CHECK(memcmp(a, b, dim * 4) == 0);
}

TEST(scan_kernels_make_the_same_table)
{
    with_rows(check_table);
}

TEST(scan_kernels_table_has_the_sums_of_chosen_coordinates)
{
    const struct scan_kernels *plain = scan_kernels_of(ISA_SCALAR);
    float x[64] = {3, -5, 7, 11};
    uint8_t table[256];

    plain->table1(x, 64, 1, table);
    CHECK_EQ(table[2], 0);   // the least sum has -5 alone
    CHECK_EQ(table[0], 5);   // nothing is 5 more
    CHECK_EQ(table[13], 26); // 3 + 7 + 11, without -5
    CHECK_EQ(table[15], 21);
}

// Random code1 blocks. With `simple`, a bound is the sum of entries.
static uint8_t *code1_blocks(struct random *random, uint32_t dim, bool simple)
{
    size_t block_bytes = (size_t)dim * 4 + HALVES * sizeof(uint16_t);
    uint8_t *blocks = memory_alloc(BLOCKS * block_bytes);

    fill_bytes(random, blocks, BLOCKS * block_bytes, 256);
    for (unsigned b = 0; b < BLOCKS; b++) {
        uint16_t halves[HALVES];
        for (unsigned i = 0; i < HALVES; i++) {
            float plain_factor = i / ROWS == 1 ? -1 : 0;
            halves[i] = half_from_float(simple ? plain_factor : (float)random_normal(random));
        }
        memcpy(blocks + b * block_bytes + (size_t)dim * 4, halves, sizeof halves);
    }
    return blocks;
}

// Walks all blocks by both rows of the table; they stop at the same and bound alike.
static void walk(const struct scan_kernels *k, const struct scan_kernels *plain,
                 const struct code1_scan *scan, float tolerance)
{
    struct code1_hit a;
    struct code1_hit b;

    for (uint32_t block = 0;; block++) {
        uint32_t at = k->code1(scan, block, BLOCKS, &a);
        block = plain->code1(scan, block, BLOCKS, &b);
        CHECK_EQ(at, block);
        if (block == BLOCKS) break;
        for (unsigned i = 0; i < ROWS; i++) {
            CHECK(fabsf(a.bounds[i] - b.bounds[i]) <= tolerance);
            CHECK_EQ(a.rows >> i & 1, a.bounds[i] < scan->limit);
        }
    }
}

static void check_code1(const struct scan_kernels *k, const struct scan_kernels *plain,
                        uint32_t dim, struct random *random)
{
    uint8_t *table = memory_alloc((size_t)dim * 4);

    for (unsigned simple = 0; simple < 2; simple++) {
        uint8_t *blocks = code1_blocks(random, dim, simple);
        fill_bytes(random, table, (size_t)dim * 4, SCAN_KERNELS_ENTRY_MAX + 1);
        struct code1_scan scan = {
            .blocks = blocks,
            .table = table,
            .padded_dim = dim,
            .step = simple ? 1 : 0.01F,
            .offset = simple ? 0 : -0.005F * SCAN_KERNELS_ENTRY_MAX / 4 * (float)dim,
            .error = simple ? 0 : 2,
            .limit = simple ? INFINITY : 1,
        };
        walk(k, plain, &scan, simple ? 0 : 2e-5F * (float)dim);
        memory_free(blocks);
    }
    memory_free(table);
}

TEST(scan_kernels_bound_rows_alike)
{
    with_rows(check_code1);
}

static void check_full_table(const struct scan_kernels *k, const struct scan_kernels *plain,
                             uint32_t dim, struct random *random)
{
    uint8_t *table = memory_alloc((size_t)dim * 4);
    uint8_t *blocks = code1_blocks(random, dim, true);
    const struct code1_scan scan = {
        .blocks = blocks, .table = table, .padded_dim = dim, .step = 1, .limit = INFINITY};
    struct code1_hit hit;

    memset(table, SCAN_KERNELS_ENTRY_MAX, (size_t)dim * 4);
    walk(k, plain, &scan, 0);
    CHECK_EQ(k->code1(&scan, 0, 1, &hit), 0);
    CHECK(hit.bounds[31] == (float)(SCAN_KERNELS_ENTRY_MAX * dim / 4));
    memory_free(table);
    memory_free(blocks);
}

TEST(scan_kernels_largest_sums_do_not_overflow)
{
    with_rows(check_full_table);
}

static void check_nan(const struct scan_kernels *k, const struct scan_kernels *plain, uint32_t dim,
                      struct random *random)
{
    size_t block_bytes = (size_t)dim * 4 + HALVES * sizeof(uint16_t);
    uint8_t *table = memory_alloc((size_t)dim * 4);
    uint8_t *blocks = code1_blocks(random, dim, false);
    const struct code1_scan scan = {
        .blocks = blocks, .table = table, .padded_dim = dim, .step = 1, .limit = INFINITY};
    struct code1_hit hit;

    (void)plain;
    for (unsigned b = 0; b < BLOCKS; b++) {
        memset(blocks + b * block_bytes + (size_t)dim * 4, 0x7f, ROWS * sizeof(uint16_t));
    }
    CHECK_EQ(k->code1(&scan, 0, BLOCKS, &hit), BLOCKS);
    memory_free(table);
    memory_free(blocks);
}

TEST(scan_kernels_a_row_whose_factor_is_no_number_does_not_survive)
{
    with_rows(check_nan);
}

static void check_code4(const struct scan_kernels *k, const struct scan_kernels *plain,
                        uint32_t dim, struct random *random)
{
    enum { CODES = 11 };
    int8_t *levels = memory_alloc(dim);
    uint8_t *codes = memory_alloc(CODES * (size_t)dim / 2);
    const struct code4_scan scan = {.codes = codes, .levels = levels, .padded_dim = dim};
    uint32_t rows[CODES];

    for (unsigned round = 0; round < 2; round++) {
        fill_levels(random, levels, dim);
        fill_bytes(random, codes, CODES * (size_t)dim / 2, 256);
        if (round) memset(levels, -127, dim); // the largest sums
        if (round) memset(codes, 0xff, CODES * (size_t)dim / 2);
        for (uint32_t count = 0; count <= CODES; count++) {
            int32_t a[CODES + 1] = {0};
            int32_t b[CODES + 1] = {0};
            for (uint32_t i = 0; i < count; i++) {
                rows[i] = (uint32_t)random_below(random, CODES);
            }
            k->code4(&scan, rows, count, a);
            plain->code4(&scan, rows, count, b);
            CHECK(memcmp(a, b, sizeof a) == 0);
        }
    }
    memory_free(levels);
    memory_free(codes);
}

TEST(scan_kernels_sum_nibbles_alike_bit_for_bit)
{
    with_rows(check_code4);
}

static void check_round4(const struct scan_kernels *k, const struct scan_kernels *plain,
                         uint32_t dim, struct random *random)
{
    float x[DIM_MAX];
    uint8_t a[DIM_MAX];
    uint8_t b[DIM_MAX];
    float sums[2][2];

    fill_normal(random, x, dim);
    x[0] = 1e30F;
    x[1] = -1e30F;
    k->round4(x, dim, 3, a, sums[0]);
    plain->round4(x, dim, 3, b, sums[1]);
    CHECK(memcmp(a, b, dim) == 0);
    CHECK_EQ(a[0], 15);
    CHECK_EQ(a[1], 0);
    CHECK(fabsf(sums[0][0] - sums[1][0]) <= 1e-4F * sums[1][0]);
    CHECK(fabsf(sums[0][1] - sums[1][1]) <= 1e-4F * sums[1][1]);
    x[dim - 1] = NAN;
    k->round4(x, dim, 3, a, sums[0]);
    CHECK_EQ(a[dim - 1], 0);
}

TEST(scan_kernels_round_alike)
{
    with_rows(check_round4);
}
