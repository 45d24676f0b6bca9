// Crosses threads.
#include "retrieval/vector/index.h"

#include "support/index_stage.h"
#include "support/test.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

enum { ROWS_MAX = 700 };

static struct index_stage stage;
static float vectors[ROWS_MAX][INDEX_STAGE_DIM];
static uint64_t keys[ROWS_MAX];
static struct row_source_array rows;

// Rows of one version for index_load().
static struct row_source *make_rows(uint64_t first, uint32_t count, uint32_t version)
{
    for (uint32_t i = 0; i < count; i++) {
        keys[i] = first + i;
        index_stage_vector(keys[i], version, vectors[i]);
    }
    row_source_array_init(&rows, vectors[0], count, INDEX_STAGE_DIM);
    rows.keys = keys;
    return &rows.source;
}

TEST(index_load_rows_of_all_numbers_appear_and_last)
{
    static const uint32_t counts[] = {1, 99, 100, 249, 250, 700};

    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        index_stage_open(&stage, 1);
        CHECK_EQ(index_stage_load(&stage, make_rows(10, counts[i], 1), 1), OK);
        CHECK_EQ(index_stage_stats(&stage).rows, counts[i]);
        CHECK_EQ(index_stage_stats(&stage).segments, 1);
        index_stage_check(&stage, 10, counts[i], 1);
        CHECK_EQ(index_stage_reopen(&stage), OK);
        CHECK_EQ(index_stage_stats(&stage).replayed, 0);
        index_stage_check(&stage, 10, counts[i], 1);
        index_stage_close(&stage);
    }
}

TEST(index_load_replaces_rows_in_segments_and_in_memory_and_is_replaced)
{
    index_stage_open(&stage, 1);
    CHECK_EQ(index_stage_put(&stage, 0, 300, 1), OK);
    CHECK_EQ(index_flush(stage.index), OK);
    CHECK_EQ(index_stage_put(&stage, 200, 200, 2), OK);
    CHECK_EQ(index_stage_load(&stage, make_rows(100, 250, 3), 3), OK);
    CHECK_EQ(index_stage_load(&stage, make_rows(0, 10, 4), 4), OK); // fewer than a segment has
    CHECK_EQ(index_stage_put(&stage, 110, 10, 5), OK);
    CHECK_EQ(index_stage_delete(&stage, 120, 10), OK);
    for (unsigned i = 0; i < 2; i++) {
        index_stage_check(&stage, 0, 10, 4);
        index_stage_check(&stage, 10, 90, 1);
        index_stage_check(&stage, 100, 10, 3);
        index_stage_check(&stage, 110, 10, 5);
        index_stage_check(&stage, 120, 10, 0);
        index_stage_check(&stage, 130, 220, 3);
        index_stage_check(&stage, 350, 50, 2);
        CHECK_EQ(index_stage_stats(&stage).rows, 390);
        CHECK_EQ(index_stage_reopen(&stage), OK);
    }
    CHECK_EQ(index_compact(stage.index, true), OK);
    CHECK_EQ(index_stage_stats(&stage).dead, 0);
    index_stage_check(&stage, 130, 220, 3);
    index_stage_close(&stage);
}

TEST(index_load_keeps_one_row_of_a_key)
{
    struct row_source *source = make_rows(0, 300, 1);

    index_stage_open(&stage, 1);
    for (uint32_t i = 150; i < 300; i++) {
        keys[i] = i - 150;
        memcpy(vectors[i], vectors[i - 150], sizeof vectors[i]);
    }
    CHECK_EQ(index_stage_load(&stage, source, 1), OK);
    CHECK_EQ(index_stage_stats(&stage).rows, 150);
    index_stage_check(&stage, 0, 150, 1);
    index_stage_close(&stage);
}

TEST(index_load_of_no_rows_or_of_others_dim_changes_nothing)
{
    struct row_source *source = make_rows(0, 0, 1);

    index_stage_open(&stage, 1);
    uint64_t generation = index_stage_stats(&stage).generation;
    CHECK_EQ(index_load(stage.index, source, NULL, NULL), OK);
    source->count = 1;
    source->dim--;
    CHECK_EQ(index_load(stage.index, source, NULL, NULL), ERR_RANGE);
    CHECK_EQ(index_stage_stats(&stage).generation, generation);
    index_stage_close(&stage);
}

struct names {
    struct disk_lister lister;
    unsigned segments;
};

static err count_segments(struct disk_lister *l, str name)
{
    container_of(l, struct names, lister)->segments += str_starts(name, STR("seg-"));
    return OK;
}

static unsigned segment_files(void)
{
    struct names n = {.lister.name = count_segments};

    CHECK_EQ(disk_list(&stage.disk.disk, str_from_c(stage.folder), &n.lister), OK);
    return n.segments;
}

TEST(index_load_refuses_vectors_that_are_not_finite_and_leaves_nothing)
{
    struct row_source *source = make_rows(0, 300, 1);

    index_stage_open(&stage, 1);
    vectors[299][3] = NAN;
    CHECK_EQ(index_stage_load(&stage, source, 1), ERR_RANGE);
    CHECK_EQ(index_stage_stats(&stage).rows, 0);
    CHECK_EQ(segment_files(), 0);
    index_stage_close(&stage);
}

struct stop {
    struct index_progress progress;
    uint64_t calls;
    uint64_t calls_max;
};

static bool count_calls(struct index_progress *p, const char *stage_name, uint64_t done,
                        uint64_t total)
{
    struct stop *s = container_of(p, struct stop, progress);

    CHECK(stage_name && done <= total);
    return ++s->calls > s->calls_max;
}

TEST(index_load_tells_how_far_it_is_and_can_be_ended)
{
    struct stop s = {.progress.report = count_calls, .calls_max = UINT64_MAX};

    index_stage_open(&stage, 1);
    CHECK_EQ(index_load(stage.index, make_rows(0, 400, 1), NULL, &s.progress), OK);
    uint64_t calls = s.calls;
    CHECK(calls > 2);
    CHECK_EQ(index_stage_stats(&stage).rows, 400);
    for (uint64_t i = 0; i < calls - 1; i++) {
        s = (struct stop){.progress.report = count_calls, .calls_max = i};
        err e = index_load(stage.index, make_rows(1000, 400, 1), NULL, &s.progress);
        CHECK_EQ(e, ERR_CANCELED);
        CHECK_EQ(index_stage_stats(&stage).rows, 400);
    }
    CHECK_EQ(segment_files(), 1);
    index_stage_close(&stage);
}

// A disk that fails anywhere on the way: afterwards all rows are there or none.
TEST(index_load_takes_effect_as_a_whole_or_not_at_all)
{
    for (unsigned fail_at = 1; fail_at < 60; fail_at++) {
        index_stage_open(&stage, fail_at);
        CHECK_EQ(index_stage_put(&stage, 0, 100, 1), OK);
        fake_disk_fail_at(&stage.disk, fail_at, ERR_LIMIT);
        err e = index_stage_load(&stage, make_rows(0, 300, 2), 2);
        fake_disk_fail_at(&stage.disk, 0, OK);
        CHECK_EQ(index_stage_reopen(&stage), OK);
        uint32_t version = index_stage_version(&stage, 0);
        CHECK(version == 2 || e);
        index_stage_check(&stage, 0, 100, version);
        index_stage_check(&stage, 100, 200, version == 2 ? 2 : 0);
        index_stage_close(&stage);
        if (!e) return;
    }
    CHECK(false); // more operations than that
}

static void *write_on(void *argument)
{
    for (uint32_t i = 0; i < 40; i++) {
        if (index_stage_put(&stage, 1000 + i * 20, 20, i + 1)) return argument;
    }
    return NULL;
}

TEST(index_load_and_writers_do_not_lose_each_others_rows)
{
    pthread_t thread;
    void *failed = NULL;

    index_stage_open(&stage, 1);
    stage.options.has_no_background = false;
    CHECK_EQ(index_stage_reopen(&stage), OK);
    CHECK_EQ(pthread_create(&thread, NULL, write_on, &stage), 0);
    for (uint32_t version = 1; version < 6; version++) {
        CHECK_EQ(index_stage_load(&stage, make_rows(0, 260, version), version), OK);
    }
    pthread_join(thread, &failed);
    CHECK(!failed);
    for (unsigned i = 0; i < 2; i++) {
        index_stage_check(&stage, 0, 260, 5);
        for (uint32_t batch = 0; batch < 40; batch++) {
            index_stage_check(&stage, 1000 + batch * 20, 20, batch + 1);
        }
        CHECK_EQ(index_stage_reopen(&stage), OK);
    }
    index_stage_close(&stage);
}
