#include "retrieval/vector/code.h"

#include "base/memory.h"
#include "base/random.h"
#include "retrieval/vector/encoder.h"
#include "retrieval/vector/half.h"

#include "support/ivf_sample.h"
#include "support/test.h"

#include <math.h>
#include <string.h>

enum { ROWS = 400, PADDED_MAX = ROTATION_DIM_MAX };

static const uint32_t dims[] = {1, 3, 64, 100, 128, 768, 1536, 4096};

// The first list, its coder and a query.
struct desk {
    struct ivf_sample sample;
    struct encoder encoder;
    struct row_code code;
    float query[PADDED_MAX];
    float rotated[PADDED_MAX]; // relative to the origin
    float base;                // the query's distance to the centroid
    float reach;
};

static struct desk *desk_new(uint32_t dim, enum metric metric)
{
    static const uint32_t rows[3] = {ROWS}; // the others are there for the origin
    struct desk *d = memory_alloc(sizeof *d);
    float relative[PADDED_MAX];

    ivf_sample_init(&d->sample, dim, metric, rows, 3);
    const struct quantizer *q = &d->sample.view.quantizer;
    encoder_init(&d->encoder, q);
    encoder_list(&d->encoder, 0);
    d->code.bits = memory_alloc(q->padded_dim / 8);
    d->code.nibbles = memory_alloc(code_row4_bytes(q->padded_dim));
    ivf_sample_query(&d->sample, 0, d->query);
    for (uint32_t i = 0; i < dim; i++) {
        relative[i] = d->query[i] - quantizer_origin(q)[i];
    }
    rotation_apply(q->rotation, relative, d->rotated);
    d->base = ivf_sample_distance(&d->sample, d->query, d->sample.centroids);
    double square = 0;
    for (uint32_t i = 0; i < dim; i++) {
        float gap = d->query[i] - d->sample.centroids[i];
        square += (double)gap * (double)gap;
    }
    d->reach = (float)sqrt(square);
    return d;
}

static void desk_free(struct desk *d)
{
    memory_free(d->code.bits);
    memory_free(d->code.nibbles);
    encoder_done(&d->encoder);
    ivf_sample_done(&d->sample);
    memory_free(d);
}

static float estimate1(const struct desk *d)
{
    double product = 0;

    for (uint32_t i = 0; i < d->sample.rotation.padded_dim; i++) {
        double x = (double)d->rotated[i];
        product += d->code.bits[i / 8] >> i % 8 & 1 ? x : -x;
    }
    return d->base + d->code.a1 - d->code.f1 * (float)product;
}

static float estimate4(const struct desk *d)
{
    double product = 0;

    for (uint32_t i = 0; i < d->sample.rotation.padded_dim; i++) {
        uint8_t byte = d->code.nibbles[i / 64 * 32 + i % 32];
        int level = i % 64 < 32 ? byte & 15 : byte >> 4;
        product += (level - 7.5) * (double)d->rotated[i];
    }
    return d->base + d->code.a4 - d->code.f4 * (float)product;
}

// How estimates miss, in deviations that the code itself states.
struct misses {
    double mean1;
    double square1;
    double square4;
    uint32_t beyond2; // of stage 1, more than two deviations above the truth
};

static struct misses measure(struct desk *d)
{
    struct misses m = {0};

    for (uint32_t row = 0; row < ROWS; row++) {
        const float *raw = d->sample.raw + (size_t)row * d->sample.view.quantizer.dim;
        float truth = ivf_sample_distance(&d->sample, d->query, raw);
        encoder_row(&d->encoder, raw, &d->code);
        double deviation = (double)(d->code.e1 * d->reach);
        double miss1 = (double)(estimate1(d) - truth) / deviation;
        double miss4 = (double)(estimate4(d) - truth) / deviation;
        m.mean1 += miss1 / ROWS;
        m.square1 += miss1 * miss1 / ROWS;
        m.square4 += miss4 * miss4 / ROWS;
        m.beyond2 += miss1 > 2;
    }
    return m;
}

TEST(code_estimates_miss_by_what_their_bound_says)
{
    for (unsigned i = 2; i < sizeof dims / sizeof *dims;
         i++) { // smaller ones are no normal variables
        for (int metric = METRIC_L2; metric < METRIC_COUNT; metric++) {
            struct desk *d = desk_new(dims[i], (enum metric)metric);
            struct misses m = measure(d);
            CHECK(fabs(m.mean1) < 0.3);
            CHECK(m.square1 > 0.5 && m.square1 < 1.5);
            CHECK(m.beyond2 < ROWS * 6 / 100);
            CHECK(m.square4 < 0.04); // a fifth of the first stage's deviation
            desk_free(d);
        }
    }
}

TEST(code_takes_vectors_of_few_numbers)
{
    for (unsigned i = 0; i < 2; i++) {
        struct desk *d = desk_new(dims[i], METRIC_L2);
        struct misses m = measure(d);
        CHECK(m.square4 < 1);
        desk_free(d);
    }
}

TEST(code_of_the_centroid_itself_is_exact)
{
    struct desk *d = desk_new(100, METRIC_L2);

    encoder_row(&d->encoder, d->sample.centroids, &d->code);
    CHECK(estimate1(d) == d->base);
    CHECK(estimate4(d) == d->base);
    CHECK(d->code.e1 == 0);
    desk_free(d);
}

TEST(code_scale_is_one_where_a_radius_has_no_use)
{
    CHECK(code_scale(0) == 1);
    CHECK(code_scale(1e-30F) == 1);
    CHECK(code_scale(INFINITY) == 1);
    CHECK(code_scale(NAN) == 1);
    CHECK(code_scale(32) == 2);
}

static uint16_t factor_of(const uint8_t *block, uint32_t padded_dim, unsigned which, uint32_t index)
{
    uint16_t half;

    memcpy(&half, block + (size_t)padded_dim * 4 + (which * CODE_BLOCK_ROWS + index) * sizeof half,
           sizeof half);
    return half;
}

TEST(code_factors_too_large_for_a_half_stay_finite)
{
    struct desk *d = desk_new(64, METRIC_L2);
    uint8_t *block = memory_alloc(code_block_bytes(64));
    uint16_t fact4[2];

    d->code.a1 = d->code.f1 = d->code.e1 = d->code.a4 = 1e30F;
    d->code.f4 = -1e30F;
    code_block_put(block, 64, 31, &d->code, 1);
    code_fact4_put(fact4, &d->code, 1);
    for (unsigned which = 0; which < 3; which++) {
        CHECK(half_to_float(factor_of(block, 64, which, 31)) == 65504);
    }
    CHECK(half_to_float(fact4[0]) == 65504);
    CHECK(half_to_float(fact4[1]) == -65504);
    memory_free(block);
    desk_free(d);
}
