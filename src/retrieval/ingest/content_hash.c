// Design: eight bytes at a time through the mix of splitmix64, which is a bijection, so that two
// inputs of one length that differ in one word never meet there. The length comes first, and tells
// a tail of zeros from no tail.
#include "retrieval/ingest/content_hash.h"

#include "base/random.h"

#include <string.h>

// Little-endian, whatever the machine.
static uint64_t word_at(const char *bytes, size_t len)
{
    unsigned char b[8] = {0};
    uint64_t word = 0;

    memcpy(b, bytes, len);
    for (unsigned i = 0; i < 8; i++) {
        word |= (uint64_t)b[i] << 8 * i;
    }
    return word;
}

uint64_t content_hash(str bytes, uint64_t seed)
{
    uint64_t hash = random_mix(seed ^ bytes.len);
    size_t at = 0;

    for (; bytes.len - at >= 8; at += 8) {
        hash = random_mix(hash ^ word_at(bytes.ptr + at, 8));
    }
    if (at < bytes.len) hash = random_mix(hash ^ word_at(bytes.ptr + at, bytes.len - at));
    return hash ? hash : 1;
}
