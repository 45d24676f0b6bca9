#include "resilience/call_window.h"

#include "base/random.h"

#include "support/test.h"

#include <stdlib.h>

static struct call_window w;

static void add(msec now, msec first)
{
    call_window_add(&w, now, false, first, -1);
}

TEST(call_window_forgets_calls_older_than_its_span)
{
    call_window_init(&w, 10, 100);
    add(0, 1);
    add(50, 2);
    call_window_expire(&w, 100);
    CHECK_EQ(w.len, 2);
    call_window_expire(&w, 101);
    CHECK_EQ(w.len, 1);
    CHECK_EQ(call_window_first_p95(&w), 2);
}

TEST(call_window_keeps_the_newest_when_it_is_full)
{
    call_window_init(&w, 3, 1000);
    for (msec i = 1; i <= 5; i++) {
        add(i, i);
    }
    CHECK_EQ(w.len, 3);
    CHECK_EQ(call_window_count(&w, 2, 0).slow_firsts, 3);
    CHECK_EQ(call_window_count(&w, 4, 0).slow_firsts, 1);
}

TEST(call_window_is_empty_after_a_pause_that_wraps_its_clock)
{
    call_window_init(&w, 3, 1000);
    add(5, 1);
    call_window_expire(&w, 5 + (INT64_C(1) << 32));
    CHECK_EQ(w.len, 0);
}

TEST(call_window_keeps_ages_when_its_clock_wraps)
{
    msec near = (INT64_C(1) << 32) - 10;

    call_window_init(&w, 3, 1000);
    add(near, 1);
    add(near + 20, 2);
    CHECK_EQ(w.len, 2);
    call_window_expire(&w, near + 1001);
    CHECK_EQ(w.len, 1);
}

TEST(call_window_counts_errors_and_slow_calls_apart_from_unknown_times)
{
    call_window_init(&w, 10, 1000);
    call_window_add(&w, 1, true, -1, -1);
    call_window_add(&w, 2, false, 500, 20);
    call_window_add(&w, 3, true, 900, -1);
    call_window_add(&w, 4, false, INT64_MAX, INT64_MAX);
    struct call_window_counts counts = call_window_count(&w, 800, 20);
    CHECK_EQ(counts.calls, 4);
    CHECK_EQ(counts.errors, 2);
    CHECK_EQ(counts.firsts, 3);
    CHECK_EQ(counts.slow_firsts, 2);
    CHECK_EQ(counts.gaps, 2);
    CHECK_EQ(counts.slow_gaps, 1);
}

static int by_size(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

    return (left > right) - (left < right);
}

TEST(call_window_p95_is_what_sorting_says)
{
    struct random random;
    uint32_t sorted[CALL_WINDOW_MAX];

    random_init(&random, test_seed());
    for (uint32_t count = 1; count <= CALL_WINDOW_MAX; count += 37) {
        call_window_init(&w, CALL_WINDOW_MAX, 1000);
        for (uint32_t i = 0; i < count; i++) {
            sorted[i] = (uint32_t)random_below(&random, count % 2 ? 10 : 100000);
            add(1, sorted[i]);
        }
        qsort(sorted, count, sizeof(*sorted), by_size);
        CHECK_EQ(call_window_first_p95(&w), sorted[(count * 95 + 99) / 100 - 1]);
    }
    call_window_clear(&w);
    CHECK_EQ(call_window_first_p95(&w), -1);
    CHECK_EQ(call_window_gap_p95(&w), -1);
}

TEST(call_window_rate_sees_past_what_the_ring_holds)
{
    call_window_init(&w, 100, 1000);
    for (msec i = 0; i < 60; i++) {
        add(i, 1);
    }
    CHECK_EQ(call_window_rate(&w, 60), 60);
    for (msec i = 60; i < 300; i++) {
        add(i, 1);
    }
    CHECK_EQ(call_window_rate(&w, 300), 1000);
}

TEST(call_window_drops_the_oldest_under_a_smaller_bound)
{
    call_window_init(&w, 10, 1000);
    for (msec i = 0; i < 10; i++) {
        add(i, i);
    }
    call_window_bound(&w, 4, 1000);
    CHECK_EQ(w.len, 4);
    CHECK_EQ(call_window_count(&w, 5, 0).slow_firsts, 4);
}
