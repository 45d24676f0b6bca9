// What a disk does short of losing power: an operation fails while the index goes on, or the newest
// manifest is damaged later. And what an index must not do to itself.
#include "base/random.h"
#include "retrieval/vector/index.h"

#include "support/index_stage.h"
#include "support/test.h"

#include <stdio.h>
#include <string.h>

enum { KEYS = 120, STEPS = 30, POINTS = 40, MAYBES = STEPS + 1, BATCH_MAX = 48 };

// Of each key the versions that may be there: the one that was acknowledged last, and those of
// calls since that failed.
struct model {
    uint32_t versions[KEYS][MAYBES];
    uint32_t counts[KEYS];
    uint32_t next_version;
};

static struct index_stage stage;

static void model_init(struct model *m)
{
    memset(m, 0, sizeof(*m));
    for (unsigned key = 0; key < KEYS; key++) {
        m->counts[key] = 1; // none
    }
}

static void model_note(struct model *m, uint64_t first, uint32_t count, uint32_t version, err e)
{
    for (uint64_t key = first; key < first + count; key++) {
        if (!e) m->counts[key] = 0;
        CHECK(m->counts[key] < MAYBES);
        m->versions[key][m->counts[key]++] = version;
    }
}

// Every key has a version that it may have; from now on that one is certain.
static void check_model(struct model *m)
{
    for (unsigned key = 0; key < KEYS; key++) {
        uint32_t version = index_stage_version(&stage, key);
        bool may_be = false;
        for (uint32_t i = 0; i < m->counts[key]; i++) {
            may_be |= m->versions[key][i] == version;
        }
        CHECK(may_be);
        m->versions[key][0] = version;
        m->counts[key] = 1;
    }
}

static void step(struct model *m, struct random *r)
{
    uint64_t kind = random_below(r, 16);
    uint64_t first = random_below(r, KEYS);
    uint32_t most = KEYS - first < BATCH_MAX ? (uint32_t)(KEYS - first) : BATCH_MAX;
    uint32_t count = 1 + (uint32_t)random_below(r, most);
    uint32_t version = ++m->next_version;
    err e = OK;

    if (kind < 3) {
        (void)index_flush(stage.index);
        return;
    }
    if (kind < 5) {
        (void)index_compact(stage.index, kind == 3);
        return;
    }
    if (kind == 5) {
        e = index_stage_load_rows(&stage, first, count, version);
    } else if (kind < 9) {
        version = 0;
        e = index_stage_delete(&stage, first, count);
    } else {
        e = index_stage_put(&stage, first, count, version);
    }
    model_note(m, first, count, version, e);
}

static void live(struct model *m, struct random *r)
{
    for (int i = 0; i < STEPS; i++) {
        step(m, r);
    }
}

static uint64_t operations_of(uint64_t seed)
{
    static struct model m;
    struct random r;

    model_init(&m);
    random_init(&r, seed);
    index_stage_open(&stage, seed);
    live(&m, &r);
    check_model(&m);
    uint64_t operations = stage.disk.operations;
    index_stage_close(&stage);
    return operations;
}

// What the reopening shows is what was promised, and from then on no power cut takes it away.
static void fail(uint64_t seed, uint64_t point, err failure)
{
    static struct model m;
    struct random r;

    model_init(&m);
    random_init(&r, seed);
    index_stage_open(&stage, seed + point);
    fake_disk_fail_at(&stage.disk, point, failure);
    live(&m, &r);
    fake_disk_fail_at(&stage.disk, 0, OK); // it may not have come so far
    CHECK_EQ(index_stage_reopen(&stage), OK);
    check_model(&m);
    index_close(stage.index);
    stage.index = NULL;
    fake_disk_reboot(&stage.disk);
    CHECK_EQ(index_stage_reopen(&stage), OK);
    check_model(&m);
    CHECK_EQ(index_stage_put(&stage, 0, 1, 999), OK);
    index_stage_close(&stage);
}

TEST(index_failure_of_any_operation_loses_nothing_that_was_acknowledged)
{
    uint64_t seed = test_seed();
    uint64_t operations = 0;

    for (uint64_t i = 0; i < POINTS; i++) {
        if (i % 16 == 0) operations = operations_of(++seed);
        fail(seed, 1 + random_mix(seed + i) % operations, i % 2 ? ERR_LIMIT : ERR_SYSTEM);
    }
}

static void flip_newest_manifest(void)
{
    struct index_stats stats;
    char path[FILE_PATH_MAX];
    char byte = 0;
    size_t len = 0;
    struct disk_file *f = NULL;

    index_stats(stage.index, &stats);
    snprintf(path, sizeof(path), "%s/MANIFEST-%08d", stage.folder, (int)stats.generation);
    CHECK_EQ(disk_open(disk_real(), str_from_c(path), DISK_WRITE, &f), OK);
    CHECK_EQ(disk_read_at(f, &byte, 1, 30, &len), OK);
    byte ^= 4;
    CHECK_EQ(disk_write_at(f, (str){&byte, 1}, 30), OK);
    disk_close(f);
}

TEST(index_failure_of_the_newest_manifest_loses_nothing)
{
    static struct model m;
    uint64_t seed = test_seed();

    for (uint64_t i = 0; i < 10; i++) {
        struct random r;
        struct index_stats stats;
        model_init(&m);
        random_init(&r, seed + i);
        index_stage_open(&stage, seed + i);
        live(&m, &r);
        index_stats(stage.index, &stats);
        if (stats.generation > 1) {
            flip_newest_manifest();
            CHECK_EQ(index_stage_reopen(&stage), OK);
            index_stats(stage.index, &stats);
            CHECK_EQ(stats.background, ERR_DAMAGED);
            check_model(&m);
            CHECK_EQ(index_flush(stage.index), OK);
            CHECK_EQ(index_stage_reopen(&stage), OK);
            check_model(&m);
        }
        index_stage_close(&stage);
    }
}

// Loaded rows are in no log, so both manifests must know of them.
TEST(index_failure_of_the_newest_manifest_after_a_load_loses_nothing)
{
    index_stage_open(&stage, 3);
    CHECK_EQ(index_stage_put(&stage, 1, 10, 1), OK);
    CHECK_EQ(index_stage_load_rows(&stage, 5, 40, 2), OK);
    CHECK_EQ(index_stage_put(&stage, 40, 10, 3), OK);
    flip_newest_manifest();
    CHECK_EQ(index_stage_reopen(&stage), OK);
    for (uint64_t key = 1; key < 50; key++) {
        CHECK_EQ(index_stage_version(&stage, key), key < 5 ? 1 : key < 40 ? 2 : 3);
    }
    index_stage_close(&stage);
}

TEST(index_failure_to_merge_ends_in_a_limit_that_a_merge_helps)
{
    err e = OK;
    uint64_t key = 0;

    index_stage_open(&stage, 4);
    while (!e) {
        CHECK(key < 600);
        CHECK_EQ(index_stage_put(&stage, key++, 1, 1), OK);
        e = index_flush(stage.index);
    }
    CHECK_EQ(e, ERR_LIMIT);
    CHECK_EQ(index_stage_load_rows(&stage, key, 1, 1), ERR_LIMIT);
    CHECK_EQ(index_compact(stage.index, false), OK);
    for (uint64_t i = 0; i < key; i += 50) {
        CHECK_EQ(index_stage_version(&stage, i), 1);
    }
    CHECK_EQ(index_stage_reopen(&stage), OK);
    for (uint64_t i = 0; i < key; i += 50) {
        CHECK_EQ(index_stage_version(&stage, i), 1);
    }
    index_stage_close(&stage);
}

// Nothing but deletes takes no room in memory, yet the log has them all.
TEST(index_failure_never_comes_of_deletes_alone)
{
    struct index_stats stats;

    index_stage_open(&stage, 5);
    stage.options.memory_bytes_max = 1024 * 1024;
    CHECK_EQ(index_stage_reopen(&stage), OK);
    for (uint64_t i = 0; i < 200; i++) {
        CHECK_EQ(index_stage_delete(&stage, 1, 1000), OK);
    }
    CHECK_EQ(index_stage_reopen(&stage), OK);
    index_stats(stage.index, &stats);
    CHECK(stats.replayed < 100 * 1000);
    index_stage_close(&stage);
}

TEST(index_failure_to_back_up_where_an_index_is_harms_none)
{
    static struct index_stage other;

    index_stage_open(&stage, 6);
    index_stage_open(&other, 7);
    CHECK_EQ(index_stage_put(&stage, 1, 10, 1), OK);
    CHECK_EQ(index_stage_put(&other, 1, 10, 2), OK);
    CHECK_EQ(index_flush(other.index), OK);
    CHECK_EQ(index_backup(stage.index, str_from_c(other.folder)), ERR_IN_USE);
    CHECK_EQ(index_backup(stage.index, str_from_c(stage.folder)), ERR_IN_USE);
    CHECK_EQ(index_stage_reopen(&other), OK);
    CHECK_EQ(index_stage_version(&other, 1), 2);
    index_stage_close(&other);
    index_stage_close(&stage);
}

// True once the index was made before the power went.
static bool make_until(uint64_t seed, uint64_t point)
{
    struct fake_disk *d = &stage.disk;
    struct index_options o = {.dim = INDEX_STAGE_DIM, .disk = &d->disk, .has_no_background = true};
    struct index *ix = NULL;

    fake_disk_open(d, seed + point);
    snprintf(stage.folder, sizeof(stage.folder), "%s/index", d->folder);
    fake_disk_crash_at(d, point);
    bool is_made = index_create(str_from_c(stage.folder), &o) == OK;
    fake_disk_reboot(d);
    err e = index_open(str_from_c(stage.folder), &o, &ix);
    if (e) {
        CHECK(!is_made);
        CHECK_EQ(e, ERR_ABSENT);
        CHECK_EQ(index_create(str_from_c(stage.folder), &o), OK);
        CHECK_EQ(index_open(str_from_c(stage.folder), &o, &ix), OK);
    }
    index_close(ix);
    fake_disk_close(d);
    return is_made;
}

TEST(index_failure_to_make_one_leaves_none_or_a_whole_one)
{
    for (uint64_t seed = 0; seed < 2000; seed += 100) {
        uint64_t point = 1;
        while (!make_until(seed, point)) {
            CHECK(++point < 100);
        }
        CHECK(point > 4);
    }
}

// Backs up until the power goes; what came of it opens with all rows or is not there. True once the
// backup was made.
static bool back_up_until(uint64_t point)
{
    char backup[FILE_PATH_MAX];
    char original[sizeof(stage.folder)];

    index_stage_open(&stage, point);
    snprintf(backup, sizeof(backup), "%s/backup", stage.disk.folder);
    memcpy(original, stage.folder, sizeof(original));
    CHECK_EQ(index_stage_put(&stage, 1, 40, 1), OK);
    CHECK_EQ(index_flush(stage.index), OK);
    CHECK_EQ(index_stage_put(&stage, 20, 40, 2), OK);
    fake_disk_crash_at(&stage.disk, point);
    bool is_made = index_backup(stage.index, str_from_c(backup)) == OK;
    for (int i = 0; i < 2; i++) {
        index_close(stage.index);
        stage.index = NULL;
        fake_disk_reboot(&stage.disk);
        memcpy(stage.folder, i ? backup : original, sizeof(stage.folder));
        err e = index_stage_reopen(&stage);
        CHECK(e == OK || (i == 1 && !is_made && e == ERR_ABSENT));
        for (uint64_t key = 1; key < 60 && !e; key++) {
            CHECK_EQ(index_stage_version(&stage, key), key < 20 ? 1 : 2);
        }
    }
    index_stage_close(&stage);
    return is_made;
}

TEST(index_failure_to_back_up_leaves_no_half_of_one)
{
    uint64_t point = 1;

    while (!back_up_until(point)) {
        CHECK(++point < 200);
    }
    CHECK(point > 10);
}
