#include "gateway/field_rules.h"

#include "support/test.h"

TEST(field_rules_hold_in_any_case)
{
    CHECK_EQ(field_rules_of(STR("Host")), FIELD_NOT_UP);
    CHECK_EQ(field_rules_of(STR("STRICT-transport-security")), FIELD_NOT_DOWN);
    CHECK_EQ(field_rules_of(STR("Te")), FIELD_NOT_UP | FIELD_NOT_DOWN);
    CHECK_EQ(field_rules_of(STR("X-Sluice-Model")), FIELD_NOT_UP | FIELD_NOT_DOWN);
    CHECK_EQ(field_rules_of(STR("Authorization")), FIELD_CREDENTIAL);
    CHECK_EQ(field_rules_of(STR("X-Stainless-Read-Timeout")), FIELD_DEADLINE);
}

TEST(field_rules_know_what_is_for_one_vendor)
{
    CHECK_EQ(field_rules_of(STR("x-stainless-retry-count")), FIELD_VENDOR);
    CHECK_EQ(field_rules_of(STR("OpenAI-Beta")), FIELD_VENDOR);
    CHECK_EQ(field_rules_of(STR("anthropic-version")), FIELD_VENDOR);
    CHECK_EQ(field_rules_of(STR("Content-Type")), FIELD_CONTENT);
    CHECK_EQ(field_rules_of(STR("Content-Length")), FIELD_NOT_UP | FIELD_NOT_DOWN);
}

TEST(field_rules_let_everything_else_pass)
{
    CHECK_EQ(field_rules_of(STR("x-ratelimit-limit-tokens")), 0);
    CHECK_EQ(field_rules_of(STR("openai-")), 0);
    CHECK_EQ(field_rules_of(STR("x-sluice")), 0);
    CHECK_EQ(field_rules_of(STR("hosts")), 0);
    CHECK_EQ(field_rules_of(STR("")), 0);
    CHECK_EQ(field_rules_of(STR("a-name-longer-than-any-that-has-rules")), 0);
}

TEST(field_rules_finds_every_row)
{
    for (size_t i = 0; i < field_rules_count(); i++) {
        CHECK(field_rules_of(field_rules_name(i)) != 0);
    }
}
