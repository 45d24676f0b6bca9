#include "base/pool.h"

#include "support/test.h"

#include <string.h>

TEST(pool_recycles_the_last_given_and_zeroes_it)
{
    struct pool p;

    pool_init(&p, 64, 1);
    char *a = pool_take(&p);
    char *b = pool_take(&p);
    memset(a, 1, 64);
    pool_give(&p, a);
    pool_give(&p, b);
    CHECK_EQ(p.spare_count, 1);
    char *again = pool_take(&p);
    CHECK(again == a);
    CHECK_EQ(again[63], 0);
    pool_give(&p, again);
    pool_done(&p);
    CHECK_EQ(p.live_count, 0);
}
