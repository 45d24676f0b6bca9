// Crosses threads: samples are read and rows assigned by several.
#include "retrieval/vector/ivf_plan.h"

#include "base/memory.h"
#include "base/random.h"

#include "support/test.h"

#include <math.h>
#include <string.h>
#include <time.h>

enum { ROWS = 20'000, DIM = 6, WAIT_MS_MAX = 2000 };

static float *rows;
static struct row_source_array source;
static struct build_watch watch;
static struct ivf_plan_options options;

static void start(void)
{
    struct random r;

    random_init(&r, 2);
    rows = memory_alloc((size_t)ROWS * DIM * sizeof *rows);
    for (size_t i = 0; i < (size_t)ROWS * DIM; i++) {
        rows[i] = (float)(10 + random_normal(&r));
    }
    row_source_array_init(&source, rows, ROWS, DIM);
    watch = (struct build_watch){0};
    options = (struct ivf_plan_options){
        .list_count = 100, .sample_bytes_max = 1 << 20, .threads = 3, .seed = 1, .watch = &watch};
}

static void end(void)
{
    memory_free(rows);
}

static struct ivf_plan make(void)
{
    struct ivf_plan p;

    CHECK_EQ(ivf_plan_make(&p, &source.source, &options), OK);
    return p;
}

// Reads blocks of rows not before a second thread wants some, so that no thread does all of them.
static err fetch_together(struct row_source *s, uint64_t first, uint32_t count, float *out,
                          uint64_t *keys)
{
    static atomic_uint arrived;

    (void)s;
    if (count > 1) {
        atomic_fetch_add(&arrived, 1);
        for (int i = 0; i < WAIT_MS_MAX && atomic_load(&arrived) < 2; i++) {
            nanosleep(&(struct timespec){.tv_nsec = 1'000'000}, NULL);
        }
    }
    struct row_source_array plain;
    row_source_array_init(&plain, rows, ROWS, DIM);
    return plain.source.fetch(&plain.source, first, count, out, keys);
}

static double square_distance(const float *a, const float *b)
{
    double sum = 0;

    for (unsigned d = 0; d < DIM; d++) {
        double gap = (double)a[d] - (double)b[d];
        sum += gap * gap;
    }
    return sum;
}

// Whether a list's rows are within its radius and stand in their order.
static void check_list(const struct ivf_plan *p, uint32_t c)
{
    const struct ivf_list *list = &p->lists[c];
    const float *centroid = p->centroids + (size_t)c * DIM;

    for (uint32_t i = 0; i < list->rows; i++) {
        uint32_t row = p->order[list->first_row + i];
        double reach = sqrt(square_distance(rows + (size_t)row * DIM, centroid));
        CHECK(row < ROWS);
        CHECK(i == 0 || row > p->order[list->first_row + i - 1]);
        CHECK(reach <= (double)list->radius);
    }
}

TEST(ivf_plan_gives_every_row_a_place_in_a_list_around_it)
{
    uint64_t row = 0;
    uint64_t block = 0;

    start();
    struct ivf_plan p = make();
    CHECK_EQ(p.row_count, ROWS);
    for (uint32_t c = 0; c < p.list_count; c++) {
        CHECK_EQ(p.lists[c].first_row, row);
        CHECK_EQ(p.lists[c].first_block, block);
        CHECK(p.lists[c].rows > 0);
        CHECK(p.lists[c].scale > 0);
        check_list(&p, c);
        row += p.lists[c].rows;
        block += ivf_list_blocks(p.lists[c].rows);
    }
    CHECK_EQ(row, ROWS);
    CHECK_EQ(block, p.block_count);
    ivf_plan_done(&p);
    end();
}

// Rows are compared with few lists only, so a few rows are not in their nearest one.
TEST(ivf_plan_puts_most_rows_into_their_nearest_list)
{
    unsigned misplaced = 0;

    start();
    options.list_count = 300; // enough for groups
    struct ivf_plan p = make();
    for (uint32_t c = 0; c < p.list_count; c++) {
        for (uint32_t i = 0; i < p.lists[c].rows; i += 5) {
            const float *row = rows + (size_t)p.order[p.lists[c].first_row + i] * DIM;
            double own = square_distance(row, p.centroids + (size_t)c * DIM);
            bool has_nearer = false;
            for (uint32_t k = 0; k < p.list_count && !has_nearer; k++) {
                has_nearer = square_distance(row, p.centroids + (size_t)k * DIM) < own * 0.9999;
            }
            misplaced += has_nearer;
        }
    }
    CHECK(misplaced < ROWS / 5 / 20);
    ivf_plan_done(&p);
    end();
}

TEST(ivf_plan_is_the_same_with_any_number_of_threads)
{
    start();
    source.source.fetch = fetch_together;
    struct ivf_plan many = make();
    options.threads = 1;
    struct ivf_plan one = make();
    CHECK_EQ(many.list_count, one.list_count);
    CHECK(memcmp(many.centroids, one.centroids, one.list_count * DIM * sizeof(float)) == 0);
    CHECK(memcmp(many.lists, one.lists, one.list_count * sizeof *one.lists) == 0);
    CHECK(memcmp(many.order, one.order, ROWS * sizeof *one.order) == 0);
    ivf_plan_done(&many);
    ivf_plan_done(&one);
    end();
}

TEST(ivf_plan_makes_fewer_lists_where_memory_holds_few_rows)
{
    start();
    options.sample_bytes_max = 320 * DIM * sizeof(float);
    struct ivf_plan p = make();
    CHECK(p.list_count > 10 && p.list_count <= 20); // of sixteen rows each
    ivf_plan_done(&p);
    options.sample_bytes_max = 0;
    p = make();
    CHECK_EQ(p.list_count, 1);
    CHECK_EQ(p.lists[0].rows, ROWS);
    ivf_plan_done(&p);
    end();
}

TEST(ivf_plan_chooses_lists_by_the_number_of_rows)
{
    CHECK_EQ(ivf_plan_list_count(1), 1);
    CHECK_EQ(ivf_plan_list_count(640), 20); // a block of codes each
    CHECK_EQ(ivf_plan_list_count(1'000'000), 4000);
    CHECK_EQ(ivf_plan_list_count(10'000'000), 12'649);
    CHECK_EQ(ivf_plan_list_count(UINT32_MAX), QUANTIZER_LISTS_MAX);
    start();
    options.list_count = 0;
    struct ivf_plan p = make();
    CHECK(p.list_count > 300 && p.list_count <= ivf_plan_list_count(ROWS));
    ivf_plan_done(&p);
    end();
}

TEST(ivf_plan_keeps_given_lists)
{
    float centroids[3 * DIM] = {0};

    start();
    memcpy(centroids + DIM, rows, DIM * sizeof *rows);
    options.centroids = centroids;
    options.list_count = 3;
    struct ivf_plan p = make();
    CHECK_EQ(p.list_count, 3);
    CHECK(memcmp(p.centroids, centroids, sizeof centroids) == 0);
    CHECK_EQ(p.lists[0].rows, 0);
    CHECK_EQ(p.lists[1].rows, ROWS);
    CHECK_EQ(p.lists[2].first_row, ROWS);
    check_list(&p, 1);
    ivf_plan_done(&p);
    end();
}

TEST(ivf_plan_of_no_row_or_too_many_is_refused)
{
    struct ivf_plan p;

    start();
    source.source.count = 0;
    CHECK_EQ(ivf_plan_make(&p, &source.source, &options), ERR_RANGE);
    source.source.count = UINT32_MAX;
    CHECK_EQ(ivf_plan_make(&p, &source.source, &options), ERR_RANGE);
    source.source.count = ROWS;
    atomic_store(&watch.cancel, true);
    CHECK_EQ(ivf_plan_make(&p, &source.source, &options), ERR_CANCELED);
    end();
}
