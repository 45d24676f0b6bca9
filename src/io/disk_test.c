#include "io/disk.h"

#include "base/list.h"

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
