#include "retrieval/vector/ivf_scan.h"

#include "base/list.h"
#include "base/memory.h"
#include "base/random.h"
#include "retrieval/vector/nearest.h"
#include "retrieval/vector/rerank.h"

#include "support/ivf_sample.h"
#include "support/test.h"

#include <math.h>
#include <string.h>

enum { K = 10, LIMIT = 64, LISTS = 7, DIM_MAX = ROTATION_DIM_MAX };

static const uint32_t uneven[LISTS] = {0, 1, 31, 32, 33, 100, 65};
static const uint32_t dims[] = {1, 3, 64, 100, 128, 768, 1536, 4096};

// One search over all lists of a sample.
struct search {
    struct ivf_sample sample;
    struct ivf_query query;
    struct ivf_scan scan;
    struct candidates candidates;
    struct candidate entries[LIMIT];
    float vector[DIM_MAX];
    struct probe probes[LISTS];
    uint32_t probe_count;
    struct raw_rows raw;
};

static const float *find_raw(struct raw_rows *rows, uint32_t source, uint64_t row)
{
    const struct search *s = container_of(rows, struct search, raw);

    CHECK_EQ(source, 9);
    CHECK(row < s->sample.view.row_count);
    return s->sample.view.raw + row * s->sample.view.quantizer.dim;
}

static struct search *search_new(uint32_t dim, enum metric metric, const uint32_t *rows)
{
    struct search *s = memory_alloc(sizeof *s);

    ivf_sample_init(&s->sample, dim, metric, rows, LISTS);
    ivf_query_init(&s->query, dim, LISTS);
    s->raw.find = find_raw;
    s->scan = (struct ivf_scan){.candidates = &s->candidates, .source = 9, .epsilon = 1.4F};
    return s;
}

static void search_free(struct search *s)
{
    ivf_query_done(&s->query);
    ivf_sample_done(&s->sample);
    memory_free(s);
}

static void prepare(struct search *s, uint32_t near_list, uint32_t limit)
{
    candidates_init(&s->candidates, s->entries, limit);
    ivf_sample_query(&s->sample, near_list, s->vector);
    ivf_query_set(&s->query, &s->sample.view.quantizer, s->vector);
    s->probe_count = ivf_query_probe(&s->query, LISTS, s->probes);
    CHECK_EQ(s->probe_count, LISTS);
}

// Scans all lists and returns how many rows became candidates.
static uint32_t scan_all(struct search *s)
{
    uint32_t entered = 0;

    for (uint32_t i = 0; i < s->probe_count; i++) {
        ivf_scan_expect(&s->sample.view, &s->probes[i]);
        entered += ivf_scan_list(&s->sample.view, &s->query, &s->probes[i], &s->scan);
    }
    return entered;
}

static void make_exact(struct search *s)
{
    const struct quantizer *q = &s->sample.view.quantizer;
    const struct rerank_query query = {.vector = s->vector, .dim = q->dim, .metric = q->metric};

    rerank(&s->candidates, &query, &s->raw);
}

// The nearest rows without codes.
static void find_exact(const struct search *s, struct nearest *n, struct nearest_hit *hits)
{
    const struct ivf_view *v = &s->sample.view;

    nearest_init(n, hits, K);
    for (uint64_t row = 0; row < v->row_count; row++) {
        const float *vector = v->raw + row * v->quantizer.dim;
        nearest_push(n, ivf_sample_distance(&s->sample, s->vector, vector), row);
    }
    nearest_sort(n);
}

static bool has_candidate(const struct search *s, uint64_t row, uint32_t count)
{
    for (uint32_t i = 0; i < count && i < s->candidates.count; i++) {
        if (s->entries[i].row == row) return true;
    }
    return false;
}

// How many of the nearest K are among the first K candidates.
static uint32_t count_found(const struct search *s)
{
    struct nearest_hit hits[K];
    struct nearest n;
    uint32_t found = 0;

    find_exact(s, &n, hits);
    for (uint32_t i = 0; i < n.count; i++) {
        found += has_candidate(s, hits[i].key, K);
    }
    return found;
}

static void check_exact(uint32_t dim, enum metric metric)
{
    struct search *s = search_new(dim, metric, uneven);

    s->scan.epsilon = 8;
    for (uint32_t list = 0; list < LISTS; list++) {
        prepare(s, list, LIMIT);
        (void)scan_all(s);
        CHECK_EQ(s->candidates.count, LIMIT);
        make_exact(s);
        CHECK_EQ(count_found(s), K);
    }
    CHECK_EQ(s->scan.rows_scanned, LISTS * s->sample.view.row_count);
    search_free(s);
}

TEST(ivf_scan_with_wide_bounds_finds_what_is_nearest)
{
    for (unsigned i = 1; i < sizeof dims / sizeof *dims; i++) { // one dimension has ties
        check_exact(dims[i], METRIC_L2);
        check_exact(dims[i], METRIC_COSINE);
        check_exact(dims[i], METRIC_IP);
    }
}

TEST(ivf_scan_takes_vectors_of_one_number)
{
    struct search *s = search_new(1, METRIC_L2, uneven);

    prepare(s, 5, LIMIT);
    (void)scan_all(s);
    make_exact(s);
    CHECK(count_found(s) >= K - 2);
    search_free(s);
}

TEST(ivf_scan_with_usual_bounds_drops_most_rows_and_loses_few)
{
    static const uint32_t rows[LISTS] = {900, 800, 700, 600, 500, 400, 300};
    struct search *s = search_new(128, METRIC_L2, rows);
    uint32_t found = 0;

    s->scan.epsilon = 1;
    for (uint32_t list = 0; list < LISTS; list++) {
        prepare(s, list, 2 * K);
        (void)scan_all(s);
        make_exact(s);
        found += count_found(s);
    }
    CHECK(found >= LISTS * K * 95 / 100);
    CHECK(s->scan.rows_survived * 5 < s->scan.rows_scanned);
    search_free(s);
}

TEST(ivf_scan_tells_how_many_rows_became_candidates)
{
    struct search *s = search_new(64, METRIC_L2, uneven);

    prepare(s, 5, LIMIT);
    CHECK(scan_all(s) >= LIMIT);
    CHECK(s->scan.rows_survived >= LIMIT);
    candidates_sort(&s->candidates);
    s->candidates.threshold = s->entries[0].estimate;
    CHECK_EQ(scan_all(s), 0); // none beats the best
    search_free(s);
}

TEST(ivf_scan_never_offers_dead_rows)
{
    _Atomic(uint64_t) dead[8] = {0};
    struct search *s = search_new(100, METRIC_L2, uneven);

    CHECK(s->sample.view.row_count <= 8 * 64);
    for (unsigned i = 0; i < 8; i++) {
        dead[i] = UINT64_C(0xaaaaaaaaaaaaaaaa);
    }
    s->scan.dead = dead;
    s->scan.epsilon = 8;
    prepare(s, 5, LIMIT);
    (void)scan_all(s);
    CHECK_EQ(s->candidates.count, LIMIT);
    for (uint32_t i = 0; i < LIMIT; i++) {
        CHECK_EQ(s->entries[i].row % 2, 0);
    }
    search_free(s);
}

struct odd_test {
    struct row_test test;
    uint32_t calls;
};

static bool accept_odd(struct row_test *test, uint64_t row)
{
    container_of(test, struct odd_test, test)->calls++;
    return row % 2 == 1;
}

TEST(ivf_scan_asks_the_test_about_survivors_only)
{
    static const uint32_t rows[LISTS] = {900, 800, 700, 600, 500, 400, 300};
    struct odd_test odd = {.test = {.accept = accept_odd}};
    struct search *s = search_new(128, METRIC_COSINE, rows);

    s->scan.test = &odd.test;
    prepare(s, 2, K);
    (void)scan_all(s);
    CHECK_EQ(s->candidates.count, K);
    for (uint32_t i = 0; i < K; i++) {
        CHECK_EQ(s->entries[i].row % 2, 1);
    }
    CHECK(odd.calls > 0);
    CHECK(odd.calls <= s->scan.rows_survived);
    CHECK(odd.calls * 4 < s->scan.rows_scanned);
    search_free(s);
}

TEST(ivf_scan_of_rows_without_first_stage_finds_the_same)
{
    struct search *s = search_new(100, METRIC_L2, uneven);
    struct candidate entries[LIMIT];
    struct candidates candidates;
    const struct ivf_view *v = &s->sample.view;

    s->scan.epsilon = 100;
    prepare(s, 4, LIMIT);
    (void)scan_all(s);
    candidates_init(&candidates, entries, LIMIT);
    s->scan.candidates = &candidates;
    for (uint32_t i = 0; i < s->probe_count; i++) {
        const struct ivf_list *list = &v->lists[s->probes[i].list];
        const struct ivf_rows rows = {
            .code4 = v->code4 + list->first_row * code_row4_bytes(v->quantizer.padded_dim),
            .fact4 = v->fact4 + list->first_row * 2,
            .first_row = list->first_row,
            .count = list->rows,
            .scale = list->scale,
        };
        (void)ivf_scan_rows(&rows, &s->query, &s->probes[i], &s->scan);
    }
    candidates_sort(&candidates);
    candidates_sort(&s->candidates);
    CHECK_EQ(candidates.count, LIMIT);
    for (uint32_t i = 0; i < LIMIT; i++) {
        CHECK_EQ(entries[i].row, s->entries[i].row);
    }
    search_free(s);
}

static void scribble(struct random *random, void *bytes, size_t len)
{
    uint8_t *at = bytes;

    for (unsigned i = 0; i < 64 && len > 0; i++) {
        at[random_below(random, len)] = (uint8_t)random_u64(random);
    }
}

// Whatever the bytes are, rows that exist are offered and no estimate is without an order.
static void check_damaged(struct search *s)
{
    prepare(s, 5, LIMIT);
    (void)scan_all(s);
    for (uint32_t i = 0; i < s->candidates.count; i++) {
        CHECK(s->entries[i].row < s->sample.view.row_count);
        CHECK(!isnan(s->entries[i].estimate));
    }
    make_exact(s);
}

TEST(ivf_scan_of_damaged_codes_changes_scores_only)
{
    struct random random;

    random_init(&random, test_seed());
    for (unsigned round = 0; round < 20; round++) {
        struct search *s = search_new(100, round % 2 ? METRIC_L2 : METRIC_IP, uneven);
        const struct ivf_view *v = &s->sample.view;
        uint32_t n = v->quantizer.padded_dim;
        scribble(&random, s->sample.coarse, quantizer_coarse_bytes(n, LISTS));
        scribble(&random, s->sample.code1, v->block_count * code_block_bytes(n));
        scribble(&random, s->sample.code4, v->row_count * code_row4_bytes(n));
        scribble(&random, s->sample.fact4, v->row_count * 4);
        check_damaged(s);
        search_free(s);
    }
}

TEST(ivf_scan_takes_factors_that_are_no_numbers)
{
    struct search *s = search_new(100, METRIC_L2, uneven);
    const struct ivf_view *v = &s->sample.view;

    memset(s->sample.fact4, 0x7f, v->row_count * 4);
    prepare(s, 5, LIMIT);
    CHECK_EQ(scan_all(s), 0);
    CHECK_EQ(s->candidates.count, 0);
    memset(s->sample.code1, 0x7f, v->block_count * code_block_bytes(v->quantizer.padded_dim));
    check_damaged(s);
    search_free(s);
}

TEST(ivf_scan_passes_over_lists_that_name_what_is_not_there)
{
    static const struct ivf_list wrong[] = {
        {.first_row = UINT64_MAX, .rows = 1},   {.first_row = 0, .rows = UINT32_MAX},
        {.first_row = 1, .rows = 262}, // one more than there are
        {.first_block = UINT64_MAX, .rows = 5}, {.first_block = 12, .rows = 5}, // behind the last
    };
    struct search *s = search_new(64, METRIC_L2, uneven);

    CHECK_EQ(s->sample.view.row_count, 262);
    CHECK_EQ(s->sample.view.block_count, 12);
    prepare(s, 5, LIMIT);
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        s->sample.lists[s->probes[0].list] = wrong[i];
        ivf_scan_expect(&s->sample.view, &s->probes[0]);
        CHECK_EQ(ivf_scan_list(&s->sample.view, &s->query, &s->probes[0], &s->scan), 0);
    }
    CHECK_EQ(s->scan.rows_scanned, 0);
    search_free(s);
}
