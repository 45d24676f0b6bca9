#include "assess/mock/mock_pending.h"

#include "support/test.h"

TEST(mock_pending_calls_wait_until_each_is_answered_once)
{
    struct mock_pending p = {.count = 0};
    struct arena arena;

    arena_init(&arena, 4096);
    CHECK_EQ(mock_pending_list(&p, &arena).len, 0);
    CHECK(mock_pending_add(&p, STR("a")) && mock_pending_add(&p, STR("b")));
    CHECK(!mock_pending_add(&p, STR("a")));
    CHECK_STR(mock_pending_list(&p, &arena), "a, b");
    CHECK(!mock_pending_answer(&p, STR("c")));
    CHECK(mock_pending_answer(&p, STR("a")));
    CHECK(!mock_pending_answer(&p, STR("a")));
    CHECK_STR(mock_pending_list(&p, &arena), "b");
    arena_reset(&arena);
}

TEST(mock_pending_calls_are_bounded)
{
    struct mock_pending p = {.count = 0};
    struct arena arena;

    arena_init(&arena, 4096);
    for (int i = 0; i < MOCK_PENDING_MAX; i++) {
        CHECK(mock_pending_add(&p, arena_format(&arena, "%d", i)));
    }
    CHECK(!mock_pending_add(&p, STR("more")));
    arena_reset(&arena);
}
