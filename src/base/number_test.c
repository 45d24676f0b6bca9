#include "base/number.h"

#include "support/test.h"

static str decimal(char *room, uint64_t value)
{
    return (str){.ptr = room, .len = number_from_u64(room, value)};
}

TEST(number_writes_the_shortest_form)
{
    char room[NUMBER_U64_DIGITS_MAX];

    CHECK_STR(decimal(room, 0), "0");
    CHECK_STR(decimal(room, 9), "9");
    CHECK_STR(decimal(room, 10), "10");
    CHECK_STR(decimal(room, 99), "99");
    CHECK_STR(decimal(room, 100), "100");
    CHECK_STR(decimal(room, 1005), "1005");
    CHECK_STR(decimal(room, 1234567890), "1234567890");
    CHECK_STR(decimal(room, UINT64_MAX), "18446744073709551615");
    CHECK_STR(((str){room, number_to_hex(room, 0)}), "0");
    CHECK_STR(((str){room, number_to_hex(room, 0xbeef)}), "beef");
    CHECK_STR(((str){room, number_to_hex(room, UINT64_MAX)}), "ffffffffffffffff");
}
