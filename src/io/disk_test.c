#include "io/disk.h"

#include "base/list.h"

#include "support/fake_disk.h"
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct desk {
    struct disk *disk;
    char folder[40];
    char path[FILE_PATH_MAX];
    char other[FILE_PATH_MAX];
};

static void open_desk(struct desk *d)
{
    *d = (struct desk){.disk = disk_real(), .folder = "/tmp/disk_test.XXXXXX"};
    CHECK(mkdtemp(d->folder));
    CHECK_EQ(disk_path(str_from_c(d->folder), STR("one"), d->path), OK);
    CHECK_EQ(disk_path(str_from_c(d->folder), STR("two"), d->other), OK);
}

static void close_desk(struct desk *d)
{
    unlink(d->path);
    unlink(d->other);
    CHECK_EQ(rmdir(d->folder), 0);
}

static struct disk_file *open_file(struct desk *d, const char *path, enum disk_mode mode)
{
    struct disk_file *f = NULL;

    CHECK_EQ(disk_open(d->disk, str_from_c(path), mode, &f), OK);
    return f;
}

static void check_bytes(struct disk_file *f, uint64_t offset, str want)
{
    char room[100];
    size_t len = 0;

    CHECK_EQ(disk_read_at(f, room, sizeof(room), offset, &len), OK);
    CHECK_SAME(((str){room, len}), want);
}

TEST(disk_reads_what_it_wrote_anywhere)
{
    struct desk d;

    open_desk(&d);
    struct disk_file *f = open_file(&d, d.path, DISK_CREATE);
    CHECK_EQ(disk_write_at(f, STR("world"), 6), OK);
    CHECK_EQ(disk_write_at(f, STR("hello "), 0), OK);
    CHECK_EQ(disk_sync(f), OK);
    check_bytes(f, 0, STR("hello world"));
    check_bytes(f, 9, STR("ld"));
    check_bytes(f, 11, STR(""));
    check_bytes(f, 1000, STR(""));
    disk_close(f);
    disk_close(NULL);
    CHECK_EQ(disk_sync_folder(d.disk, str_from_c(d.folder)), OK);
    close_desk(&d);
}

TEST(disk_modes_differ_in_what_they_do_with_an_existing_file)
{
    struct desk d;
    struct disk_file *f = NULL;
    uint64_t bytes = 9;

    open_desk(&d);
    CHECK_EQ(disk_open(d.disk, str_from_c(d.path), DISK_READ, &f), ERR_ABSENT);
    CHECK_EQ(disk_open(d.disk, str_from_c(d.path), DISK_WRITE, &f), ERR_ABSENT);
    CHECK_EQ(disk_open(d.disk, str_from_c(d.folder), DISK_READ, &f), ERR_TYPE);
    f = open_file(&d, d.path, DISK_REPLACE);
    CHECK_EQ(disk_write_at(f, STR("first"), 0), OK);
    disk_close(f);
    f = NULL;
    CHECK_EQ(disk_open(d.disk, str_from_c(d.path), DISK_CREATE, &f), ERR_IN_USE);
    CHECK(!f);
    f = open_file(&d, d.path, DISK_WRITE);
    check_bytes(f, 0, STR("first"));
    disk_close(f);
    f = open_file(&d, d.path, DISK_READ);
    CHECK(disk_write_at(f, STR("x"), 0) != OK);
    disk_close(f);
    f = open_file(&d, d.path, DISK_REPLACE);
    CHECK_EQ(disk_size(f, &bytes), OK);
    CHECK_EQ(bytes, 0);
    disk_close(f);
    close_desk(&d);
}

TEST(disk_reserve_grows_by_zeros_and_never_shrinks)
{
    struct desk d;
    uint64_t bytes = 0;

    open_desk(&d);
    struct disk_file *f = open_file(&d, d.path, DISK_CREATE);
    CHECK_EQ(disk_write_at(f, STR("x"), 0), OK);
    CHECK_EQ(disk_reserve(f, 5), OK);
    check_bytes(f, 0, STR("x\0\0\0\0"));
    CHECK_EQ(disk_reserve(f, 2), OK);
    CHECK_EQ(disk_size(f, &bytes), OK);
    CHECK_EQ(bytes, 5);
    disk_close(f);
    close_desk(&d);
}

struct census {
    struct disk_lister lister;
    size_t count;
    err answer;
};

static err count_name(struct disk_lister *l, str name)
{
    struct census *c = container_of(l, struct census, lister);

    CHECK(str_eq(name, STR("one")) || str_eq(name, STR("two")));
    c->count++;
    return c->answer;
}

TEST(disk_names_are_linked_moved_listed_and_removed)
{
    struct desk d;
    struct census c = {.lister = {count_name}};
    str folder;

    open_desk(&d);
    folder = str_from_c(d.folder);
    disk_close(open_file(&d, d.path, DISK_CREATE));
    CHECK_EQ(disk_link(d.disk, str_from_c(d.path), str_from_c(d.other)), OK);
    CHECK_EQ(disk_link(d.disk, str_from_c(d.path), str_from_c(d.other)), ERR_IN_USE);
    CHECK_EQ(disk_list(d.disk, folder, &c.lister), OK);
    CHECK_EQ(c.count, 2);
    c.answer = ERR_LIMIT;
    CHECK_EQ(disk_list(d.disk, folder, &c.lister), ERR_LIMIT);
    CHECK_EQ(c.count, 3);
    CHECK_EQ(disk_remove(d.disk, str_from_c(d.other)), OK);
    CHECK_EQ(disk_remove(d.disk, str_from_c(d.other)), ERR_ABSENT);
    CHECK_EQ(disk_rename(d.disk, str_from_c(d.path), str_from_c(d.other)), OK);
    CHECK_EQ(disk_rename(d.disk, str_from_c(d.path), str_from_c(d.other)), ERR_ABSENT);
    CHECK_EQ(disk_make_folder(d.disk, str_from_c(d.path)), OK);
    CHECK_EQ(disk_make_folder(d.disk, str_from_c(d.path)), ERR_IN_USE);
    rmdir(d.path);
    CHECK_EQ(disk_list(d.disk, str_from_c(d.path), &c.lister), ERR_ABSENT);
    CHECK_EQ(disk_sync_folder(d.disk, str_from_c(d.path)), ERR_ABSENT);
    close_desk(&d);
}

TEST(disk_refuses_paths_that_are_too_long)
{
    static char long_name[FILE_PATH_MAX];
    char out[FILE_PATH_MAX];
    struct disk_file *f = NULL;

    memset(long_name, 'a', sizeof(long_name));
    str name = {long_name, FILE_PATH_MAX - 2};
    CHECK_EQ(disk_path(STR("b"), name, out), ERR_RANGE);
    name.len--;
    CHECK_EQ(disk_path(STR("b"), name, out), OK);
    CHECK_EQ(strlen(out), FILE_PATH_MAX - 1);
    name.len = FILE_PATH_MAX;
    CHECK_EQ(disk_open(disk_real(), name, DISK_READ, &f), ERR_RANGE);
    CHECK_EQ(disk_open(disk_real(), STR(""), DISK_READ, &f), ERR_RANGE);
}

// What is found at `name` after a power cut, read by the kernel's disk; -1 where nothing is.
static int survivor(struct fake_disk *d, str name, char *room, size_t size)
{
    char path[FILE_PATH_MAX];
    struct disk_file *f = NULL;
    size_t len = 0;

    CHECK_EQ(disk_path(str_from_c(d->folder), name, path), OK);
    err e = disk_open(disk_real(), str_from_c(path), DISK_READ, &f);
    if (e == ERR_ABSENT) return -1;
    CHECK_EQ(e, OK);
    CHECK_EQ(disk_read_at(f, room, size, 0, &len), OK);
    disk_close(f);
    return (int)len;
}

static struct disk_file *make_fake_file(struct fake_disk *d, str name)
{
    char path[FILE_PATH_MAX];
    struct disk_file *f = NULL;

    CHECK_EQ(disk_path(str_from_c(d->folder), name, path), OK);
    CHECK_EQ(disk_open(&d->disk, str_from_c(path), DISK_CREATE, &f), OK);
    return f;
}

enum { CUTS = 200, SECTORS = 4, SECTOR = 512 };

TEST(disk_that_is_synced_survives_every_cut)
{
    char room[2 * SECTOR];

    for (uint64_t seed = 0; seed < CUTS; seed++) {
        struct fake_disk d;
        fake_disk_open(&d, seed);
        struct disk_file *f = make_fake_file(&d, STR("a"));
        CHECK_EQ(disk_write_at(f, STR("safe"), 0), OK);
        CHECK_EQ(disk_sync(f), OK);
        CHECK_EQ(disk_sync_folder(&d.disk, str_from_c(d.folder)), OK);
        fake_disk_reboot(&d);
        CHECK_EQ(survivor(&d, STR("a"), room, sizeof(room)), 4);
        CHECK(disk_write_at(f, STR("lost"), 0) != OK); // it was open before the cut
        disk_close(f);
        fake_disk_reboot(&d);
        CHECK_EQ(survivor(&d, STR("a"), room, sizeof(room)), 4);
        CHECK_SAME(((str){room, 4}), STR("safe"));
        fake_disk_close(&d);
    }
}

// Of two versions of four sectors, with neither synced, any mixture of sectors may be found.
TEST(disk_that_is_not_synced_loses_keeps_and_tears)
{
    int mixtures[3 * 3 * 3 * 3] = {0};
    int found = 0;
    int absent = 0;

    for (uint64_t seed = 0; seed < 10 * (uint64_t)CUTS; seed++) {
        char bytes[SECTORS * SECTOR];
        int mixture = 0;
        struct fake_disk d;
        fake_disk_open(&d, seed);
        struct disk_file *f = make_fake_file(&d, STR("a"));
        CHECK_EQ(disk_reserve(f, sizeof(bytes)), OK);
        CHECK_EQ(disk_sync(f), OK);
        for (int version = 1; version <= 2; version++) {
            memset(bytes, version, sizeof(bytes));
            CHECK_EQ(disk_write_at(f, (str){bytes, sizeof(bytes)}, 0), OK);
        }
        disk_close(f);
        fake_disk_reboot(&d);
        int len = survivor(&d, STR("a"), bytes, sizeof(bytes));
        if (len < 0) {
            absent++;
        } else {
            CHECK_EQ(len, sizeof(bytes));
            for (int i = 0; i < SECTORS; i++) {
                CHECK_EQ(memcmp(bytes + i * SECTOR, bytes + i * SECTOR + 1, SECTOR - 1), 0);
                mixture = mixture * 3 + bytes[i * SECTOR];
            }
            mixtures[mixture]++;
        }
        fake_disk_close(&d);
    }
    for (int i = 0; i < 3 * 3 * 3 * 3; i++) {
        found += mixtures[i] > 0;
    }
    CHECK(absent > 0);
    CHECK(found > 60);
    CHECK(mixtures[0] > 0);
    CHECK(mixtures[80] > 0);
}

// A move that was not synced is found done or not done, and never by half.
TEST(disk_moves_atomically_whatever_survives)
{
    char room[10];
    int moved = 0;

    for (uint64_t seed = 0; seed < CUTS; seed++) {
        struct fake_disk d;
        char from[FILE_PATH_MAX];
        char to[FILE_PATH_MAX];
        fake_disk_open(&d, seed);
        str folder = str_from_c(d.folder);
        CHECK_EQ(disk_path(folder, STR("from"), from), OK);
        CHECK_EQ(disk_path(folder, STR("to"), to), OK);
        disk_close(make_fake_file(&d, STR("to")));
        struct disk_file *f = make_fake_file(&d, STR("from"));
        CHECK_EQ(disk_write_at(f, STR("new"), 0), OK);
        CHECK_EQ(disk_sync(f), OK);
        disk_close(f);
        CHECK_EQ(disk_sync_folder(&d.disk, folder), OK);
        CHECK_EQ(disk_rename(&d.disk, str_from_c(from), str_from_c(to)), OK);
        fake_disk_reboot(&d);
        int old_len = survivor(&d, STR("from"), room, sizeof(room));
        int new_len = survivor(&d, STR("to"), room, sizeof(room));
        CHECK((old_len == -1 && new_len == 3) || (old_len == 3 && new_len == 0));
        moved += new_len == 3;
        fake_disk_close(&d);
    }
    CHECK(moved > CUTS / 8);
    CHECK(moved < CUTS - CUTS / 8);
}

TEST(disk_that_failed_to_sync_does_not_get_the_bytes_back)
{
    char room[10];
    int lost = 0;

    for (uint64_t seed = 0; seed < CUTS; seed++) {
        struct fake_disk d;
        fake_disk_open(&d, seed);
        struct disk_file *f = make_fake_file(&d, STR("a"));
        CHECK_EQ(disk_sync_folder(&d.disk, str_from_c(d.folder)), OK);
        CHECK_EQ(disk_write_at(f, STR("bytes"), 0), OK);
        fake_disk_fail_at(&d, 1, ERR_SYSTEM);
        CHECK_EQ(disk_sync(f), ERR_SYSTEM);
        CHECK_EQ(disk_sync(f), OK);
        disk_close(f);
        fake_disk_reboot(&d);
        lost += survivor(&d, STR("a"), room, sizeof(room)) != 5 || memcmp(room, "bytes", 5) != 0;
        fake_disk_close(&d);
    }
    CHECK(lost > CUTS / 8);
    CHECK(lost < CUTS);
}

TEST(disk_without_power_does_nothing)
{
    struct fake_disk d;
    char path[FILE_PATH_MAX];
    char room[10];
    size_t len = 0;
    struct disk_file *other = NULL;
    struct census c = {.lister = {count_name}};

    fake_disk_open(&d, 1);
    CHECK_EQ(disk_path(str_from_c(d.folder), STR("a"), path), OK);
    struct disk_file *f = make_fake_file(&d, STR("a"));
    fake_disk_crash_at(&d, 2);
    CHECK_EQ(disk_write_at(f, STR("one"), 0), OK);
    CHECK_EQ(disk_write_at(f, STR("two"), 0), ERR_SYSTEM);
    CHECK_EQ(disk_sync(f), ERR_SYSTEM);
    CHECK_EQ(disk_read_at(f, room, sizeof(room), 0, &len), ERR_SYSTEM);
    CHECK_EQ(disk_remove(&d.disk, str_from_c(path)), ERR_SYSTEM);
    CHECK_EQ(disk_open(&d.disk, str_from_c(path), DISK_READ, &other), ERR_SYSTEM);
    CHECK_EQ(disk_list(&d.disk, str_from_c(d.folder), &c.lister), ERR_SYSTEM);
    CHECK_EQ(d.operations, 3);
    disk_close(f);
    fake_disk_reboot(&d);
    CHECK_EQ(disk_make_folder(&d.disk, str_from_c(path)),
             survivor(&d, STR("a"), room, 1) < 0 ? OK : ERR_IN_USE);
    fake_disk_close(&d);
}

TEST(disk_tells_where_something_was_written)
{
    enum { RESERVED = 4 << 20, WRITTEN = 1 << 20 };
    struct fake_disk d;
    uint64_t at = 0;

    fake_disk_open(&d, 1);
    struct disk_file *f = make_fake_file(&d, STR("a"));
    CHECK_EQ(disk_reserve(f, RESERVED), OK);
    CHECK_EQ(disk_write_at(f, STR("one"), WRITTEN), OK);
    CHECK_EQ(disk_next_written(f, 4096, &at), OK);
    CHECK(at > 4096 && at <= WRITTEN); // in memory, whose file system can tell
    CHECK_EQ(disk_next_written(f, WRITTEN + 1, &at), OK);
    CHECK_EQ(at, WRITTEN + 1);
    CHECK_EQ(disk_next_written(f, RESERVED, &at), OK);
    CHECK_EQ(at, RESERVED);
    disk_close(f);
    fake_disk_close(&d);
}
