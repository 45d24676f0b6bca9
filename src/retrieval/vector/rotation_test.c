#include "retrieval/vector/rotation.h"

#include "base/memory.h"
#include "base/random.h"

#include "support/test.h"

#include <math.h>
#include <string.h>

static const uint32_t dims[] = {1, 3, 63, 64, 65, 100, 128, 192, 768, 1000, 1536, 3072, 4096};

enum { DIMS = sizeof dims / sizeof *dims };

static double dot(const float *a, const float *b, uint32_t n)
{
    double sum = 0;

    for (uint32_t i = 0; i < n; i++) {
        sum += (double)a[i] * (double)b[i];
    }
    return sum;
}

static void fill(struct random *random, float *out, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        out[i] = (float)random_normal(random);
    }
}

TEST(rotation_pads_to_a_multiple_of_64)
{
    CHECK_EQ(rotation_padded_dim(1), 64);
    CHECK_EQ(rotation_padded_dim(64), 64);
    CHECK_EQ(rotation_padded_dim(65), 128);
    CHECK_EQ(rotation_padded_dim(4096), 4096);
}

TEST(rotation_keeps_lengths_and_products)
{
    static float a[4096], b[4096], ra[4096], rb[4096];
    struct random random;

    random_init(&random, 3);
    for (unsigned i = 0; i < DIMS; i++) {
        struct rotation r;
        uint32_t n = dims[i];
        rotation_init(&r, n, 42);
        fill(&random, a, n);
        fill(&random, b, n);
        rotation_apply(&r, a, ra);
        rotation_apply(&r, b, rb);
        double size = sqrt(dot(a, a, n) * dot(b, b, n));
        CHECK(fabs(dot(ra, ra, r.padded_dim) - dot(a, a, n)) <= 1e-5 * dot(a, a, n));
        CHECK(fabs(dot(ra, rb, r.padded_dim) - dot(a, b, n)) <= 1e-5 * size);
        rotation_done(&r);
    }
}

TEST(rotation_spreads_what_stands_in_one_coordinate)
{
    static float a[4096], ra[4096];

    for (unsigned i = 0; i < DIMS; i++) {
        struct rotation r;
        rotation_init(&r, dims[i], 42);
        for (uint32_t at = 0; at < dims[i]; at += 1 + dims[i] / 5) {
            memset(a, 0, sizeof a);
            a[at] = 1;
            rotation_apply(&r, a, ra);
            for (uint32_t k = 0; k < r.padded_dim; k++) {
                CHECK(fabsf(ra[k]) <= 6 / sqrtf((float)r.padded_dim));
            }
        }
        rotation_done(&r);
    }
}

TEST(rotation_is_the_same_for_the_same_seed_alone)
{
    float in[64] = {1, 2, 3};
    float out[3][64];

    for (unsigned i = 0; i < 3; i++) {
        struct rotation r;
        rotation_init(&r, 3, i == 2 ? 8 : 7);
        rotation_apply(&r, in, out[i]);
        rotation_done(&r);
    }
    CHECK(memcmp(out[0], out[1], sizeof out[0]) == 0);
    CHECK(memcmp(out[0], out[2], sizeof out[0]) != 0);
}

TEST(rotation_leaves_zero_where_it_is)
{
    struct rotation r;
    float in[100] = {0};
    float out[128];

    rotation_init(&r, 100, 1);
    rotation_apply(&r, in, out);
    for (unsigned i = 0; i < 128; i++) {
        CHECK(out[i] == 0);
    }
    rotation_done(&r);
}
