#include "retrieval/vector/ivf_query.h"

#include "base/memory.h"
#include "base/random.h"

#include "support/ivf_sample.h"
#include "support/test.h"

#include <math.h>
#include <string.h>

enum { LISTS_MAX = 3000, DIM = 100 };

// A sample without rows, as only its centroids matter here.
struct lists {
    struct ivf_sample sample;
    struct ivf_query query;
    struct probe probes[LISTS_MAX];
    float vector[DIM];
};

static struct lists *lists_new(uint32_t count, enum metric metric)
{
    static const uint32_t none[LISTS_MAX];
    struct lists *l = memory_alloc(sizeof *l);

    ivf_sample_init(&l->sample, DIM, metric, none, count);
    ivf_query_init(&l->query, DIM, count);
    return l;
}

static void lists_free(struct lists *l)
{
    ivf_query_done(&l->query);
    ivf_sample_done(&l->sample);
    memory_free(l);
}

static float distance_of(const struct lists *l, uint32_t list)
{
    return ivf_sample_distance(&l->sample, l->vector, l->sample.centroids + (size_t)list * DIM);
}

// How many lists are nearer than the last probe and yet not among the `count` there are.
static uint32_t count_missed(const struct lists *l, uint32_t count)
{
    float last = l->probes[count - 1].distance - 1e-3F; // sums are rounded in another order
    uint32_t nearer = 0;

    for (uint32_t list = 0; list < l->sample.view.quantizer.list_count; list++) {
        nearer += distance_of(l, list) < last;
    }
    for (uint32_t i = 0; i < count; i++) {
        nearer -= distance_of(l, l->probes[i].list) < last;
    }
    return nearer;
}

static void check_probes(const struct lists *l, uint32_t count)
{
    const struct quantizer *q = &l->sample.view.quantizer;
    bool is_seen[LISTS_MAX] = {false};

    for (uint32_t i = 0; i < count; i++) {
        const struct probe *one = &l->probes[i];
        CHECK(one->list < q->list_count);
        CHECK(!is_seen[one->list]);
        is_seen[one->list] = true;
        float exact = distance_of(l, one->list);
        CHECK(fabsf(one->distance - exact) <= 1e-4F * (1 + fabsf(exact)));
        if (q->metric != METRIC_IP) CHECK(fabsf(one->reach - sqrtf(exact)) <= 1e-3F);
        if (i > 0) CHECK(l->probes[i - 1].distance <= one->distance);
    }
}

static void check_nearest(uint32_t lists, uint32_t wanted, enum metric metric)
{
    struct lists *l = lists_new(lists, metric);
    uint32_t missed = 0;

    for (uint32_t i = 0; i < 10; i++) {
        ivf_sample_query(&l->sample, i % lists, l->vector);
        ivf_query_set(&l->query, &l->sample.view.quantizer, l->vector);
        uint32_t count = ivf_query_probe(&l->query, wanted, l->probes);
        CHECK_EQ(count, wanted < lists ? wanted : lists);
        check_probes(l, count);
        missed += count_missed(l, count);
    }
    CHECK(missed * 100 <= 10 * wanted); // one in a hundred, for scores are rounded
    lists_free(l);
}

TEST(ivf_query_probes_the_nearest_lists)
{
    static const uint32_t counts[] = {1, 2, 15, 16, 17, 100, 500, LISTS_MAX};
    static const enum metric metrics[] = {METRIC_L2, METRIC_COSINE, METRIC_IP};

    for (unsigned i = 0; i < sizeof counts / sizeof *counts; i++) {
        for (unsigned m = 0; m < 3; m++) {
            check_nearest(counts[i], 1, metrics[m]);
            check_nearest(counts[i], 32, metrics[m]);
            check_nearest(counts[i], LISTS_MAX, metrics[m]);
        }
    }
    check_nearest(LISTS_MAX, 300, METRIC_L2);
}

// Names all lists in portions, which give each once and mostly nearest first.
static void check_portions(uint32_t lists, uint32_t portion, enum metric metric)
{
    struct lists *l = lists_new(lists, metric);
    uint32_t named = 0;
    uint32_t missed = 0;
    uint32_t count;

    ivf_sample_query(&l->sample, 3 % lists, l->vector);
    ivf_query_set(&l->query, &l->sample.view.quantizer, l->vector);
    ivf_query_rank(&l->query);
    while ((count = ivf_query_next(&l->query, portion, l->probes + named)) > 0) {
        CHECK_EQ(count, lists - named < portion ? lists - named : portion);
        for (uint32_t i = named + 1; i < named + count; i++) {
            CHECK(l->probes[i - 1].distance <= l->probes[i].distance);
        }
        named += count;
        missed += count_missed(l, named) > named / 50;
    }
    CHECK_EQ(named, lists);
    CHECK_EQ(missed, 0);
    bool is_seen[LISTS_MAX] = {false};
    for (uint32_t i = 0; i < lists; i++) {
        CHECK(!is_seen[l->probes[i].list]);
        is_seen[l->probes[i].list] = true;
    }
    lists_free(l);
}

TEST(ivf_query_names_each_list_once_in_portions)
{
    static const uint32_t counts[] = {1, 16, 17, 100, 999};

    for (unsigned i = 0; i < sizeof counts / sizeof *counts; i++) {
        check_portions(counts[i], 1, METRIC_L2);
        check_portions(counts[i], 7, METRIC_IP);
        check_portions(counts[i], 64, METRIC_COSINE);
        check_portions(counts[i], LISTS_MAX, METRIC_L2);
    }
}

TEST(ivf_query_probes_lists_of_one_centroid_alike)
{
    struct lists *l = lists_new(200, METRIC_L2);
    struct quantizer *q = &l->sample.view.quantizer;

    for (uint32_t list = 0; list < 200; list++) {
        memcpy(l->sample.centroids + (size_t)list * DIM, l->sample.centroids, DIM * sizeof(float));
    }
    quantizer_make_coarse(q, l->sample.coarse);
    ivf_sample_query(&l->sample, 0, l->vector);
    ivf_query_set(&l->query, q, l->vector);
    CHECK_EQ(ivf_query_probe(&l->query, 20, l->probes), 20);
    check_probes(l, 20);
    CHECK_EQ(ivf_query_probe(&l->query, 200, l->probes), 200);
    check_probes(l, 200);
    lists_free(l);
}

TEST(ivf_query_finds_lists_though_near_ones_lie_at_regular_places)
{
    struct lists *l = lists_new(800, METRIC_L2);
    struct quantizer *q = &l->sample.view.quantizer;

    ivf_sample_query(&l->sample, 8, l->vector);
    for (uint32_t i = 0; i < 800 * DIM; i++) {
        l->sample.centroids[i] += i / DIM % 8 ? 2 : 0; // what samples scores must not be misled
    }
    quantizer_make_coarse(q, l->sample.coarse);
    ivf_query_set(&l->query, q, l->vector);
    CHECK_EQ(ivf_query_probe(&l->query, 32, l->probes), 32);
    check_probes(l, 32);
    CHECK_EQ(count_missed(l, 32), 0);
    lists_free(l);
}

TEST(ivf_query_takes_the_origin_zero_and_very_large_vectors)
{
    static const float sizes[] = {0, 1e-30F, 1e15F};
    struct lists *l = lists_new(100, METRIC_L2);

    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (uint32_t k = 0; k < DIM; k++) {
            l->vector[k] = k % 2 ? sizes[i] : -sizes[i];
        }
        ivf_query_set(&l->query, &l->sample.view.quantizer, l->vector);
        CHECK_EQ(ivf_query_probe(&l->query, 10, l->probes), 10);
    }
    memcpy(l->vector, quantizer_origin(&l->sample.view.quantizer), sizeof l->vector);
    ivf_query_set(&l->query, &l->sample.view.quantizer, l->vector);
    CHECK_EQ(ivf_query_probe(&l->query, 10, l->probes), 10);
    check_probes(l, 10);
    lists_free(l);
}

TEST(ivf_query_serves_smaller_quantizers_too)
{
    struct lists *small = lists_new(20, METRIC_L2);
    struct lists *large = lists_new(1000, METRIC_L2);

    ivf_sample_query(&large->sample, 7, large->vector);
    ivf_query_set(&large->query, &large->sample.view.quantizer, large->vector);
    CHECK_EQ(ivf_query_probe(&large->query, 40, large->probes), 40);
    ivf_sample_query(&small->sample, 7, small->vector);
    ivf_query_set(&large->query, &small->sample.view.quantizer, small->vector);
    CHECK_EQ(ivf_query_probe(&large->query, 40, small->probes), 20);
    check_probes(small, 20);
    lists_free(small);
    lists_free(large);
}

// Whatever the coarse form says, probes name lists that exist, each once.
TEST(ivf_query_of_a_damaged_coarse_form_still_names_lists)
{
    struct random random;

    random_init(&random, test_seed());
    for (unsigned round = 0; round < 100; round++) {
        struct lists *l = lists_new(100, METRIC_L2);
        size_t len = quantizer_coarse_bytes(l->sample.view.quantizer.padded_dim, 100);
        for (unsigned i = 0; i < (round < 50 ? 40 : len); i++) {
            l->sample.coarse[random_below(&random, len)] = (uint8_t)random_u64(&random);
        }
        ivf_sample_query(&l->sample, round, l->vector);
        ivf_query_set(&l->query, &l->sample.view.quantizer, l->vector);
        check_probes(l, ivf_query_probe(&l->query, 32, l->probes));
        check_probes(l, ivf_query_probe(&l->query, 100, l->probes));
        lists_free(l);
    }
}

TEST(ivf_query_of_steps_that_are_no_numbers_comes_to_an_end)
{
    for (unsigned which = 0; which < QUANTIZER_BLOCK_LISTS; which++) {
        struct lists *l = lists_new(1000, METRIC_L2);
        uint32_t n = l->sample.view.quantizer.padded_dim;
        for (uint32_t b = 0; b < quantizer_block_count(1000); b++) {
            uint8_t *block = l->sample.coarse + n * sizeof(float) + b * quantizer_block_bytes(n);
            memset(block + (size_t)n * QUANTIZER_BLOCK_LISTS + which * sizeof(float), 0xff, 4);
        }
        ivf_sample_query(&l->sample, which, l->vector);
        ivf_query_set(&l->query, &l->sample.view.quantizer, l->vector);
        for (uint32_t portion = 1; portion < LISTS_MAX; portion *= 7) {
            uint32_t named = 0;
            ivf_query_rank(&l->query);
            while (ivf_query_next(&l->query, portion, l->probes) > 0) {
                named++;
            }
            CHECK(named > 0 && named <= 1000);
        }
        lists_free(l);
    }
}
