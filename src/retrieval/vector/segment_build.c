#include "retrieval/vector/segment_build.h"

#include "base/memory.h"
#include "retrieval/vector/ivf_calibrate.h"
#include "retrieval/vector/ivf_plan.h"
#include "retrieval/vector/ivf_write.h"
#include "retrieval/vector/key_hash.h"

#include <math.h>
#include <string.h>

enum {
    FLAT_BLOCK_BYTES = 1 << 20,
    CALIBRATED_ROWS = 16, // a list, on average, for given ones to be calibrated
};

// One segment in the making. What every tier has is here.
struct building {
    struct row_source *rows;
    const struct segment_build_options *options;
    struct segment_writer writer;
    unsigned keys, key_hash, raw; // sections
    uint32_t *key_slots;
    uint64_t key_slot_count;
};

// What a tier with lists has besides.
struct listing {
    struct ivf_plan plan;
    struct rotation rotation;
    struct quantizer quantizer;
    uint8_t *coarse;
    size_t coarse_bytes;
    unsigned cent, coarse_section, lists, calibration, code1, code4, fact4;
};

// What one of bytes has.
struct byte_rows {
    unsigned section, scale_section;
    int8_t *bytes; // of one block
    float *scales;
};

static err reserve(struct building *b, enum segment_type type, size_t elem_bytes, uint64_t count,
                   unsigned *section)
{
    return segment_writer_reserve(&b->writer, type, 0, (uint32_t)elem_bytes, elem_bytes * count,
                                  section);
}

// Opens the file for a shape of which all but what the options say is set.
static err open_writer(struct building *b, struct segment_shape *shape, str path)
{
    const struct segment_build_options *o = b->options;

    memcpy(shape->uuid, o->uuid, sizeof shape->uuid);
    shape->row_count = b->rows->count;
    shape->dim = b->rows->dim;
    shape->metric = o->metric;
    return segment_writer_open(&b->writer, o->disk, path, shape);
}

// Reserves what every tier has, behind its own, and fixes the layout.
static err lay_out(struct building *b)
{
    struct segment_extras *x = b->options->extras;
    uint64_t count = b->rows->count;

    b->key_slot_count = key_hash_slots(count);
    TRY(reserve(b, SEGMENT_KEYS, sizeof(uint64_t), count, &b->keys));
    TRY(reserve(b, SEGMENT_KEYHASH, sizeof(uint32_t), b->key_slot_count, &b->key_hash));
    if (x) TRY(x->reserve(x, &b->writer));
    TRY(reserve(b, SEGMENT_RAW, b->rows->dim * sizeof(float), count, &b->raw));
    TRY(segment_writer_layout(&b->writer));
    b->key_slots = memory_alloc(b->key_slot_count * sizeof *b->key_slots);
    return OK;
}

static err write_rest(struct building *b, const uint32_t *order)
{
    struct segment_extras *x = b->options->extras;

    TRY(segment_writer_append(&b->writer, b->key_hash, b->key_slots,
                              b->key_slot_count * sizeof *b->key_slots));
    return x ? x->write(x, &b->writer, order, b->rows->count) : OK;
}

// Ends the file, or removes it where `e` says that something failed.
static err close_writer(struct building *b, err e)
{
    if (!e) e = segment_writer_finish(&b->writer);
    if (e) segment_writer_abort(&b->writer);
    memory_free(b->key_slots);
    return e;
}

// A row's largest coordinate becomes 127.
static void to_bytes(const float *row, uint32_t dim, int8_t *bytes, float *scale)
{
    float largest = 0;

    for (uint32_t d = 0; d < dim; d++) {
        largest = fmaxf(largest, fabsf(row[d]));
    }
    float inverse = 127 / largest;
    *scale = largest / 127;
    if (!isfinite(inverse) || !isfinite(*scale)) {
        *scale = 0;
        inverse = 0;
    }
    for (uint32_t d = 0; d < dim; d++) {
        bytes[d] = (int8_t)lrintf(fmaxf(-127, fminf(row[d] * inverse, 127)));
    }
}

static err append_bytes(struct building *b, const struct byte_rows *r, const float *rows,
                        uint32_t count)
{
    uint32_t dim = b->rows->dim;

    for (uint32_t i = 0; i < count; i++) {
        to_bytes(rows + (size_t)i * dim, dim, r->bytes + (size_t)i * dim, &r->scales[i]);
    }
    TRY(segment_writer_append(&b->writer, r->section, r->bytes, (size_t)count * dim));
    return segment_writer_append(&b->writer, r->scale_section, r->scales,
                                 count * sizeof *r->scales);
}

// One block of rows as they come. `r` is NULL where rows are not bytes.
static err write_block(struct building *b, const struct byte_rows *r, uint64_t first,
                       uint32_t count, float *rows, uint64_t *keys)
{
    struct row_source *s = b->rows;

    if (build_watch_is_canceled(b->options->watch)) return ERR_CANCELED;
    TRY(s->fetch(s, first, count, rows, keys));
    for (uint32_t i = 0; i < count; i++) {
        key_hash_put(b->key_slots, b->key_slot_count, keys[i], first + i);
    }
    TRY(segment_writer_append(&b->writer, b->raw, rows, (size_t)count * s->dim * sizeof *rows));
    TRY(segment_writer_append(&b->writer, b->keys, keys, count * sizeof *keys));
    if (r) TRY(append_bytes(b, r, rows, count));
    build_watch_tell(b->options->watch, BUILD_WRITE, first + count, s->count);
    return OK;
}

static err write_flat_rows(struct building *b, struct byte_rows *r)
{
    uint64_t count = b->rows->count;
    uint32_t dim = b->rows->dim;
    uint32_t block = FLAT_BLOCK_BYTES / (dim * (uint32_t)sizeof(float)) + 1;
    float *rows = memory_alloc_raw((size_t)block * dim * sizeof *rows);
    uint64_t *keys = memory_alloc_raw(block * sizeof *keys);
    err e = OK;

    if (r) {
        r->bytes = memory_alloc_raw((size_t)block * dim);
        r->scales = memory_alloc_raw(block * sizeof *r->scales);
    }
    for (uint64_t first = 0; first < count && !e; first += block) {
        uint32_t here = count - first < block ? (uint32_t)(count - first) : block;
        e = write_block(b, r, first, here, rows, keys);
    }
    if (r) {
        memory_free(r->bytes);
        memory_free(r->scales);
    }
    memory_free(rows);
    memory_free(keys);
    return e;
}

static err write_flat(struct building *b, struct byte_rows *r)
{
    uint64_t count = b->rows->count;

    if (r) {
        TRY(reserve(b, SEGMENT_INT8, b->rows->dim, count, &r->section));
        TRY(reserve(b, SEGMENT_SCALE8, sizeof(float), count, &r->scale_section));
    }
    TRY(lay_out(b));
    TRY(write_flat_rows(b, r));
    uint32_t *order = memory_alloc_raw(count * sizeof *order);
    for (uint32_t i = 0; i < count; i++) {
        order[i] = i;
    }
    err e = write_rest(b, order);
    memory_free(order);
    return e;
}

static err build_flat(struct building *b, bool has_bytes, str path)
{
    struct segment_shape shape = {.tier = has_bytes ? SEGMENT_BYTES : SEGMENT_EXACT};
    struct byte_rows r = {0};

    TRY(open_writer(b, &shape, path));
    return close_writer(b, write_flat(b, has_bytes ? &r : NULL));
}

static void make_quantizer(struct listing *l, const struct segment_build_options *o)
{
    const struct ivf_plan *p = &l->plan;

    rotation_init(&l->rotation, p->dim, o->rotation_seed);
    l->quantizer = (struct quantizer){.dim = p->dim,
                                      .padded_dim = l->rotation.padded_dim,
                                      .list_count = p->list_count,
                                      .metric = o->metric,
                                      .rotation = &l->rotation,
                                      .centroids = p->centroids};
    l->coarse_bytes = quantizer_coarse_bytes(l->rotation.padded_dim, p->list_count);
    l->coarse = memory_alloc(l->coarse_bytes);
    quantizer_make_coarse(&l->quantizer, l->coarse);
    l->quantizer.coarse = l->coarse;
}

// Hardly any rows in lists that were made for more say little.
static bool has_calibration(const struct segment_build_options *o, const struct ivf_plan *p)
{
    return o->calibration || !o->centroids || p->row_count / CALIBRATED_ROWS >= p->list_count;
}

static err reserve_lists(struct building *b, struct listing *l)
{
    const struct ivf_plan *p = &l->plan;
    uint32_t padded_dim = l->quantizer.padded_dim;

    TRY(reserve(b, SEGMENT_CENT, p->dim * sizeof(float), p->list_count, &l->cent));
    TRY(reserve(b, SEGMENT_CENTQ, 1, l->coarse_bytes, &l->coarse_section));
    TRY(reserve(b, SEGMENT_LISTS, sizeof *p->lists, p->list_count, &l->lists));
    if (has_calibration(b->options, p)) {
        TRY(reserve(b, SEGMENT_CALIB, sizeof(struct calibration), 1, &l->calibration));
    }
    TRY(reserve(b, SEGMENT_CODE1, code_block_bytes(padded_dim), p->block_count, &l->code1));
    TRY(reserve(b, SEGMENT_CODE4, code_row4_bytes(padded_dim), p->row_count, &l->code4));
    return reserve(b, SEGMENT_FACT4, 2 * sizeof(uint16_t), p->row_count, &l->fact4);
}

static const void *written(const struct building *b, const struct mapped_file *m, unsigned section)
{
    return m->bytes + segment_writer_offset(&b->writer, section);
}

// Searches what was written, in the file that isn't finished yet.
static err calibrate(struct building *b, const struct listing *l, struct calibration *out)
{
    const struct segment_build_options *o = b->options;
    struct mapped_file m;
    uint64_t offset;

    TRY(mapped_file_open(&m, str_from_c(b->writer.path)));
    const struct ivf_view view = {.quantizer = l->quantizer,
                                  .lists = l->plan.lists,
                                  .code1 = written(b, &m, l->code1),
                                  .code4 = written(b, &m, l->code4),
                                  .fact4 = written(b, &m, l->fact4),
                                  .raw = written(b, &m, b->raw),
                                  .row_count = l->plan.row_count,
                                  .block_count = l->plan.block_count};
    const struct ivf_calibrate_options options = {
        .view = &view, .threads = o->threads, .seed = o->seed, .watch = o->watch};
    err e = ivf_calibrate(&options, out);
    if (!e && mapped_file_fault(&m, &offset)) e = ERR_SYSTEM;
    mapped_file_close(&m);
    return e;
}

static err write_calibration(struct building *b, const struct listing *l)
{
    struct calibration c;

    if (b->options->calibration) {
        c = *b->options->calibration;
    } else {
        TRY(calibrate(b, l, &c));
    }
    return segment_writer_append(&b->writer, l->calibration, &c, sizeof c);
}

static err write_ivf(struct building *b, struct listing *l)
{
    const struct ivf_plan *p = &l->plan;
    const struct segment_build_options *o = b->options;

    TRY(reserve_lists(b, l));
    TRY(lay_out(b));
    TRY(segment_writer_append(&b->writer, l->cent, p->centroids,
                              (size_t)p->list_count * p->dim * sizeof(float)));
    TRY(segment_writer_append(&b->writer, l->coarse_section, l->coarse, l->coarse_bytes));
    TRY(segment_writer_append(&b->writer, l->lists, p->lists, p->list_count * sizeof *p->lists));
    struct ivf_write_options options = {
        .rows = b->rows,
        .plan = p,
        .quantizer = &l->quantizer,
        .writer = &b->writer,
        .sections = {l->code1, l->code4, l->fact4, b->keys, b->raw},
        .key_slots = b->key_slots,
        .key_slot_count = b->key_slot_count,
        .threads = o->threads,
        .watch = o->watch,
    };
    TRY(ivf_write(&options));
    if (has_calibration(o, p)) TRY(write_calibration(b, l));
    return write_rest(b, p->order);
}

static err build_ivf(struct building *b, str path)
{
    const struct segment_build_options *o = b->options;
    struct ivf_plan_options options = {.centroids = o->centroids,
                                       .list_count = o->list_count,
                                       .sample_bytes_max = o->memory_bytes_max / 3 * 2,
                                       .threads = o->threads,
                                       .seed = o->seed,
                                       .watch = o->watch};
    struct listing l = {0};

    TRY(ivf_plan_make(&l.plan, b->rows, &options));
    make_quantizer(&l, o);
    struct segment_shape shape = {.tier = SEGMENT_IVF,
                                  .quantizer_id = o->quantizer_id,
                                  .rotation_seed = o->rotation_seed,
                                  .rotation_kind = SEGMENT_ROTATION,
                                  .list_count = l.plan.list_count,
                                  .block_count = l.plan.block_count,
                                  .padded_dim = l.quantizer.padded_dim};
    err e = open_writer(b, &shape, path);
    if (!e) e = close_writer(b, write_ivf(b, &l));
    memory_free(l.coarse);
    rotation_done(&l.rotation);
    ivf_plan_done(&l.plan);
    return e;
}

err segment_build(struct row_source *rows, const struct segment_build_options *o, str path)
{
    struct building b = {.rows = rows, .options = o};

    if (rows->dim < 1 || rows->dim > SEGMENT_DIM_MAX) return ERR_RANGE;
    if (rows->count < 1 || rows->count > SEGMENT_ROWS_MAX) return ERR_RANGE;
    if (o->centroids) return build_ivf(&b, path);
    if (rows->count < o->exact_below) return build_flat(&b, false, path);
    if (rows->count < o->bytes_below) return build_flat(&b, true, path);
    return build_ivf(&b, path);
}
