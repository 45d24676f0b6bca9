// Design: a survivor of stage 1 is put in a queue and its four-bit row asked of the memory; by the
// time that a batch of survivors is full, the first of them have arrived. Meanwhile the threshold
// may have fallen, so each is held against it once more before it is looked at.
#include "retrieval/vector/ivf_scan.h"

#include "retrieval/vector/half.h"

#include <math.h>

enum {
    ROWS = CODE_BLOCK_ROWS,
    BATCH = 16,
    QUEUE = 64,
    LINE = 64,
    LEVEL_MIDDLE_2 = 15,
    EXPECT_BYTES_MAX = 5632, // of a list: beyond these the processor has seen where reads lead
};

// The scan of one list.
struct pass {
    const struct ivf_query *query;
    struct ivf_scan *scan;
    struct code4_scan code4;
    const uint16_t *fact4;
    uint64_t first_row;
    float base;         // the query's distance to the centroid
    float scale2;       // the square of the list's scale, what estimates are in units of
    float product_step; // what one of stage 2's sums is worth, by the scale
    float product_zero;
    float limit; // the threshold, in these units and relative to the base
    uint32_t entered;
    uint32_t head; // of the queue, counted on for ever
    uint32_t tail;
    uint32_t rows[QUEUE];
    float bounds[QUEUE];
};

static void update_limit(struct pass *p)
{
    p->limit = (p->scan->candidates->threshold - p->base) / p->scale2;
}

static void pass_init(struct pass *p, const struct ivf_query *query, const struct probe *probe,
                      float scale)
{
    p->query = query;
    p->base = probe->distance;
    p->scale2 = scale * scale;
    p->product_step = query->level_step / scale;
    p->product_zero = (float)query->level_sum * (LEVEL_MIDDLE_2 * 0.5F);
    p->entered = p->head = p->tail = 0;
    update_limit(p);
}

static bool is_wanted(const struct ivf_scan *s, uint64_t row)
{
    if (s->dead) {
        uint64_t bits = atomic_load_explicit(&s->dead[row / 64], memory_order_relaxed);
        if (bits >> (row % 64) & 1) return false;
    }
    return !s->test || s->test->accept(s->test, row);
}

// Stage 2 for the `count` rows that `rows` numbers within the list.
static void estimate_rows(struct pass *p, const uint32_t *rows, uint32_t count)
{
    struct candidates *candidates = p->scan->candidates;
    int32_t sums[BATCH];

    p->query->kernels->code4(&p->code4, rows, count, sums);
    for (uint32_t i = 0; i < count; i++) {
        const uint16_t *fact4 = p->fact4 + (size_t)rows[i] * 2;
        float product = p->product_step * ((float)sums[i] - p->product_zero);
        float estimate = half_to_float(fact4[0]) - half_to_float(fact4[1]) * product;
        if (!(estimate < p->limit)) continue;
        p->scan->rows_near++;
        if (!is_wanted(p->scan, p->first_row + rows[i])) continue;
        const struct candidate one = {
            .estimate = p->base + estimate * p->scale2,
            .source = p->scan->source,
            .row = p->first_row + rows[i],
        };
        if (!candidates_offer(candidates, one)) continue;
        p->entered++;
        update_limit(p);
    }
}

// Takes up to a batch from the queue.
static void take_batch(struct pass *p)
{
    uint32_t rows[BATCH];
    uint32_t count = 0;

    for (unsigned i = 0; i < BATCH && p->head != p->tail; i++, p->head++) {
        uint32_t row = p->rows[p->head % QUEUE];
        if (!(p->bounds[p->head % QUEUE] < p->limit)) continue;
        rows[count++] = row;
    }
    estimate_rows(p, rows, count);
}

static void queue_hit(struct pass *p, uint32_t block, const struct code1_hit *hit)
{
    size_t row_bytes = p->code4.padded_dim / 2;

    for (uint32_t bits = hit->rows; bits; bits &= bits - 1) {
        unsigned slot = (unsigned)__builtin_ctz(bits);
        uint32_t row = block * ROWS + slot;
        const uint8_t *code = p->code4.codes + row * row_bytes;
        for (size_t i = 0; i < row_bytes; i += LINE) {
            __builtin_prefetch(code + i);
        }
        __builtin_prefetch(p->fact4 + (size_t)row * 2);
        p->rows[p->tail % QUEUE] = row;
        p->bounds[p->tail++ % QUEUE] = hit->bounds[slot];
    }
}

// Drops the slots of the last block that hold no row.
static void mask_hit(struct code1_hit *hit, uint32_t block, uint32_t rows)
{
    uint32_t left = rows - block * ROWS;

    if (left < ROWS) hit->rows &= (UINT32_C(1) << left) - 1;
}

static void scan_blocks(struct pass *p, struct code1_scan *code1, uint32_t rows)
{
    uint32_t blocks = (uint32_t)ivf_list_blocks(rows);
    struct code1_hit hit;

    for (uint32_t block = 0;; block++) {
        code1->limit = p->limit;
        block = p->query->kernels->code1(code1, block, blocks, &hit);
        if (block == blocks) break;
        mask_hit(&hit, block, rows);
        p->scan->rows_survived += (unsigned)__builtin_popcount(hit.rows);
        queue_hit(p, block, &hit);
        while (p->tail - p->head >= 2 * BATCH) {
            take_batch(p);
        }
    }
    while (p->head != p->tail) {
        take_batch(p);
    }
}

uint32_t ivf_scan_list(const struct ivf_view *view, const struct ivf_query *query,
                       const struct probe *probe, struct ivf_scan *s)
{
    struct ivf_list list = view->lists[probe->list];
    uint32_t padded_dim = view->quantizer.padded_dim;
    struct pass p;

    if (list.rows == 0 || !ivf_holds(view, &list)) return 0;
    p.scan = s;
    pass_init(&p, query, probe, list.scale);
    p.first_row = list.first_row;
    p.fact4 = view->fact4 + list.first_row * 2;
    p.code4 = (struct code4_scan){
        .codes = view->code4 + list.first_row * code_row4_bytes(padded_dim),
        .levels = query->levels,
        .padded_dim = padded_dim,
    };
    struct code1_scan code1 = {
        .blocks = view->code1 + list.first_block * code_block_bytes(padded_dim),
        .table = query->table,
        .padded_dim = padded_dim,
        .step = query->table_step / list.scale,
        .offset = query->table_sum / list.scale,
        .error = s->epsilon * probe->reach / list.scale,
    };
    scan_blocks(&p, &code1, list.rows);
    s->rows_scanned += list.rows;
    return p.entered;
}

void ivf_scan_expect(const struct ivf_view *view, const struct probe *probe)
{
    const struct ivf_list *list = &view->lists[probe->list];
    size_t block_bytes = code_block_bytes(view->quantizer.padded_dim);

    if (list->rows == 0 || !ivf_holds(view, list)) return;
    const uint8_t *block = view->code1 + list->first_block * block_bytes;
    size_t bytes = ivf_list_blocks(list->rows) * block_bytes;
    if (bytes > EXPECT_BYTES_MAX) bytes = EXPECT_BYTES_MAX;
    for (size_t i = 0; i < bytes; i += LINE) {
        __builtin_prefetch(block + i, 0, 2); // the first cache is for the list under way
    }
}

uint32_t ivf_scan_rows(const struct ivf_rows *rows, const struct ivf_query *query,
                       const struct probe *probe, struct ivf_scan *s)
{
    uint32_t batch[BATCH];
    uint32_t count = 0;
    struct pass p;

    p.scan = s;
    pass_init(&p, query, probe, rows->scale);
    p.first_row = rows->first_row;
    p.fact4 = rows->fact4;
    p.code4 = (struct code4_scan){
        .codes = rows->code4,
        .levels = query->levels,
        .padded_dim = query->quantizer->padded_dim,
    };
    for (uint32_t row = 0; row < rows->count; row++) {
        batch[count++] = row;
        if (count < BATCH) continue;
        estimate_rows(&p, batch, count);
        count = 0;
    }
    estimate_rows(&p, batch, count);
    s->rows_scanned += rows->count;
    return p.entered;
}
