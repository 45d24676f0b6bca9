// Crosses threads.
#include "retrieval/vector/key_map.h"

#include "base/random.h"

#include "support/test.h"

#include <pthread.h>

TEST(key_map_finds_what_was_put_and_nothing_else)
{
    struct key_map m;

    key_map_init(&m, 1000);
    for (uint32_t i = 0; i < 1000; i++) {
        CHECK_EQ(key_map_put(&m, random_mix(i), i), KEY_MAP_NONE);
    }
    for (uint32_t i = 0; i < 1000; i++) {
        CHECK_EQ(key_map_find(&m, random_mix(i)), i);
        CHECK_EQ(key_map_find(&m, random_mix(i + 1000)), KEY_MAP_NONE);
    }
    key_map_done(&m);
}

TEST(key_map_tells_the_row_that_was_replaced)
{
    struct key_map m;

    key_map_init(&m, 1);
    CHECK_EQ(key_map_put(&m, 0, 0), KEY_MAP_NONE);
    CHECK_EQ(key_map_put(&m, 0, 7), 0);
    CHECK_EQ(key_map_find(&m, 0), 7);
    CHECK_EQ(key_map_find(&m, UINT64_MAX), KEY_MAP_NONE);
    key_map_done(&m);
}

enum { ROWS = 20'000 };

struct scene {
    struct key_map map;
    uint64_t rows[ROWS]; // written before the map tells of them
};

static void *look(void *argument)
{
    struct scene *s = argument;

    for (uint64_t key = 0; key < ROWS;) {
        uint32_t row = key_map_find(&s->map, key);
        if (row == KEY_MAP_NONE) continue;
        if (s->rows[row] != key) return s;
        key++;
    }
    return NULL;
}

TEST(key_map_readers_find_whole_rows_while_a_writer_enters_them)
{
    static struct scene s;
    pthread_t threads[2];
    void *wrong = NULL;

    key_map_init(&s.map, ROWS);
    for (unsigned i = 0; i < 2; i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, look, &s), 0);
    }
    for (uint32_t i = 0; i < ROWS; i++) {
        s.rows[i] = ROWS - 1 - i;
        (void)key_map_put(&s.map, s.rows[i], i);
    }
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(threads[i], &wrong);
        CHECK(!wrong);
    }
    key_map_done(&s.map);
}
