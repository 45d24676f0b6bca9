#include "retrieval/vector/quantizer.h"

#include "base/memory.h"

#include "support/ivf_sample.h"
#include "support/test.h"

#include <math.h>
#include <string.h>

enum { DIM = 100, PADDED = 128, LISTS = 21 };

static void sample_init(struct ivf_sample *s, enum metric metric)
{
    static const uint32_t none[LISTS];

    ivf_sample_init(s, DIM, metric, none, LISTS);
}

// The step or, as `which` 1, the offset of a list.
static float tail_of(const struct quantizer *q, uint32_t list, unsigned which)
{
    const uint8_t *block =
        quantizer_blocks(q) + list / QUANTIZER_BLOCK_LISTS * quantizer_block_bytes(PADDED);
    float value;

    memcpy(&value,
           block + PADDED * QUANTIZER_BLOCK_LISTS +
               (which * QUANTIZER_BLOCK_LISTS + list % QUANTIZER_BLOCK_LISTS) * sizeof value,
           sizeof value);
    return value;
}

static int level_of(const struct quantizer *q, uint32_t list, uint32_t i)
{
    const uint8_t *block =
        quantizer_blocks(q) + list / QUANTIZER_BLOCK_LISTS * quantizer_block_bytes(PADDED);

    return block[i / 4 * 64 + list % QUANTIZER_BLOCK_LISTS * 4 + i % 4] - QUANTIZER_COARSE_ZERO;
}

TEST(quantizer_origin_is_the_mean_of_the_centroids)
{
    struct ivf_sample s;

    sample_init(&s, METRIC_L2);
    for (uint32_t i = 0; i < PADDED; i++) {
        double sum = 0;
        for (uint32_t list = 0; list < LISTS && i < DIM; list++) {
            sum += (double)s.centroids[list * DIM + i];
        }
        CHECK(fabs((double)quantizer_origin(&s.view.quantizer)[i] - sum / LISTS) < 1e-6);
    }
    ivf_sample_done(&s);
}

TEST(quantizer_coarse_form_is_the_rotated_centroid_to_half_a_step)
{
    float relative[DIM];
    float rotated[PADDED];
    struct ivf_sample s;

    sample_init(&s, METRIC_L2);
    const struct quantizer *q = &s.view.quantizer;
    for (uint32_t list = 0; list < LISTS; list++) {
        double square = 0;
        for (uint32_t i = 0; i < DIM; i++) {
            relative[i] = s.centroids[list * DIM + i] - quantizer_origin(q)[i];
            square += (double)relative[i] * (double)relative[i];
        }
        rotation_apply(q->rotation, relative, rotated);
        float step = tail_of(q, list, 0);
        for (uint32_t i = 0; i < PADDED; i++) {
            CHECK(fabsf(rotated[i] - step * (float)level_of(q, list, i)) <= 0.501F * step);
        }
        CHECK(fabs((double)tail_of(q, list, 1) - square) < 1e-3);
    }
    ivf_sample_done(&s);
}

TEST(quantizer_offset_of_inner_products_is_the_one_with_the_origin)
{
    struct ivf_sample s;

    sample_init(&s, METRIC_IP);
    const float *origin = quantizer_origin(&s.view.quantizer);
    double product = 0;
    for (uint32_t i = 0; i < DIM; i++) {
        float relative = s.centroids[i] - origin[i];
        product += (double)relative * (double)origin[i];
    }
    CHECK(fabs((double)tail_of(&s.view.quantizer, 0, 1) + product) < 1e-4);
    ivf_sample_done(&s);
}

TEST(quantizer_has_nobody_choose_the_places_behind_the_last_list)
{
    struct ivf_sample s;

    sample_init(&s, METRIC_L2);
    for (uint32_t list = LISTS; list < 2 * QUANTIZER_BLOCK_LISTS; list++) {
        CHECK(isinf(tail_of(&s.view.quantizer, list, 1)));
    }
    ivf_sample_done(&s);
}

TEST(quantizer_takes_one_list_and_centroids_of_no_extent)
{
    static const uint32_t none[1];
    struct ivf_sample s;

    ivf_sample_init(&s, DIM, METRIC_L2, none, 1);
    CHECK(tail_of(&s.view.quantizer, 0, 0) == 0); // it is the origin
    CHECK(tail_of(&s.view.quantizer, 0, 1) == 0);
    CHECK_EQ(level_of(&s.view.quantizer, 0, 0), 0);
    ivf_sample_done(&s);
}
