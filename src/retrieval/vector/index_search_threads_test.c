// Crosses threads.
//
// Readers search and get rows while these are replaced, flushed, merged and loaded anew. A key's
// vectors lie close together and far from those of others, so that whoever searches there must find
// the key, once, in whichever version.
#include "base/memory.h"

#include "support/index_model.h"
#include "support/test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum {
    DIM = 8,
    KEYS = 900,
    GONE = 100, // keys from KEYS on that were there before
    BATCH = 50,
    ROUNDS = 4,
    READERS = 3,
    K = 4,
};

struct reader {
    pthread_t thread;
    struct index_model *model;
    uint64_t seed;
    _Atomic bool is_over;
    uint32_t searches;
    uint32_t missed; // a key that is there
    uint32_t doubled;
    uint32_t raised; // a key that is gone
};

// Where a key is, wherever its versions are.
static void place_of(uint64_t key, float *out)
{
    for (unsigned i = 0; i < DIM; i++) {
        out[i] = (float)(random_mix(key * DIM + i) % 1000);
    }
}

static void vector_of(uint64_t key, uint64_t version, float *out)
{
    place_of(key, out);
    out[version % DIM] += (float)(version % 5) / 5;
}

static void search(struct reader *r, struct index_searcher *s, uint64_t key, bool is_exact)
{
    struct nearest_hit hits[K];
    struct index_result result = {.hits = hits};
    float vector[DIM];
    uint32_t found = 0;

    place_of(key, vector);
    struct index_query q = {.vector = vector, .k = K, .is_exact = is_exact, .recall = 0.999F};
    CHECK_EQ(index_search(s, &q, &result), OK);
    CHECK_EQ(result.count, K);
    for (uint32_t i = 0; i < K; i++) {
        found += hits[i].key == key;
        r->raised += hits[i].key >= KEYS;
    }
    r->missed += found == 0;
    r->doubled += found > 1;
    r->searches++;
}

static void get(struct reader *r, uint64_t key)
{
    float place[DIM];
    float vector[DIM];

    if (index_get(r->model->index, key, vector, NULL)) {
        r->missed++;
        return;
    }
    place_of(key, place);
    for (unsigned i = 0; i < DIM; i++) {
        CHECK(vector[i] >= place[i] && vector[i] < place[i] + 1);
    }
    r->raised += index_get(r->model->index, KEYS + key % GONE, vector, NULL) == OK;
}

static void *read_on(void *reader)
{
    struct reader *r = reader;
    struct index_searcher *s = index_searcher_new(r->model->index);
    struct random random;

    random_init(&random, r->seed);
    while (!r->is_over) {
        uint64_t key = random_below(&random, KEYS);
        search(r, s, key, key % 4 == 0);
        get(r, key);
    }
    index_searcher_free(s);
    return NULL;
}

static void write_rows(struct index *ix, uint64_t first, uint64_t version, enum index_op_kind kind)
{
    struct index_op ops[BATCH];
    float vectors[BATCH][DIM];

    for (uint64_t i = 0; i < BATCH; i++) {
        vector_of(first + i, version, vectors[i]);
        ops[i] = (struct index_op){.kind = kind, .key = first + i, .vector = vectors[i]};
    }
    CHECK_EQ(index_write(ix, ops, BATCH), OK);
}

static void load_rows(struct index *ix, uint64_t version)
{
    float(*vectors)[DIM] = memory_alloc(KEYS * sizeof *vectors);
    struct row_source_array rows;

    for (uint64_t key = 0; key < KEYS; key++) {
        vector_of(key, version, vectors[key]);
    }
    row_source_array_init(&rows, vectors[0], KEYS, DIM);
    CHECK_EQ(index_load(ix, &rows.source, NULL, NULL), OK);
    memory_free(vectors);
}

static void write_all(struct index *ix)
{
    for (uint64_t first = 0; first < KEYS + GONE; first += BATCH) {
        write_rows(ix, first, 0, INDEX_PUT);
    }
    for (uint64_t first = KEYS; first < KEYS + GONE; first += BATCH) {
        write_rows(ix, first, 0, INDEX_DELETE);
    }
}

static void change(struct index *ix, uint64_t version)
{
    for (uint64_t first = 0; first < KEYS; first += BATCH) {
        write_rows(ix, first, version, INDEX_PUT);
    }
    if (version % 4 == 2) load_rows(ix, version);
    if (version % 4 == 0) CHECK_EQ(index_compact(ix, true), OK);
}

TEST(index_search_beside_writers_finds_each_row_once_and_none_that_is_gone)
{
    const struct index_options options = {
        .dim = DIM, .memtable_rows = 256, .exact_rows_max = 100, .bytes_rows_max = 200};
    struct index_model *m = index_model_open(&options);
    struct reader readers[READERS];

    write_all(m->index);
    for (unsigned i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.model = m, .seed = test_seed() + i};
        CHECK_EQ(pthread_create(&readers[i].thread, NULL, read_on, &readers[i]), 0);
    }
    for (uint64_t version = 1; version <= ROUNDS; version++) {
        change(m->index, version);
    }
    for (unsigned i = 0; i < READERS; i++) {
        readers[i].is_over = true;
        pthread_join(readers[i].thread, NULL);
        CHECK_EQ(readers[i].missed, 0);
        CHECK_EQ(readers[i].doubled, 0);
        CHECK_EQ(readers[i].raised, 0);
        CHECK(readers[i].searches > 0);
    }
    index_model_close(m);
}
