// crc32c: the checksum of stored bytes, CRC-32C (Castagnoli; RFC 3720, appendix B.4).
//
// Finds every burst of up to 32 wrong bits and, in blocks of up to 256 MiB, every two. It says
// nothing against somebody who forges. Pure; safe from any thread. Processors with an instruction
// for it sum three stretches at a time and join them by a multiplication modulo the polynomial.
#pragma once

#include <stddef.h>
#include <stdint.h>

// The checksum of what had the checksum `crc`, followed by these bytes; 0 is that of nothing.
uint32_t crc32c(uint32_t crc, const void *bytes, size_t len);

typedef uint32_t crc32c_fn(uint32_t crc, const void *bytes, size_t len);

enum crc32c_row { CRC32C_PLAIN, CRC32C_SSE42, CRC32C_ARM, CRC32C_ROWS };

// One implementation, for tests; NULL where this processor does not have it.
crc32c_fn *crc32c_of(enum crc32c_row row);

// The rows that have files of their own. Only crc32c_of() may hand them out.
crc32c_fn crc32c_sse42, crc32c_arm;
