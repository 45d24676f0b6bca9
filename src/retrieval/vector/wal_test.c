#include "retrieval/vector/wal.h"

#include "base/list.h"

#include "support/fake_disk.h"
#include "support/test.h"

#include <stdio.h>
#include <string.h>

enum { RESERVE_BYTES = 8192, RECORDS_MAX = 1000 };

// A log on a disk without power cuts, and what a replay tells of it.
struct desk {
    struct fake_disk disk;
    struct wal wal;
    struct wal_options options;
    struct wal_found found;
    struct wal_sink sink;
    uint64_t lsns[RECORDS_MAX];
    uint64_t keys[RECORDS_MAX];
    size_t count;
    err answer;
};

static err note(struct wal_sink *s, uint64_t lsn, const struct wal_record *r)
{
    struct desk *d = container_of(s, struct desk, sink);
    char want[32];

    CHECK(d->count < RECORDS_MAX);
    snprintf(want, sizeof(want), "payload of %d", (int)r->key);
    CHECK_SAME(r->payload, str_from_c(want));
    d->lsns[d->count] = lsn;
    d->keys[d->count++] = r->key;
    return d->answer;
}

static err replay(struct desk *d, uint64_t from_lsn)
{
    d->count = 0;
    return wal_replay(&d->disk.disk, str_from_c(d->disk.folder), from_lsn, &d->sink, &d->found);
}

static void open_wal(struct desk *d)
{
    CHECK_EQ(wal_open(&d->wal, &d->options, &d->found), OK);
}

static void open_desk(struct desk *d)
{
    memset(d, 0, sizeof(*d));
    d->sink.record = note;
    fake_disk_open(&d->disk, 1);
    d->options = (struct wal_options){.disk = &d->disk.disk,
                                      .folder = str_from_c(d->disk.folder),
                                      .seed = 5,
                                      .reserve_bytes = RESERVE_BYTES};
    CHECK_EQ(replay(d, 1), OK);
    CHECK_EQ(d->found.next_lsn, 1);
    open_wal(d);
}

static void close_desk(struct desk *d)
{
    fake_disk_close(&d->disk);
}

static uint64_t append(struct desk *d, uint64_t key)
{
    char payload[32];
    uint64_t lsn = 0;
    struct wal_record r = {.key = key, .op = 1};

    snprintf(payload, sizeof(payload), "payload of %d", (int)key);
    r.payload = str_from_c(payload);
    CHECK_EQ(wal_append(&d->wal, &r, 1, &lsn), OK);
    return lsn;
}

static void write_keys(struct desk *d, uint64_t first, int count)
{
    for (int i = 0; i < count; i++) {
        CHECK_EQ(wal_commit(&d->wal, append(d, first + (uint64_t)i)), OK);
    }
}

static struct disk_file *open_file(uint64_t sequence, struct desk *d)
{
    char path[FILE_PATH_MAX];
    struct disk_file *f = NULL;

    CHECK_EQ(wal_replay_path(d->options.folder, sequence, path), OK);
    CHECK_EQ(disk_open(disk_real(), str_from_c(path), DISK_WRITE, &f), OK);
    return f;
}

// Changes a byte of a log file behind the log's back.
static void flip(struct desk *d, uint64_t sequence, uint64_t offset)
{
    struct disk_file *f = open_file(sequence, d);
    char byte = 0;
    size_t len = 0;

    CHECK_EQ(disk_read_at(f, &byte, 1, offset, &len), OK);
    CHECK_EQ(len, 1);
    byte ^= 1;
    CHECK_EQ(disk_write_at(f, (str){&byte, 1}, offset), OK);
    disk_close(f);
}

static void remove_file(struct desk *d, uint64_t sequence)
{
    char path[FILE_PATH_MAX];

    CHECK_EQ(wal_replay_path(d->options.folder, sequence, path), OK);
    CHECK_EQ(disk_remove(disk_real(), str_from_c(path)), OK);
}

static void check_damage(struct desk *d, uint64_t from_lsn, str file, uint64_t offset)
{
    CHECK_EQ(replay(d, from_lsn), ERR_DAMAGED);
    CHECK_SAME(str_from_c(d->found.damaged), file);
    CHECK_EQ(d->found.damaged_at, offset);
    CHECK(d->found.damage);
}

TEST(wal_replays_what_was_committed_from_any_number_on)
{
    static struct desk d;

    open_desk(&d);
    write_keys(&d, 100, 5);
    wal_close(&d.wal);
    for (uint64_t from = 1; from <= 6; from++) {
        CHECK_EQ(replay(&d, from), OK);
        CHECK_EQ(d.count, 6 - from);
        CHECK_EQ(d.found.next_lsn, 6);
        CHECK(!d.found.is_cut);
        for (size_t i = 0; i < d.count; i++) {
            CHECK_EQ(d.lsns[i], from + i);
            CHECK_EQ(d.keys[i], 99 + from + i);
        }
    }
    close_desk(&d);
}

TEST(wal_goes_on_where_it_ended)
{
    static struct desk d;

    open_desk(&d);
    for (uint64_t i = 0; i < 20; i++) { // grows several times by 8 KiB
        write_keys(&d, 10 * i, 10);
        wal_close(&d.wal);
        CHECK_EQ(replay(&d, 1), OK);
        CHECK_EQ(d.count, 10 * (i + 1));
        CHECK_EQ(d.found.file_count, 1);
        open_wal(&d);
    }
    wal_close(&d.wal);
    for (size_t i = 0; i < d.count; i++) {
        CHECK_EQ(d.keys[i], i);
    }
    close_desk(&d);
}

TEST(wal_commits_all_before_a_number_with_one_sync)
{
    static struct desk d;

    open_desk(&d);
    uint64_t before = d.disk.operations;
    (void)append(&d, 1);
    (void)append(&d, 2);
    uint64_t lsn = append(&d, 3);
    CHECK_EQ(d.disk.operations, before);
    CHECK_EQ(wal_commit(&d.wal, lsn), OK);
    CHECK_EQ(d.disk.operations, before + 2); // a write and a sync
    CHECK_EQ(wal_commit(&d.wal, lsn - 1), OK);
    CHECK_EQ(d.disk.operations, before + 2);
    wal_close(&d.wal);
    CHECK_EQ(replay(&d, 1), OK);
    CHECK_EQ(d.count, 3);
    close_desk(&d);
}

TEST(wal_forgets_what_was_appended_and_not_committed)
{
    static struct desk d;

    open_desk(&d);
    write_keys(&d, 1, 1);
    (void)append(&d, 2);
    wal_close(&d.wal);
    CHECK_EQ(replay(&d, 1), OK);
    CHECK_EQ(d.count, 1);
    close_desk(&d);
}

TEST(wal_rolls_to_new_files_and_forgets_old_ones)
{
    static struct desk d;
    uint64_t first_lsn = 0;

    open_desk(&d);
    CHECK_EQ(wal_roll(&d.wal, &first_lsn), OK);
    CHECK_EQ(first_lsn, 1); // nothing is in the first one yet
    for (uint64_t i = 0; i < 4; i++) {
        write_keys(&d, 10 * i, 9);
        (void)append(&d, 10 * i + 9);
        CHECK_EQ(wal_roll(&d.wal, &first_lsn), OK); // which commits the last one
        CHECK_EQ(first_lsn, 10 * i + 11);
    }
    CHECK_EQ(wal_forget(&d.wal, 20), OK);
    CHECK_EQ(replay(&d, 1), ERR_DAMAGED);
    CHECK_EQ(replay(&d, 11), OK);
    CHECK_EQ(d.count, 30);
    CHECK_EQ(d.found.file_count, 4);
    CHECK_EQ(wal_forget(&d.wal, 21), OK);
    CHECK_EQ(replay(&d, 21), OK);
    CHECK_EQ(d.found.file_count, 3);
    CHECK_EQ(wal_forget(&d.wal, 1000), OK); // the newest stays
    CHECK_EQ(replay(&d, 41), OK);
    CHECK_EQ(d.found.file_count, 1);
    CHECK_EQ(d.count, 0);
    write_keys(&d, 40, 1);
    wal_close(&d.wal);
    CHECK_EQ(replay(&d, 41), OK);
    CHECK_EQ(d.count, 1);
    CHECK_EQ(d.lsns[0], 41);
    close_desk(&d);
}

TEST(wal_forgets_after_a_reopening_only_what_the_caller_names)
{
    static struct desk d;
    uint64_t first_lsn = 0;

    open_desk(&d);
    for (uint64_t i = 0; i < 3; i++) {
        write_keys(&d, 10 * i, 10);
        CHECK_EQ(wal_roll(&d.wal, &first_lsn), OK);
    }
    wal_close(&d.wal);
    CHECK_EQ(replay(&d, 31), OK);
    CHECK_EQ(d.count, 0);
    open_wal(&d);
    CHECK_EQ(wal_forget(&d.wal, 11), OK); // an older manifest may need the rest
    CHECK_EQ(replay(&d, 11), OK);
    CHECK_EQ(d.count, 20);
    CHECK_EQ(d.found.file_count, 3);
    wal_close(&d.wal);
    close_desk(&d);
}

TEST(wal_cuts_a_torn_last_frame)
{
    static struct desk d;

    open_desk(&d);
    write_keys(&d, 1, 3);
    wal_close(&d.wal);
    flip(&d, 1, 3 * WAL_FRAME_SECTOR_BYTES + WAL_FRAME_HEAD_BYTES);
    CHECK_EQ(replay(&d, 1), OK);
    CHECK_EQ(d.count, 2);
    CHECK(d.found.is_cut);
    CHECK_EQ(d.found.next_lsn, 3);
    open_wal(&d);
    write_keys(&d, 33, 1);
    wal_close(&d.wal);
    CHECK_EQ(replay(&d, 1), OK);
    CHECK(!d.found.is_cut);
    CHECK_EQ(d.count, 3);
    CHECK_EQ(d.keys[2], 33);
    close_desk(&d);
}

TEST(wal_says_where_a_bad_frame_is_followed_by_good_ones)
{
    static struct desk d;

    open_desk(&d);
    write_keys(&d, 1, 30);
    wal_close(&d.wal);
    for (uint64_t frame = 1; frame < 30; frame++) {
        uint64_t offset = frame * WAL_FRAME_SECTOR_BYTES;
        flip(&d, 1, offset + 20);
        check_damage(&d, 1, STR("wal-00000001.log"), offset);
        flip(&d, 1, offset + 20);
        flip(&d, 1, offset + WAL_FRAME_HEAD_BYTES + 3);
        check_damage(&d, 1, STR("wal-00000001.log"), offset);
        check_damage(&d, 31, STR("wal-00000001.log"), offset); // though nothing is asked for
        flip(&d, 1, offset + WAL_FRAME_HEAD_BYTES + 3);
    }
    CHECK_EQ(replay(&d, 1), OK);
    close_desk(&d);
}

TEST(wal_finds_a_frame_behind_a_long_hole)
{
    enum { FAR = 1 << 20 };
    static const char zeros[2 * WAL_FRAME_SECTOR_BYTES];
    static struct desk d;
    char frame[WAL_FRAME_SECTOR_BYTES];
    size_t len = 0;

    open_desk(&d);
    write_keys(&d, 1, 3); // a frame each, in the sectors behind the head
    wal_close(&d.wal);
    struct disk_file *f = open_file(1, &d);
    CHECK_EQ(disk_read_at(f, frame, sizeof(frame), 3 * sizeof(frame), &len), OK);
    CHECK_EQ(disk_write_at(f, (str){zeros, sizeof(zeros)}, 2 * sizeof(frame)), OK);
    CHECK_EQ(disk_write_at(f, (str){frame, sizeof(frame)}, FAR), OK);
    disk_close(f);
    check_damage(&d, 1, STR("wal-00000001.log"), 2 * sizeof(frame));
    close_desk(&d);
}

TEST(wal_says_what_is_wrong_with_older_files)
{
    static struct desk d;
    uint64_t first_lsn = 0;

    open_desk(&d);
    for (uint64_t i = 0; i < 3; i++) {
        write_keys(&d, 10 * i, 2);
        CHECK_EQ(wal_roll(&d.wal, &first_lsn), OK);
    }
    wal_close(&d.wal);
    flip(&d, 2, 2 * WAL_FRAME_SECTOR_BYTES); // its last frame, which was safe: there is a file 3
    check_damage(&d, 1, STR("wal-00000002.log"), 2 * WAL_FRAME_SECTOR_BYTES);
    CHECK_EQ(replay(&d, 5), OK); // it is not needed any more
    flip(&d, 2, 2 * WAL_FRAME_SECTOR_BYTES);
    flip(&d, 2, 24); // its head
    check_damage(&d, 1, STR("wal-00000002.log"), 0);
    CHECK_EQ(replay(&d, 5), OK);
    CHECK(!d.found.damage);
    flip(&d, 2, 24);
    flip(&d, 4, 24);
    check_damage(&d, 7, STR("wal-00000004.log"), 0);
    flip(&d, 4, 24);
    CHECK_EQ(replay(&d, 1), OK);
    CHECK_EQ(d.count, 6);
    remove_file(&d, 2);
    check_damage(&d, 1, STR("wal-00000001.log"), 3 * WAL_FRAME_SECTOR_BYTES);
    remove_file(&d, 1);
    check_damage(&d, 4, STR("wal-00000003.log"), 0);
    CHECK_EQ(replay(&d, 5), OK);
    remove_file(&d, 3);
    remove_file(&d, 4);
    check_damage(&d, 5, STR("wal-00000001.log"), 0);
    close_desk(&d);
}

// A manifest may have more than the log: what it has came from a log that was longer.
TEST(wal_begins_a_new_file_where_a_checkpoint_is_beyond_its_end)
{
    static struct desk d;

    open_desk(&d);
    write_keys(&d, 1, 3);
    wal_close(&d.wal);
    CHECK_EQ(replay(&d, 10), OK);
    CHECK_EQ(d.found.next_lsn, 10);
    open_wal(&d);
    write_keys(&d, 7, 2);
    wal_close(&d.wal);
    CHECK_EQ(replay(&d, 10), OK);
    CHECK_EQ(d.count, 2);
    CHECK_EQ(d.lsns[0], 10);
    check_damage(&d, 3, STR("wal-00000001.log"), 4 * WAL_FRAME_SECTOR_BYTES);
    close_desk(&d);
}

TEST(wal_ends_for_good_when_a_sync_fails)
{
    static struct desk d;
    uint64_t lsn = 0;
    uint64_t first_lsn = 0;
    struct wal_record r = {.payload = STR("payload of 0")};

    open_desk(&d);
    write_keys(&d, 1, 2);
    lsn = append(&d, 3);
    fake_disk_fail_at(&d.disk, 2, ERR_SYSTEM);
    CHECK_EQ(wal_health(&d.wal), OK);
    CHECK_EQ(wal_commit(&d.wal, lsn), ERR_SYSTEM);
    CHECK_EQ(wal_commit(&d.wal, lsn), ERR_SYSTEM);
    CHECK_EQ(wal_health(&d.wal), ERR_SYSTEM);
    CHECK_EQ(wal_commit(&d.wal, lsn - 1), OK); // that one was safe before
    CHECK_EQ(wal_append(&d.wal, &r, 1, &lsn), ERR_SYSTEM);
    CHECK_EQ(wal_roll(&d.wal, &first_lsn), ERR_SYSTEM);
    wal_close(&d.wal);
    close_desk(&d);
}

// The kernel shows what it has failed to write; whoever opens the log sees it and builds on it.
TEST(wal_makes_durable_what_it_found_after_a_failed_sync)
{
    for (uint64_t seed = 0; seed < 50; seed++) {
        static struct desk d;
        open_desk(&d);
        random_init(&d.disk.random, seed);
        uint64_t lsn = append(&d, 1);
        fake_disk_fail_at(&d.disk, 2, ERR_SYSTEM);
        CHECK_EQ(wal_commit(&d.wal, lsn), ERR_SYSTEM);
        wal_close(&d.wal);
        CHECK_EQ(replay(&d, 1), OK);
        size_t count = d.count;
        open_wal(&d);
        fake_disk_reboot(&d.disk);
        wal_close(&d.wal);
        CHECK_EQ(replay(&d, 1), OK);
        CHECK_EQ(d.count, count);
        close_desk(&d);
    }
}

TEST(wal_goes_on_when_there_is_no_room_for_a_new_file)
{
    static struct desk d;
    uint64_t first_lsn = 0;

    open_desk(&d);
    for (int i = 1; i <= 4; i++) { // open, reserve, write, sync
        write_keys(&d, (uint64_t)i, 1);
        fake_disk_fail_at(&d.disk, (uint64_t)i, ERR_LIMIT);
        CHECK_EQ(wal_roll(&d.wal, &first_lsn), ERR_LIMIT);
    }
    write_keys(&d, 5, 1);
    fake_disk_fail_at(&d.disk, 6, ERR_LIMIT); // once it has its name, who knows
    CHECK_EQ(wal_roll(&d.wal, &first_lsn), ERR_LIMIT);
    CHECK_EQ(wal_commit(&d.wal, 5), OK);
    CHECK_EQ(wal_roll(&d.wal, &first_lsn), ERR_LIMIT);
    wal_close(&d.wal);
    CHECK_EQ(replay(&d, 1), OK);
    CHECK_EQ(d.count, 5);
    close_desk(&d);
}

TEST(wal_has_at_most_so_many_files)
{
    static struct desk d;
    uint64_t first_lsn = 0;

    open_desk(&d);
    for (uint64_t i = 1; i < WAL_REPLAY_FILES_MAX; i++) {
        write_keys(&d, i, 1);
        CHECK_EQ(wal_roll(&d.wal, &first_lsn), OK);
    }
    write_keys(&d, 500, 1);
    CHECK_EQ(wal_roll(&d.wal, &first_lsn), ERR_LIMIT);
    CHECK_EQ(wal_forget(&d.wal, 2), OK);
    CHECK_EQ(wal_roll(&d.wal, &first_lsn), OK);
    wal_close(&d.wal);
    CHECK_EQ(replay(&d, 2), OK);
    CHECK_EQ(d.count, WAL_REPLAY_FILES_MAX - 1);
    close_desk(&d);
}

TEST(wal_refuses_groups_that_no_frame_holds)
{
    static char large[WAL_FRAME_PAYLOAD_MAX + 1];
    static struct desk d;
    struct wal_record many[16];
    uint64_t lsn = 0;

    open_desk(&d);
    for (int i = 0; i < 16; i++) {
        many[i] = (struct wal_record){.payload = {large, WAL_FRAME_PAYLOAD_MAX}};
    }
    CHECK_EQ(wal_append(&d.wal, many, 16, &lsn), ERR_LIMIT);
    CHECK_EQ(wal_append(&d.wal, many, 15, &lsn), OK);
    CHECK_EQ(lsn, 1);
    CHECK_EQ(wal_append(&d.wal, many, 15, &lsn), OK); // once the first ones have left
    CHECK_EQ(lsn, 16);
    many[0].payload.len++;
    CHECK_EQ(wal_append(&d.wal, many, 1, &lsn), ERR_LIMIT);
    CHECK_EQ(wal_commit(&d.wal, 30), OK);
    wal_close(&d.wal);
    close_desk(&d);
}

TEST(wal_replay_ends_when_its_caller_says_so)
{
    static struct desk d;

    open_desk(&d);
    write_keys(&d, 1, 3);
    wal_close(&d.wal);
    d.answer = ERR_CANCELED;
    CHECK_EQ(replay(&d, 2), ERR_CANCELED);
    CHECK_EQ(d.count, 1);
    close_desk(&d);
}

// Bytes of a frame inside a payload are not one, as nobody knows the salt.
TEST(wal_takes_no_payload_for_a_frame)
{
    static char payload[3 * WAL_FRAME_SECTOR_BYTES];
    static struct desk d;
    struct buf forged;
    uint64_t lsn = 0;
    struct wal_record small = {.key = 1};
    struct wal_record r = {.payload = {payload, sizeof(payload)}};

    open_desk(&d);
    buf_init(&forged, WAL_FRAME_BYTES_MAX);
    CHECK_EQ(wal_frame_begin(&forged), OK);
    CHECK_EQ(wal_frame_add(&forged, &small), OK);
    CHECK_EQ(wal_frame_seal(&forged, 900, 1, d.wal.salt + 1), OK);
    memcpy(payload + WAL_FRAME_SECTOR_BYTES - WAL_FRAME_HEAD_BYTES - WAL_FRAME_RECORD_HEAD_BYTES,
           forged.bytes, WAL_FRAME_SECTOR_BYTES);
    CHECK_EQ(wal_append(&d.wal, &r, 1, &lsn), OK);
    CHECK_EQ(wal_commit(&d.wal, lsn), OK);
    wal_close(&d.wal);
    flip(&d, 1, WAL_FRAME_SECTOR_BYTES); // as if it were torn
    CHECK_EQ(replay(&d, 1), OK);
    CHECK_EQ(d.count, 0);
    CHECK(d.found.is_cut);
    buf_done(&forged);
    close_desk(&d);
}
