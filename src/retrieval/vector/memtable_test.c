// Crosses threads.
#include "retrieval/vector/memtable.h"

#include "base/memory.h"

#include "support/test.h"

#include <pthread.h>

enum { DIM = 3 };

static struct memtable *open_table(uint32_t rows_max)
{
    struct memtable *m = memory_new(struct memtable);

    memtable_init(m, DIM, rows_max, NULL);
    return m;
}

static void close_table(struct memtable *m)
{
    memtable_done(m);
    memory_free(m);
}

static uint32_t append(struct memtable *m, uint64_t key, float value)
{
    float vector[DIM] = {value, value + 1, value + 2};

    return memtable_append(m, key, vector, STR("values"));
}

TEST(memtable_rows_are_found_once_they_are_published)
{
    struct memtable *m = open_table(1000);

    for (uint32_t i = 0; i < 1000; i++) {
        CHECK_EQ(append(m, 10 + i, (float)i), i);
    }
    CHECK(!memtable_has_room(m, 1));
    CHECK_EQ(memtable_find(m, 10, memtable_visible(m)), MEMTABLE_NONE);
    memtable_publish(m);
    CHECK_EQ(memtable_visible(m), 1000);
    for (uint32_t i = 0; i < 1000; i++) {
        CHECK_EQ(memtable_find(m, 10 + i, 1000), i);
        CHECK_EQ(memtable_key(m, i), 10 + i);
        CHECK(memtable_vector(m, i)[2] == (float)i + 2);
        CHECK_STR(memtable_values(m, i), "values");
    }
    CHECK_EQ(memtable_find(m, 9, 1000), MEMTABLE_NONE);
    close_table(m);
}

TEST(memtable_a_row_that_is_replaced_goes_when_the_new_one_comes)
{
    struct memtable *m = open_table(10);

    (void)append(m, 1, 0);
    memtable_publish(m);
    (void)append(m, 1, 5);
    CHECK_EQ(memtable_find(m, 1, 1), 0); // a reader from before
    CHECK(!memtable_is_dead(m, 0, 1));
    memtable_publish(m);
    CHECK_EQ(memtable_find(m, 1, 2), 1);
    CHECK(memtable_is_dead(m, 0, 2));
    CHECK_EQ(memtable_newest(m, 1), 1);
    CHECK_EQ(m->dead, 1);
    close_table(m);
}

TEST(memtable_a_row_that_is_killed_is_gone_for_those_who_see_enough)
{
    struct memtable *m = open_table(10);

    (void)append(m, 1, 0);
    memtable_publish(m);
    memtable_kill(m, 0, 2); // in one batch with the next row
    CHECK_EQ(memtable_find(m, 1, 1), 0);
    (void)append(m, 2, 0);
    memtable_publish(m);
    CHECK_EQ(memtable_find(m, 1, 2), MEMTABLE_NONE);
    CHECK_EQ(memtable_newest(m, 1), MEMTABLE_NONE);
    (void)append(m, 1, 3);
    memtable_publish(m);
    CHECK_EQ(memtable_find(m, 1, 3), 2);
    CHECK_EQ(m->dead, 1);
    close_table(m);
}

enum { ROUNDS = 4000, KEYS = 7 };

static void *look(void *argument)
{
    const struct memtable *m = argument;
    void *wrong = NULL;

    for (uint32_t visible = 0; visible < ROUNDS * KEYS; visible = memtable_visible(m)) {
        if (visible < KEYS) continue;
        uint32_t live = 0;
        for (uint32_t row = visible - KEYS; row < visible; row++) {
            live += !memtable_is_dead(m, row, visible);
        }
        uint32_t found = memtable_find(m, visible % KEYS, visible);
        if (live != KEYS || found < visible - KEYS || found >= visible) wrong = argument;
        if (memtable_key(m, found) != visible % KEYS) wrong = argument;
    }
    return wrong;
}

TEST(memtable_readers_see_each_key_once_while_all_are_replaced)
{
    struct memtable *m = open_table(ROUNDS * KEYS);
    pthread_t threads[2];
    void *wrong = NULL;

    for (unsigned i = 0; i < 2; i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, look, m), 0);
    }
    for (uint32_t i = 0; i < ROUNDS; i++) {
        for (uint64_t key = 0; key < KEYS; key++) {
            (void)append(m, key, (float)i);
        }
        memtable_publish(m);
    }
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(threads[i], &wrong);
        CHECK(!wrong);
    }
    close_table(m);
}
