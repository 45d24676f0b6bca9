#include "retrieval/vector/kmeans.h"

#include "base/list.h"
#include "base/memory.h"
#include "base/random.h"
#include "retrieval/vector/assign.h"
#include "retrieval/vector/lloyd.h"
#include "retrieval/vector/parallel.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum {
    ONE_LEVEL_MAX = 256, // lists that are found at once
    CELL_ROWS = 256,     // rows that a cell's centre is found from, at most
    CELL_ITERATIONS = 8,
    LIST_ITERATIONS = 4,
    BORDER_ITERATIONS = 8, // over all lists
    ASSIGN_GRAIN = 4096,
};

struct cell {
    uint32_t first; // of its rows in `order`
    uint32_t rows;
    uint32_t first_list;
    uint32_t lists; // wanted, then found
};

struct training {
    const struct kmeans_options *options;
    float *sample;
    uint32_t count;
    struct cell *cells;
    uint32_t cell_count;
    uint32_t *order; // rows by cell
    float *centroids;
    struct parallel splitting;
};

// One assignment of all rows of the sample.
struct assignment {
    struct parallel parallel;
    const struct assign *assign;
    struct assign_scratch *scratch; // of each thread
    const float *rows;
    uint32_t *lists;
};

// Returns the mean in `mean`, having subtracted it from every row.
static void move_to_origin(float *sample, size_t count, uint32_t dim, float *mean)
{
    double *sum = memory_alloc(dim * sizeof *sum);

    for (size_t i = 0; i < count; i++) {
        for (uint32_t d = 0; d < dim; d++) {
            sum[d] += (double)sample[i * dim + d];
        }
    }
    for (uint32_t d = 0; d < dim; d++) {
        mean[d] = (float)(sum[d] / (double)count);
    }
    for (size_t i = 0; i < count; i++) {
        for (uint32_t d = 0; d < dim; d++) {
            sample[i * dim + d] -= mean[d];
        }
    }
    memory_free(sum);
}

static err assign_piece(struct parallel *p, uint64_t first, uint64_t end, unsigned thread)
{
    struct assignment *a = container_of(p, struct assignment, parallel);

    assign_rows(a->assign, &a->scratch[thread], a->rows + first * a->assign->dim, end - first,
                a->lists + first, NULL);
    return OK;
}

// The nearest of `count` centroids for every row of the sample.
static err assign_sample(const struct training *t, const float *centroids, uint32_t count,
                         uint32_t *lists)
{
    const struct kmeans_options *o = t->options;
    struct assign_options options = {.centroids = centroids,
                                     .count = count,
                                     .dim = o->dim,
                                     .threads = o->threads,
                                     .cancel = o->cancel};
    struct assign assign;

    TRY(assign_init(&assign, &options));
    struct assignment a = {{assign_piece}, &assign, NULL, t->sample, lists};
    a.scratch = memory_alloc(o->threads * sizeof *a.scratch);
    for (unsigned i = 0; i < o->threads; i++) {
        assign_scratch_init(&a.scratch[i], &assign);
    }
    err e = parallel_for(&a.parallel, o->threads, t->count, ASSIGN_GRAIN);
    for (unsigned i = 0; i < o->threads; i++) {
        assign_scratch_done(&a.scratch[i]);
    }
    memory_free(a.scratch);
    assign_done(&assign);
    return e;
}

static struct lloyd_options lloyd_for(const struct kmeans_options *o, uint32_t centers,
                                      unsigned iterations)
{
    return (struct lloyd_options){.dim = o->dim,
                                  .center_count = centers,
                                  .iterations = iterations,
                                  .threads = o->threads,
                                  .seed = o->seed,
                                  .cancel = o->cancel};
}

// Finds the centres of cells on rows taken at even distances from the sample.
static err find_cell_centers(struct training *t, uint32_t wanted, float *centers)
{
    const struct kmeans_options *o = t->options;
    struct lloyd_options lloyd = lloyd_for(o, wanted, CELL_ITERATIONS);
    uint32_t count = wanted > t->count / CELL_ROWS ? t->count : wanted * CELL_ROWS;
    float *rows = memory_alloc_raw((size_t)count * o->dim * sizeof *rows);

    for (uint32_t i = 0; i < count; i++) {
        uint64_t from = (uint64_t)i * t->count / count;
        memcpy(rows + (size_t)i * o->dim, t->sample + from * o->dim, o->dim * sizeof *rows);
    }
    err e = lloyd_train(rows, count, &lloyd, centers, &t->cell_count);
    memory_free(rows);
    return e;
}

// Gives lists to cells in proportion to their rows, exactly `wanted` in all where there are as many
// rows: what is left of the wanted number after so many rows, for each cell in turn.
static void share_lists(struct training *t, uint32_t wanted)
{
    uint64_t rows_before = 0;
    uint32_t given = 0;

    for (uint32_t c = 0; c < t->cell_count; c++) {
        struct cell *cell = &t->cells[c];
        rows_before += cell->rows;
        uint64_t due = (rows_before * wanted + t->count / 2) / t->count;
        cell->first_list = given;
        cell->lists = due > given ? (uint32_t)(due - given) : 0;
        if (cell->rows && cell->lists == 0 && given < wanted) cell->lists = 1;
        given += cell->lists;
    }
}

static void sort_rows_by_cell(struct training *t, const uint32_t *cell_of)
{
    uint32_t at = 0;

    for (uint32_t i = 0; i < t->count; i++) {
        t->cells[cell_of[i]].rows++;
    }
    for (uint32_t c = 0; c < t->cell_count; c++) {
        t->cells[c].first = at;
        at += t->cells[c].rows;
        t->cells[c].rows = 0;
    }
    for (uint32_t i = 0; i < t->count; i++) {
        struct cell *cell = &t->cells[cell_of[i]];
        t->order[cell->first + cell->rows++] = i;
    }
}

static err split_cells(struct parallel *p, uint64_t first, uint64_t end, unsigned thread)
{
    struct training *t = container_of(p, struct training, splitting);
    const struct kmeans_options *o = t->options;

    (void)thread;
    for (uint64_t c = first; c < end; c++) {
        struct cell *cell = &t->cells[c];
        if (cell->lists == 0) continue;
        struct lloyd_options lloyd = lloyd_for(o, cell->lists, LIST_ITERATIONS);
        lloyd.threads = 1;
        lloyd.seed = random_mix(o->seed + c + 1);
        float *rows = memory_alloc_raw((size_t)cell->rows * o->dim * sizeof *rows);
        for (uint32_t i = 0; i < cell->rows; i++) {
            memcpy(rows + (size_t)i * o->dim,
                   t->sample + (size_t)t->order[cell->first + i] * o->dim, o->dim * sizeof *rows);
        }
        err e = lloyd_train(rows, cell->rows, &lloyd,
                            t->centroids + (size_t)cell->first_list * o->dim, &cell->lists);
        memory_free(rows);
        TRY(e);
    }
    return OK;
}

// Closes the gaps that cells with fewer lists than wanted left; returns how many lists there are.
static uint32_t close_gaps(struct training *t)
{
    uint32_t count = 0;
    uint32_t dim = t->options->dim;

    for (uint32_t c = 0; c < t->cell_count; c++) {
        const struct cell *cell = &t->cells[c];
        memmove(t->centroids + (size_t)count * dim, t->centroids + (size_t)cell->first_list * dim,
                (size_t)cell->lists * dim * sizeof(float));
        count += cell->lists;
    }
    return count;
}

static err find_cells(struct training *t, uint32_t *cell_of)
{
    const struct kmeans_options *o = t->options;
    uint32_t wanted = (uint32_t)sqrt((double)o->list_count);
    float *centers = memory_alloc_raw((size_t)wanted * o->dim * sizeof *centers);
    err e = find_cell_centers(t, wanted, centers);

    if (!e) e = assign_sample(t, centers, t->cell_count, cell_of);
    memory_free(centers);
    return e;
}

// Moves all lists' centroids by the rows of the sample, whatever cell these were in.
static err move_borders(struct training *t, uint32_t *lists, uint32_t count)
{
    struct lloyd_options lloyd = lloyd_for(t->options, count, 1);
    uint32_t *sizes = memory_alloc_raw(count * sizeof *sizes);
    err e = OK;

    for (unsigned i = 0; i < BORDER_ITERATIONS && !e; i++) {
        e = assign_sample(t, t->centroids, count, lists);
        if (!e) e = lloyd_move(t->sample, lists, t->count, &lloyd, t->centroids, sizes);
    }
    memory_free(sizes);
    return e;
}

static err train_two_levels(struct training *t, uint32_t *lists, uint32_t *out)
{
    TRY(find_cells(t, lists));
    t->cells = memory_alloc(t->cell_count * sizeof *t->cells);
    t->order = memory_alloc_raw(t->count * sizeof *t->order);
    sort_rows_by_cell(t, lists);
    share_lists(t, t->options->list_count);
    t->splitting.run = split_cells;
    TRY(parallel_for(&t->splitting, t->options->threads, t->cell_count, 1));
    *out = close_gaps(t);
    return move_borders(t, lists, *out);
}

static err train_one_level(struct training *t, uint32_t *out)
{
    struct lloyd_options lloyd =
        lloyd_for(t->options, t->options->list_count, LIST_ITERATIONS + BORDER_ITERATIONS);

    return lloyd_train(t->sample, t->count, &lloyd, t->centroids, out);
}

err kmeans_train(float *sample, size_t count, const struct kmeans_options *o, float *centroids,
                 uint32_t *out)
{
    struct training t = {
        .options = o, .sample = sample, .count = (uint32_t)count, .centroids = centroids};
    uint32_t found = 0;
    err e = OK;

    assert(count <= UINT32_MAX && o->dim > 0 && o->list_count > 0 && o->threads > 0);
    if (count == 0) {
        *out = 0;
        return OK;
    }
    float *mean = memory_alloc_raw(o->dim * sizeof *mean);
    move_to_origin(sample, count, o->dim, mean);
    if (o->list_count <= ONE_LEVEL_MAX) {
        e = train_one_level(&t, &found);
    } else {
        uint32_t *lists = memory_alloc_raw(count * sizeof *lists);
        e = train_two_levels(&t, lists, &found);
        memory_free(lists);
        memory_free(t.cells);
        memory_free(t.order);
    }
    for (size_t i = 0; i < found; i++) {
        for (uint32_t d = 0; d < o->dim; d++) {
            centroids[i * o->dim + d] += mean[d];
        }
    }
    memory_free(mean);
    if (!e) *out = found;
    return e;
}
