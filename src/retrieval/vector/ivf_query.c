#include "retrieval/vector/ivf_query.h"

#include "base/memory.h"
#include "retrieval/vector/kernels.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum {
    LINE = 64,
    LEVEL_MAX = 127,
    SPARE_LISTS = 16,
    SAMPLE_STRIDE = 8,
    SAMPLE_SPARE = 8,
    AHEAD = 8,
    LISTS = QUANTIZER_BLOCK_LISTS,
};

static size_t lines(size_t bytes)
{
    return (bytes + LINE - 1) / LINE * LINE;
}

static void *cut(uint8_t **rest, size_t bytes)
{
    void *part = *rest;

    *rest += lines(bytes);
    return part;
}

void ivf_query_init(struct ivf_query *q, uint32_t dim_max, uint32_t list_count_max)
{
    size_t n = rotation_padded_dim(dim_max);
    size_t blocks = quantizer_block_count(list_count_max);
    size_t lists = blocks * QUANTIZER_BLOCK_LISTS;
    size_t bytes = 2 * lines(n * sizeof(float)) + lines(n) + lines(n * 4) +
                   lines(lists * sizeof(float)) + lines(blocks * sizeof(float)) +
                   lines(lists * sizeof(uint64_t));

    assert(list_count_max > 0 && list_count_max <= QUANTIZER_LISTS_MAX);
    *q = (struct ivf_query){
        .kernels = scan_kernels(),
        .padded_dim_max = (uint32_t)n,
        .list_count_max = list_count_max,
    };
    q->memory = memory_alloc(bytes + LINE);
    uint8_t *rest = (uint8_t *)q->memory + (LINE - (uintptr_t)q->memory % LINE);
    q->rotated = cut(&rest, n * sizeof(float));
    q->relative = cut(&rest, n * sizeof(float));
    q->levels = cut(&rest, n);
    q->table = cut(&rest, n * 4);
    q->scores = cut(&rest, lists * sizeof(float));
    q->block_scores = cut(&rest, blocks * sizeof(float));
    q->keys = cut(&rest, lists * sizeof(uint64_t));
}

void ivf_query_done(struct ivf_query *q)
{
    memory_free(q->memory);
    *q = (struct ivf_query){0};
}

// The rotated coordinates in 8 bits.
static void set_levels(struct ivf_query *q)
{
    uint32_t n = q->quantizer->padded_dim;
    float largest = 0;

    for (uint32_t i = 0; i < n; i++) {
        float size = fabsf(q->rotated[i]);
        largest = size > largest ? size : largest;
    }
    q->level_step = largest / LEVEL_MAX;
    float inverse = LEVEL_MAX / largest;
    if (!isfinite(inverse)) inverse = 0;
    q->level_sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        q->levels[i] = (int8_t)lrintf(q->rotated[i] * inverse);
        q->level_sum += q->levels[i];
    }
}

// Sums of four coordinates each, less the least of them, in levels of one byte.
static void set_table(struct ivf_query *q)
{
    uint32_t n = q->quantizer->padded_dim;
    float range_max = 0;
    float least = 0;
    float sum = 0;

    for (uint32_t i = 0; i < n; i += 4) {
        float range = 0;
        for (unsigned k = 0; k < 4; k++) {
            float x = q->rotated[i + k];
            range += fabsf(x);
            least += x < 0 ? x : 0;
            sum += x;
        }
        range_max = range > range_max ? range : range_max;
    }
    float step = range_max / SCAN_KERNELS_ENTRY_MAX;
    float inverse = SCAN_KERNELS_ENTRY_MAX / range_max;
    if (!isfinite(inverse)) inverse = 0;
    q->table_step = 2 * step;
    q->table_sum = 2 * least - sum;
    q->kernels->table1(q->rotated, n, inverse, q->table);
}

void ivf_query_set(struct ivf_query *q, const struct quantizer *quantizer, const float *vector)
{
    const float *origin = quantizer_origin(quantizer);

    assert(quantizer->padded_dim <= q->padded_dim_max);
    assert(quantizer->list_count <= q->list_count_max);
    q->quantizer = quantizer;
    q->vector = vector;
    for (uint32_t i = 0; i < quantizer->dim; i++) {
        q->relative[i] = vector[i] - origin[i];
    }
    rotation_apply(quantizer->rotation, q->relative, q->rotated);
    set_levels(q);
    set_table(q);
}

static void score_lists(struct ivf_query *q)
{
    const struct quantizer *z = q->quantizer;
    const struct coarse_scan scan = {
        .blocks = quantizer_blocks(z),
        .levels = q->levels,
        .padded_dim = z->padded_dim,
        .block_count = quantizer_block_count(z->list_count),
        .level_bias = QUANTIZER_COARSE_ZERO * q->level_sum,
        .weight = (z->metric == METRIC_IP ? 1 : 2) * q->level_step,
        .scores = q->scores,
        .block_scores = q->block_scores,
    };

    q->kernels->coarse(&scan);
}

// A number that orders as the float does, with the list below it. NaN comes last.
static uint64_t key_of(float value, uint32_t list)
{
    uint32_t bits;

    if (isnan(value)) value = INFINITY;
    memcpy(&bits, &value, sizeof bits);
    bits ^= (0 - (bits >> 31)) | UINT32_C(1) << 31; // all bits of a negative one
    return (uint64_t)bits << 32 | list;
}

static float float_of(uint64_t key)
{
    uint32_t bits = (uint32_t)(key >> 32);
    float value;

    bits ^= bits >> 31 ? UINT32_C(1) << 31 : UINT32_MAX;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// Moves the `keep` smallest of the keys to the front, in no order (Hoare's selection).
static void select_keys(uint64_t *keys, uint32_t count, uint32_t keep)
{
    uint32_t low = 0;
    uint32_t high = count;

    while (high - low > 1 && low < keep && keep < high) {
        uint64_t pivot = keys[low + (high - low) / 2];
        uint32_t i = low;
        uint32_t j = high - 1;
        for (;;) {
            while (keys[i] < pivot) {
                i++;
            }
            while (keys[j] > pivot) {
                j--;
            }
            if (i >= j) break;
            uint64_t swap = keys[i];
            keys[i++] = keys[j];
            keys[j--] = swap;
        }
        // All before i are at most, all from i on at least the pivot.
        if (keep <= i) {
            high = i;
        } else {
            low = i;
        }
    }
}

static uint64_t largest_key(const uint64_t *keys, uint32_t count)
{
    uint64_t largest = 0;

    for (uint32_t i = 0; i < count; i++) {
        largest = keys[i] > largest ? keys[i] : largest;
    }
    return largest;
}

static void sort_keys(uint64_t *keys, uint32_t count)
{
    uint32_t gap = 1;

    while (gap < count / 3) {
        gap = 3 * gap + 1;
    }
    for (; gap > 0; gap /= 3) { // Shell's sort by Knuth's gaps
        for (uint32_t i = gap; i < count; i++) {
            uint64_t key = keys[i];
            uint32_t j = i;
            for (; j >= gap && keys[j - gap] > key; j -= gap) {
                keys[j] = keys[j - gap];
            }
            keys[j] = key;
        }
    }
}

// A score that about a quarter more than `keep` lists reach, by a sample of them.
static float likely_limit(struct ivf_query *q, uint32_t keep)
{
    uint32_t rank = keep / SAMPLE_STRIDE * 5 / 4 + SAMPLE_SPARE;
    uint32_t count = 0;

    for (uint32_t list = 0; list < q->quantizer->list_count; list += SAMPLE_STRIDE) {
        q->keys[count++] = key_of(q->scores[list], list);
    }
    if (rank >= count) return INFINITY;
    select_keys(q->keys, count, rank);
    return float_of(largest_key(q->keys, rank));
}

// The keys of all lists whose scores are within `limit`; returns how many. Which ones these are
// can't be foreseen, so there is no branch on it but for whole blocks.
static uint32_t collect_lists(struct ivf_query *q, float limit)
{
    uint32_t blocks = quantizer_block_count(q->quantizer->list_count);
    uint32_t count = 0;

    for (uint32_t b = 0; b < blocks; b++) {
        if (!(q->block_scores[b] <= limit)) continue;
        uint32_t end = (b + 1) * LISTS;
        if (end > q->quantizer->list_count) end = q->quantizer->list_count;
        for (uint32_t list = b * LISTS; list < end; list++) {
            q->keys[count] = key_of(q->scores[list], list);
            count += q->scores[list] <= limit;
        }
    }
    return count;
}

// The keys of the `keep` lists with the best scores, in no order; returns how many there are.
static uint32_t best_lists(struct ivf_query *q, uint32_t keep)
{
    uint32_t count = collect_lists(q, likely_limit(q, keep));

    if (count < keep) count = collect_lists(q, INFINITY);
    if (count <= keep) return count;
    select_keys(q->keys, count, keep);
    return keep;
}

// The key of a list by its exact distance; leaves the square of the Euclidean one among the scores.
static uint64_t measure(struct ivf_query *q, const struct kernels *k, uint32_t list)
{
    const struct quantizer *z = q->quantizer;
    const float *centroid = z->centroids + (size_t)list * z->dim;
    float square = k->l2_f32(q->vector, centroid, z->dim);

    q->scores[list] = square;
    if (z->metric == METRIC_IP) return key_of(-k->dot_f32(q->vector, centroid, z->dim), list);
    return key_of(square, list);
}

static void expect_centroid(const struct quantizer *z, uint32_t list)
{
    const float *centroid = z->centroids + (size_t)list * z->dim;

    for (uint32_t i = 0; i < z->dim; i += LINE / sizeof *centroid) {
        __builtin_prefetch(centroid + i);
    }
}

uint32_t ivf_query_probe(struct ivf_query *q, uint32_t count, struct probe *out)
{
    const struct kernels *k = kernels();
    uint32_t lists = q->quantizer->list_count;
    // Scores are rounded: some more lists are measured than are asked for.
    uint32_t spare = SPARE_LISTS + count / 8;
    uint32_t keep = count < lists && spare < lists - count ? count + spare : lists;

    score_lists(q);
    keep = best_lists(q, keep);
    for (uint32_t i = 0; i < keep; i++) {
        if (i + AHEAD < keep) expect_centroid(q->quantizer, (uint32_t)q->keys[i + AHEAD]);
        q->keys[i] = measure(q, k, (uint32_t)q->keys[i]);
    }
    if (count > keep) count = keep;
    select_keys(q->keys, keep, count);
    sort_keys(q->keys, count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t list = (uint32_t)q->keys[i];
        float reach = sqrtf(q->scores[list]);
        out[i] = (struct probe){float_of(q->keys[i]), isnan(reach) ? INFINITY : reach, list};
    }
    return count;
}
