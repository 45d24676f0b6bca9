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

static size_t samples_of(size_t lists)
{
    return (lists + SAMPLE_STRIDE - 1) / SAMPLE_STRIDE;
}

void ivf_query_init(struct ivf_query *q, uint32_t dim_max, uint32_t list_count_max)
{
    size_t n = rotation_padded_dim(dim_max);
    size_t blocks = quantizer_block_count(list_count_max);
    size_t lists = blocks * QUANTIZER_BLOCK_LISTS;
    size_t bytes = 2 * lines(n * sizeof(float)) + lines(n) + lines(n * 4) +
                   lines(lists * sizeof(float)) + lines(blocks * sizeof(float)) +
                   lines(samples_of(lists) * sizeof(uint64_t)) +
                   lines((lists + 1) * sizeof(uint64_t));

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
    q->samples = cut(&rest, samples_of(lists) * sizeof(uint64_t));
    q->keys = cut(&rest, (lists + 1) * sizeof(uint64_t));
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

void ivf_query_rank(struct ivf_query *q)
{
    score_lists(q);
    for (uint32_t i = 0; i < samples_of(q->quantizer->list_count); i++) {
        q->samples[i] = key_of(q->scores[i * SAMPLE_STRIDE], i * SAMPLE_STRIDE);
    }
    q->sample_rank = q->named = q->measured = 0;
    q->collected = 0;
}

// The key up to which there are about `count` lists, and more than were collected before.
static uint64_t likely_limit(struct ivf_query *q, uint32_t count)
{
    uint32_t samples = (uint32_t)samples_of(q->quantizer->list_count);
    uint32_t rank = count / SAMPLE_STRIDE + 1;
    uint32_t rank_min = q->sample_rank + q->sample_rank / 8 + 1;

    if (rank < rank_min) rank = rank_min;
    if (rank >= samples) return UINT64_MAX;
    q->sample_rank = rank;
    select_keys(q->samples, samples, rank);
    return largest_key(q->samples, rank);
}

// Appends the keys of lists with scores above what was collected and up to `limit`. Which ones
// these are can't be foreseen, so there is no branch on it but for whole blocks.
static uint32_t collect_lists(struct ivf_query *q, uint64_t limit)
{
    uint32_t blocks = quantizer_block_count(q->quantizer->list_count);
    uint32_t count = q->measured;
    uint64_t collected = q->collected;
    float score_max = float_of(limit);

    for (uint32_t b = 0; b < blocks; b++) {
        if (limit != UINT64_MAX && !(q->block_scores[b] <= score_max)) continue;
        uint32_t end = (b + 1) * LISTS;
        if (end > q->quantizer->list_count) end = q->quantizer->list_count;
        for (uint32_t list = b * LISTS; list < end; list++) {
            uint64_t key = key_of(q->scores[list], list);
            q->keys[count] = key;
            count += (key > collected) & (key <= limit);
        }
    }
    q->collected = limit;
    return count;
}

static uint64_t measure(const struct quantizer *z, const float *vector, uint32_t list)
{
    const struct kernels *k = kernels();
    const float *centroid = z->centroids + (size_t)list * z->dim;

    if (z->metric == METRIC_IP) return key_of(-k->dot_f32(vector, centroid, z->dim), list);
    return key_of(k->l2_f32(vector, centroid, z->dim), list);
}

static void expect_centroid(const struct quantizer *z, uint32_t list)
{
    const float *centroid = z->centroids + (size_t)list * z->dim;

    for (uint32_t i = 0; i < z->dim; i += LINE / sizeof *centroid) {
        __builtin_prefetch(centroid + i);
    }
}

// Has about `count` lists measured, and more than before.
static void measure_lists(struct ivf_query *q, uint32_t count)
{
    uint32_t end = collect_lists(q, likely_limit(q, count));

    for (uint32_t i = q->measured; i < end; i++) {
        if (i + AHEAD < end) expect_centroid(q->quantizer, (uint32_t)q->keys[i + AHEAD]);
        q->keys[i] = measure(q->quantizer, q->vector, (uint32_t)q->keys[i]);
    }
    q->measured = end;
}

static struct probe probe_of(const struct ivf_query *q, uint64_t key)
{
    const struct quantizer *z = q->quantizer;
    uint32_t list = (uint32_t)key;
    float square = float_of(key);

    if (z->metric == METRIC_IP) {
        square = kernels()->l2_f32(q->vector, z->centroids + (size_t)list * z->dim, z->dim);
    }
    float reach = sqrtf(square);
    return (struct probe){float_of(key), isnan(reach) ? INFINITY : reach, list};
}

uint32_t ivf_query_next(struct ivf_query *q, uint32_t count, struct probe *out)
{
    uint32_t lists = q->quantizer->list_count;

    if (count > lists - q->named) count = lists - q->named;
    // Scores are rounded: some more lists are measured than are asked for.
    uint32_t wanted = q->named + count;
    uint32_t spare = SPARE_LISTS + count / 8;
    while (q->collected != UINT64_MAX && q->measured < wanted + spare / 2) {
        measure_lists(q, wanted + spare);
    }
    // Of a damaged coarse form lists may be passed over.
    if (count > q->measured - q->named) count = q->measured - q->named;
    sort_keys(q->keys + q->named, q->measured - q->named);
    for (uint32_t i = 0; i < count; i++) {
        out[i] = probe_of(q, q->keys[q->named++]);
    }
    return count;
}

uint32_t ivf_query_probe(struct ivf_query *q, uint32_t count, struct probe *out)
{
    ivf_query_rank(q);
    return ivf_query_next(q, count, out);
}
