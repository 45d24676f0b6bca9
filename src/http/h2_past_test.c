#include "http/h2_past.h"

#include "support/test.h"

TEST(h2_past_tells_streams_that_were_there_from_those_that_were_left_out)
{
    struct h2_past p = {0};

    h2_past_open(&p, 1);
    h2_past_open(&p, 7);
    h2_past_open(&p, 9);
    h2_past_open(&p, 3); // too late: it stays left out
    CHECK_EQ(h2_past_judge(&p, 1), H2_PAST_CLOSED);
    CHECK_EQ(h2_past_judge(&p, 3), H2_PAST_UNUSED);
    CHECK_EQ(h2_past_judge(&p, 5), H2_PAST_UNUSED);
    CHECK_EQ(h2_past_judge(&p, 7), H2_PAST_CLOSED);
    CHECK_EQ(h2_past_judge(&p, 9), H2_PAST_CLOSED);
}

TEST(h2_past_judges_nothing_that_is_none_of_its_streams)
{
    struct h2_past p = {0};

    CHECK_EQ(h2_past_judge(&p, 1), H2_PAST_FINE);
    h2_past_open(&p, 5);
    h2_past_open(&p, 8);
    CHECK_EQ(h2_past_judge(&p, 0), H2_PAST_FINE);
    CHECK_EQ(h2_past_judge(&p, 4), H2_PAST_FINE);
    CHECK_EQ(h2_past_judge(&p, 7), H2_PAST_FINE);
    CHECK_EQ(p.last, 5);
}

TEST(h2_past_overlooks_what_comes_after_a_reset_of_ours)
{
    struct h2_past p = {0};

    h2_past_open(&p, 1);
    h2_past_open(&p, 3);
    h2_past_reset(&p, 1);
    h2_past_open(&p, 5);
    CHECK_EQ(h2_past_judge(&p, 1), H2_PAST_FINE);
    CHECK_EQ(h2_past_judge(&p, 3), H2_PAST_CLOSED);
}

TEST(h2_past_remembers_so_many_and_no_more)
{
    struct h2_past p = {0};

    h2_past_open(&p, 1);
    for (int32_t id = 3; id <= 127; id += 2) {
        h2_past_open(&p, id);
    }
    CHECK_EQ(h2_past_judge(&p, 1), H2_PAST_CLOSED);
    h2_past_open(&p, 129);
    CHECK_EQ(h2_past_judge(&p, 1), H2_PAST_FINE);
    CHECK_EQ(h2_past_judge(&p, 3), H2_PAST_CLOSED);
    h2_past_open(&p, INT32_MAX);
    CHECK_EQ(h2_past_judge(&p, 129), H2_PAST_FINE);
    CHECK_EQ(h2_past_judge(&p, INT32_MAX), H2_PAST_CLOSED);
    CHECK_EQ(h2_past_judge(&p, INT32_MAX - 2), H2_PAST_UNUSED);
    p = (struct h2_past){0};
    h2_past_open(&p, INT32_MAX); // as the first
    CHECK_EQ(h2_past_judge(&p, INT32_MAX - 2), H2_PAST_UNUSED);
}
