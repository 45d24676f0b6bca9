#include "retrieval/vector/candidates.h"

#include "base/random.h"

#include "support/test.h"

#include <math.h>
#include <stdlib.h>

static int by_estimate(const void *a, const void *b)
{
    float x = *(const float *)a;
    float y = *(const float *)b;

    return (x > y) - (x < y);
}

TEST(candidates_keeps_the_best_of_many)
{
    enum { MANY = 1000, LIMIT = 30 };
    static float all[MANY];
    struct candidate entries[LIMIT];
    struct candidates c;
    struct random random;

    random_init(&random, 11);
    candidates_init(&c, entries, LIMIT);
    for (unsigned i = 0; i < MANY; i++) {
        all[i] = (float)random_normal(&random);
        bool is_better = all[i] < c.threshold;
        CHECK_EQ(candidates_offer(&c, (struct candidate){.estimate = all[i], .row = i}), is_better);
    }
    candidates_sort(&c);
    CHECK_EQ(c.count, LIMIT);
    for (unsigned i = 0; i < LIMIT; i++) {
        CHECK(all[entries[i].row] == entries[i].estimate);
    }
    qsort(all, MANY, sizeof *all, by_estimate);
    for (unsigned i = 0; i < LIMIT; i++) {
        CHECK(entries[i].estimate == all[i]);
    }
}

TEST(candidates_has_no_threshold_until_it_is_full)
{
    struct candidate entries[2];
    struct candidates c;

    candidates_init(&c, entries, 2);
    CHECK(isinf(c.threshold));
    CHECK(candidates_offer(&c, (struct candidate){.estimate = 5}));
    CHECK(isinf(c.threshold));
    CHECK(candidates_offer(&c, (struct candidate){.estimate = 3}));
    CHECK(c.threshold == 5);
    CHECK(!candidates_offer(&c, (struct candidate){.estimate = 5}));
    CHECK(candidates_offer(&c, (struct candidate){.estimate = -INFINITY}));
    CHECK(c.threshold == 3);
}

TEST(candidates_refuses_what_is_no_number)
{
    struct candidate entries[2];
    struct candidates c;

    candidates_init(&c, entries, 2);
    CHECK(!candidates_offer(&c, (struct candidate){.estimate = NAN}));
    CHECK(!candidates_offer(&c, (struct candidate){.estimate = INFINITY}));
    CHECK_EQ(c.count, 0);
    candidates_sort(&c);
    CHECK_EQ(c.count, 0);
}

TEST(candidates_of_equal_estimates_sorts_by_source_and_row)
{
    struct candidate entries[4];
    struct candidates c;

    candidates_init(&c, entries, 4);
    CHECK(candidates_offer(&c, (struct candidate){.estimate = 1, .source = 1, .row = 1}));
    CHECK(candidates_offer(&c, (struct candidate){.estimate = 1, .source = 0, .row = 9}));
    CHECK(candidates_offer(&c, (struct candidate){.estimate = 1, .source = 0, .row = 2}));
    CHECK(candidates_offer(&c, (struct candidate){.estimate = 0, .source = 2, .row = 5}));
    candidates_sort(&c);
    CHECK_EQ(entries[0].row, 5);
    CHECK_EQ(entries[1].row, 2);
    CHECK_EQ(entries[2].row, 9);
    CHECK_EQ(entries[3].row, 1);
}
