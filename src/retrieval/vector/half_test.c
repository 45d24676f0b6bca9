#include "retrieval/vector/half.h"

#include "support/test.h"

#include <math.h>

TEST(half_every_value_survives_the_way_through_float)
{
    for (uint32_t half = 0; half < 65536; half++) {
        float value = half_to_float((uint16_t)half);
        uint16_t again = half_from_float(value);
        if (isnan(value)) {
            CHECK((again & 0x7c00) == 0x7c00 && (again & 0x3ff) != 0);
        } else {
            CHECK_EQ(again, half);
        }
    }
}

TEST(half_knows_its_landmarks)
{
    CHECK(half_to_float(0x3c00) == 1.0F);
    CHECK(half_to_float(0x7bff) == 65504.0F);
    CHECK(half_to_float(0x0400) == 0x1p-14F);
    CHECK(half_to_float(0x0001) == 0x1p-24F);
    CHECK(half_to_float(0xc000) == -2.0F);
    CHECK(isinf(half_to_float(0x7c00)));
}

TEST(half_rounds_to_nearest_and_ties_to_even)
{
    for (uint32_t half = 0; half < 0x7bff; half++) {
        float low = half_to_float((uint16_t)half);
        float high = half_to_float((uint16_t)(half + 1));
        float middle = (low + high) / 2; // exact: a float has bits to spare
        CHECK_EQ(half_from_float(middle), half % 2 ? half + 1 : half);
        CHECK_EQ(half_from_float(nextafterf(middle, 0)), half);
        CHECK_EQ(half_from_float(nextafterf(middle, INFINITY)), half + 1);
        CHECK_EQ(half_from_float(-middle), 0x8000 | (half % 2 ? half + 1 : half));
    }
}

TEST(half_what_is_too_large_is_infinite_and_too_small_is_zero)
{
    CHECK_EQ(half_from_float(65519.9F), 0x7bff);
    CHECK_EQ(half_from_float(65520.0F), 0x7c00);
    CHECK_EQ(half_from_float(-1e30F), 0xfc00);
    CHECK_EQ(half_from_float(INFINITY), 0x7c00);
    CHECK_EQ(half_from_float(0x1p-26F), 0);
    CHECK_EQ(half_from_float(-1e-40F), 0x8000);
}
