#include "base/number.h"

#include <string.h>

size_t number_from_u64(char *out, uint64_t value)
{
    char digits[NUMBER_U64_DIGITS_MAX];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    memcpy(out, digits + at, sizeof(digits) - at);
    return sizeof(digits) - at;
}

size_t number_to_hex(char *out, uint64_t value)
{
    char digits[NUMBER_HEX_DIGITS_MAX];
    size_t at = sizeof(digits);

    do {
        digits[--at] = "0123456789abcdef"[value & 15];
        value >>= 4;
    } while (value);
    memcpy(out, digits + at, sizeof(digits) - at);
    return sizeof(digits) - at;
}
