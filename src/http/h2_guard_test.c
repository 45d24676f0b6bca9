#include "http/h2_guard.h"

#include "support/test.h"

TEST(h2_guard_lets_a_burst_of_resets_pass_and_no_more)
{
    struct h2_guard g;

    h2_guard_init(&g, 1000);
    for (int i = 0; i < H2_GUARD_RESETS_MAX; i++) {
        CHECK(h2_guard_reset(&g, 1999));
    }
    CHECK(!h2_guard_reset(&g, 1999));
    CHECK(h2_guard_noise(&g, 1999));
}

TEST(h2_guard_forgives_with_time_and_never_more_than_a_burst)
{
    struct h2_guard g;

    h2_guard_init(&g, 0);
    while (h2_guard_reset(&g, 0)) {
    }
    for (int i = 0; i < H2_GUARD_RESETS_A_SECOND - 1; i++) {
        CHECK(h2_guard_reset(&g, 1000)); // one of the second's was owed
    }
    CHECK(!h2_guard_reset(&g, 1000));
    int count = 0;
    while (h2_guard_reset(&g, 1'000'000'000)) {
        count++;
    }
    CHECK_EQ(count, H2_GUARD_RESETS_MAX);
}

TEST(h2_guard_takes_frames_that_answer_bytes_for_no_noise)
{
    struct h2_guard g;

    h2_guard_init(&g, 0);
    for (int i = 0; i < 100'000; i++) {
        h2_guard_useful(&g);
        for (int j = 0; j < H2_GUARD_NOISE_A_FRAME; j++) {
            CHECK(h2_guard_noise(&g, 0));
        }
    }
    for (int i = 0; i < H2_GUARD_NOISE_MAX - H2_GUARD_NOISE_A_FRAME; i++) {
        CHECK(h2_guard_noise(&g, 0));
    }
    CHECK(!h2_guard_noise(&g, 0));
}
