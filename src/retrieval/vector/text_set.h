// text_set: distinct texts, numbered as they come and then ranked by their bytes.
//
// What becomes the dictionary of a string column. Texts lie in chunks of TEXT_SET_CHUNK bytes and
// are found by a hash table; a text costs its bytes, 2 for its length, 4 to 6 for its place and 11
// to 21 in the table (for a moment half as much again when that grows), and 12 while sorted. The
// seed keeps who chooses the texts from choosing collisions too; the numbers and ranks don't depend
// on it. Belongs to one thread.
#pragma once

#include "base/err.h"
#include "base/str.h"

enum { TEXT_SET_TEXT_MAX = 65535, TEXT_SET_CHUNK = 1 << 20, TEXT_SET_CHUNKS_MAX = 4096 };

struct text_set {
    uint64_t seed;
    char **chunks;
    uint32_t chunk_count;
    uint32_t chunk_used; // bytes of the last one
    uint32_t *places;    // of each text: chunk * TEXT_SET_CHUNK + offset
    uint32_t count;
    uint32_t places_size;
    uint64_t *slots; // open addressing
    uint32_t slot_count;
    uint64_t text_bytes; // of all texts
};

void text_set_init(struct text_set *s, uint64_t seed);
void text_set_done(struct text_set *s);

// The number of `text`, of at most TEXT_SET_TEXT_MAX bytes, which is new or was there. ERR_LIMIT
// where the set would pass TEXT_SET_CHUNKS_MAX chunks, 4 GiB.
err text_set_add(struct text_set *s, str text, uint32_t *out);

// Valid until text_set_done().
str text_set_get(const struct text_set *s, uint32_t number);

// The numbers of all texts in the order of their bytes; room for `count` of them is the caller's.
void text_set_sort(const struct text_set *s, uint32_t *numbers);
