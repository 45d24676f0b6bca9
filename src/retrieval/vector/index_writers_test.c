// Crosses threads: several write at once, each its own keys, while segments are made and merged;
// until the power goes or an operation of the disk fails.
#include "base/random.h"
#include "retrieval/vector/index.h"

#include "support/index_stage.h"
#include "support/test.h"

#include <pthread.h>
#include <stdatomic.h>

enum { WRITERS = 4, KEYS = 40, BATCH_MAX = 20, ROUNDS = 60, POINTS = 12, POINT_MAX = 500 };

struct writer {
    pthread_t thread;
    uint64_t first;
    uint64_t seed;
    uint32_t acknowledged[KEYS];
    uint32_t tried[KEYS]; // what a call that failed would have made
};

static struct index_stage stage;
static atomic_bool is_over;

static err write_batch(struct writer *w, struct random *r, uint32_t version)
{
    uint64_t at = random_below(r, KEYS);
    uint32_t most = KEYS - at < BATCH_MAX ? (uint32_t)(KEYS - at) : BATCH_MAX;
    uint32_t count = 1 + (uint32_t)random_below(r, most);
    bool is_delete = random_below(r, 4) == 0;

    for (uint64_t i = at; i < at + count; i++) {
        w->tried[i] = is_delete ? 0 : version;
    }
    TRY(is_delete ? index_stage_delete(&stage, w->first + at, count)
                  : index_stage_put(&stage, w->first + at, count, version));
    for (uint64_t i = at; i < at + count; i++) {
        w->acknowledged[i] = w->tried[i];
    }
    return OK;
}

static void *write_on(void *argument)
{
    struct writer *w = argument;
    struct random r;
    err e = OK;

    random_init(&r, w->seed);
    for (uint32_t version = 1; version <= ROUNDS && !e; version++) {
        e = write_batch(w, &r, version);
    }
    return NULL;
}

static void *compact_on(void *argument)
{
    (void)argument;
    for (unsigned i = 0; !is_over; i++) {
        (void)index_compact(stage.index, i % 2);
    }
    return NULL;
}

static void write_together(struct writer *writers, uint64_t seed)
{
    pthread_t compacter;

    is_over = false;
    CHECK_EQ(pthread_create(&compacter, NULL, compact_on, NULL), 0);
    for (uint64_t i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.first = i * KEYS, .seed = seed + i};
        CHECK_EQ(pthread_create(&writers[i].thread, NULL, write_on, &writers[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        CHECK_EQ(pthread_join(writers[i].thread, NULL), 0);
    }
    is_over = true;
    CHECK_EQ(pthread_join(compacter, NULL), 0);
}

static void check_writers(const struct writer *writers)
{
    for (uint64_t i = 0; i < (uint64_t)WRITERS * KEYS; i++) {
        const struct writer *w = &writers[i / KEYS];
        uint32_t version = index_stage_version(&stage, i);
        CHECK(version == w->acknowledged[i % KEYS] || version == w->tried[i % KEYS]);
    }
}

static void open_stage(uint64_t seed)
{
    index_stage_open(&stage, seed);
    stage.options.has_no_background = false;
    CHECK_EQ(index_stage_reopen(&stage), OK);
}

static void cut_power(void)
{
    index_close(stage.index);
    stage.index = NULL;
    fake_disk_reboot(&stage.disk);
}

TEST(index_writers_lose_nothing_when_the_power_goes)
{
    uint64_t seed = test_seed();
    struct writer writers[WRITERS];

    for (uint64_t i = 0; i < POINTS; i++) {
        open_stage(seed + i);
        fake_disk_crash_at(&stage.disk, 1 + random_mix(seed + i) % POINT_MAX);
        write_together(writers, seed + i);
        cut_power();
        CHECK_EQ(index_stage_reopen(&stage), OK);
        check_writers(writers);
        index_stage_close(&stage);
    }
}

TEST(index_writers_lose_nothing_when_the_disk_fails)
{
    uint64_t seed = test_seed();
    struct writer writers[WRITERS];

    for (uint64_t i = 0; i < POINTS; i++) {
        open_stage(seed + i);
        fake_disk_fail_at(&stage.disk, 1 + random_mix(seed + i) % POINT_MAX,
                          i % 2 ? ERR_LIMIT : ERR_SYSTEM);
        write_together(writers, seed + i);
        fake_disk_fail_at(&stage.disk, 0, OK);
        CHECK_EQ(index_stage_reopen(&stage), OK);
        check_writers(writers);
        cut_power();
        CHECK_EQ(index_stage_reopen(&stage), OK);
        check_writers(writers);
        index_stage_close(&stage);
    }
}
