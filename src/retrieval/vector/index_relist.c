#include "retrieval/vector/index_relist.h"

#include "base/memory.h"
#include "retrieval/vector/assign.h"
#include "retrieval/vector/ivf_plan.h"
#include "retrieval/vector/kmeans.h"

#include <string.h>

enum {
    SAMPLE_ROWS = 64,     // a list
    SAMPLE_ROWS_MIN = 16, // of fewer, lengths tell too little
    SPLIT_ABOVE = 2,      // times the length that suits
    JOIN_BELOW = 4,       // the part of it
    PARTS_MAX = 16,       // that one list is split into
    CHANGED_PART = 3,     // of the lists: one in so many may change
    PIECE_ROWS = 1024,    // fetched at once
};

// A sample of the rows, sorted by lists.
struct sample {
    uint32_t dim;
    uint32_t count;
    float *rows;
    uint32_t *lists;   // of rows
    uint32_t *lengths; // of lists
};

static uint32_t sample_count(const struct index_relist_options *o)
{
    uint64_t count = (uint64_t)o->count * SAMPLE_ROWS;
    uint64_t most = o->memory_bytes_max / (o->rows->dim * sizeof(float));

    if (count > o->rows->count) count = o->rows->count;
    return (uint32_t)(count < most ? count : most);
}

// Rows at even distances.
static err fetch_sample(struct sample *s, const struct index_relist_options *o)
{
    for (uint32_t i = 0; i < s->count; i++) {
        uint64_t row = (uint64_t)((double)i * (double)o->rows->count / s->count);
        if (i % PIECE_ROWS == 0 && o->cancel && *o->cancel) return ERR_CANCELED;
        TRY(o->rows->fetch(o->rows, row, 1, s->rows + (size_t)i * s->dim, NULL));
    }
    return OK;
}

static err assign_sample(struct sample *s, const struct index_relist_options *o)
{
    const struct assign_options options = {.centroids = o->centroids,
                                           .count = o->count,
                                           .dim = s->dim,
                                           .threads = o->threads,
                                           .cancel = o->cancel};
    struct assign a;
    struct assign_scratch scratch;

    TRY(assign_init(&a, &options));
    assign_scratch_init(&scratch, &a);
    assign_rows(&a, &scratch, s->rows, s->count, s->lists, NULL);
    assign_scratch_done(&scratch);
    assign_done(&a);
    for (uint32_t i = 0; i < s->count; i++) {
        s->lengths[s->lists[i]]++;
    }
    return OK;
}

static void sample_done(struct sample *s)
{
    memory_free(s->rows);
    memory_free(s->lists);
    memory_free(s->lengths);
}

static err sample_make(struct sample *s, const struct index_relist_options *o)
{
    *s = (struct sample){.dim = o->rows->dim, .count = sample_count(o)};
    s->rows = memory_alloc_raw((size_t)s->count * s->dim * sizeof *s->rows);
    s->lists = memory_alloc_raw(s->count * sizeof *s->lists);
    s->lengths = memory_alloc(o->count * sizeof *s->lengths);
    err e = fetch_sample(s, o);
    if (!e) e = assign_sample(s, o);
    if (e) sample_done(s);
    return e;
}

// How many lists one of so many rows of the sample becomes; 0: it is given up.
static uint32_t parts_of(uint32_t length, double suited)
{
    if (length * (double)JOIN_BELOW < suited) return 0;
    if (length <= SPLIT_ABOVE * suited) return 1;
    double parts = length / suited + 0.5;
    return parts > PARTS_MAX ? PARTS_MAX : (uint32_t)parts;
}

static void add(struct index_relist *r, const float *centroid, uint32_t dim)
{
    memcpy(r->centroids + (size_t)r->count++ * dim, centroid, dim * sizeof(float));
}

// Adds the parts of one list, found among its rows in the sample.
static err split(struct index_relist *r, const struct sample *s, uint32_t list, uint32_t parts,
                 const struct index_relist_options *o)
{
    const struct kmeans_options options = {.dim = s->dim,
                                           .list_count = parts,
                                           .threads = 1,
                                           .seed = o->seed + list,
                                           .cancel = o->cancel};
    float *rows = memory_alloc_raw((size_t)s->lengths[list] * s->dim * sizeof *rows);
    uint32_t count = 0;
    uint32_t made = 0;

    for (uint32_t i = 0; i < s->count; i++) {
        if (s->lists[i] != list) continue;
        memcpy(rows + (size_t)count++ * s->dim, s->rows + (size_t)i * s->dim,
               s->dim * sizeof *rows);
    }
    err e = kmeans_train(rows, count, &options, r->centroids + (size_t)r->count * s->dim, &made);
    memory_free(rows);
    r->count += e ? 0 : made;
    return e;
}

static err adapt(struct index_relist *r, const struct sample *s, double suited,
                 const struct index_relist_options *o)
{
    uint32_t room = 0;

    for (uint32_t list = 0; list < o->count; list++) {
        room += parts_of(s->lengths[list], suited);
    }
    r->centroids = memory_alloc_raw((size_t)room * s->dim * sizeof *r->centroids);
    for (uint32_t list = 0; list < o->count; list++) {
        uint32_t parts = parts_of(s->lengths[list], suited);
        if (parts == 1) add(r, o->centroids + (size_t)list * s->dim, s->dim);
        if (parts > 1) TRY(split(r, s, list, parts, o));
    }
    return OK;
}

static void count_changes(struct index_relist *r, const struct sample *s, double suited,
                          uint32_t lists)
{
    for (uint32_t list = 0; list < lists; list++) {
        uint32_t parts = parts_of(s->lengths[list], suited);
        r->splits += parts > 1;
        r->joins += parts == 0;
    }
}

err index_relist_make(struct index_relist *r, const struct index_relist_options *o)
{
    uint32_t wanted = ivf_plan_list_count(o->rows->count);
    struct sample s;
    err e = OK;

    *r = (struct index_relist){.advice = INDEX_RELIST_TRAIN};
    if (wanted > o->count * 2 || wanted * 2 < o->count) return OK;
    if (sample_count(o) / SAMPLE_ROWS_MIN < o->count) {
        r->advice = INDEX_RELIST_KEEP;
        return OK;
    }
    TRY(sample_make(&s, o));
    double suited = (double)s.count / wanted;
    count_changes(r, &s, suited, o->count);
    uint32_t changes = r->splits + r->joins;
    if (changes == 0) r->advice = INDEX_RELIST_KEEP;
    if (changes > 0 && changes * CHANGED_PART <= o->count) {
        r->advice = INDEX_RELIST_ADAPT;
        e = adapt(r, &s, suited, o);
    }
    sample_done(&s);
    if (e) index_relist_done(r);
    return e;
}

void index_relist_done(struct index_relist *r)
{
    memory_free(r->centroids);
    r->centroids = NULL;
}
