// Crosses threads: rows and queries are shared out.
#include "retrieval/vector/ivf_calibrate.h"

#include "base/memory.h"
#include "base/random.h"
#include "retrieval/vector/exact.h"
#include "retrieval/vector/ivf_scan.h"
#include "retrieval/vector/ivf_stop.h"
#include "retrieval/vector/segment_build.h"

#include "support/fake_disk.h"
#include "support/test.h"

#include <math.h>
#include <string.h>

enum { DIM = 16, QUERIES = 100, WANTED = 10 };

static struct fake_disk disk;
static struct build_watch watch;
static struct segment segment;
static struct ivf_view view;
static float *rows;
static struct exact_scratch scratch;

// A vector near one of `middles`.
static void make_vector(struct random *r, unsigned middles, float *out)
{
    uint64_t middle = random_below(r, middles);

    for (unsigned d = 0; d < DIM; d++) {
        double there = (double)(random_mix(middle * DIM + d) % 1000) / 100;
        out[d] = (float)(there + random_normal(r));
    }
}

// Makes all rows but one of `copies` copies of the one before, with a little noise.
static void copy_rows(uint64_t count, unsigned copies, struct random *r)
{
    for (uint64_t i = 0; i < count * DIM; i++) {
        uint64_t row = i / DIM;
        if (row % copies == 0) continue;
        rows[i] = rows[(row - row % copies) * DIM + i % DIM] + (float)random_normal(r) / 100;
    }
}

// Builds lists of rows near `middles`, each with so many copies, and opens them.
static void start_copies(uint64_t count, uint32_t lists, unsigned middles, unsigned copies)
{
    char path[FILE_PATH_MAX];
    struct segment_damage why;
    struct row_source_array source;
    struct random r;

    random_init(&r, 4);
    rows = memory_alloc(count * DIM * sizeof *rows);
    for (uint64_t i = 0; i < count; i++) {
        make_vector(&r, middles, rows + i * DIM);
    }
    copy_rows(count, copies, &r);
    fake_disk_open(&disk, 1);
    atomic_store(&watch.cancel, false);
    row_source_array_init(&source, rows, count, DIM);
    struct segment_build_options o = {.disk = &disk.disk,
                                      .quantizer_id = 1,
                                      .list_count = lists,
                                      .memory_bytes_max = 64 << 20,
                                      .threads = 1,
                                      .watch = &watch};
    CHECK_EQ(disk_path(str_from_c(disk.folder), STR("a"), path), OK);
    CHECK_EQ(segment_build(&source.source, &o, str_from_c(path)), OK);
    CHECK_EQ(segment_open(&segment, str_from_c(path), SEGMENT_CHECK_OFF, &why), OK);
    CHECK_EQ(segment_ivf(&segment, &view), OK);
}

static void start(uint64_t count, uint32_t lists, unsigned middles)
{
    start_copies(count, lists, middles, 1);
}

static void end(void)
{
    segment_close(&segment);
    memory_free(rows);
    fake_disk_close(&disk);
}

static struct calibration calibrate(unsigned threads)
{
    struct ivf_calibrate_options o = {
        .view = &view, .threads = threads, .seed = 3, .watch = &watch};
    struct calibration c;

    CHECK_EQ(ivf_calibrate(&o, &c), OK);
    CHECK(calibration_is_valid(&c));
    return c;
}

// How many of the true nearest rows a level finds.
static unsigned count_hits(struct ivf_query *q, const struct calibration_level *l,
                           const float *vector)
{
    struct candidate entries[CALIBRATION_CANDIDATES_MAX];
    struct probe probes[SEGMENT_LISTS_MAX / 256];
    struct nearest_hit hits[WANTED];
    struct nearest nearest;
    struct candidates c;
    struct ivf_stop stop;
    unsigned found = 0;

    nearest_init(&nearest, hits, WANTED);
    exact_scan_batch(&(struct exact_rows){.rows = view.raw, .count = view.row_count, .dim = DIM},
                     (struct exact_range){0, view.row_count},
                     &(struct exact_batch){vector, &nearest, 1}, &scratch);
    ivf_query_set(q, &view.quantizer, vector);
    uint32_t count = ivf_query_probe(q, view.quantizer.list_count, probes);
    if (count > l->lists_max) count = l->lists_max;
    candidates_init(&c, entries, l->candidates);
    ivf_stop_init(&stop, l->patience);
    for (uint32_t i = 0; i < count; i++) {
        struct ivf_scan s = {.candidates = &c, .epsilon = l->epsilon};
        uint32_t entered = ivf_scan_list(&view, q, &probes[i], &s);
        if (ivf_stop_after(&stop, &probes[i], entered, &c)) break;
    }
    for (uint32_t i = 0; i < c.count; i++) {
        for (unsigned k = 0; k < WANTED; k++) {
            found += c.entries[i].row == hits[k].key;
        }
    }
    return found;
}

// The recall of a level with queries that are no rows.
static double recall_of(const struct calibration_level *l, unsigned middles)
{
    struct ivf_query q;
    struct random r;
    unsigned found = 0;

    random_init(&r, 99);
    ivf_query_init(&q, DIM, view.quantizer.list_count);
    for (unsigned i = 0; i < QUERIES; i++) {
        float vector[DIM];
        make_vector(&r, middles, vector);
        found += count_hits(&q, l, vector);
    }
    ivf_query_done(&q);
    return found / (double)(QUERIES * WANTED);
}

TEST(ivf_calibrate_finds_settings_that_keep_their_promise)
{
    start(4000, 80, 1);
    struct calibration c = calibrate(2);
    CHECK(c.count >= 5);
    CHECK_EQ(c.query_count, 256);
    for (uint32_t i = 0; i < c.count; i++) {
        double recall = recall_of(&c.levels[i], 1);
        CHECK(recall >= (double)c.levels[i].recall - 0.01);
    }
    // And nothing like the whole index is scanned for it.
    CHECK(c.levels[0].recall < 0.81F);
    CHECK(recall_of(&c.levels[0], 1) < 0.97);
    end();
}

// Which a row's own copies are, but not a user's query.
TEST(ivf_calibrate_does_not_promise_what_is_easy_to_find)
{
    start_copies(20'000, 200, 1, 10);
    struct calibration c = calibrate(2);
    for (uint32_t i = 0; i < c.count; i++) {
        CHECK(recall_of(&c.levels[i], 1) >= (double)c.levels[i].recall - 0.02);
    }
    end();
}

TEST(ivf_calibrate_finds_the_same_with_any_number_of_threads)
{
    start(3000, 60, 20);
    struct calibration one = calibrate(1);
    struct calibration many = calibrate(5);
    CHECK(memcmp(&one, &many, sizeof one) == 0);
    end();
}

TEST(ivf_calibrate_with_hardly_any_rows_gives_something_valid)
{
    static const uint64_t counts[] = {1, 2, 3, 12, 40};

    for (unsigned i = 0; i < sizeof counts / sizeof *counts; i++) {
        start(counts[i], 3, 2);
        struct calibration c = calibrate(2);
        CHECK_EQ(c.query_count, counts[i] - 1);
        end();
    }
}

// All distances are zero: any row is as good as any other.
TEST(ivf_calibrate_takes_equal_rows_for_each_other)
{
    start(3000, 60, 20);
    float *raw = memory_alloc(view.row_count * DIM * sizeof *raw);
    view.raw = raw;
    struct calibration c = calibrate(1);
    CHECK(c.levels[0].patience <= 1);
    CHECK_EQ(c.levels[0].candidates, 20);
    memory_free(raw);
    end();
}

// Codes that say nothing find rows by chance alone.
TEST(ivf_calibrate_promises_no_level_that_was_not_reached)
{
    start(3000, 10, 20);
    uint16_t *fact4 = memory_alloc(view.row_count * 2 * sizeof *fact4);
    view.fact4 = fact4;
    struct calibration c = calibrate(1);
    CHECK_EQ(c.count, 1);
    CHECK(c.levels[0].recall >= 0.999F);
    CHECK_EQ(c.levels[0].lists_max, SEGMENT_LISTS_MAX);
    memory_free(fact4);
    end();
}

TEST(ivf_calibrate_can_be_canceled)
{
    start(3000, 60, 20);
    struct ivf_calibrate_options o = {.view = &view, .threads = 2, .watch = &watch};
    struct calibration c;
    atomic_store(&watch.cancel, true);
    CHECK_EQ(ivf_calibrate(&o, &c), ERR_CANCELED);
    end();
}
