// Crosses threads: groups of several threads share a sync, and files change under them.
#include "base/list.h"
#include "retrieval/vector/wal.h"

#include "support/test.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 8, GROUPS = 60, GROUP = 3, ROLLS = 20, SYNC_USEC = 500 };

// The kernel's disk, whose syncs take a while and are counted.
struct slow_disk {
    struct disk disk;
    struct disk_ops ops;
};

static atomic_int syncs;
static atomic_int writing; // threads that have groups to write still
static atomic_int pending; // of them, those whose group is appended and doesn't last yet
static atomic_bool waits_for_all;

static err slow_sync(struct disk_file *f)
{
    (void)f;
    atomic_fetch_add(&syncs, 1);
    usleep(SYNC_USEC);
    while (atomic_load(&waits_for_all) && atomic_load(&pending) < atomic_load(&writing)) {
        usleep(SYNC_USEC / 10);
    }
    return OK;
}

struct desk {
    struct slow_disk slow;
    struct wal wal;
    struct wal_found found;
    struct wal_sink sink;
    char folder[40];
    uint64_t group_of[THREADS];
    uint64_t place;
    uint64_t count;
    atomic_bool is_over; // else writers write on
};

struct writer {
    struct desk *desk;
    pthread_t thread;
    uint64_t number;
    uint64_t groups; // that were written
};

static void *write_groups(void *argument)
{
    struct writer *w = argument;
    uint64_t lsn = 0;

    for (; w->groups < GROUPS || !atomic_load(&w->desk->is_over); w->groups++) {
        struct wal_record records[GROUP];
        for (uint64_t i = 0; i < GROUP; i++) {
            records[i] =
                (struct wal_record){.key = w->groups * GROUP + i, .op = (uint8_t)w->number};
        }
        CHECK_EQ(wal_append(&w->desk->wal, records, GROUP, &lsn), OK);
        atomic_fetch_add(&pending, 1);
        CHECK_EQ(wal_commit(&w->desk->wal, lsn + GROUP - 1), OK);
        atomic_fetch_sub(&pending, 1);
    }
    atomic_fetch_sub(&writing, 1);
    return NULL;
}

// Each thread's groups are there in its order, and no other's record is inside one.
static err check_order(struct wal_sink *s, uint64_t lsn, const struct wal_record *r)
{
    struct desk *d = container_of(s, struct desk, sink);

    CHECK_EQ(lsn, d->count + 1);
    CHECK(r->op < THREADS);
    CHECK_EQ(r->key, d->group_of[r->op]++);
    CHECK_EQ(r->key % GROUP, d->place);
    d->place = (d->place + 1) % GROUP;
    d->count++;
    return OK;
}

static void open_desk(struct desk *d)
{
    struct wal_options options = {.disk = &d->slow.disk, .seed = 1, .reserve_bytes = 65536};

    *d = (struct desk){.folder = "/tmp/wal_test.XXXXXX", .sink = {check_order}};
    CHECK(mkdtemp(d->folder));
    d->slow.ops = *disk_real()->ops;
    d->slow.ops.sync = slow_sync;
    d->slow.disk.ops = &d->slow.ops;
    options.folder = str_from_c(d->folder);
    CHECK_EQ(wal_replay(options.disk, options.folder, 1, &d->sink, &d->found), OK);
    CHECK_EQ(wal_open(&d->wal, &options, &d->found), OK);
    atomic_store(&syncs, 0);
}

static void close_desk(struct desk *d)
{
    char path[FILE_PATH_MAX];

    for (size_t i = 0; i < d->found.file_count; i++) {
        CHECK_EQ(wal_replay_path(str_from_c(d->folder), d->found.files[i].sequence, path), OK);
        CHECK_EQ(unlink(path), 0);
    }
    CHECK_EQ(rmdir(d->folder), 0);
}

static void start(struct desk *d, struct writer *writers)
{
    atomic_store(&writing, THREADS);
    for (uint64_t i = 0; i < THREADS; i++) {
        writers[i] = (struct writer){.desk = d, .number = i};
        CHECK_EQ(pthread_create(&writers[i].thread, NULL, write_groups, &writers[i]), 0);
    }
}

// Waits for the writers' end; returns how many records they have written.
static uint64_t join(struct desk *d, struct writer *writers)
{
    uint64_t records = 0;

    atomic_store(&d->is_over, true);
    for (int i = 0; i < THREADS; i++) {
        CHECK_EQ(pthread_join(writers[i].thread, NULL), 0);
        records += writers[i].groups * GROUP;
    }
    return records;
}

static void check_all(struct desk *d, uint64_t records)
{
    wal_close(&d->wal);
    CHECK_EQ(wal_replay(&d->slow.disk, str_from_c(d->folder), 1, &d->sink, &d->found), OK);
    CHECK_EQ(d->count, records);
    CHECK_EQ(d->found.next_lsn, records + 1);
}

// A sync takes until all writers wait for one, so each is in this one or the next.
TEST(wal_threads_share_their_syncs)
{
    static struct desk d;
    struct writer writers[THREADS];

    open_desk(&d);
    atomic_store(&d.is_over, true); // after their groups
    atomic_store(&waits_for_all, true);
    start(&d, writers);
    uint64_t records = join(&d, writers);
    atomic_store(&waits_for_all, false);
    CHECK_EQ(records, THREADS * GROUPS * GROUP);
    CHECK(atomic_load(&syncs) < (int)records / GROUP / 2);
    check_all(&d, records);
    close_desk(&d);
}

// Even though there is always something pending.
TEST(wal_threads_write_on_while_files_change)
{
    static struct desk d;
    struct writer writers[THREADS];
    uint64_t first_lsn = 0;
    uint64_t last = 0;

    open_desk(&d);
    start(&d, writers);
    for (int rolls = 0; rolls < ROLLS;) {
        CHECK_EQ(wal_roll(&d.wal, &first_lsn), OK);
        CHECK(first_lsn >= last);
        rolls += first_lsn > last;
        last = first_lsn;
        CHECK_EQ(wal_forget(&d.wal, 1), OK);
        usleep(SYNC_USEC);
    }
    check_all(&d, join(&d, writers));
    CHECK(d.found.file_count >= ROLLS);
    close_desk(&d);
}
