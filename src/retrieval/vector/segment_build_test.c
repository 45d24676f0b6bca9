// Crosses threads: rows are assigned, encoded and written by several.
#include "retrieval/vector/segment_build.h"

#include "base/list.h"
#include "base/memory.h"
#include "base/random.h"
#include "retrieval/vector/ivf_scan.h"
#include "retrieval/vector/kernels.h"
#include "retrieval/vector/segment.h"

#include "support/fake_disk.h"
#include "support/test.h"

#include <math.h>
#include <string.h>

enum { ROWS = 3000, DIM = 20, LISTS = 40, AROUND = 64 };

// Rows in memory, some of which can't be read when the test says so.
struct rows {
    struct row_source source;
    float *floats;
    _Atomic uint64_t fetches_left; // until one fails
};

static struct fake_disk disk;
static struct rows rows;
static struct segment_build_options options;
static struct build_watch watch;
static struct segment segment;
static struct segment_damage why;

static uint64_t key_of(uint64_t row)
{
    return row * 7 + 3;
}

static err fetch(struct row_source *s, uint64_t first, uint32_t count, float *out, uint64_t *keys)
{
    struct rows *r = container_of(s, struct rows, source);

    if (first > s->count || count > s->count - first) return ERR_RANGE;
    if (atomic_fetch_sub(&r->fetches_left, 1) == 0) return ERR_DAMAGED;
    if (out) memcpy(out, r->floats + first * s->dim, (size_t)count * s->dim * sizeof *out);
    for (uint32_t i = 0; keys && i < count; i++) {
        keys[i] = key_of(first + i);
    }
    return OK;
}

// Rows around a few middles, none of which is the origin.
static void start(uint64_t count, uint32_t dim)
{
    struct random r;

    random_init(&r, 8);
    rows = (struct rows){{.count = count, .dim = dim, .fetch = fetch}, NULL, UINT64_MAX};
    rows.floats = memory_alloc(count * dim * sizeof *rows.floats);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t middle = random_below(&r, AROUND);
        for (uint32_t d = 0; d < dim; d++) {
            double there = (double)(random_mix(middle * dim + d) % 100) / 10;
            rows.floats[i * dim + d] = (float)(there + random_normal(&r));
        }
    }
    fake_disk_open(&disk, 1);
    watch = (struct build_watch){0};
    options = (struct segment_build_options){.disk = &disk.disk,
                                             .uuid = {1, 2, 3},
                                             .quantizer_id = 77,
                                             .rotation_seed = 5,
                                             .list_count = LISTS,
                                             .memory_bytes_max = 64 << 20,
                                             .threads = 2,
                                             .seed = 9,
                                             .watch = &watch};
}

static char *path_of(const char *name)
{
    static char paths[2][FILE_PATH_MAX];
    static unsigned turn;
    char *path = paths[turn++ % 2];

    CHECK_EQ(disk_path(str_from_c(disk.folder), str_from_c(name), path), OK);
    return path;
}

static err build(const char *name)
{
    return segment_build(&rows.source, &options, str_from_c(path_of(name)));
}

static bool is_there(const char *name)
{
    struct disk_file *f = NULL;
    err e = disk_open(&disk.disk, str_from_c(path_of(name)), DISK_READ, &f);

    disk_close(f);
    return e == OK;
}

static void open_built(const char *name)
{
    CHECK_EQ(segment_open(&segment, str_from_c(path_of(name)), SEGMENT_CHECK_FULL, &why), OK);
}

static void end(void)
{
    memory_free(rows.floats);
    fake_disk_close(&disk);
}

// Every key leads to its row.
static void check_rows(void)
{
    size_t row_bytes = rows.source.dim * sizeof(float);

    CHECK_EQ(segment.shape.row_count, rows.source.count);
    for (uint64_t i = 0; i < rows.source.count; i++) {
        uint64_t row = 0;
        CHECK_EQ(segment_find_key(&segment, key_of(i), &row), OK);
        CHECK_EQ(segment.keys[row], key_of(i));
        CHECK(memcmp(segment.raw + row * rows.source.dim, rows.floats + i * rows.source.dim,
                     row_bytes) == 0);
    }
}

// Rows lie in the lists around them.
static void check_lists(const struct ivf_view *v)
{
    uint32_t dim = v->quantizer.dim;
    uint64_t row = 0;

    for (uint32_t c = 0; c < v->quantizer.list_count; c++) {
        const struct ivf_list *list = &v->lists[c];
        const float *centroid = v->quantizer.centroids + (size_t)c * dim;
        CHECK(ivf_holds(v, list));
        for (uint32_t i = 0; i < list->rows; i++, row++) {
            float reach = sqrtf(kernels()->l2_f32(v->raw + row * dim, centroid, dim));
            CHECK_EQ(list->first_row + i, row);
            CHECK(reach <= list->radius);
        }
    }
    CHECK_EQ(row, v->row_count);
}

// How many of the rows find themselves first in the nearest few lists, by codes alone.
static uint64_t count_found(const struct ivf_view *v)
{
    enum { PROBES = 3, CANDIDATES = 4 };
    struct candidate entries[CANDIDATES];
    struct probe probes[PROBES];
    struct candidates c;
    struct ivf_query q;
    uint64_t found = 0;

    ivf_query_init(&q, v->quantizer.dim, v->quantizer.list_count);
    for (uint64_t row = 0; row < v->row_count; row++) {
        ivf_query_set(&q, &v->quantizer, v->raw + row * v->quantizer.dim);
        uint32_t count = ivf_query_probe(&q, PROBES, probes);
        candidates_init(&c, entries, CANDIDATES);
        for (uint32_t i = 0; i < count; i++) {
            struct ivf_scan s = {.candidates = &c, .epsilon = 2};
            (void)ivf_scan_list(v, &q, &probes[i], &s);
        }
        candidates_sort(&c);
        for (uint32_t i = 0; i < c.count; i++) {
            found += entries[i].row == row;
        }
    }
    ivf_query_done(&q);
    return found;
}

TEST(segment_build_gives_many_rows_lists_and_codes)
{
    struct calibration calibration;
    struct ivf_view v;

    start(ROWS, DIM);
    CHECK_EQ(build("a"), OK);
    open_built("a");
    CHECK_EQ(segment.shape.tier, SEGMENT_IVF);
    CHECK_EQ(segment.shape.quantizer_id, 77);
    CHECK_EQ(segment.shape.uuid[2], 3);
    CHECK_EQ(segment_ivf(&segment, &v), OK);
    CHECK(v.quantizer.list_count > LISTS / 2 && v.quantizer.list_count <= LISTS);
    check_rows();
    check_lists(&v);
    CHECK_EQ(count_found(&v), ROWS);
    CHECK_EQ(calibration_read(&segment, &calibration), OK);
    CHECK_EQ(calibration.query_count, 256);
    segment_close(&segment);
    end();
}

TEST(segment_build_writes_long_rows_in_several_waves)
{
    struct ivf_view v;

    start(1300, SEGMENT_DIM_MAX);
    options.list_count = 8;
    CHECK_EQ(build("a"), OK);
    open_built("a");
    CHECK_EQ(segment_ivf(&segment, &v), OK);
    check_rows();
    check_lists(&v);
    segment_close(&segment);
    end();
}

TEST(segment_build_leaves_few_rows_as_they_are)
{
    start(500, DIM);
    options.exact_below = 501;
    options.bytes_below = 1000;
    CHECK_EQ(build("a"), OK);
    open_built("a");
    CHECK_EQ(segment.shape.tier, SEGMENT_EXACT);
    CHECK_EQ(segment.shape.quantizer_id, 0);
    check_rows();
    segment_close(&segment);
    end();
}

TEST(segment_build_makes_some_rows_bytes)
{
    start(500, DIM);
    options.exact_below = 500;
    options.bytes_below = 501;
    memset(rows.floats + 3 * DIM, 0, DIM * sizeof(float));
    rows.floats[4 * DIM] = 1e-44F;
    CHECK_EQ(build("a"), OK);
    open_built("a");
    CHECK_EQ(segment.shape.tier, SEGMENT_BYTES);
    check_rows();
    const int8_t *bytes =
        (const int8_t *)(const void *)segment_section(&segment, SEGMENT_INT8, 0)->bytes;
    const float *scales =
        (const float *)(const void *)segment_section(&segment, SEGMENT_SCALE8, 0)->bytes;
    for (uint64_t i = 0; i < 500 * DIM; i++) {
        float scale = scales[i / DIM];
        CHECK(fabsf(segment.raw[i] - scale * (float)bytes[i]) <= 0.501F * scale + 1e-40F);
    }
    segment_close(&segment);
    end();
}

static void read_file(const char *name, struct buf *b)
{
    buf_init(b, 64 << 20);
    CHECK_EQ(file_read(str_from_c(path_of(name)), b), OK);
}

TEST(segment_build_makes_the_same_file_with_any_number_of_threads)
{
    struct buf one;
    struct buf many;

    start(ROWS, DIM);
    options.list_count = 300; // on two levels
    options.threads = 1;
    CHECK_EQ(build("one"), OK);
    options.threads = 5;
    CHECK_EQ(build("many"), OK);
    read_file("one", &one);
    read_file("many", &many);
    CHECK(str_eq(buf_view(&one), buf_view(&many)));
    buf_done(&one);
    buf_done(&many);
    end();
}

TEST(segment_build_keeps_given_lists_even_without_rows)
{
    float centroids[4 * DIM];
    struct calibration calibration;
    struct ivf_view v;

    start(ROWS, DIM);
    memcpy(centroids, rows.floats, sizeof centroids);
    for (uint32_t d = 0; d < DIM; d++) {
        centroids[2 * DIM + d] = -1000; // nobody's
    }
    options.centroids = centroids;
    options.list_count = 4;
    options.exact_below = options.bytes_below = UINT64_MAX;
    options.calibration = calibration_guess();
    CHECK_EQ(build("a"), OK);
    open_built("a");
    CHECK_EQ(calibration_read(&segment, &calibration), OK);
    CHECK(memcmp(&calibration, calibration_guess(), sizeof calibration) == 0);
    CHECK_EQ(segment.shape.tier, SEGMENT_IVF);
    CHECK_EQ(segment_ivf(&segment, &v), OK);
    CHECK_EQ(v.quantizer.list_count, 4);
    CHECK(memcmp(v.quantizer.centroids, centroids, sizeof centroids) == 0);
    CHECK_EQ(v.lists[2].rows, 0);
    CHECK(v.lists[0].rows > 0);
    check_rows();
    check_lists(&v);
    segment_close(&segment);
    end();
}

TEST(segment_build_calibrates_given_lists_only_with_enough_rows)
{
    struct calibration calibration;

    start(160, DIM);
    options.centroids = rows.floats;
    options.list_count = 10;
    CHECK_EQ(build("a"), OK);
    open_built("a");
    CHECK_EQ(calibration_read(&segment, &calibration), OK);
    CHECK_EQ(calibration.query_count, 159);
    segment_close(&segment);
    options.list_count = 11;
    CHECK_EQ(build("b"), OK);
    open_built("b");
    CHECK_EQ(calibration_read(&segment, &calibration), ERR_ABSENT);
    segment_close(&segment);
    end();
}

// A column of row numbers.
struct numbers {
    struct segment_extras extras;
    unsigned section;
};

static err reserve_numbers(struct segment_extras *x, struct segment_writer *w)
{
    return segment_writer_reserve(w, SEGMENT_COLUMN_VALUES, 3, sizeof(uint32_t),
                                  rows.source.count * sizeof(uint32_t),
                                  &container_of(x, struct numbers, extras)->section);
}

static err write_numbers(struct segment_extras *x, struct segment_writer *w, const uint32_t *order,
                         uint64_t count)
{
    return segment_writer_append(w, container_of(x, struct numbers, extras)->section, order,
                                 count * sizeof *order);
}

TEST(segment_build_tells_extras_the_order_of_rows)
{
    struct numbers numbers = {.extras = {reserve_numbers, write_numbers}};

    start(ROWS, DIM);
    options.extras = &numbers.extras;
    for (unsigned flat = 0; flat < 2; flat++) {
        const char *name = flat ? "flat" : "lists";
        options.exact_below = flat ? ROWS + 1 : 0;
        CHECK_EQ(build(name), OK);
        open_built(name);
        const uint32_t *order =
            (const uint32_t *)(const void *)segment_section(&segment, SEGMENT_COLUMN_VALUES, 3)
                ->bytes;
        for (uint64_t i = 0; i < ROWS; i++) {
            CHECK_EQ(segment.keys[i], key_of(order[i]));
        }
        segment_close(&segment);
    }
    end();
}

TEST(segment_build_copes_with_equal_rows_and_with_few)
{
    static const uint64_t counts[] = {1, 2, 31, 700};

    for (unsigned i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct ivf_view v;
        start(counts[i], 1);
        for (uint64_t row = 0; row < counts[i]; row++) {
            rows.floats[row] = 0.1F;
        }
        CHECK_EQ(build("a"), OK);
        open_built("a");
        CHECK_EQ(segment_ivf(&segment, &v), OK);
        CHECK(v.quantizer.list_count >= 1 && v.quantizer.list_count <= counts[i]);
        check_rows();
        check_lists(&v);
        segment_close(&segment);
        end();
    }
}

TEST(segment_build_refuses_what_no_segment_can_hold)
{
    start(10, 3);
    rows.source.count = 0;
    CHECK_EQ(build("a"), ERR_RANGE);
    rows.source.count = SEGMENT_ROWS_MAX + 1;
    CHECK_EQ(build("a"), ERR_RANGE);
    rows.source.count = 10;
    rows.source.dim = 0;
    CHECK_EQ(build("a"), ERR_RANGE);
    rows.source.dim = SEGMENT_DIM_MAX + 1;
    CHECK_EQ(build("a"), ERR_RANGE);
    rows.source.dim = 3;
    CHECK_EQ(build("a"), OK);
    CHECK_EQ(build("a"), ERR_IN_USE);
    CHECK(is_there("a"));
    end();
}

TEST(segment_build_leaves_nothing_where_a_row_cannot_be_read)
{
    start(ROWS, DIM);
    for (uint64_t n = 0; n < 4 * ROWS; n = n * 2 + 1) {
        atomic_store(&rows.fetches_left, n);
        err e = build("a");
        CHECK(e == ERR_DAMAGED || (e == OK && n >= ROWS));
        CHECK_EQ(is_there("a"), e == OK);
        if (e == OK) break;
    }
    options.exact_below = ROWS + 1;
    atomic_store(&rows.fetches_left, 0);
    CHECK_EQ(build("b"), ERR_DAMAGED);
    CHECK(!is_there("b"));
    end();
}

TEST(segment_build_leaves_nothing_where_the_disk_fails)
{
    err e = ERR_SYSTEM;

    start(400, DIM);
    for (uint64_t n = 1; e; n++) {
        fake_disk_fail_at(&disk, n, ERR_SYSTEM);
        e = build("a");
        CHECK(e == OK || e == ERR_SYSTEM);
        CHECK_EQ(is_there("a"), e == OK);
        CHECK(n < 1000);
    }
    end();
}

struct impatient {
    struct build_watch watch;
    enum build_stage last;
    unsigned heard; // a bit a stage
};

static bool report(struct build_watch *w, enum build_stage stage, uint64_t done, uint64_t total)
{
    struct impatient *i = container_of(w, struct impatient, watch);

    CHECK(done <= total);
    i->heard |= 1U << stage;
    return stage == i->last;
}

TEST(segment_build_ends_when_the_waiter_says_so)
{
    struct impatient i = {.watch.report = report, .last = BUILD_STAGES};

    start(ROWS, DIM);
    options.threads = 1; // which is the one that reports
    options.watch = &i.watch;
    CHECK_EQ(build("a"), OK);
    for (enum build_stage stage = BUILD_SAMPLE; stage < BUILD_STAGES; stage++) {
        CHECK(i.heard >> stage & 1);
        atomic_store(&i.watch.cancel, false);
        i.last = stage;
        CHECK_EQ(build("b"), ERR_CANCELED);
        CHECK(!is_there("b"));
    }
    options.watch = &watch;
    atomic_store(&watch.cancel, true);
    CHECK_EQ(build("c"), ERR_CANCELED);
    CHECK(!is_there("c"));
    end();
}
