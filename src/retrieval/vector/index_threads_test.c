// Readers beside a writer, flushes and merges: a row is never missing, never an old one, never
// twice. Crosses threads.
#include "base/random.h"
#include "retrieval/vector/index.h"

#include "support/index_stage.h"
#include "support/test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum { KEYS = 120, GONE = 20, ROUNDS = 60, READERS = 2, BATCH = 30 };

// Keys below GONE come and go, an odd round writes and an even one deletes them; the others are
// replaced. `begun` and `done` are rounds.
static struct {
    struct index_stage stage;
    _Atomic uint32_t begun[KEYS];
    _Atomic uint32_t done[KEYS];
    _Atomic bool is_over;
    _Atomic uint64_t wrong;
    _Atomic uint64_t looks;
} scene;

static void expect(bool is_right)
{
    if (!is_right) scene.wrong++;
    scene.looks++;
}

// Every version that may be there between the two looks at the counters.
static bool is_possible(uint64_t key, uint32_t version, uint32_t from)
{
    uint32_t to = scene.begun[key];

    if (version == 0) return key < GONE && (from % 2 == 0 || to > from);
    return version >= from && version <= to && (key >= GONE || version % 2 == 1);
}

// The version whose vector it is, or 0.
static uint32_t version_of(uint64_t key, const float *vector, uint32_t from)
{
    float want[INDEX_STAGE_DIM];

    for (uint32_t version = from; version <= scene.begun[key]; version++) {
        index_stage_vector(key, version, want);
        if (version && memcmp(want, vector, sizeof want) == 0) return version;
    }
    return 0;
}

static void get(uint64_t key)
{
    float vector[INDEX_STAGE_DIM];
    uint32_t from = scene.done[key];

    err e = index_get(scene.stage.index, key, vector, NULL);
    if (e == ERR_ABSENT) {
        expect(is_possible(key, 0, from));
        return;
    }
    uint32_t version = e ? 0 : version_of(key, vector, from);
    expect(version && is_possible(key, version, from));
}

// All keys are asked for: those that stay must be there, each once.
static void search_all(struct index_searcher *s, struct random *r)
{
    struct nearest_hit hits[KEYS];
    bool is_found[KEYS] = {false};
    float vector[INDEX_STAGE_DIM];
    struct index_query query = {.vector = vector, .k = KEYS, .is_exact = true};
    struct index_result result = {.hits = hits};

    index_stage_vector(random_below(r, KEYS), 1, vector);
    expect(index_search(s, &query, &result) == OK);
    for (uint32_t i = 0; i < result.count; i++) {
        expect(hits[i].key < KEYS && !is_found[hits[i].key]);
        is_found[hits[i].key % KEYS] = true;
    }
    for (unsigned key = GONE; key < KEYS; key++) {
        expect(is_found[key]);
    }
}

static void *read_on(void *seed)
{
    struct index_searcher *s = index_searcher_new(scene.stage.index);
    struct random r;

    random_init(&r, *(const uint64_t *)seed);
    while (!scene.is_over) {
        for (unsigned i = 0; i < 20; i++) {
            get(random_below(&r, KEYS));
        }
        search_all(s, &r);
    }
    index_searcher_free(s);
    return NULL;
}

static void mark(_Atomic uint32_t *rounds, uint64_t first, uint32_t round)
{
    for (uint64_t key = first; key < first + BATCH && key < KEYS; key++) {
        rounds[key] = round;
    }
}

static err replace_some(uint64_t first, uint32_t round)
{
    uint64_t end = first + BATCH < KEYS ? first + BATCH : KEYS;
    uint64_t kept = first < GONE && round % 2 == 0 ? GONE : first;

    mark(scene.begun, first, round);
    if (kept > first) TRY(index_stage_delete(&scene.stage, first, (uint32_t)(kept - first)));
    TRY(index_stage_put(&scene.stage, kept, (uint32_t)(end - kept), round));
    mark(scene.done, first, round);
    return OK;
}

static err write_all(void)
{
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        for (uint64_t first = 0; first < KEYS; first += BATCH) {
            TRY(replace_some(first, round));
        }
        if (round % 16 == 0) TRY(index_compact(scene.stage.index, true));
    }
    return OK;
}

TEST(index_threads_readers_always_find_the_newest_of_every_row)
{
    pthread_t threads[READERS];
    uint64_t seeds[READERS];

    index_stage_open(&scene.stage, 1);
    scene.stage.options.has_no_background = false;
    scene.stage.options.threads = 2;
    CHECK_EQ(index_stage_reopen(&scene.stage), OK);
    for (uint64_t first = 0; first < KEYS; first += BATCH) {
        CHECK_EQ(replace_some(first, 1), OK);
    }
    for (unsigned i = 0; i < READERS; i++) {
        seeds[i] = i;
        CHECK_EQ(pthread_create(&threads[i], NULL, read_on, &seeds[i]), 0);
    }
    err e = write_all();
    scene.is_over = true;
    for (unsigned i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
    }
    CHECK_EQ(e, OK);
    CHECK_EQ(scene.wrong, 0);
    CHECK(scene.looks > 100);
    for (uint64_t key = 0; key < KEYS; key++) {
        CHECK_EQ(index_stage_version(&scene.stage, key), key < GONE ? 0 : ROUNDS);
    }
    index_stage_close(&scene.stage);
}
