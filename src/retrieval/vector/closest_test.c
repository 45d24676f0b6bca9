#include "retrieval/vector/closest.h"

#include "base/memory.h"
#include "base/random.h"

#include "support/test.h"

#include <math.h>

enum { COUNT_MAX = 100 };

static float distance(const float *a, const float *b, uint32_t dim)
{
    float sum = 0;

    for (uint32_t d = 0; d < dim; d++) {
        sum += (a[d] - b[d]) * (a[d] - b[d]);
    }
    return sum;
}

TEST(closest_finds_the_least_wherever_it_stands)
{
    float dots[COUNT_MAX];
    float norms[COUNT_MAX];
    float score;

    for (uint32_t count = 1; count <= COUNT_MAX; count++) {
        for (uint32_t at = 0; at < count; at++) {
            for (uint32_t i = 0; i < count; i++) {
                dots[i] = (float)(i % 5);
                norms[i] = 20;
            }
            dots[at] = 9;
            CHECK_EQ(closest_least(dots, norms, count, &score), at);
            CHECK(score == 2);
        }
    }
}

TEST(closest_takes_the_first_of_equals_and_never_a_nan)
{
    float dots[COUNT_MAX];
    float norms[COUNT_MAX];
    float score;

    for (uint32_t first = 0; first < COUNT_MAX; first++) {
        for (uint32_t i = 0; i < COUNT_MAX; i++) {
            dots[i] = i < first ? NAN : 1;
            norms[i] = 1;
        }
        CHECK_EQ(closest_least(dots, norms, COUNT_MAX, &score), first);
        CHECK(score == -1);
    }
    CHECK_EQ(closest_least(dots, norms, COUNT_MAX - 1, &score), 0);
    CHECK(isinf(score));
}

TEST(closest_agrees_with_comparing_all)
{
    enum { ROWS = 700, DIM = 7 };
    float *rows = memory_alloc(ROWS * DIM * sizeof *rows);
    float *centers = memory_alloc(COUNT_MAX * DIM * sizeof *centers);
    float *scratch = memory_alloc(closest_scratch_floats(COUNT_MAX) * sizeof *scratch);
    float norms[COUNT_MAX];
    float scores[ROWS];
    uint32_t found[ROWS];
    struct random r;

    random_init(&r, test_seed());
    for (int i = 0; i < ROWS * DIM; i++) {
        rows[i] = (float)random_normal(&r);
    }
    for (int i = 0; i < COUNT_MAX * DIM; i++) {
        centers[i] = (float)random_normal(&r);
    }
    closest_norms(centers, COUNT_MAX, DIM, norms);
    struct closest c = {centers, norms, COUNT_MAX, DIM};
    closest_find(&c, rows, ROWS, scratch, found, scores);
    for (uint32_t i = 0; i < ROWS; i++) {
        float got = distance(rows + (size_t)i * DIM, centers + (size_t)found[i] * DIM, DIM);
        for (uint32_t k = 0; k < COUNT_MAX; k++) {
            CHECK(got <= distance(rows + (size_t)i * DIM, centers + (size_t)k * DIM, DIM) + 1e-4F);
        }
    }
    memory_free(scratch);
    memory_free(centers);
    memory_free(rows);
}
