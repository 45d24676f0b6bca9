#include "retrieval/vector/index.h"

#include "support/index_stage.h"
#include "support/test.h"

static struct index_stage stage;

static struct index_options options_of_two(void)
{
    return (struct index_options){.dim = 2, .metric = METRIC_L2, .disk = &stage.disk.disk};
}

TEST(index_is_made_once_and_opens_as_it_was_made)
{
    index_stage_open(&stage, 1);
    struct index_options other = options_of_two();
    CHECK_EQ(index_create(str_from_c(stage.folder), &other), ERR_IN_USE);
    CHECK_EQ(index_stage_stats(&stage).dim, INDEX_STAGE_DIM);
    CHECK_EQ(index_schema(stage.index)->count, 1);
    stage.options = other;
    CHECK_EQ(index_stage_reopen(&stage), OK);
    CHECK_EQ(index_stage_stats(&stage).dim, INDEX_STAGE_DIM);
    CHECK_STR(column_schema_name(index_schema(stage.index), 0), "version");
    index_stage_close(&stage);
}

TEST(index_refuses_what_can_not_be)
{
    struct index_options o = options_of_two();

    index_stage_open(&stage, 1);
    o.dim = 0;
    CHECK_EQ(index_create(STR("/nowhere"), &o), ERR_RANGE);
    o.dim = INDEX_DIM_MAX + 1;
    CHECK_EQ(index_create(STR("/nowhere"), &o), ERR_RANGE);
    o.dim = 2;
    o.metric = METRIC_COUNT;
    CHECK_EQ(index_create(STR("/nowhere"), &o), ERR_RANGE);
    o.metric = METRIC_L2;
    o.threads = INDEX_THREADS_MAX + 1;
    CHECK_EQ(index_create(STR("/nowhere"), &o), ERR_RANGE);
    o.threads = 1;
    CHECK_EQ(index_create(STR("/nowhere/at/all"), &o), ERR_ABSENT);
    CHECK_EQ(index_open(str_from_c(stage.disk.folder), &o, &stage.index), ERR_ABSENT);
    index_stage_close(&stage);
}

TEST(index_has_one_writer_at_a_time)
{
    struct index *second = NULL;

    index_stage_open(&stage, 1);
    CHECK_EQ(index_open(str_from_c(stage.folder), &stage.options, &second), ERR_IN_USE);
    stage.options.is_read_only = true;
    CHECK_EQ(index_open(str_from_c(stage.folder), &stage.options, &second), ERR_IN_USE);
    CHECK_EQ(index_stage_reopen(&stage), OK);
    CHECK_EQ(index_open(str_from_c(stage.folder), &stage.options, &second), OK);
    index_close(second);
    index_stage_close(&stage);
}

TEST(index_read_only_shows_what_is_in_the_log_and_changes_nothing)
{
    index_stage_open(&stage, 1);
    CHECK_EQ(index_stage_put(&stage, 1, 100, 1), OK);
    CHECK_EQ(index_stage_put(&stage, 50, 100, 2), OK);
    stage.options.is_read_only = true;
    CHECK_EQ(index_stage_reopen(&stage), OK);
    uint64_t before = stage.disk.operations;
    index_stage_check(&stage, 1, 49, 1);
    index_stage_check(&stage, 50, 100, 2);
    CHECK_EQ(index_stage_put(&stage, 1, 1, 3), ERR_DENIED);
    CHECK_EQ(index_flush(stage.index), ERR_DENIED);
    CHECK_EQ(index_compact(stage.index, true), ERR_DENIED);
    CHECK_EQ(index_backup(stage.index, STR("/nowhere")), ERR_DENIED);
    CHECK_EQ(index_verify(stage.index, NULL), OK);
    CHECK_EQ(index_stage_reopen(&stage), OK);
    CHECK_EQ(stage.disk.operations, before);
    index_stage_close(&stage);
}

TEST(index_rows_are_there_as_soon_as_they_are_written_and_after_every_step)
{
    index_stage_open(&stage, 1);
    for (uint32_t i = 0; i < 12; i++) { // through all tiers
        CHECK_EQ(index_stage_put(&stage, i * 50, 50, 1), OK);
        index_stage_check(&stage, 0, (i + 1) * 50, 1);
        if (i % 3 == 0) CHECK_EQ(index_stage_reopen(&stage), OK);
        if (i % 4 == 0) CHECK_EQ(index_flush(stage.index), OK);
        if (i % 5 == 0) CHECK_EQ(index_compact(stage.index, false), OK);
        index_stage_check(&stage, 0, (i + 1) * 50, 1);
    }
    CHECK_EQ(index_compact(stage.index, true), OK);
    index_stage_check(&stage, 0, 600, 1);
    CHECK_EQ(index_stage_stats(&stage).segments, 1);
    CHECK_EQ(index_stage_stats(&stage).rows, 600);
    CHECK_EQ(index_stage_stats(&stage).memtable_rows, 0);
    CHECK_EQ(index_stage_put(&stage, 600, 200, 1), OK); // to lists of the segment's
    index_stage_check(&stage, 0, 800, 1);
    CHECK_EQ(index_flush(stage.index), OK);
    index_stage_check(&stage, 0, 800, 1);
    CHECK_EQ(index_stage_reopen(&stage), OK);
    index_stage_check(&stage, 0, 800, 1);
    CHECK_EQ(index_stage_stats(&stage).rows, 800);
    index_stage_close(&stage);
}

TEST(index_rows_are_replaced_and_deleted_wherever_they_are)
{
    index_stage_open(&stage, 1);
    for (uint32_t round = 1; round <= 6; round++) {
        CHECK_EQ(index_stage_put(&stage, 0, 300, round), OK);
        CHECK_EQ(index_stage_delete(&stage, 300 - round * 10, round * 10), OK);
        if (round == 2) CHECK_EQ(index_flush(stage.index), OK);
        if (round == 3) CHECK_EQ(index_stage_reopen(&stage), OK);
        if (round == 4) CHECK_EQ(index_compact(stage.index, true), OK);
        if (round == 5) CHECK_EQ(index_flush(stage.index), OK);
        index_stage_check(&stage, 0, 300 - round * 10, round);
        index_stage_check(&stage, 300 - round * 10, round * 10, 0);
        CHECK_EQ(index_stage_stats(&stage).rows, 300 - round * 10);
    }
    CHECK_EQ(index_stage_reopen(&stage), OK);
    index_stage_check(&stage, 0, 240, 6);
    index_stage_check(&stage, 240, 60, 0);
    index_stage_close(&stage);
}

TEST(index_the_last_of_one_batch_counts)
{
    float vector[INDEX_STAGE_DIM];
    float other[INDEX_STAGE_DIM];

    index_stage_open(&stage, 1);
    index_stage_vector(1, 1, vector);
    index_stage_vector(1, 2, other);
    const struct index_op ops[] = {
        {.kind = INDEX_PUT, .key = 1, .vector = vector},
        {.kind = INDEX_DELETE, .key = 1},
        {.kind = INDEX_PUT, .key = 1, .vector = other},
        {.kind = INDEX_PUT, .key = 2, .vector = other},
        {.kind = INDEX_DELETE, .key = 2},
    };
    CHECK_EQ(index_write(stage.index, ops, 5), OK);
    CHECK_EQ(index_stage_stats(&stage).rows, 1);
    CHECK_EQ(index_stage_reopen(&stage), OK);
    CHECK_EQ(index_stage_stats(&stage).rows, 1);
    index_stage_close(&stage);
}

TEST(index_compaction_gives_space_back)
{
    index_stage_open(&stage, 1);
    CHECK_EQ(index_stage_put(&stage, 0, 600, 1), OK);
    CHECK_EQ(index_compact(stage.index, true), OK);
    uint64_t fresh = index_stage_stats(&stage).disk_bytes;
    for (uint32_t round = 2; round < 12; round++) {
        CHECK_EQ(index_stage_put(&stage, 0, 600, round), OK);
        CHECK_EQ(index_compact(stage.index, false), OK);
    }
    CHECK_EQ(index_compact(stage.index, true), OK);
    CHECK_EQ(index_stage_stats(&stage).dead, 0);
    CHECK(index_stage_stats(&stage).disk_bytes * 2 <= fresh * 3);
    index_stage_check(&stage, 0, 600, 11);
    CHECK_EQ(index_stage_delete(&stage, 0, 600), OK);
    CHECK_EQ(index_compact(stage.index, true), OK);
    CHECK_EQ(index_stage_stats(&stage).segments, 0);
    CHECK_EQ(index_stage_stats(&stage).disk_bytes, 0);
    index_stage_close(&stage);
}

// ---- a disk that fails

TEST(index_writes_fail_for_good_once_the_log_failed_and_go_on_after_reopening)
{
    index_stage_open(&stage, 1);
    CHECK_EQ(index_stage_put(&stage, 0, 10, 1), OK);
    fake_disk_fail_at(&stage.disk, 2, ERR_SYSTEM); // the sync
    CHECK_EQ(index_stage_put(&stage, 0, 10, 2), ERR_SYSTEM);
    index_stage_check(&stage, 0, 10, 1);
    CHECK_EQ(index_stage_put(&stage, 0, 10, 3), ERR_SYSTEM);
    index_stage_check(&stage, 0, 10, 1);
    CHECK_EQ(index_stage_reopen(&stage), OK);
    uint32_t version = index_stage_version(&stage, 0);
    CHECK(version == 1 || version == 2);
    index_stage_check(&stage, 0, 10, version);
    CHECK_EQ(index_stage_put(&stage, 0, 10, 4), OK);
    index_stage_check(&stage, 0, 10, 4);
    index_stage_close(&stage);
}

// Whatever fails of a flush, rows are found where they are, and reopening finds all of them.
TEST(index_flush_that_fails_loses_nothing)
{
    err e = ERR_LIMIT;

    for (unsigned at = 1; e; at++) {
        index_stage_open(&stage, at);
        CHECK_EQ(index_stage_put(&stage, 0, 100, 1), OK);
        CHECK_EQ(index_stage_put(&stage, 50, 100, 2), OK);
        fake_disk_fail_at(&stage.disk, at, ERR_LIMIT);
        e = index_flush(stage.index);
        CHECK_EQ(index_stage_stats(&stage).background, e);
        index_stage_check(&stage, 0, 50, 1);
        index_stage_check(&stage, 50, 100, 2);
        fake_disk_fail_at(&stage.disk, 0, OK);
        CHECK_EQ(index_stage_reopen(&stage), OK);
        CHECK_EQ(index_flush(stage.index), OK);
        CHECK_EQ(index_stage_stats(&stage).background, OK);
        index_stage_check(&stage, 0, 50, 1);
        index_stage_check(&stage, 50, 100, 2);
        index_stage_close(&stage);
        CHECK(at < 100);
    }
}

TEST(index_merge_that_fails_loses_nothing)
{
    err e = ERR_LIMIT;

    for (unsigned at = 1; e; at++) {
        index_stage_open(&stage, at);
        CHECK_EQ(index_stage_put(&stage, 0, 300, 1), OK);
        CHECK_EQ(index_flush(stage.index), OK);
        CHECK_EQ(index_stage_put(&stage, 250, 100, 2), OK);
        CHECK_EQ(index_flush(stage.index), OK);
        fake_disk_fail_at(&stage.disk, at, ERR_LIMIT);
        e = index_compact(stage.index, true);
        fake_disk_fail_at(&stage.disk, 0, OK);
        index_stage_check(&stage, 0, 250, 1);
        index_stage_check(&stage, 250, 100, 2);
        CHECK_EQ(index_stage_reopen(&stage), OK);
        index_stage_check(&stage, 0, 250, 1);
        index_stage_check(&stage, 250, 100, 2);
        CHECK_EQ(index_compact(stage.index, true), OK);
        CHECK_EQ(index_stage_stats(&stage).segments, 1);
        index_stage_check(&stage, 0, 250, 1);
        index_stage_close(&stage);
        CHECK(at < 200);
    }
}

TEST(index_memory_is_bounded_however_many_rows_are_written)
{
    index_stage_open(&stage, 1);
    stage.options.memory_bytes_max = 1; // the fewest rows there can be
    CHECK_EQ(index_stage_reopen(&stage), OK);
    for (uint32_t i = 0; i < 20; i++) {
        CHECK_EQ(index_stage_put(&stage, i * 16, 16, 1), OK);
        CHECK(index_stage_stats(&stage).memtable_rows <= 4 * 16);
    }
    index_stage_check(&stage, 0, 320, 1);
    index_stage_close(&stage);
}
