#include "retrieval/vector/manifest_store.h"

#include "base/list.h"

#include "support/fake_disk.h"
#include "support/test.h"

#include <stdio.h>
#include <string.h>

struct desk {
    struct fake_disk disk;
    struct arena arena;
    struct manifest loaded;
    struct manifest_found found;
    uint64_t oldest_lsn;
};

static void open_desk(struct desk *d)
{
    memset(d, 0, sizeof(*d));
    fake_disk_open(&d->disk, 1);
    arena_init(&d->arena, 1000);
}

static void close_desk(struct desk *d)
{
    arena_reset(&d->arena);
    fake_disk_close(&d->disk);
}

static void path_of(struct desk *d, const char *name, char *out)
{
    CHECK_EQ(disk_path(str_from_c(d->disk.folder), str_from_c(name), out), OK);
}

static void make_file(struct desk *d, const char *name)
{
    char path[FILE_PATH_MAX];
    struct disk_file *f = NULL;

    path_of(d, name, path);
    CHECK_EQ(disk_open(&d->disk.disk, str_from_c(path), DISK_REPLACE, &f), OK);
    disk_close(f);
}

static bool is_there(struct desk *d, const char *name)
{
    char path[FILE_PATH_MAX];
    struct disk_file *f = NULL;

    path_of(d, name, path);
    err e = disk_open(disk_real(), str_from_c(path), DISK_READ, &f);
    if (!e) disk_close(f);
    return e == OK;
}

static void flip(struct desk *d, const char *name)
{
    char path[FILE_PATH_MAX];
    char byte = 0;
    size_t len = 0;
    struct disk_file *f = NULL;

    path_of(d, name, path);
    CHECK_EQ(disk_open(disk_real(), str_from_c(path), DISK_WRITE, &f), OK);
    CHECK_EQ(disk_read_at(f, &byte, 1, 20, &len), OK);
    byte ^= 1;
    CHECK_EQ(disk_write_at(f, (str){&byte, 1}, 20), OK);
    disk_close(f);
}

// A generation with one segment, "seg-N".
static err write(struct desk *d, uint64_t generation, uint64_t lsn)
{
    char name[MANIFEST_NAME_MAX];
    struct manifest_segment s = {.rows = 1};
    struct manifest m = {
        .generation = generation, .checkpoint_lsn = lsn, .segments = &s, .segment_count = 1};

    snprintf(name, sizeof(name), "seg-%d", (int)generation);
    s.name = str_from_c(name);
    return manifest_store_write(&d->disk.disk, str_from_c(d->disk.folder), &m, &d->oldest_lsn);
}

static err load(struct desk *d)
{
    return manifest_store_load(&d->disk.disk, str_from_c(d->disk.folder), &d->arena, &d->loaded,
                               &d->found);
}

TEST(manifest_store_keeps_the_newest_and_the_one_before)
{
    static struct desk d;

    open_desk(&d);
    CHECK_EQ(load(&d), ERR_ABSENT);
    for (uint64_t g = 1; g <= 5; g++) {
        CHECK_EQ(write(&d, g, 10 * g), OK);
        CHECK_EQ(d.oldest_lsn, g == 1 ? 10 : 10 * g - 10);
        CHECK_EQ(load(&d), OK);
        CHECK_EQ(d.loaded.generation, g);
        CHECK_STR(str_from_c(d.found.damaged), "");
    }
    CHECK(!is_there(&d, "MANIFEST-00000003"));
    CHECK(is_there(&d, "MANIFEST-00000004"));
    CHECK(!is_there(&d, "MANIFEST.tmp"));
    close_desk(&d);
}

TEST(manifest_store_falls_back_where_the_newest_is_damaged)
{
    static struct desk d;

    open_desk(&d);
    for (uint64_t g = 1; g <= 3; g++) {
        CHECK_EQ(write(&d, g, 10 * g), OK);
    }
    flip(&d, "MANIFEST-00000003");
    CHECK_EQ(load(&d), OK);
    CHECK_EQ(d.loaded.generation, 2);
    CHECK_EQ(d.found.newest, 3);
    CHECK_STR(str_from_c(d.found.damaged), "MANIFEST-00000003");
    CHECK_EQ(write(&d, 4, 40), OK); // keeps the good one before, not the damaged one
    CHECK_EQ(d.oldest_lsn, 20);
    CHECK(!is_there(&d, "MANIFEST-00000003"));
    CHECK(is_there(&d, "MANIFEST-00000002"));
    flip(&d, "MANIFEST-00000004");
    CHECK_EQ(load(&d), OK);
    CHECK_EQ(d.loaded.generation, 2);
    flip(&d, "MANIFEST-00000002");
    CHECK_EQ(load(&d), ERR_DAMAGED);
    close_desk(&d);
}

TEST(manifest_store_takes_no_other_files_for_generations)
{
    static struct desk d;

    open_desk(&d);
    CHECK_EQ(write(&d, 1, 10), OK);
    make_file(&d, "MANIFEST-9");
    make_file(&d, "MANIFEST-00000000");
    make_file(&d, "MANIFEST-0000000a");
    make_file(&d, "MANIFEST-00000007.tmp");
    CHECK_EQ(load(&d), OK);
    CHECK_EQ(d.found.newest, 1);
    CHECK_EQ(write(&d, 2, 20), OK);
    CHECK_EQ(write(&d, 3, 30), OK);
    CHECK(is_there(&d, "MANIFEST-9"));
    close_desk(&d);
}

struct keeper {
    struct manifest_keeper keeper;
    const char *needed;
};

static bool is_needed(struct manifest_keeper *k, str name)
{
    return str_eq(name, str_from_c(container_of(k, struct keeper, keeper)->needed));
}

TEST(manifest_store_cleans_up_what_nobody_names)
{
    static struct desk d;
    struct keeper k = {{is_needed}, "seg-new"};
    str folder;

    open_desk(&d);
    folder = str_from_c(d.disk.folder);
    for (uint64_t g = 1; g <= 3; g++) {
        char name[MANIFEST_NAME_MAX];
        snprintf(name, sizeof(name), "seg-%d", (int)g);
        make_file(&d, name);
        CHECK_EQ(write(&d, g, 10 * g), OK);
    }
    make_file(&d, "seg-new");
    make_file(&d, "wal.tmp");
    make_file(&d, "wal-00000001.log");
    make_file(&d, "notes");
    CHECK_EQ(manifest_store_clean(&d.disk.disk, folder, &k.keeper), OK);
    CHECK(!is_there(&d, "seg-1"));
    CHECK(is_there(&d, "seg-2")); // of the generation before
    CHECK(is_there(&d, "seg-3"));
    CHECK(is_there(&d, "seg-new"));
    CHECK(is_there(&d, "wal.tmp")); // the log may be making it
    CHECK_EQ(manifest_store_clean(&d.disk.disk, folder, NULL), OK);
    CHECK(!is_there(&d, "seg-new"));
    CHECK(!is_there(&d, "wal.tmp"));
    CHECK(is_there(&d, "seg-2"));
    CHECK(is_there(&d, "wal-00000001.log"));
    CHECK(is_there(&d, "notes"));
    close_desk(&d);
}

// With no manifest that can be read, nothing is known to be superfluous.
TEST(manifest_store_removes_nothing_without_a_good_manifest)
{
    static struct desk d;

    open_desk(&d);
    make_file(&d, "seg-1");
    CHECK_EQ(manifest_store_clean(&d.disk.disk, str_from_c(d.disk.folder), NULL), ERR_ABSENT);
    CHECK_EQ(write(&d, 1, 10), OK);
    flip(&d, "MANIFEST-00000001");
    CHECK_EQ(manifest_store_clean(&d.disk.disk, str_from_c(d.disk.folder), NULL), ERR_ABSENT);
    CHECK(is_there(&d, "seg-1"));
    CHECK(is_there(&d, "MANIFEST-00000001"));
    close_desk(&d);
}
