#include "retrieval/vector/nearest.h"

#include "base/random.h"

#include "support/test.h"

#include <stdlib.h>

enum { PUSHES = 500, LIMIT_MAX = 64 };

static int compare(const void *left, const void *right)
{
    const struct nearest_hit *a = left;
    const struct nearest_hit *b = right;

    if (a->distance != b->distance) return a->distance < b->distance ? -1 : 1;
    return a->key < b->key ? -1 : a->key > b->key;
}

static void must_be(const struct nearest *n, const struct nearest_hit *want, uint32_t count)
{
    CHECK_EQ(n->count, count);
    for (uint32_t i = 0; i < count; i++) {
        CHECK(n->hits[i].distance == want[i].distance);
        CHECK_EQ(n->hits[i].key, want[i].key);
    }
}

// Distances of a few values only, so that many are equal.
static void fill(struct random *r, struct nearest_hit *hits)
{
    for (uint32_t i = 0; i < PUSHES; i++) {
        hits[i] = (struct nearest_hit){(float)random_below(r, 40) - 20, random_below(r, 1000)};
    }
}

TEST(nearest_keeps_what_sorting_all_would_keep)
{
    struct random r;
    struct nearest_hit all[PUSHES];
    struct nearest_hit kept[LIMIT_MAX];

    random_init(&r, test_seed());
    for (uint32_t limit = 1; limit <= LIMIT_MAX; limit++) {
        struct nearest n;
        fill(&r, all);
        nearest_init(&n, kept, limit);
        for (uint32_t i = 0; i < PUSHES; i++) {
            nearest_push(&n, all[i].distance, all[i].key);
        }
        qsort(all, PUSHES, sizeof(all[0]), compare);
        CHECK(nearest_bound(&n) == all[limit - 1].distance);
        nearest_sort(&n);
        must_be(&n, all, limit);
    }
}

TEST(nearest_merged_from_parts_is_that_of_the_whole)
{
    struct random r;
    struct nearest_hit all[PUSHES];
    struct nearest_hit kept[3][LIMIT_MAX];

    random_init(&r, test_seed());
    for (uint32_t limit = 1; limit <= LIMIT_MAX; limit++) {
        struct nearest parts[3];
        fill(&r, all);
        for (uint32_t p = 0; p < 3; p++) {
            nearest_init(&parts[p], kept[p], limit);
        }
        for (uint32_t i = 0; i < PUSHES; i++) {
            nearest_push(&parts[random_below(&r, 3)], all[i].distance, all[i].key);
        }
        nearest_merge(&parts[0], &parts[1]);
        nearest_merge(&parts[0], &parts[2]);
        nearest_sort(&parts[0]);
        qsort(all, PUSHES, sizeof(all[0]), compare);
        must_be(&parts[0], all, limit);
    }
}

TEST(nearest_of_fewer_rows_than_its_limit_is_all_of_them)
{
    struct nearest n;
    struct nearest_hit kept[8];
    const struct nearest_hit want[] = {{-1, 9}, {0, 3}, {0, 4}, {INFINITY, 1}};

    nearest_init(&n, kept, 8);
    CHECK(isinf(nearest_bound(&n)));
    nearest_sort(&n);
    CHECK_EQ(n.count, 0);
    nearest_push(&n, INFINITY, 1);
    nearest_push(&n, 0, 4);
    nearest_push(&n, -1, 9);
    nearest_push(&n, 0, 3);
    CHECK(isinf(nearest_bound(&n)));
    nearest_sort(&n);
    must_be(&n, want, 4);
}

TEST(nearest_never_keeps_nan)
{
    struct nearest n;
    struct nearest_hit kept[2];
    const struct nearest_hit want[] = {{1, 1}, {2, 2}};

    nearest_init(&n, kept, 2);
    nearest_push(&n, NAN, 7);
    CHECK_EQ(n.count, 0);
    nearest_push(&n, 2, 2);
    nearest_push(&n, 1, 1);
    nearest_push(&n, NAN, 8);
    nearest_sort(&n);
    must_be(&n, want, 2);
}
