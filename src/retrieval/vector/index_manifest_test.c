// Damage to the newest manifest costs nothing: the one before it, and all that it needs, is there.
#include "base/random.h"
#include "retrieval/vector/index.h"

#include "support/index_stage.h"
#include "support/test.h"

#include <stdio.h>
#include <string.h>

enum { KEYS = 160, LIVES = 40, STEPS_MAX = 25, HEAD_BYTES = 48 };

static struct index_stage stage;
static uint32_t versions[KEYS]; // 0: not there

static void step(struct random *r, uint32_t version)
{
    uint64_t first = random_below(r, KEYS);
    uint32_t count = 1 + (uint32_t)random_below(r, KEYS - first);
    uint64_t kind = random_below(r, 12);

    if (kind == 0) CHECK_EQ(index_flush(stage.index), OK);
    if (kind == 1) CHECK_EQ(index_compact(stage.index, random_below(r, 2)), OK);
    if (kind == 2) CHECK_EQ(index_stage_reopen(&stage), OK);
    if (kind <= 2) return;
    if (kind <= 4) {
        version = 0;
        CHECK_EQ(index_stage_delete(&stage, first, count), OK);
    } else if (kind <= 6) {
        CHECK_EQ(index_stage_load_rows(&stage, first, count, version), OK);
    } else {
        CHECK_EQ(index_stage_put(&stage, first, count, version), OK);
    }
    for (uint64_t key = first; key < first + count; key++) {
        versions[key] = version;
    }
}

static void damage_newest(struct random *r)
{
    struct index_stats stats;
    char path[128];

    index_stats(stage.index, &stats);
    CHECK(stats.generation > 1);
    snprintf(path, sizeof path, "%s/MANIFEST-%08llu", stage.folder,
             (unsigned long long)stats.generation);
    FILE *f = fopen(path, "r+b");
    CHECK(f);
    long at = (long)random_below(r, HEAD_BYTES);
    CHECK_EQ(fseek(f, at, SEEK_SET), 0);
    int byte = fgetc(f);
    CHECK_EQ(fseek(f, at, SEEK_SET), 0);
    CHECK_EQ(fputc(byte ^ 1, f), byte ^ 1);
    CHECK_EQ(fclose(f), 0);
}

TEST(index_manifest_that_is_damaged_costs_nothing)
{
    struct random r;

    random_init(&r, test_seed());
    for (unsigned life = 0; life < LIVES; life++) {
        memset(versions, 0, sizeof versions);
        index_stage_open(&stage, life);
        step(&r, 1);
        CHECK_EQ(index_stage_put(&stage, 0, 1, 2), OK);
        versions[0] = 2;
        CHECK_EQ(index_flush(stage.index), OK); // so that there is a manifest before the newest
        for (uint64_t n = random_below(&r, STEPS_MAX); n > 0; n--) {
            step(&r, 3 + (uint32_t)n);
        }
        damage_newest(&r);
        CHECK_EQ(index_stage_reopen(&stage), OK);
        for (uint64_t key = 0; key < KEYS; key++) {
            CHECK_EQ(index_stage_version(&stage, key), versions[key]);
        }
        index_stage_close(&stage);
    }
}
