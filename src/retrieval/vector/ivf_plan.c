#include "retrieval/vector/ivf_plan.h"

#include "base/list.h"
#include "base/memory.h"
#include "base/random.h"
#include "retrieval/vector/assign.h"
#include "retrieval/vector/kernels.h"
#include "retrieval/vector/kmeans.h"
#include "retrieval/vector/parallel.h"

#include <math.h>
#include <string.h>

enum {
    SAMPLE_ROWS = 64,     // of each list
    SAMPLE_ROWS_MIN = 16, // fewer lists are made rather than with fewer
    LIST_ROWS_MIN = 32,   // on average: a block of codes
    SAMPLE_GRAIN = 1024,
};

// Reading the sample: the rows are cut into as many stretches of like length, and a random row of
// each is taken, so that reading goes forward and rows that stand together don't come together.
struct sampling {
    struct parallel parallel;
    struct row_source *source;
    struct build_watch *watch;
    uint64_t count;
    uint64_t seed;
    float *rows;
    _Atomic uint64_t done;
};

struct assigning {
    struct parallel parallel;
    struct row_source *source;
    struct build_watch *watch;
    struct assign assign;
    const float *centroids;
    struct assign_scratch *scratch; // these two: of each thread
    float *rows;
    uint32_t *sizes; // [threads][list_count]
    float *reaches;  // likewise: the largest squared distance
    uint32_t *lists; // of every row
    _Atomic uint64_t done;
};

uint32_t ivf_plan_list_count(uint64_t rows)
{
    double count = 4 * sqrt((double)rows);
    double most = (double)rows / LIST_ROWS_MIN;

    if (count > most) count = most;
    if (count > QUANTIZER_LISTS_MAX) count = QUANTIZER_LISTS_MAX;
    return count < 1 ? 1 : (uint32_t)count;
}

static err sample_piece(struct parallel *p, uint64_t first, uint64_t end, unsigned thread)
{
    struct sampling *s = container_of(p, struct sampling, parallel);
    uint32_t dim = s->source->dim;

    if (build_watch_is_canceled(s->watch)) return ERR_CANCELED;
    for (uint64_t i = first; i < end; i++) {
        uint64_t from = (uint64_t)((double)i * (double)s->source->count / (double)s->count);
        uint64_t to = (uint64_t)((double)(i + 1) * (double)s->source->count / (double)s->count);
        uint64_t row = from + random_mix(s->seed + i) % (to > from ? to - from : 1);
        TRY(s->source->fetch(s->source, row, 1, s->rows + i * dim, NULL));
    }
    uint64_t done = atomic_fetch_add(&s->done, end - first) + end - first;
    if (thread == 0) build_watch_tell(s->watch, BUILD_SAMPLE, done, s->count);
    return OK;
}

// As many rows as the memory holds, and a number of lists that they suffice for.
static uint64_t choose_sample(struct row_source *rows, const struct ivf_plan_options *o,
                              uint32_t *list_count)
{
    uint64_t most = o->sample_bytes_max / (rows->dim * sizeof(float));
    uint64_t count = 0;

    if (most > rows->count) most = rows->count;
    if (most < 1) most = 1;
    *list_count = o->list_count ? o->list_count : ivf_plan_list_count(rows->count);
    if (*list_count > QUANTIZER_LISTS_MAX) *list_count = QUANTIZER_LISTS_MAX;
    count = (uint64_t)*list_count * SAMPLE_ROWS;
    if (count > most) count = most;
    if (count < rows->count && count / SAMPLE_ROWS_MIN < *list_count) {
        *list_count = (uint32_t)(count / SAMPLE_ROWS_MIN);
    }
    if (*list_count == 0) *list_count = 1;
    return count;
}

static err train(struct ivf_plan *p, struct row_source *rows, const struct ivf_plan_options *o)
{
    struct sampling s = {
        .parallel = {sample_piece}, .source = rows, .watch = o->watch, .seed = o->seed};
    struct kmeans_options kmeans = {
        .dim = p->dim, .threads = o->threads, .seed = o->seed, .cancel = &o->watch->cancel};

    s.count = choose_sample(rows, o, &kmeans.list_count);
    s.rows = memory_alloc_raw(s.count * p->dim * sizeof *s.rows);
    p->centroids = memory_alloc_raw((size_t)kmeans.list_count * p->dim * sizeof *p->centroids);
    err e = parallel_for(&s.parallel, o->threads, s.count, SAMPLE_GRAIN);
    if (!e) {
        build_watch_tell(o->watch, BUILD_TRAIN, 0, 1);
        e = kmeans_train(s.rows, s.count, &kmeans, p->centroids, &p->list_count);
        build_watch_tell(o->watch, BUILD_TRAIN, 1, 1);
    }
    memory_free(s.rows);
    return e;
}

// Distances are taken anew: those of assign_rows() are good enough to compare lists by, but a
// radius has to hold.
static err assign_piece(struct parallel *p, uint64_t first, uint64_t end, unsigned thread)
{
    struct assigning *a = container_of(p, struct assigning, parallel);
    float *rows = a->rows + (size_t)thread * a->assign.block_rows * a->assign.dim;
    uint32_t *sizes = a->sizes + (size_t)thread * a->assign.count;
    float *reaches = a->reaches + (size_t)thread * a->assign.count;
    uint32_t *lists = a->lists + first;
    uint32_t count = (uint32_t)(end - first);
    const struct kernels *k = kernels();

    if (build_watch_is_canceled(a->watch)) return ERR_CANCELED;
    TRY(a->source->fetch(a->source, first, count, rows, NULL));
    assign_rows(&a->assign, &a->scratch[thread], rows, count, lists, NULL);
    for (uint32_t i = 0; i < count; i++) {
        const float *centroid = a->centroids + (size_t)lists[i] * a->assign.dim;
        float reach = k->l2_f32(rows + (size_t)i * a->assign.dim, centroid, a->assign.dim);
        sizes[lists[i]]++;
        if (reach > reaches[lists[i]]) reaches[lists[i]] = reach;
    }
    uint64_t done = atomic_fetch_add(&a->done, count) + count;
    if (thread == 0) build_watch_tell(a->watch, BUILD_ASSIGN, done, a->source->count);
    return OK;
}

// Sums up what the threads counted, into the first thread's.
static void sum_up(struct assigning *a, unsigned threads)
{
    for (unsigned t = 1; t < threads; t++) {
        for (uint32_t c = 0; c < a->assign.count; c++) {
            float reach = a->reaches[(size_t)t * a->assign.count + c];
            a->sizes[c] += a->sizes[(size_t)t * a->assign.count + c];
            if (reach > a->reaches[c]) a->reaches[c] = reach;
        }
    }
}

static err assign_all(struct assigning *a, struct ivf_plan *p, const struct ivf_plan_options *o)
{
    struct assign_options options = {.centroids = p->centroids,
                                     .count = p->list_count,
                                     .dim = p->dim,
                                     .threads = o->threads,
                                     .cancel = &o->watch->cancel};
    TRY(assign_init(&a->assign, &options));
    size_t block_rows = a->assign.block_rows;
    a->scratch = memory_alloc(o->threads * sizeof *a->scratch);
    a->rows = memory_alloc_raw(o->threads * block_rows * p->dim * sizeof *a->rows);
    a->centroids = p->centroids;
    a->sizes = memory_alloc((size_t)o->threads * p->list_count * sizeof *a->sizes);
    a->reaches = memory_alloc((size_t)o->threads * p->list_count * sizeof *a->reaches);
    for (unsigned i = 0; i < o->threads; i++) {
        assign_scratch_init(&a->scratch[i], &a->assign);
    }
    err e = parallel_for(&a->parallel, o->threads, p->row_count, block_rows);
    if (!e) sum_up(a, o->threads);
    for (unsigned i = 0; i < o->threads; i++) {
        assign_scratch_done(&a->scratch[i]);
    }
    memory_free(a->scratch);
    memory_free(a->rows);
    return e;
}

// Fills p->lists; where lists were trained, those without rows go, and `numbers` says what becomes
// of the others.
static void make_lists(struct ivf_plan *p, const struct assigning *a, bool keeps_empty,
                       uint32_t *numbers)
{
    uint32_t kept = 0;
    uint64_t rows = 0;

    p->lists = memory_alloc(p->list_count * sizeof *p->lists);
    for (uint32_t c = 0; c < p->list_count; c++) {
        float radius = nextafterf(sqrtf(a->reaches[c]) * 1.0001F, INFINITY); // sums are rounded
        if (a->sizes[c] == 0 && !keeps_empty) continue;
        numbers[c] = kept;
        p->lists[kept] = (struct ivf_list){.first_row = rows,
                                           .first_block = p->block_count,
                                           .rows = a->sizes[c],
                                           .radius = radius,
                                           .scale = code_scale(radius)};
        memmove(p->centroids + (size_t)kept++ * p->dim, p->centroids + (size_t)c * p->dim,
                p->dim * sizeof *p->centroids);
        rows += a->sizes[c];
        p->block_count += ivf_list_blocks(a->sizes[c]);
    }
    p->list_count = kept;
}

static void sort_rows(struct ivf_plan *p, const uint32_t *lists, const uint32_t *numbers)
{
    uint64_t *next = memory_alloc_raw(p->list_count * sizeof *next);

    for (uint32_t c = 0; c < p->list_count; c++) {
        next[c] = p->lists[c].first_row;
    }
    p->order = memory_alloc_raw(p->row_count * sizeof *p->order);
    for (uint64_t i = 0; i < p->row_count; i++) {
        p->order[next[numbers[lists[i]]]++] = (uint32_t)i;
    }
    memory_free(next);
}

static err fill(struct ivf_plan *p, struct row_source *rows, const struct ivf_plan_options *o)
{
    struct assigning a = {.parallel = {assign_piece}, .source = rows, .watch = o->watch};

    if (o->centroids) {
        size_t bytes = (size_t)o->list_count * p->dim * sizeof *p->centroids;
        p->list_count = o->list_count;
        p->centroids = memory_alloc_raw(bytes);
        memcpy(p->centroids, o->centroids, bytes);
    } else {
        TRY(train(p, rows, o));
    }
    a.lists = memory_alloc_raw(p->row_count * sizeof *a.lists);
    err e = assign_all(&a, p, o);
    if (!e) {
        uint32_t *numbers = memory_alloc(p->list_count * sizeof *numbers);
        make_lists(p, &a, o->centroids != NULL, numbers);
        sort_rows(p, a.lists, numbers);
        memory_free(numbers);
    }
    memory_free(a.sizes);
    memory_free(a.reaches);
    assign_done(&a.assign);
    memory_free(a.lists);
    return e;
}

err ivf_plan_make(struct ivf_plan *p, struct row_source *rows, const struct ivf_plan_options *o)
{
    if (rows->count < 1 || rows->count >= UINT32_MAX) return ERR_RANGE;
    *p = (struct ivf_plan){.dim = rows->dim, .row_count = rows->count};
    err e = fill(p, rows, o);
    if (e) ivf_plan_done(p);
    return e;
}

void ivf_plan_done(struct ivf_plan *p)
{
    memory_free(p->centroids);
    memory_free(p->lists);
    memory_free(p->order);
    *p = (struct ivf_plan){0};
}
