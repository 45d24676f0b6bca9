#include "retrieval/vector/index.h"

#include "support/index_stage.h"
#include "support/test.h"

#include <stdio.h>
#include <string.h>

static struct index_stage stage;
static char copy[80];

static void start(void)
{
    index_stage_open(&stage, 1);
    snprintf(copy, sizeof copy, "%s/copy", stage.disk.folder);
}

// Goes on with the backup instead.
static void open_copy(void)
{
    memcpy(stage.folder, copy, strlen(copy) + 1);
    CHECK_EQ(index_stage_reopen(&stage), OK);
}

TEST(index_backup_holds_what_was_there_and_goes_its_own_way)
{
    start();
    CHECK_EQ(index_stage_put(&stage, 0, 300, 1), OK);
    CHECK_EQ(index_flush(stage.index), OK);
    CHECK_EQ(index_stage_put(&stage, 100, 50, 2), OK); // the rows it replaces die in the segment
    CHECK_EQ(index_stage_delete(&stage, 0, 10), OK);
    CHECK_EQ(index_backup(stage.index, str_from_c(copy)), OK);
    CHECK_EQ(index_stage_put(&stage, 0, 300, 3), OK);
    CHECK_EQ(index_compact(stage.index, true), OK);
    index_stage_check(&stage, 0, 300, 3);

    open_copy();
    for (unsigned i = 0; i < 2; i++) {
        index_stage_check(&stage, 0, 10, 0);
        index_stage_check(&stage, 10, 90, 1);
        index_stage_check(&stage, 100, 50, 2);
        index_stage_check(&stage, 150, 150, 1);
        CHECK_EQ(index_stage_reopen(&stage), OK);
    }
    CHECK_EQ(index_verify(stage.index, NULL), OK);
    CHECK_EQ(index_stage_put(&stage, 5, 1, 9), OK);
    CHECK_EQ(index_compact(stage.index, true), OK);
    CHECK_EQ(index_stage_reopen(&stage), OK);
    index_stage_check(&stage, 5, 1, 9);
    index_stage_check(&stage, 150, 150, 1);
    index_stage_close(&stage);
}

TEST(index_backup_of_an_empty_index_is_an_empty_index)
{
    start();
    CHECK_EQ(index_backup(stage.index, str_from_c(copy)), OK);
    open_copy();
    CHECK_EQ(index_stage_put(&stage, 0, 100, 1), OK);
    CHECK_EQ(index_stage_reopen(&stage), OK);
    index_stage_check(&stage, 0, 100, 1);
    index_stage_close(&stage);
}

TEST(index_backup_does_not_write_into_a_folder_that_is_there)
{
    start();
    CHECK_EQ(index_stage_put(&stage, 0, 10, 1), OK);
    CHECK_EQ(index_backup(stage.index, str_from_c(copy)), OK);
    CHECK_EQ(index_backup(stage.index, str_from_c(copy)), ERR_IN_USE);
    CHECK_EQ(index_backup(stage.index, STR("/nowhere/at/all")), ERR_ABSENT);
    CHECK_EQ(index_stage_put(&stage, 0, 10, 2), OK); // the gate is open again
    index_stage_check(&stage, 0, 10, 2);
    index_stage_close(&stage);
}

// Cut off anywhere, a backup is whole or no index.
TEST(index_backup_that_a_power_cut_ends_is_no_index)
{
    bool is_done = false;

    for (unsigned at = 1; !is_done; at++) {
        start();
        CHECK_EQ(index_stage_put(&stage, 0, 100, 1), OK);
        CHECK_EQ(index_stage_delete(&stage, 0, 10), OK);
        fake_disk_crash_at(&stage.disk, at);
        is_done = index_backup(stage.index, str_from_c(copy)) == OK;
        index_stage_leave(&stage);
        fake_disk_reboot(&stage.disk);
        memcpy(stage.folder, copy, strlen(copy) + 1);
        err e = index_stage_reopen(&stage);
        CHECK(e == OK || (e == ERR_ABSENT && !is_done));
        if (!e) {
            index_stage_check(&stage, 0, 10, 0);
            index_stage_check(&stage, 10, 90, 1);
            CHECK_EQ(index_verify(stage.index, NULL), OK);
        }
        index_stage_close(&stage);
        CHECK(at < 100);
    }
}
