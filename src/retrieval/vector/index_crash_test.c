// What was acknowledged survives a power cut at any operation on the disk, and nothing comes back.
// INDEX_CRASHES in the environment asks for more points than the few that a run has by default.
// Crosses threads.
#include "base/random.h"
#include "retrieval/vector/index.h"

#include "support/index_stage.h"
#include "support/test.h"

#include <stdlib.h>
#include <string.h>

enum { KEYS = 160, STEPS = 40, POINTS = 60, AFTER = 6 };

// What must be there: of each key the version that was acknowledged, and the one that a call would
// have made that did not return. Of such a call, all or nothing is there.
struct model {
    uint32_t versions[KEYS];
    uint32_t pending[KEYS];
    bool is_pending[KEYS];
    uint32_t next_version;
};

static struct index_stage stage;

static void model_begin(struct model *m, uint64_t first, uint32_t count, uint32_t version)
{
    memset(m->is_pending, 0, sizeof m->is_pending);
    for (uint64_t key = first; key < first + count; key++) {
        m->pending[key] = version;
        m->is_pending[key] = true;
    }
}

static void model_settle(struct model *m, bool is_done)
{
    for (unsigned key = 0; key < KEYS; key++) {
        if (m->is_pending[key] && is_done) m->versions[key] = m->pending[key];
        m->is_pending[key] = false;
    }
}

// After a crash: whether what was pending is there is asked of the first key that can tell.
static void model_learn(struct model *m)
{
    for (unsigned key = 0; key < KEYS; key++) {
        if (!m->is_pending[key] || m->pending[key] == m->versions[key]) continue;
        model_settle(m, index_stage_version(&stage, key) == m->pending[key]);
        return;
    }
    model_settle(m, true);
}

static void check_model(const struct model *m)
{
    struct index_stats stats;
    unsigned live = 0;

    for (unsigned key = 0; key < KEYS; key++) {
        CHECK_EQ(index_stage_version(&stage, key), m->versions[key]);
        live += m->versions[key] > 0;
    }
    index_stats(stage.index, &stats);
    CHECK_EQ(stats.rows, live);
}

// One step of a random life. An error is the crash.
static err step(struct model *m, struct random *r)
{
    uint64_t first = random_below(r, KEYS);
    uint32_t count = 1 + (uint32_t)random_below(r, KEYS - first < 48 ? KEYS - first : 48);
    uint32_t version = ++m->next_version;
    uint64_t kind = random_below(r, 20);

    if (kind == 0) return index_flush(stage.index);
    if (kind == 1) return index_compact(stage.index, random_below(r, 2));
    if (kind == 2) return index_stage_reopen(&stage);
    if (kind < 6) version = 0;
    model_begin(m, first, count, version);
    err e = OK;
    if (version == 0) {
        e = index_stage_delete(&stage, first, count);
    } else if (kind == 6) {
        e = index_stage_load_rows(&stage, first, count, version);
    } else {
        e = index_stage_put(&stage, first, count, version);
    }
    if (!e) model_settle(m, true);
    return e;
}

// Runs steps until something fails; true if nothing did.
static bool live(struct model *m, struct random *r, unsigned steps)
{
    for (unsigned i = 0; i < steps; i++) {
        if (step(m, r)) return false;
    }
    return true;
}

static uint64_t operations_of(uint64_t seed)
{
    struct model m = {0};
    struct random r;

    random_init(&r, seed);
    index_stage_open(&stage, seed);
    CHECK(live(&m, &r, STEPS));
    check_model(&m);
    uint64_t operations = stage.disk.operations;
    index_stage_close(&stage);
    return operations;
}

static void recover(struct model *m)
{
    index_stage_leave(&stage);
    fake_disk_reboot(&stage.disk);
    CHECK_EQ(index_stage_reopen(&stage), OK);
    model_learn(m);
    check_model(m);
}

static void crash(uint64_t seed, uint64_t point, bool has_background)
{
    struct model m = {0};
    struct random r;

    random_init(&r, seed);
    index_stage_open(&stage, seed + point);
    stage.options.has_no_background = !has_background;
    CHECK_EQ(index_stage_reopen(&stage), OK);
    fake_disk_crash_at(&stage.disk, point);
    (void)live(&m, &r, STEPS);
    recover(&m);
    fake_disk_crash_at(&stage.disk, 1 + point % 50); // and once more, soon
    (void)live(&m, &r, AFTER);
    recover(&m);
    CHECK(live(&m, &r, AFTER));
    CHECK_EQ(index_compact(stage.index, true), OK);
    check_model(&m);
    index_stage_close(&stage);
}

static void crash_at_points(bool has_background)
{
    const char *wanted = getenv("INDEX_CRASHES");
    uint64_t points = wanted ? (uint64_t)strtoul(wanted, NULL, 10) : POINTS;
    uint64_t seed = test_seed();
    uint64_t operations = 0;

    points = points / 2 + 1;
    for (uint64_t i = 0; i < points; i++) {
        if (i % 16 == 0) operations = operations_of(++seed);
        crash(seed, 1 + random_mix(seed + i) % operations, has_background);
    }
}

TEST(index_crash_loses_nothing_that_was_acknowledged)
{
    crash_at_points(false);
}

TEST(index_crash_loses_nothing_while_others_work_in_the_background)
{
    crash_at_points(true);
}
