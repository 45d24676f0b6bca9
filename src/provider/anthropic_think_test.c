#include "provider/anthropic_think.h"

#include "support/test.h"

#include <stdio.h>

static const struct chat_text budget_model = {.bytes = STR_INIT("claude-sonnet-4-5-20250929")};
static const struct chat_text adaptive_model = {.bytes = STR_INIT("claude-opus-4-6")};

static struct chat_request ask(struct chat_text model, const char *effort)
{
    struct chat_request q = {.model = model};

    if (effort) q.reasoning.effort = chat_text_plain(str_from_c(effort));
    return q;
}

static struct anthropic_think think(const struct chat_request *q, size_t dropped)
{
    struct chat_notes n = {0};
    struct anthropic_think t = anthropic_think_of(q, &n);

    CHECK_EQ(n.dropped_count, dropped);
    if (dropped) CHECK_STR(n.dropped[0], "reasoning_effort");
    return t;
}

TEST(anthropic_think_of_an_effort_by_its_table)
{
    static const struct {
        const char *name;
        uint64_t budget;
        const char *effort;
    } rows[] = {
        {"minimal", 1024, "low"}, {"low", 2048, "low"},      {"medium", 8192, "medium"},
        {"high", 16384, "high"},  {"xhigh", 32000, "xhigh"}, {"max", 32000, "max"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct chat_request q = ask(budget_model, rows[i].name);
        struct anthropic_think t = think(&q, 0);
        CHECK_EQ(t.kind, ANTHROPIC_THINK_BUDGET);
        CHECK_EQ(t.budget, rows[i].budget);
        CHECK_EQ(t.effort.len, 0);
        q.model = adaptive_model;
        t = think(&q, 0);
        CHECK_EQ(t.kind, ANTHROPIC_THINK_ADAPTIVE);
        CHECK_SAME(t.effort, str_from_c(rows[i].effort));
    }
}

TEST(anthropic_think_knows_newer_models_by_their_names)
{
    static const struct {
        const char *model;
        bool is_adaptive;
    } rows[] = {
        {"claude-opus-4-6", true},
        {"claude-sonnet-5", true},
        {"anthropic.claude-opus-4-7-v1:0", true},
        {"claude-opus-4-5-20251101", false},
        {"claude-opus-4-1", false},
        {"claude-opus-4-20250514", false},
        {"claude-sonnet-4@20250514", false},
        {"claude-sonnet-4", false},
        {"claude-3-7-sonnet-latest", false},
        {"MiniMax-M2", false},
        {"", false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct chat_request q = ask(chat_text_plain(str_from_c(rows[i].model)), "low");
        CHECK_EQ(think(&q, 0).kind,
                 rows[i].is_adaptive ? ANTHROPIC_THINK_ADAPTIVE : ANTHROPIC_THINK_BUDGET);
    }
}

TEST(anthropic_think_is_unset_where_nobody_asks)
{
    struct chat_request q = ask(budget_model, NULL);

    CHECK_EQ(think(&q, 0).kind, ANTHROPIC_THINK_UNSET);
    q = ask(budget_model, "some");
    CHECK_EQ(think(&q, 1).kind, ANTHROPIC_THINK_UNSET);
}

TEST(anthropic_think_is_disabled_where_the_model_might_else_think)
{
    struct chat_request q = ask(adaptive_model, "none");

    CHECK_EQ(think(&q, 0).kind, ANTHROPIC_THINK_DISABLED);
    q = ask(adaptive_model, NULL);
    q.reasoning.thinking = CHAT_THINKING_OFF;
    CHECK_EQ(think(&q, 0).kind, ANTHROPIC_THINK_DISABLED);
    q.model = budget_model;
    CHECK_EQ(think(&q, 0).kind, ANTHROPIC_THINK_UNSET);
}

TEST(anthropic_think_keeps_a_budget_or_finds_an_effort_for_it)
{
    struct chat_request q = ask(budget_model, NULL);

    q.reasoning.thinking = CHAT_THINKING_ON;
    CHECK_EQ(think(&q, 0).budget, 8192);
    q.reasoning.budget_tokens = STR("5000");
    CHECK_EQ(think(&q, 0).budget, 5000);
    q.reasoning.budget_tokens = STR("1");
    CHECK_EQ(think(&q, 0).budget, 1024);
    q.model = adaptive_model;
    CHECK_STR(think(&q, 0).effort, "low");
    q.reasoning.budget_tokens = STR("10000");
    CHECK_STR(think(&q, 0).effort, "medium");
    q.reasoning.budget_tokens = STR("99999");
    CHECK_STR(think(&q, 0).effort, "high");
}

TEST(anthropic_think_fits_into_the_maximum_of_tokens)
{
    struct chat_request q = ask(budget_model, "medium");

    q.max_tokens = STR("8193");
    CHECK_EQ(think(&q, 0).budget, 8192);
    q.max_tokens = STR("8192");
    CHECK_EQ(think(&q, 0).budget, 4096);
    q.max_tokens = STR("2048");
    CHECK_EQ(think(&q, 0).budget, 1024);
    q.max_tokens = STR("2047");
    CHECK_EQ(think(&q, 1).kind, ANTHROPIC_THINK_UNSET);
}

TEST(anthropic_think_is_left_out_where_the_api_would_refuse_it)
{
    struct chat_tool tool = {.name = {.bytes = STR_INIT("f")}};
    struct chat_part call[] = {{.kind = CHAT_PART_TOOL_CALL},
                               {.kind = CHAT_PART_REASONING, .text = {.bytes = STR_INIT("hm")}}};
    struct chat_message messages[] = {{.role = CHAT_USER},
                                      {.role = CHAT_ASSISTANT, .parts = call, .part_count = 2},
                                      {.role = CHAT_TOOL}};
    struct chat_request q = ask(budget_model, "low");

    q.tools = &tool;
    q.tool_choice.kind = CHAT_CHOOSE_ANY;
    CHECK_EQ(think(&q, 0).kind, ANTHROPIC_THINK_BUDGET); // there is none to be forced
    q.tool_count = 1;
    CHECK_EQ(think(&q, 1).kind, ANTHROPIC_THINK_UNSET);
    q.model = adaptive_model; // which keeps the effort
    CHECK_EQ(think(&q, 0).kind, ANTHROPIC_THINK_UNSET);
    CHECK_STR(think(&q, 0).effort, "low");

    q = ask(budget_model, "low");
    q.messages = messages;
    q.message_count = 2;
    messages[1].part_count = 0;
    CHECK_EQ(think(&q, 1).kind, ANTHROPIC_THINK_UNSET); // a prefill
    messages[1].part_count = 2;
    q.message_count = 3;
    CHECK_EQ(think(&q, 1).kind, ANTHROPIC_THINK_UNSET); // calls without their thinking
    call[1].signature = chat_text_plain(STR("Eq"));
    CHECK_EQ(think(&q, 0).kind, ANTHROPIC_THINK_BUDGET);
}

TEST(anthropic_think_compares_numbers_however_written)
{
    CHECK(anthropic_think_number(STR("10e-1"), 7) == 1.0);
    CHECK(anthropic_think_number(STR("-0.5"), 7) == -0.5);
    CHECK(anthropic_think_number(STR(""), 7) == 7);
    CHECK(anthropic_think_number(STR("0.0000000000000000000000000000000000000000000000000000000"
                                     "0000000000"),
                                 7) == 7);
}
