// Crosses threads.
#include "retrieval/vector/memtable_lists.h"

#include "base/list.h"
#include "base/memory.h"
#include "base/random.h"
#include "retrieval/vector/memtable.h"

#include "support/test.h"

#include <pthread.h>

enum { DIM = 20, LISTS = 5, ROWS = 3000 };

// A quantizer without a segment, and a memtable that uses it.
struct desk {
    struct rotation rotation;
    float centroids[LISTS * DIM];
    uint8_t *coarse;
    struct ivf_list lists[LISTS];
    struct ivf_view parent;
    struct memtable table;
    float rows[ROWS * DIM];
};

static void open_desk_of(struct desk *d, float size)
{
    struct random random;

    random_init(&random, 7);
    rotation_init(&d->rotation, DIM, 1);
    for (unsigned i = 0; i < LISTS * DIM; i++) {
        d->centroids[i] = (float)random_normal(&random) * size;
    }
    for (unsigned i = 0; i < ROWS * DIM; i++) {
        d->rows[i] = (float)random_normal(&random) * size;
    }
    d->parent = (struct ivf_view){.lists = d->lists};
    d->parent.quantizer = (struct quantizer){.dim = DIM,
                                             .padded_dim = rotation_padded_dim(DIM),
                                             .list_count = LISTS,
                                             .rotation = &d->rotation,
                                             .centroids = d->centroids};
    d->coarse = memory_alloc(quantizer_coarse_bytes(d->parent.quantizer.padded_dim, LISTS));
    quantizer_make_coarse(&d->parent.quantizer, d->coarse);
    d->parent.quantizer.coarse = d->coarse;
    d->lists[0].radius = 4 * size; // the others have no rows to tell
    memtable_init(&d->table, DIM, ROWS, &d->parent);
}

static void open_desk(struct desk *d)
{
    open_desk_of(d, 1);
}

static void close_desk(struct desk *d)
{
    memtable_done(&d->table);
    rotation_done(&d->rotation);
    memory_free(d->coarse);
    memory_free(d);
}

static void append(struct desk *d, uint32_t row)
{
    CHECK_EQ(memtable_append(&d->table, row, &d->rows[row * DIM], STR("")), row);
}

struct look {
    struct row_test test;
    const struct memtable *table;
    uint32_t visible;
    uint32_t refused;
};

static bool accept_visible(struct row_test *test, uint64_t slot)
{
    struct look *l = container_of(test, struct look, test);
    uint32_t row = memtable_lists_row(&l->table->lists, slot);
    bool is_seen = row < l->visible && !memtable_is_dead(l->table, row, l->visible);

    l->refused += !is_seen;
    return is_seen;
}

enum { FOUND_MAX = 16 };

// The rows whose codes resemble a vector most, among those of the nearest `lists`.
static uint32_t search(const struct desk *d, struct look *l, const float *vector, uint32_t lists,
                       uint32_t *found)
{
    struct candidate entries[FOUND_MAX];
    struct candidates candidates;
    struct probe probes[LISTS];
    struct ivf_query query;
    struct ivf_scan scan = {.candidates = &candidates, .epsilon = 2, .test = &l->test};

    l->test.accept = accept_visible;
    l->table = &d->table;
    l->visible = memtable_visible(&d->table);
    candidates_init(&candidates, entries, FOUND_MAX);
    ivf_query_init(&query, DIM, LISTS);
    ivf_query_set(&query, &d->parent.quantizer, vector);
    uint32_t count = ivf_query_probe(&query, lists, probes);
    for (uint32_t i = 0; i < count; i++) {
        (void)memtable_lists_scan(&d->table.lists, &query, &probes[i], &scan);
    }
    ivf_query_done(&query);
    candidates_sort(&candidates);
    for (uint32_t i = 0; i < candidates.count; i++) {
        found[i] = memtable_lists_row(&d->table.lists, candidates.entries[i].row);
    }
    return candidates.count;
}

TEST(memtable_lists_find_every_row_in_the_nearest_list_at_once)
{
    struct desk *d = memory_new(struct desk);

    open_desk(d);
    for (uint32_t row = 0; row < ROWS; row++) {
        struct look look = {0};
        uint32_t found[FOUND_MAX];
        append(d, row);
        memtable_publish(&d->table);
        if (row % 10) continue;
        CHECK(search(d, &look, &d->rows[row * DIM], 1, found) > 0);
        CHECK_EQ(found[0], row);
    }
    CHECK(d->table.lists.slot_count >= ROWS);
    CHECK(d->table.lists.slot_count < 2 * ROWS + 4 * LISTS);
    close_desk(d);
}

// Factors are halves, so most lists have to take the scale of the one that knows its own.
TEST(memtable_lists_find_rows_of_any_size)
{
    static const float sizes[] = {1e-4F, 1e-2F, 1e3F, 1e6F};

    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct desk *d = memory_new(struct desk);
        open_desk_of(d, sizes[i]);
        for (uint32_t row = 0; row < ROWS / 10; row++) {
            append(d, row);
        }
        memtable_publish(&d->table);
        for (uint32_t row = 0; row < ROWS / 10; row++) {
            struct look look = {0};
            uint32_t found[FOUND_MAX];
            CHECK(search(d, &look, &d->rows[row * DIM], 1, found) > 0);
            CHECK_EQ(found[0], row);
        }
        close_desk(d);
    }
}

TEST(memtable_lists_hold_all_rows_but_offer_those_alone_that_are_seen)
{
    struct desk *d = memory_new(struct desk);
    struct look look = {0};
    uint32_t found[FOUND_MAX];

    open_desk(d);
    for (uint32_t row = 0; row < 10; row++) {
        append(d, row);
    }
    CHECK_EQ(search(d, &look, d->rows, LISTS, found), 0);
    CHECK_EQ(look.refused, 10);
    memtable_publish(&d->table);
    CHECK_EQ(search(d, &look, d->rows, LISTS, found), 10);
    memtable_kill(&d->table, 0, 10);
    CHECK_EQ(search(d, &look, d->rows, LISTS, found), 9);
    CHECK(found[0] != 0);
    close_desk(d);
}

static void *look_on(void *argument)
{
    const struct desk *d = argument;
    uint32_t found[FOUND_MAX];

    for (uint32_t seen = 0; seen < ROWS; seen = memtable_visible(&d->table)) {
        struct look look = {0};
        if (seen == 0) continue;
        uint32_t count = search(d, &look, &d->rows[(seen - 1) * DIM], 1, found);
        if (count == 0 || found[0] != seen - 1) return argument;
    }
    return NULL;
}

TEST(memtable_lists_are_read_while_a_writer_adds)
{
    struct desk *d = memory_new(struct desk);
    pthread_t threads[2];
    void *wrong = NULL;

    open_desk(d);
    for (unsigned i = 0; i < 2; i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, look_on, d), 0);
    }
    for (uint32_t row = 0; row < ROWS; row++) {
        append(d, row);
        memtable_publish(&d->table);
    }
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(threads[i], &wrong);
        CHECK(!wrong);
    }
    close_desk(d);
}
