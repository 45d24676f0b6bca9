// Design: an iteration assigns rows in tiles, sorts their numbers by centre, and sums each centre's
// rows in their order, so that neither which thread did what nor how many there are can be seen in
// a sum. A centre left without rows takes a random row of the largest cluster, which counts as
// halved by that; equal rows leave it empty again, and what is empty after the last iteration is
// dropped.
#include "retrieval/vector/lloyd.h"

#include "base/list.h"
#include "base/memory.h"
#include "base/random.h"
#include "retrieval/vector/closest.h"
#include "retrieval/vector/parallel.h"

#include <assert.h>
#include <string.h>

enum {
    ASSIGN_GRAIN = 2048, // rows
    MOVE_GRAIN = 8,      // centres
};

struct assignment {
    struct parallel parallel;
    struct closest closest;
    const float *rows;
    float *scratch; // of each thread
    size_t scratch_floats;
    uint32_t *lists;
    float *scores;
};

struct move {
    struct parallel parallel;
    const float *rows;
    const uint32_t *order;  // rows by centre
    const uint32_t *sizes;  // rows of each centre
    const uint32_t *firsts; // where they begin in `order`
    double *sums;           // [dim] of each thread
    uint32_t dim;
    float *centers;
};

// What lasts through all iterations.
struct training {
    const struct lloyd_options *options;
    const float *rows;
    uint32_t count;
    float *centers;
    uint32_t center_count;
    float *norms;
    uint32_t *sizes;
    struct assignment assignment;
    struct random random;
};

static err assign_rows(struct parallel *p, uint64_t first, uint64_t end, unsigned thread)
{
    struct assignment *a = container_of(p, struct assignment, parallel);

    closest_find(&a->closest, a->rows + first * a->closest.dim, end - first,
                 a->scratch + thread * a->scratch_floats, a->lists + first, a->scores + first);
    return OK;
}

static err move_centers(struct parallel *p, uint64_t first, uint64_t end, unsigned thread)
{
    struct move *m = container_of(p, struct move, parallel);
    double *sum = m->sums + (size_t)thread * m->dim;

    for (uint64_t c = first; c < end; c++) {
        float *center = m->centers + c * m->dim;
        if (m->sizes[c] == 0) continue;
        memset(sum, 0, m->dim * sizeof *sum);
        for (uint32_t i = 0; i < m->sizes[c]; i++) {
            const float *row = m->rows + (size_t)m->order[m->firsts[c] + i] * m->dim;
            for (uint32_t d = 0; d < m->dim; d++) {
                sum[d] += (double)row[d];
            }
        }
        for (uint32_t d = 0; d < m->dim; d++) {
            center[d] = (float)(sum[d] / m->sizes[c]);
        }
    }
    return OK;
}

err lloyd_move(const float *rows, const uint32_t *lists, size_t count,
               const struct lloyd_options *o, float *centers, uint32_t *sizes)
{
    uint32_t *order = memory_alloc_raw(count * sizeof *order);
    uint32_t *firsts = memory_alloc_raw(((size_t)o->center_count + 1) * sizeof *firsts);
    double *sums = memory_alloc_raw((size_t)o->threads * o->dim * sizeof *sums);
    uint32_t at = 0;

    memset(sizes, 0, o->center_count * sizeof *sizes);
    for (size_t i = 0; i < count; i++) {
        sizes[lists[i]]++;
    }
    for (uint32_t c = 0; c < o->center_count; c++) {
        firsts[c] = at;
        at += sizes[c];
    }
    for (size_t i = 0; i < count; i++) {
        order[firsts[lists[i]]++] = (uint32_t)i;
    }
    for (uint32_t c = 0; c < o->center_count; c++) {
        firsts[c] -= sizes[c];
    }
    struct move m = {{move_centers}, rows, order, sizes, firsts, sums, o->dim, centers};
    err e = parallel_for(&m.parallel, o->threads, o->center_count, MOVE_GRAIN);
    memory_free(order);
    memory_free(firsts);
    memory_free(sums);
    return e;
}

// Different rows, one for each centre.
static void choose_centers(struct training *t)
{
    uint32_t *numbers = memory_alloc_raw((size_t)t->count * sizeof *numbers);
    size_t row_bytes = t->options->dim * sizeof(float);

    for (uint32_t i = 0; i < t->count; i++) {
        numbers[i] = i;
    }
    for (uint32_t i = 0; i < t->center_count; i++) {
        uint32_t other = i + (uint32_t)random_below(&t->random, t->count - i);
        uint32_t row = numbers[other];
        numbers[other] = numbers[i];
        memcpy(t->centers + (size_t)i * t->options->dim, t->rows + (size_t)row * t->options->dim,
               row_bytes);
    }
    memory_free(numbers);
}

static uint32_t largest(const struct training *t)
{
    uint32_t at = 0;

    for (uint32_t c = 1; c < t->center_count; c++) {
        if (t->sizes[c] > t->sizes[at]) at = c;
    }
    return at;
}

// Looks for a row of `center` from a random place on.
static uint32_t random_row_of(struct training *t, uint32_t center)
{
    uint32_t row = (uint32_t)random_below(&t->random, t->count);

    while (t->assignment.lists[row] != center) {
        row = row + 1 < t->count ? row + 1 : 0;
    }
    return row;
}

static void fill_empty_centers(struct training *t)
{
    uint32_t dim = t->options->dim;

    for (uint32_t c = 0; c < t->center_count; c++) {
        if (t->sizes[c]) continue;
        uint32_t from = largest(t);
        if (t->sizes[from] < 2) return;
        uint32_t row = random_row_of(t, from);
        memcpy(t->centers + (size_t)c * dim, t->rows + (size_t)row * dim, dim * sizeof(float));
        t->sizes[from] /= 2;
    }
}

static void drop_empty_centers(struct training *t)
{
    uint32_t kept = 0;
    uint32_t dim = t->options->dim;

    for (uint32_t c = 0; c < t->center_count; c++) {
        if (t->sizes[c] == 0) continue;
        memmove(t->centers + (size_t)kept++ * dim, t->centers + (size_t)c * dim,
                dim * sizeof(float));
    }
    t->center_count = kept;
}

static err iterate(struct training *t)
{
    const struct lloyd_options *o = t->options;
    struct lloyd_options moving = *o;

    moving.center_count = t->center_count;
    for (unsigned i = 0; i < o->iterations; i++) {
        if (o->cancel && atomic_load_explicit(o->cancel, memory_order_relaxed)) {
            return ERR_CANCELED;
        }
        closest_norms(t->centers, t->center_count, o->dim, t->norms);
        TRY(parallel_for(&t->assignment.parallel, o->threads, t->count, ASSIGN_GRAIN));
        TRY(lloyd_move(t->rows, t->assignment.lists, t->count, &moving, t->centers, t->sizes));
        if (i + 1 < o->iterations) fill_empty_centers(t);
    }
    drop_empty_centers(t);
    return OK;
}

err lloyd_train(const float *rows, size_t count, const struct lloyd_options *o, float *centers,
                uint32_t *out)
{
    struct training t = {.options = o, .rows = rows, .count = (uint32_t)count, .centers = centers};
    struct assignment *a = &t.assignment;

    assert(count <= UINT32_MAX && o->center_count > 0 && o->iterations > 0);
    if (count == 0) {
        *out = 0;
        return OK;
    }
    t.center_count = o->center_count < count ? o->center_count : t.count;
    t.norms = memory_alloc_raw(t.center_count * sizeof *t.norms);
    t.sizes = memory_alloc_raw(t.center_count * sizeof *t.sizes);
    random_init(&t.random, o->seed);
    *a = (struct assignment){.parallel = {assign_rows}, .rows = rows};
    a->closest = (struct closest){centers, t.norms, t.center_count, o->dim};
    a->scratch_floats = closest_scratch_floats(t.center_count);
    a->scratch = memory_alloc_raw(o->threads * a->scratch_floats * sizeof *a->scratch);
    a->lists = memory_alloc_raw(count * sizeof *a->lists);
    a->scores = memory_alloc_raw(count * sizeof *a->scores);
    choose_centers(&t);
    err e = iterate(&t);
    memory_free(a->scores);
    memory_free(a->lists);
    memory_free(a->scratch);
    memory_free(t.sizes);
    memory_free(t.norms);
    if (!e) *out = t.center_count;
    return e;
}
