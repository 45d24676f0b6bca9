#include "retrieval/vector/index_hits.h"

#include "base/random.h"

#include "support/test.h"

#include <float.h>
#include <math.h>

enum { ROOM = 200 };

struct heap {
    struct index_hits hits;
    struct index_hit entries[ROOM];
    uint32_t slots[4 * ROOM];
};

static void heap_init(struct heap *h, uint32_t limit, float radius)
{
    index_hits_init(&h->hits, h->entries, limit, radius);
}

static void push(struct heap *h, float distance, uint64_t key, uint32_t source)
{
    index_hits_push(&h->hits, (struct index_hit){distance, source, key});
}

TEST(index_hits_keep_the_nearest_and_of_equal_ones_the_lower_keys)
{
    struct random random;
    struct heap h;

    random_init(&random, test_seed());
    heap_init(&h, 10, FLT_MAX);
    uint64_t start = random_below(&random, ROOM);
    for (uint64_t i = 0; i < ROOM; i++) { // each key once, in an order by chance; pairs are equal
        uint64_t key = (start + i * 77) % ROOM;
        push(&h, (float)(key / 2), key, 0);
    }
    CHECK_EQ(index_hits_settle(&h.hits, h.slots), 0);
    CHECK_EQ(h.hits.count, 10);
    for (uint32_t i = 0; i < 10; i++) {
        CHECK_EQ(h.entries[i].key, i);
    }
}

TEST(index_hits_of_one_key_keep_the_newest_source_wherever_it_stands)
{
    struct heap h;

    heap_init(&h, ROOM, FLT_MAX);
    push(&h, 1, 7, 0); // the old row is nearer
    push(&h, 5, 7, 3);
    push(&h, 4, 8, 2); // the new one is
    push(&h, 9, 8, 1);
    push(&h, 6, 9, 1);
    CHECK_EQ(index_hits_settle(&h.hits, h.slots), 2);
    CHECK_EQ(h.hits.count, 3);
    CHECK_EQ(h.entries[0].key, 8);
    CHECK_EQ(h.entries[0].source, 2);
    CHECK_EQ(h.entries[1].key, 7);
    CHECK(h.entries[1].distance == 5);
    CHECK_EQ(h.entries[2].key, 9);
}

TEST(index_hits_beyond_the_radius_and_without_a_distance_are_never_kept)
{
    struct heap h;

    heap_init(&h, 3, 2);
    push(&h, 2, 1, 0);
    push(&h, nextafterf(2, 3), 2, 0);
    push(&h, NAN, 3, 0);
    push(&h, INFINITY, 4, 0);
    push(&h, -5, 5, 0);
    CHECK_EQ(index_hits_settle(&h.hits, h.slots), 0);
    CHECK_EQ(h.hits.count, 2);
    CHECK_EQ(h.entries[0].key, 5);
    CHECK_EQ(h.entries[1].key, 1);
}

TEST(index_hits_may_be_none_or_one)
{
    struct heap h;

    heap_init(&h, 1, FLT_MAX);
    CHECK_EQ(index_hits_settle(&h.hits, h.slots), 0);
    CHECK_EQ(h.hits.count, 0);
    heap_init(&h, 1, FLT_MAX);
    push(&h, 3, 1, 0);
    push(&h, 2, 2, 0);
    push(&h, 2, 1, 1);
    CHECK_EQ(index_hits_settle(&h.hits, h.slots), 0);
    CHECK_EQ(h.hits.count, 1);
    CHECK_EQ(h.entries[0].key, 1);
    CHECK_EQ(h.entries[0].source, 1);
}
