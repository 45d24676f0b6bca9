#include "retrieval/vector/index_inputs.h"

#include "base/memory.h"
#include "retrieval/vector/segment_verify.h"

#include <string.h>

static const struct index_input *input_of(const struct index_inputs *in, uint64_t row)
{
    uint32_t low = 0;
    uint32_t high = in->count;

    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;
        if (in->inputs[middle].first <= row) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return &in->inputs[low];
}

static err fetch_rows(struct row_source *source, uint64_t first, uint32_t count, float *out,
                      uint64_t *keys)
{
    const struct index_inputs *in = container_of(source, struct index_inputs, rows.source);

    for (uint32_t i = 0; i < count; i++) {
        const struct index_input *input = input_of(in, first + i);
        const struct segment *s = &input->part->segment;
        uint64_t row = input->rows[first + i - input->first];
        if (out) {
            memcpy(out + (size_t)i * source->dim, s->raw + row * source->dim,
                   source->dim * sizeof *out);
        }
        if (keys) keys[i] = s->keys[row];
    }
    return OK;
}

static err value_of(struct index_rows *rows, uint64_t row, uint32_t column,
                    struct column_value *out)
{
    const struct index_input *input = input_of(container_of(rows, struct index_inputs, rows), row);

    *out = columns_get(&input->part->columns, input->rows[row - input->first], column);
    return OK;
}

static void input_open(struct index_input *in, struct index_part *p, uint64_t first)
{
    uint64_t rows = p->segment.shape.row_count;
    uint64_t words = (rows + 63) / 64;

    *in = (struct index_input){.part = index_part_hold(p), .first = first};
    in->rows = memory_alloc_raw(rows * sizeof *in->rows);
    in->dead = memory_alloc_raw(words * sizeof *in->dead);
    for (uint64_t i = 0; i < words; i++) {
        in->dead[i] = atomic_load_explicit(&p->dead.words[i], memory_order_relaxed);
    }
    for (uint64_t row = 0; row < rows; row++) {
        if (!(in->dead[row / 64] >> row % 64 & 1)) in->rows[in->count++] = (uint32_t)row;
    }
}

static void input_close(struct index_input *in)
{
    index_part_drop(in->part);
    memory_free(in->rows);
    memory_free(in->dead);
}

void index_inputs_init(struct index_inputs *in, const struct index *ix)
{
    *in = (struct index_inputs){0};
    in->rows.source.dim = ix->options.dim;
    in->rows.source.fetch = fetch_rows;
    if (ix->schema.count) in->rows.value = value_of;
}

void index_inputs_done(struct index_inputs *in)
{
    for (uint32_t i = 0; i < in->count; i++) {
        input_close(&in->inputs[i]);
    }
}

void index_inputs_add(struct index_inputs *in, struct index_part *p)
{
    struct index_input *input = &in->inputs[in->count++];

    input_open(input, p, in->rows.source.count);
    in->rows.source.count += input->count;
}

struct check {
    struct segment_verify_watcher watcher;
    struct build_watch *watch;
};

static void ignore_damage(struct segment_verify_watcher *w, const struct segment_damage *d)
{
    (void)w;
    (void)d; // the error tells that there is some; index_verify() where
}

static bool goes_on(struct segment_verify_watcher *w)
{
    return !build_watch_is_canceled(container_of(w, struct check, watcher)->watch);
}

err index_inputs_check(struct index_inputs *in, struct build_watch *watch)
{
    struct check check = {.watcher = {ignore_damage, goes_on}, .watch = watch};

    for (uint32_t i = 0; i < in->count; i++) {
        TRY(segment_verify(&in->inputs[i].part->segment, &check.watcher));
    }
    return OK;
}

err index_inputs_check_reads(struct index_inputs *in)
{
    struct segment_damage damage;

    for (uint32_t i = 0; i < in->count; i++) {
        TRY(segment_health(&in->inputs[i].part->segment, &damage));
    }
    return OK;
}

bool index_inputs_has(const struct index_inputs *in, const struct index_part *p)
{
    for (uint32_t i = 0; i < in->count; i++) {
        if (in->inputs[i].part == p) return true;
    }
    return false;
}

// A row of an input died since: its key, if the new segment has it, dies there.
static err carry_row(const struct index_input *in, uint64_t row, struct index_part *p)
{
    uint64_t there = 0;

    TRY(segment_find_key(&p->segment, in->part->segment.keys[row], &there));
    (void)tombstones_set(&p->dead, there);
    return OK;
}

static err carry_dead_of(const struct index_input *in, struct index_part *p)
{
    uint64_t words = (in->part->dead.rows + 63) / 64;

    for (uint64_t i = 0; i < words; i++) {
        uint64_t now = atomic_load_explicit(&in->part->dead.words[i], memory_order_relaxed);
        for (uint64_t news = now & ~in->dead[i]; news; news &= news - 1) {
            TRY(carry_row(in, i * 64 + (unsigned)__builtin_ctzll(news), p));
        }
    }
    return OK;
}

err index_inputs_carry_dead(const struct index_inputs *in, struct index_part *p)
{
    for (uint32_t i = 0; i < in->count; i++) {
        TRY(carry_dead_of(&in->inputs[i], p));
    }
    return OK;
}
