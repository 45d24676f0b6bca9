// number: unsigned numbers as text, without printf on the hot path.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { NUMBER_U64_DIGITS_MAX = 20, NUMBER_HEX_DIGITS_MAX = 16 };

// Write the shortest form to `out`, which has room for the maximum, and return its length.
size_t number_from_u64(char *out, uint64_t value);
size_t number_to_hex(char *out, uint64_t value);
