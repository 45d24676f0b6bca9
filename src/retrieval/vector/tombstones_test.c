#include "retrieval/vector/tombstones.h"

#include "support/test.h"

#include <stdlib.h>
#include <unistd.h>

struct desk {
    char folder[48];
    char path[FILE_PATH_MAX];
};

static void open_desk(struct desk *d)
{
    *d = (struct desk){.folder = "/tmp/tombstones_test.XXXXXX"};
    CHECK(mkdtemp(d->folder));
    CHECK_EQ(disk_path(str_from_c(d->folder), STR("dead"), d->path), OK);
}

static void close_desk(struct desk *d)
{
    (void)unlink(d->path);
    CHECK_EQ(rmdir(d->folder), 0);
}

TEST(tombstones_a_row_dies_once)
{
    struct tombstones t;

    tombstones_init(&t, 130);
    CHECK(tombstones_set(&t, 0));
    CHECK(tombstones_set(&t, 129));
    CHECK(!tombstones_set(&t, 129));
    CHECK(tombstones_has(&t, 0) && tombstones_has(&t, 129) && !tombstones_has(&t, 64));
    CHECK_EQ(t.dead, 2);
    tombstones_done(&t);
}

static void save(const struct tombstones *t, const struct desk *d)
{
    uint64_t dead = 0;

    CHECK_EQ(tombstones_save(t, disk_real(), str_from_c(d->path), &dead), OK);
    CHECK_EQ(dead, t->dead);
}

TEST(tombstones_come_back_from_a_file)
{
    static const uint64_t sizes[] = {0, 1, 64, 65, 1000, 600'000};
    struct desk d;

    open_desk(&d);
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct tombstones t;
        struct tombstones back;
        tombstones_init(&t, sizes[i]);
        for (uint64_t row = 0; row < sizes[i]; row += 3) {
            CHECK(tombstones_set(&t, row));
        }
        save(&t, &d);
        tombstones_init(&back, sizes[i]);
        CHECK_EQ(tombstones_load(&back, disk_real(), str_from_c(d.path)), OK);
        CHECK_EQ(back.dead, t.dead);
        for (uint64_t row = 0; row < sizes[i]; row++) {
            CHECK_EQ(tombstones_has(&back, row), row % 3 == 0);
        }
        tombstones_done(&t);
        tombstones_done(&back);
    }
    close_desk(&d);
}

static err load_as(const struct desk *d, uint64_t rows)
{
    struct tombstones t;

    tombstones_init(&t, rows);
    err e = tombstones_load(&t, disk_real(), str_from_c(d->path));
    tombstones_done(&t);
    return e;
}

TEST(tombstones_of_a_damaged_file_are_refused_whatever_bit_it_is)
{
    struct desk d;
    struct tombstones t;
    struct disk_file *f = NULL;
    uint64_t size = 0;

    open_desk(&d);
    tombstones_init(&t, 100);
    CHECK(tombstones_set(&t, 17));
    save(&t, &d);
    CHECK_EQ(load_as(&d, 101), ERR_DAMAGED);
    CHECK_EQ(load_as(&d, 1000), ERR_DAMAGED);
    CHECK_EQ(disk_open(disk_real(), str_from_c(d.path), DISK_WRITE, &f), OK);
    CHECK_EQ(disk_size(f, &size), OK);
    for (uint64_t bit = 0; bit < size * 8; bit++) {
        char byte = 0;
        size_t len = 0;
        CHECK_EQ(disk_read_at(f, &byte, 1, bit / 8, &len), OK);
        byte = (char)(byte ^ 1 << bit % 8);
        CHECK_EQ(disk_write_at(f, (str){.ptr = &byte, .len = 1}, bit / 8), OK);
        CHECK_EQ(load_as(&d, 100), ERR_DAMAGED);
        byte = (char)(byte ^ 1 << bit % 8);
        CHECK_EQ(disk_write_at(f, (str){.ptr = &byte, .len = 1}, bit / 8), OK);
    }
    disk_close(f);
    CHECK_EQ(load_as(&d, 100), OK);
    CHECK_EQ(truncate(d.path, (off_t)size - 1), 0);
    CHECK_EQ(load_as(&d, 100), ERR_DAMAGED);
    tombstones_done(&t);
    close_desk(&d);
}
