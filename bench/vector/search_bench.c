// What index_search() adds to the scan of lists inside it, and what filters cost.
//
//     search_bench FOLDER BASE QUERIES TRUTH [cosine]      fvecs, fvecs, ivecs
//
// FOLDER is made and filled if it isn't there. The bare loop does for one segment what a search
// must do: prepare the query, find the nearest lists, scan them until enough were quiet, rank what
// is left. Both are called by turns for each query, and a figure is CPU time of the thread. With
// filters, recall is against an exact search; what a search cost stands beside the best of two
// plans that were found by trying: to look at the rows that match, or to scan as many lists as it
// takes.
#include "base/arena.h"
#include "base/memory.h"
#include "base/random.h"
#include "retrieval/vector/filter_parse.h"
#include "retrieval/vector/index_effort.h"
#include "retrieval/vector/index_state.h"
#include "retrieval/vector/ivf_stop.h"
#include "retrieval/vector/normalize.h"
#include "retrieval/vector/rerank.h"
#include "retrieval/vector/row_values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    K = 10,
    ROUNDS = 3,
    PORTION_FIRST = 64,
    SHARES = 10'000,
    FILTER_QUERIES = 100,
    LISTS_MAX = 10'000,
};

#define RECALL 0.95 // that a plan has to reach

struct set {
    float *rows; // of 4 bytes, floats or integers
    uint32_t count;
    uint32_t dim;
};

static void must(err e)
{
    if (!e) return;
    fprintf(stderr, "search_bench: %s\n", err_text(e));
    exit(1);
}

static struct set read_set(const char *path)
{
    FILE *f = fopen(path, "rb");
    int32_t dim = 0;
    struct set s;

    if (!f || fread(&dim, sizeof dim, 1, f) != 1 || dim < 1) must(ERR_ABSENT);
    fseek(f, 0, SEEK_END);
    s.dim = (uint32_t)dim;
    s.count = (uint32_t)((size_t)ftell(f) / ((s.dim + 1) * sizeof(float)));
    rewind(f);
    s.rows = memory_alloc_raw(sizeof(float) * s.count * s.dim);
    for (size_t row = 0; row < s.count; row++) {
        if (fread(&dim, sizeof dim, 1, f) != 1) must(ERR_DAMAGED);
        if (fread(s.rows + row * s.dim, sizeof(float), s.dim, f) != s.dim) must(ERR_DAMAGED);
    }
    fclose(f);
    return s;
}

// The bare loop takes queries as they are.
static void normalize_rows(struct set *s)
{
    float norm = 0;

    for (size_t row = 0; row < s->count; row++) {
        if (normalize_f32(s->rows + row * s->dim, s->dim, &norm)) must(ERR_RANGE);
    }
}

static double cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

// ---- the index

struct shares {
    struct index_values values;
    const struct column_schema *schema;
    struct buf bytes;
};

static err share_of(struct index_values *v, uint64_t row, str *out)
{
    struct shares *s = container_of(v, struct shares, values);
    const struct column_value value = {.type = COLUMN_I64,
                                       .i64 = (int64_t)(random_mix(row) % SHARES)};

    buf_clear(&s->bytes);
    TRY(row_values_encode(s->schema, &value, &s->bytes));
    *out = buf_view(&s->bytes);
    return OK;
}

static struct index *open_index(const char *folder, const struct set *base, enum metric metric)
{
    struct column_schema schema;
    struct index_options options = {
        .dim = base->dim, .metric = metric, .threads = 2, .schema = &schema};
    struct shares shares = {.values.fetch = share_of, .schema = &schema};
    struct row_source_array rows;
    struct index *ix = NULL;

    column_schema_init(&schema);
    must(column_schema_add(&schema, STR("share"), COLUMN_I64, 0));
    err e = index_create(str_from_c(folder), &options);
    if (e && e != ERR_IN_USE) must(e);
    must(index_open(str_from_c(folder), &options, &ix));
    if (e) return ix;
    buf_init(&shares.bytes, ROW_VALUES_BYTES_MAX);
    row_source_array_init(&rows, base->rows, base->count, base->dim);
    must(index_load(ix, &rows.source, &shares.values, NULL));
    buf_done(&shares.bytes);
    return ix;
}

// ---- the bare loop

struct bare {
    struct raw_rows rows;
    const struct index_part *part;
    struct ivf_query query;
    struct probe *probes;
    struct candidate *entries;
    struct candidates candidates;
};

static const float *find_row(struct raw_rows *rows, uint32_t source, uint64_t row)
{
    const struct bare *b = container_of(rows, struct bare, rows);

    (void)source;
    return b->part->ivf.raw + row * b->part->ivf.quantizer.dim;
}

static void bare_init(struct bare *b, const struct index_part *p)
{
    uint32_t lists = p->ivf.quantizer.list_count;

    *b = (struct bare){.rows.find = find_row, .part = p};
    ivf_query_init(&b->query, p->ivf.quantizer.dim, lists);
    b->probes = memory_alloc(lists * sizeof *b->probes);
    b->entries = memory_alloc(CALIBRATION_CANDIDATES_MAX * sizeof *b->entries);
}

static void bare_search(struct bare *b, const float *vector, float recall)
{
    const struct ivf_view *v = &b->part->ivf;
    struct index_effort effort = index_effort_of(b->part, recall, K);
    uint32_t lists =
        effort.lists < v->quantizer.list_count ? effort.lists : v->quantizer.list_count;
    struct ivf_scan scan = {.candidates = &b->candidates, .epsilon = effort.epsilon};
    struct ivf_stop stop;

    ivf_query_set(&b->query, &v->quantizer, vector);
    ivf_query_rank(&b->query);
    candidates_init(&b->candidates, b->entries, effort.candidates);
    ivf_stop_init(&stop, effort.patience);
    for (uint32_t i = 0, count = 0; i < lists; i++) {
        if (i == count) {
            uint32_t portion = count ? count : PORTION_FIRST;
            if (portion > lists - count) portion = lists - count;
            count += ivf_query_next(&b->query, portion, b->probes + count);
            if (i == count) break;
        }
        if (i + 1 < count) ivf_scan_expect(v, &b->probes[i + 1]);
        uint32_t entered = ivf_scan_list(v, &b->query, &b->probes[i], &scan);
        if (ivf_stop_after(&stop, &b->probes[i], entered, &b->candidates)) break;
    }
    rerank(&b->candidates, &(struct rerank_query){vector, v->quantizer.dim, v->quantizer.metric},
           &b->rows);
}

// ---- figures

// How many of the true hits are found, by number.
static unsigned count_true(const struct set *truth, uint32_t query, const struct nearest_hit *hits,
                           uint32_t count)
{
    unsigned found = 0;

    for (uint32_t i = 0; i < K; i++) {
        int32_t key = 0;
        memcpy(&key, &truth->rows[(size_t)query * truth->dim + i], sizeof key);
        for (uint32_t n = 0; n < count; n++) {
            found += hits[n].key == (uint64_t)key;
        }
    }
    return found;
}

static void compare(struct index *ix, const struct set *queries, const struct set *truth,
                    float recall)
{
    struct index_searcher *s = index_searcher_new(ix);
    struct nearest_hit hits[K];
    struct index_result result = {.hits = hits};
    struct bare bare;
    double bare_us = 1e30;
    double search_us = 1e30;
    unsigned found = 0;

    bare_init(&bare, index_view_parent(ix->view));
    for (unsigned round = 0; round < ROUNDS; round++) {
        double us[2] = {0, 0};
        found = 0;
        for (uint32_t i = 0; i < queries->count; i++) {
            const float *vector = queries->rows + (size_t)i * queries->dim;
            struct index_query q = {.vector = vector, .k = K, .recall = recall};
            for (unsigned n = 0; n < 2; n++) { // each is first for every other query
                double start = cpu_us();
                if ((n + i) % 2) {
                    must(index_search(s, &q, &result));
                } else {
                    bare_search(&bare, vector, recall);
                }
                us[(n + i) % 2] += cpu_us() - start;
            }
            found += count_true(truth, i, hits, result.count);
        }
        bare_us = us[0] < bare_us ? us[0] : bare_us;
        search_us = us[1] < search_us ? us[1] : search_us;
    }
    printf("recall %.3f asked, %.4f found: bare %7.1f us, index_search %7.1f us, %+.1f %%\n",
           (double)recall, found / (double)K / queries->count, bare_us / queries->count,
           search_us / queries->count, (search_us / bare_us - 1) * 100);
    index_searcher_free(s);
}

struct filtered {
    struct index_searcher *searcher;
    const struct set *queries;
    const struct filter *filter;
    struct nearest_hit hits[2][FILTER_QUERIES][K];
    struct index_result near[FILTER_QUERIES];
    struct index_result exact[FILTER_QUERIES];
};

// Searches for all queries, exactly or by so many lists or, with 0, as it likes best. What a search
// took in microseconds.
static double search_all(struct filtered *f, bool is_exact, uint32_t lists)
{
    double start = cpu_us();

    for (uint32_t i = 0; i < FILTER_QUERIES; i++) {
        const struct index_query q = {
            .vector = f->queries->rows + (size_t)i * f->queries->dim,
            .k = K,
            .filter = f->filter,
            .lists = lists,
            .is_exact = is_exact,
        };
        must(index_search(f->searcher, &q, is_exact ? &f->exact[i] : &f->near[i]));
    }
    return (cpu_us() - start) / FILTER_QUERIES;
}

static double recall_of(const struct filtered *f)
{
    unsigned found = 0;
    unsigned wanted = 0;

    for (uint32_t i = 0; i < FILTER_QUERIES; i++) {
        const struct index_result *exact = &f->exact[i];
        wanted += exact->count;
        for (uint32_t n = 0; n < f->near[i].count; n++) {
            found += f->near[i].hits[n].distance <= exact->hits[exact->count - 1].distance;
        }
    }
    return wanted ? found / (double)wanted : 1;
}

// The least that a scan of the same number of lists for each query costs which finds enough.
static double best_scan(struct filtered *f, double limit_us)
{
    for (uint32_t lists = 4; lists < LISTS_MAX; lists += lists / 4) {
        double us = search_all(f, false, lists);
        if (recall_of(f) >= RECALL) return us;
        if (us > limit_us) break;
    }
    return limit_us;
}

static void filter_rows(struct index *ix, const struct set *queries, unsigned share)
{
    static struct filtered f;
    struct arena arena;
    struct diag diag;
    char json[80];

    f.searcher = index_searcher_new(ix);
    f.queries = queries;
    arena_init(&arena, 4096);
    diag_init(&diag);
    snprintf(json, sizeof json, "{\"field\":\"share\",\"lt\":%u}", share);
    must(filter_parse(str_from_c(json), index_schema(ix), &arena, &diag, &f.filter));
    for (uint32_t i = 0; i < FILTER_QUERIES; i++) {
        f.near[i].hits = f.hits[0][i];
        f.exact[i].hits = f.hits[1][i];
    }
    (void)search_all(&f, false, 0); // to have it in the caches
    double exact_us = search_all(&f, true, 0);
    double scan_us = best_scan(&f, exact_us);
    double near_us = search_all(&f, false, 0);
    printf("%6.2f %% match: %8.1f us, recall %.4f; exact %9.1f us, best scan %9.1f us: %.2f of "
           "the best\n",
           share * 100.0 / SHARES, near_us, recall_of(&f), exact_us, scan_us,
           near_us / (scan_us < exact_us ? scan_us : exact_us));
    index_searcher_free(f.searcher);
    arena_reset(&arena);
    diag_done(&diag);
}

int main(int argc, char **argv)
{
    static const float recalls[] = {0.9F, 0.95F, 0.98F, 0.99F};
    static const unsigned shares[] = {10'000, 9000, 5000, 2000, 1000, 500, 200, 100, 50, 20, 10, 1};

    if (argc < 5) {
        fprintf(stderr, "search_bench FOLDER BASE QUERIES TRUTH [cosine]\n");
        return 2;
    }
    struct set base = read_set(argv[2]);
    struct set queries = read_set(argv[3]);
    struct set truth = read_set(argv[4]);
    if (argc > 5) normalize_rows(&queries);
    struct index *ix = open_index(argv[1], &base, argc > 5 ? METRIC_COSINE : METRIC_L2);
    memory_free(base.rows);
    for (unsigned i = 0; i < sizeof recalls / sizeof *recalls; i++) {
        compare(ix, &queries, &truth, recalls[i]);
    }
    for (unsigned i = 0; i < sizeof shares / sizeof *shares; i++) {
        filter_rows(ix, &queries, shares[i]);
    }
    index_close(ix);
    return 0;
}
