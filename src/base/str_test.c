#include "base/str.h"

#include "support/test.h"

TEST(str_cut_walks_the_fields)
{
    str rest = STR("a,bc,");

    CHECK_STR(str_cut(&rest, ','), "a");
    CHECK_STR(str_cut(&rest, ','), "bc");
    CHECK_STR(str_cut(&rest, ','), "");
    CHECK_EQ(rest.len, 0);
}

TEST(str_starts_and_ends_need_the_whole)
{
    CHECK(str_starts(STR("data: x"), STR("data:")));
    CHECK(!str_starts(STR("dat"), STR("data:")));
    CHECK(str_ends(STR("a/models"), STR("/models")));
    CHECK(!str_ends(STR("models"), STR("/models")));
    CHECK(str_starts(STR(""), STR("")) && str_ends(STR(""), STR("")));
}

TEST(str_find_handles_absence_and_overlap)
{
    CHECK_EQ(str_find(STR("aaab"), STR("aab")), 1);
    CHECK_EQ(str_find(STR("aaa"), STR("b")), 3);
    CHECK_EQ(str_find(STR("ab"), STR("abc")), 2);
    CHECK_EQ(str_find(STR(""), STR("a")), 0);
    CHECK_EQ(str_find_char(STR("abc"), 'c'), 2);
}

TEST(str_to_u64_is_strict)
{
    uint64_t n = 7;

    CHECK(str_to_u64(STR("18446744073709551615"), UINT64_MAX, &n));
    CHECK(n == UINT64_MAX);
    CHECK(!str_to_u64(STR("18446744073709551616"), UINT64_MAX, &n));
    CHECK(!str_to_u64(STR(""), 9, &n));
    CHECK(!str_to_u64(STR("+1"), 9, &n));
    CHECK(!str_to_u64(STR("1 "), 9, &n));
    CHECK(!str_to_u64(STR("10"), 9, &n));
    CHECK(n == UINT64_MAX);
}

TEST(str_compare_puts_a_prefix_first)
{
    CHECK(str_compare(STR("ab"), STR("abc")) < 0);
    CHECK(str_compare(STR("b"), STR("abc")) > 0);
    CHECK_EQ(str_compare(STR(""), STR("")), 0);
}

TEST(str_trim_and_case)
{
    CHECK_STR(str_trim(STR(" \t a b \t")), "a b");
    CHECK_STR(str_trim(STR("  ")), "");
    CHECK(str_eq_nocase(STR("Content-LENGTH"), STR("content-length")));
    CHECK(!str_eq_nocase(STR("a"), STR("ab")));
    CHECK(!str_eq_nocase(STR("@"), STR("`")));
}

TEST(str_sub_clips)
{
    CHECK_STR(str_sub(STR("hello"), 1, 3), "ell");
    CHECK_STR(str_sub(STR("hello"), 3, 99), "lo");
    CHECK_STR(str_sub(STR("hello"), 9, 1), "");
}
