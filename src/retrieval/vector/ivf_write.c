#include "retrieval/vector/ivf_write.h"

#include "base/list.h"
#include "base/memory.h"
#include "retrieval/vector/encoder.h"
#include "retrieval/vector/key_hash.h"
#include "retrieval/vector/parallel.h"

#include <string.h>

enum {
    WAVE_BYTES = 16 << 20,
    WAVE_ROWS_MIN = 1024,
    WAVE_ROWS_MAX = 32'768,
    UNIT_ROWS = 512, // of a list, that one thread encodes: whole blocks
};

// Rows of one list, and where in the wave they go.
struct unit {
    uint32_t list;
    uint32_t first; // in the list
    uint32_t rows;
    uint32_t wave_row;
    uint32_t wave_block;
};

struct wave {
    struct unit *units;
    uint32_t unit_count;
    uint32_t rows;
    uint32_t blocks;
    uint64_t first_row; // in the segment
    float *raw;
    uint8_t *code1;
    uint8_t *code4;
    uint16_t *fact4;
    uint64_t *keys;
};

struct writing {
    struct parallel parallel;
    const struct ivf_write_options *options;
    uint32_t wave_rows; // of a full one
    struct wave waves[2];
    struct wave *encoded; // by this round
    struct wave *appended;
    struct encoder *encoders; // these two: of each thread
    uint8_t *bits;
    uint32_t next_list; // these two: what the next wave begins with
    uint32_t next_row;
};

// Copies a unit's rows from the source; neighbours there are fetched at once.
static err fetch_unit(const struct writing *w, const struct wave *v, const struct unit *u)
{
    struct row_source *source = w->options->rows;
    const struct ivf_plan *plan = w->options->plan;
    const uint32_t *order = plan->order + plan->lists[u->list].first_row + u->first;

    for (uint32_t i = 0; i < u->rows;) {
        uint32_t run = 1;
        while (i + run < u->rows && order[i + run] == order[i] + run) {
            run++;
        }
        TRY(source->fetch(source, order[i], run, v->raw + (size_t)(u->wave_row + i) * plan->dim,
                          v->keys + u->wave_row + i));
        i += run;
    }
    return OK;
}

static err encode_unit(struct writing *w, struct wave *v, const struct unit *u, unsigned thread)
{
    const struct ivf_plan *plan = w->options->plan;
    uint32_t padded_dim = w->options->quantizer->padded_dim;
    size_t block_bytes = code_block_bytes(padded_dim);
    uint8_t *code1 = v->code1 + u->wave_block * block_bytes;
    float scale = plan->lists[u->list].scale;
    struct encoder *encoder = &w->encoders[thread];
    struct row_code code = {.bits = w->bits + (size_t)thread * padded_dim / 8};

    TRY(fetch_unit(w, v, u));
    memset(code1, 0, ivf_list_blocks(u->rows) * block_bytes);
    encoder_list(encoder, u->list);
    for (uint32_t i = 0; i < u->rows; i++) {
        uint32_t row = u->wave_row + i;
        code.nibbles = v->code4 + row * code_row4_bytes(padded_dim);
        encoder_row(encoder, v->raw + (size_t)row * plan->dim, &code);
        code_block_put(code1 + i / CODE_BLOCK_ROWS * block_bytes, padded_dim, i % CODE_BLOCK_ROWS,
                       &code, scale);
        code_fact4_put(v->fact4 + (size_t)row * 2, &code, scale);
    }
    return OK;
}

static err append_wave(struct writing *w, const struct wave *v)
{
    const struct ivf_write_options *o = w->options;
    uint32_t padded_dim = o->quantizer->padded_dim;
    size_t rows = v->rows;

    TRY(segment_writer_append(o->writer, o->sections.code1, v->code1,
                              v->blocks * code_block_bytes(padded_dim)));
    TRY(segment_writer_append(o->writer, o->sections.code4, v->code4,
                              rows * code_row4_bytes(padded_dim)));
    TRY(segment_writer_append(o->writer, o->sections.fact4, v->fact4, rows * 2 * sizeof *v->fact4));
    TRY(segment_writer_append(o->writer, o->sections.keys, v->keys, rows * sizeof *v->keys));
    TRY(segment_writer_append(o->writer, o->sections.raw, v->raw,
                              rows * o->plan->dim * sizeof *v->raw));
    for (uint32_t i = 0; i < v->rows; i++) {
        key_hash_put(o->key_slots, o->key_slot_count, v->keys[i], v->first_row + i);
    }
    return OK;
}

// The first piece appends the wave before; each of the others encodes a unit.
static err run_piece(struct parallel *p, uint64_t first, uint64_t end, unsigned thread)
{
    struct writing *w = container_of(p, struct writing, parallel);

    (void)end; // pieces are single
    if (build_watch_is_canceled(w->options->watch)) return ERR_CANCELED;
    if (first == 0) return w->appended ? append_wave(w, w->appended) : OK;
    return encode_unit(w, w->encoded, &w->encoded->units[first - 1], thread);
}

// Takes the next rows in list order, as many as the wave holds.
static void plan_wave(struct writing *w, struct wave *v)
{
    const struct ivf_plan *plan = w->options->plan;

    v->unit_count = v->rows = v->blocks = 0;
    while (w->next_list < plan->list_count) {
        uint32_t left = plan->lists[w->next_list].rows - w->next_row;
        uint32_t rows = left < UNIT_ROWS ? left : UNIT_ROWS;
        if (v->rows + rows > w->wave_rows) break;
        if (v->rows == 0) v->first_row = plan->lists[w->next_list].first_row + w->next_row;
        if (rows > 0) {
            v->units[v->unit_count++] =
                (struct unit){w->next_list, w->next_row, rows, v->rows, v->blocks};
        }
        v->rows += rows;
        v->blocks += (uint32_t)ivf_list_blocks(rows);
        w->next_row += rows;
        if (rows == left) {
            w->next_list++;
            w->next_row = 0;
        }
    }
}

static err run_waves(struct writing *w)
{
    const struct ivf_write_options *o = w->options;

    do {
        struct wave *next = w->appended == w->waves ? &w->waves[1] : w->waves;
        plan_wave(w, next);
        w->encoded = next;
        TRY(parallel_for(&w->parallel, o->threads, (uint64_t)next->unit_count + 1, 1));
        w->appended = next;
        build_watch_tell(o->watch, BUILD_WRITE, next->first_row + next->rows, o->plan->row_count);
    } while (w->next_list < o->plan->list_count);
    return append_wave(w, w->appended);
}

static void wave_init(struct wave *v, uint32_t rows, uint32_t dim, uint32_t padded_dim)
{
    *v = (struct wave){0};
    v->units = memory_alloc_raw(rows * sizeof *v->units);
    v->raw = memory_alloc_raw((size_t)rows * dim * sizeof *v->raw);
    v->code1 = memory_alloc_raw(rows * code_block_bytes(padded_dim)); // lists of one row each
    v->code4 = memory_alloc_raw(rows * code_row4_bytes(padded_dim));
    v->fact4 = memory_alloc_raw((size_t)rows * 2 * sizeof *v->fact4);
    v->keys = memory_alloc_raw(rows * sizeof *v->keys);
}

static void wave_done(struct wave *v)
{
    memory_free(v->units);
    memory_free(v->raw);
    memory_free(v->code1);
    memory_free(v->code4);
    memory_free(v->fact4);
    memory_free(v->keys);
}

err ivf_write(const struct ivf_write_options *o)
{
    struct writing w = {.parallel = {run_piece}, .options = o};
    uint32_t padded_dim = o->quantizer->padded_dim;

    w.wave_rows = WAVE_BYTES / (o->plan->dim * (uint32_t)sizeof(float));
    if (w.wave_rows < WAVE_ROWS_MIN) w.wave_rows = WAVE_ROWS_MIN;
    if (w.wave_rows > WAVE_ROWS_MAX) w.wave_rows = WAVE_ROWS_MAX;
    for (unsigned i = 0; i < 2; i++) {
        wave_init(&w.waves[i], w.wave_rows, o->plan->dim, padded_dim);
    }
    w.encoders = memory_alloc(o->threads * sizeof *w.encoders);
    w.bits = memory_alloc_raw((size_t)o->threads * padded_dim / 8);
    for (unsigned i = 0; i < o->threads; i++) {
        encoder_init(&w.encoders[i], o->quantizer);
    }
    err e = run_waves(&w);
    for (unsigned i = 0; i < o->threads; i++) {
        encoder_done(&w.encoders[i]);
    }
    memory_free(w.encoders);
    memory_free(w.bits);
    wave_done(&w.waves[0]);
    wave_done(&w.waves[1]);
    return e;
}
