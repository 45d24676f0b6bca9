#include "assess/mock/mock_name.h"

#include "support/test.h"

static err apply(str model, struct mock_rule *r)
{
    struct arena arena;

    arena_init(&arena, 4096);
    mock_rule_init(r);
    err e = mock_name_apply(model, &arena, r);
    arena_reset(&arena);
    return e;
}

TEST(mock_name_every_name_of_the_table_works_with_and_without_a_number)
{
    struct mock_name_entry n;
    struct mock_rule r;
    struct arena arena;

    arena_init(&arena, 4096);
    for (size_t i = 0; mock_name_entry(i, &n); i++) {
        CHECK_EQ(apply(arena_format(&arena, "mock-%" STR_FMT, STR_ARG(n.name)), &r), OK);
        CHECK_EQ(apply(arena_format(&arena, "mock-%" STR_FMT "-429", STR_ARG(n.name)), &r), OK);
    }
    arena_reset(&arena);
}

TEST(mock_name_numbers_and_presets_count)
{
    struct mock_rule r;

    CHECK_EQ(apply(STR("mock-cut-7"), &r), OK);
    CHECK_EQ(r.fault.end, MOCK_END_CLOSE);
    CHECK_EQ(r.fault.after_events, 7);
    CHECK_EQ(apply(STR("mock-cut"), &r), OK);
    CHECK_EQ(r.fault.after_events, 5);
    CHECK_EQ(apply(STR("mock-429-2"), &r), OK);
    CHECK_EQ(r.error.status, 429);
    CHECK_EQ(r.error.retry_after, 2);
}

TEST(mock_name_several_can_be_joined)
{
    struct mock_rule r;

    CHECK_EQ(apply(STR("mock-tokens-100-gap-20-reset-9"), &r), OK);
    CHECK_EQ(r.answer.tokens, 100);
    CHECK_EQ(r.timing.gap.first_us, 20'000);
    CHECK_EQ(r.fault.end, MOCK_END_RESET);
    CHECK_EQ(r.fault.after_events, 9);
}

TEST(mock_name_other_names_ask_for_nothing)
{
    struct mock_rule r;

    CHECK_EQ(apply(STR("gpt-4o"), &r), OK);
    CHECK_EQ(apply(STR("mock"), &r), OK);
    CHECK_EQ(apply(STR(""), &r), OK);
    CHECK_EQ(r.fault.end, MOCK_END_NONE);
}

TEST(mock_name_unknown_ones_are_told)
{
    struct mock_rule r;

    CHECK_EQ(apply(STR("mock-explode"), &r), ERR_ABSENT);
    CHECK_EQ(apply(STR("mock-cut-5-"), &r), OK);
    CHECK_EQ(apply(STR("mock-cut--5"), &r), ERR_ABSENT);
    CHECK_EQ(apply(STR("mock-5-cut"), &r), ERR_ABSENT);
    CHECK_EQ(apply(STR("mock-cut-5-6"), &r), ERR_ABSENT);
    CHECK_EQ(apply(STR("mock-cut-9999999999"), &r), ERR_ABSENT);
    CHECK_EQ(apply(STR("mock-status-999"), &r), ERR_RANGE);
    CHECK_EQ(apply(STR("mock-tokens-999999999"), &r), ERR_RANGE);
}
