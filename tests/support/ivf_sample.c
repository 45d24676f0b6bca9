#include "support/ivf_sample.h"

#include "base/memory.h"
#include "base/random.h"
#include "retrieval/vector/encoder.h"

#include <math.h>
#include <string.h>

static void fill_normal(struct random *random, float *out, size_t count, float size)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = size * (float)random_normal(random);
    }
}

static void normalise(float *vector, uint32_t dim)
{
    double square = 0;

    for (uint32_t i = 0; i < dim; i++) {
        square += (double)vector[i] * (double)vector[i];
    }
    for (uint32_t i = 0; i < dim && square > 0; i++) {
        vector[i] = (float)((double)vector[i] / sqrt(square));
    }
}

// A vector around the list's centroid.
static void draw(const struct ivf_sample *s, uint32_t list, struct random *random, float *out)
{
    uint32_t dim = s->view.quantizer.dim;
    bool is_unit = s->view.quantizer.metric == METRIC_COSINE;

    fill_normal(random, out, dim, is_unit ? 0.7F / sqrtf((float)dim) : 0.7F);
    for (uint32_t i = 0; i < dim; i++) {
        out[i] += s->centroids[(size_t)list * dim + i];
    }
    if (is_unit) normalise(out, dim);
}

static float distance2(const float *a, const float *b, uint32_t dim)
{
    double sum = 0;

    for (uint32_t i = 0; i < dim; i++) {
        sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
    }
    return (float)sum;
}

float ivf_sample_distance(const struct ivf_sample *s, const float *query, const float *vector)
{
    uint32_t dim = s->view.quantizer.dim;
    double product = 0;

    if (s->view.quantizer.metric != METRIC_IP) return distance2(query, vector, dim);
    for (uint32_t i = 0; i < dim; i++) {
        product += (double)query[i] * (double)vector[i];
    }
    return (float)-product;
}

void ivf_sample_query(const struct ivf_sample *s, uint32_t list, float *out)
{
    struct random random;

    random_init(&random, 1000 + list);
    draw(s, list, &random, out);
}

static void make_quantizer(struct ivf_sample *s, struct random *random)
{
    struct quantizer *q = &s->view.quantizer;

    rotation_init(&s->rotation, q->dim, 5);
    q->padded_dim = s->rotation.padded_dim;
    q->rotation = &s->rotation;
    s->centroids = memory_alloc((size_t)q->list_count * q->dim * sizeof(float));
    fill_normal(random, s->centroids, (size_t)q->list_count * q->dim, 1);
    for (uint32_t list = 0; list < q->list_count && q->metric == METRIC_COSINE; list++) {
        normalise(s->centroids + (size_t)list * q->dim, q->dim);
    }
    q->centroids = s->centroids;
    s->coarse = memory_alloc(quantizer_coarse_bytes(q->padded_dim, q->list_count));
    quantizer_make_coarse(q, s->coarse);
    q->coarse = s->coarse;
}

static void make_lists(struct ivf_sample *s, const uint32_t *rows)
{
    uint32_t count = s->view.quantizer.list_count;

    s->lists = memory_alloc(count * sizeof *s->lists);
    for (uint32_t i = 0; i < count; i++) {
        s->lists[i] = (struct ivf_list){
            .first_row = s->view.row_count, .first_block = s->view.block_count, .rows = rows[i]};
        s->view.row_count += rows[i];
        s->view.block_count += ivf_list_blocks(rows[i]);
    }
    s->view.lists = s->lists;
}

static void make_rows(struct ivf_sample *s, uint32_t list, struct random *random)
{
    uint32_t dim = s->view.quantizer.dim;
    struct ivf_list *l = &s->lists[list];

    for (uint32_t i = 0; i < l->rows; i++) {
        float *row = s->raw + (l->first_row + i) * dim;
        draw(s, list, random, row);
        l->radius = fmaxf(l->radius, sqrtf(distance2(row, s->centroids + (size_t)list * dim, dim)));
    }
    l->scale = code_scale(l->radius);
}

static void code_rows(struct ivf_sample *s, struct encoder *e, uint32_t list, uint8_t *bits)
{
    const struct quantizer *q = &s->view.quantizer;
    const struct ivf_list *l = &s->lists[list];

    encoder_list(e, list);
    for (uint32_t i = 0; i < l->rows; i++) {
        uint64_t row = l->first_row + i;
        uint64_t block = l->first_block + i / CODE_BLOCK_ROWS;
        struct row_code code = {
            .bits = bits,
            .nibbles = s->code4 + row * code_row4_bytes(q->padded_dim),
        };
        encoder_row(e, s->raw + row * q->dim, &code);
        code_block_put(s->code1 + block * code_block_bytes(q->padded_dim), q->padded_dim,
                       i % CODE_BLOCK_ROWS, &code, l->scale);
        code_fact4_put(s->fact4 + row * 2, &code, l->scale);
    }
}

void ivf_sample_init(struct ivf_sample *s, uint32_t dim, enum metric metric, const uint32_t *rows,
                     uint32_t list_count)
{
    struct encoder encoder;
    struct random random;

    *s = (struct ivf_sample){0};
    s->view.quantizer = (struct quantizer){.dim = dim, .list_count = list_count, .metric = metric};
    random_init(&random, 3);
    make_quantizer(s, &random);
    make_lists(s, rows);
    uint32_t padded_dim = s->view.quantizer.padded_dim;
    s->raw = memory_alloc(s->view.row_count * dim * sizeof(float));
    s->code1 = memory_alloc(s->view.block_count * code_block_bytes(padded_dim));
    s->code4 = memory_alloc(s->view.row_count * code_row4_bytes(padded_dim));
    s->fact4 = memory_alloc(s->view.row_count * 2 * sizeof *s->fact4);
    uint8_t *bits = memory_alloc(padded_dim / 8);
    encoder_init(&encoder, &s->view.quantizer);
    for (uint32_t list = 0; list < list_count; list++) {
        make_rows(s, list, &random);
        code_rows(s, &encoder, list, bits);
    }
    encoder_done(&encoder);
    memory_free(bits);
    s->view.raw = s->raw;
    s->view.code1 = s->code1;
    s->view.code4 = s->code4;
    s->view.fact4 = s->fact4;
}

void ivf_sample_done(struct ivf_sample *s)
{
    rotation_done(&s->rotation);
    memory_free(s->lists);
    memory_free(s->centroids);
    memory_free(s->coarse);
    memory_free(s->code1);
    memory_free(s->code4);
    memory_free(s->fact4);
    memory_free(s->raw);
}
