#include "assess/mock/mock_rule.h"

#include "support/test.h"

static struct mock_rule rule(void)
{
    struct mock_rule r;

    mock_rule_init(&r);
    return r;
}

// Which of the first `count` requests the rule is for, as a string of digits.
static void check_turns(struct mock_rule *r, size_t count, str want)
{
    struct h1_head head = {0};
    struct mock_subject s = {.model = STR("m"), .path = STR("/p"), .content = STR("c")};
    struct random random;
    char got[32];

    s.head = &head;
    random_init(&random, 1);
    for (size_t i = 0; i < count; i++) {
        got[i] = mock_rule_matches(r, &s, &random) ? '1' : '0';
    }
    CHECK_SAME(((str){.ptr = got, .len = count}), want);
}

TEST(mock_rule_globs_match_as_file_names_do)
{
    CHECK(mock_rule_glob(STR("gpt-*"), STR("gpt-4o")));
    CHECK(mock_rule_glob(STR("*-mini*"), STR("gpt-4o-mini-2024")));
    CHECK(mock_rule_glob(STR("?pt"), STR("gpt")));
    CHECK(mock_rule_glob(STR("*"), STR("")));
    CHECK(mock_rule_glob(STR("a*b*c"), STR("axxbxbyc")));
    CHECK(!mock_rule_glob(STR("gpt-*"), STR("xgpt-4")));
    CHECK(!mock_rule_glob(STR("gpt"), STR("gpt-4")));
    CHECK(!mock_rule_glob(STR("?"), STR("")));
    CHECK(!mock_rule_glob(STR("a*b*c"), STR("axxbxby")));
    CHECK(!mock_rule_glob(STR(""), STR("a")));
}

TEST(mock_rule_counts_only_the_requests_it_is_about)
{
    struct mock_rule r = rule();
    struct h1_head head = {0};
    struct mock_subject other = {.model = STR("other"), .head = &head};

    r.match.model = STR("m");
    r.match.every = 3;
    check_turns(&r, 2, STR("00"));
    CHECK(!mock_rule_matches(&r, &other, NULL));
    check_turns(&r, 4, STR("1001"));
}

TEST(mock_rule_first_and_between_are_from_one)
{
    struct mock_rule first = rule();
    struct mock_rule between = rule();

    first.match.first = 2;
    check_turns(&first, 5, STR("11000"));
    between.match.from = 3;
    between.match.to = 5;
    check_turns(&between, 6, STR("001110"));
}

TEST(mock_rule_a_share_of_none_and_of_all)
{
    struct mock_rule r = rule();

    r.match.probability = 0;
    check_turns(&r, 5, STR("00000"));
    r.match.probability = 1;
    check_turns(&r, 5, STR("11111"));
}

TEST(mock_rule_a_share_is_kept_and_is_the_same_for_the_same_seed)
{
    struct mock_rule r = rule();
    struct h1_head head = {0};
    struct mock_subject s = {.head = &head};
    struct random one;
    struct random two;
    int hits = 0;

    r.match.probability = 0.1;
    random_init(&one, 5);
    random_init(&two, 5);
    for (int i = 0; i < 10'000; i++) {
        bool is_hit = mock_rule_matches(&r, &s, &one);
        CHECK_EQ(is_hit, mock_rule_matches(&r, &s, &two));
        hits += is_hit;
    }
    CHECK(hits > 850 && hits < 1150);
}

TEST(mock_rule_headers_match_by_name_or_by_value)
{
    struct mock_rule r = rule();
    struct h1_field fields[] = {{STR("X-Tenant"), STR("blue")}};
    struct h1_head head = {.fields = fields, .field_count = 1};
    struct mock_subject s = {.head = &head};

    r.match.header = STR("x-tenant");
    CHECK(mock_rule_matches(&r, &s, NULL));
    r.match.header = STR("x-tenant: b*");
    CHECK(mock_rule_matches(&r, &s, NULL));
    r.match.header = STR("x-tenant: red");
    CHECK(!mock_rule_matches(&r, &s, NULL));
    r.match.header = STR("x-other");
    CHECK(!mock_rule_matches(&r, &s, NULL));
}

TEST(mock_rule_content_is_a_part_of_the_text)
{
    struct mock_rule r = rule();
    struct h1_head head = {0};
    struct mock_subject s = {.content = STR("please fail now"), .head = &head};

    r.match.content = STR("fail");
    CHECK(mock_rule_matches(&r, &s, NULL));
    r.match.content = STR("succeed");
    CHECK(!mock_rule_matches(&r, &s, NULL));
}
