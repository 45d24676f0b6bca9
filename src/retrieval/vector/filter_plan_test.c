#include "retrieval/vector/filter_plan.h"

#include "support/test.h"

static struct filter_plan plan(uint64_t matches, uint32_t dim)
{
    return filter_plan(&(struct filter_plan_input){
        .row_count = 1'000'000,
        .rows_max = matches,
        .rows_guess = matches,
        .k = 10,
        .scan_rows = 30'000,
        .dim = dim,
    });
}

TEST(filter_plan_asks_nothing_where_no_row_matches)
{
    CHECK_EQ(plan(0, 128).way, FILTER_NOTHING);
}

TEST(filter_plan_takes_few_rows_exactly_and_scans_for_many)
{
    CHECK_EQ(plan(1, 128).way, FILTER_EXACT_ROWS);
    CHECK_EQ(plan(5'000, 128).way, FILTER_EXACT_ROWS);
    CHECK_EQ(plan(100'000, 128).way, FILTER_SCAN);
    CHECK_EQ(plan(1'000'000, 128).way, FILTER_SCAN);
}

TEST(filter_plan_changes_its_way_once)
{
    enum filter_way last = FILTER_EXACT_ROWS;
    uint64_t changed_at = 0;

    for (uint64_t matches = 100; matches <= 1'000'000; matches += matches / 10) {
        struct filter_plan p = plan(matches, 128);
        CHECK(p.way == last || last == FILTER_EXACT_ROWS);
        if (p.way != last) changed_at = matches;
        last = p.way;
    }
    CHECK(changed_at > 10'000 && changed_at < 40'000); // what the header says
}

TEST(filter_plan_scans_more_the_rarer_matches_are)
{
    CHECK_EQ(plan(1'000'000, 128).scan_rows, 30'000);
    CHECK_EQ(plan(250'000, 128).scan_rows, 60'000);
    CHECK_EQ(plan(10'000, 128).scan_rows, 300'000);
    CHECK_EQ(plan(20, 128).scan_rows, 1'000'000);
    CHECK_EQ(plan(3, 128).scan_rows, 1'000'000);
}

TEST(filter_plan_never_scans_more_rows_than_there_are)
{
    struct filter_plan_input in = {.row_count = 50, .rows_max = 50, .rows_guess = 21, .k = 10};

    in.scan_rows = 50;
    in.dim = 128;
    CHECK_EQ(filter_plan(&in).scan_rows, 50);
}

TEST(filter_plan_scans_all_where_hardly_more_match_than_are_wanted)
{
    struct filter_plan_input in = {.row_count = 1000, .rows_max = 20, .rows_guess = 20, .k = 10};

    in.scan_rows = 4;
    in.dim = 128;
    CHECK_EQ(filter_plan(&in).scan_rows, 1000);
    in.rows_guess = 0;
    CHECK_EQ(filter_plan(&in).scan_rows, 1000);
    in.k = 9;
    in.rows_guess = 20;
    CHECK_EQ(filter_plan(&in).scan_rows, 28);
}
