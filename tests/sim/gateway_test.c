#include "support/test.h"
TEST(gateway_nothing)
{
    CHECK(true);
}
